//! Bulk operations: the shop writes a file of lines, each an object as JSON, and says where it lies.
//!
//! An operation is found again by its mark, which is the name of the query that it runs: a start whose
//! answer was lost is not made twice. The file of orders is asked for grouped, each order with its own
//! lines right behind it, so that a part of the file holds whole orders (page section 4.4).

use async_trait::async_trait;
use channelsync_contract::bulk::{Bulk, BulkOf, BulkPart, BulkRows, BulkStarted, BulkState};
use channelsync_contract::listing::ChannelListing;
use channelsync_contract::transport::{FilePart, Response, Secret};
use channelsync_contract::{CallError, ConnectorError};
use http::StatusCode;
use http::header::CONTENT_RANGE;
use serde::Deserialize;
use serde_json::json;

use crate::bulk_order;
use crate::call::{Shop, unreadable};
use crate::documents::{BULK_ORDERS, BULK_RECENT, BULK_START, BULK_STATUS, BULK_VARIANTS};
use crate::ids::need;
use crate::listings::{VariantNode, listing};
use crate::order::time;
use crate::orders::ORDERS;

/// Bytes of one part: a few thousand orders, well below the largest answer taken. No line, and no
/// order with its lines, may be longer.
const PART_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// How long to wait where the shop runs as many operations as it may.
const BUSY: std::time::Duration = std::time::Duration::from_secs(60);
const FILE: &str = "the file of a bulk operation";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Start {
    bulk_operation_run_query: Option<Payload>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    bulk_operation: Option<Operation>,
    user_errors: Vec<UserError>,
}

#[derive(Deserialize)]
struct UserError {
    code: Option<String>,
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Operation {
    id: String,
    created_at: String,
    #[serde(default)]
    query: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recent {
    bulk_operations: Nodes,
}

#[derive(Deserialize)]
struct Nodes {
    nodes: Vec<Operation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    bulk_operation: Option<Standing>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Standing {
    status: String,
    error_code: Option<String>,
    /// Of 64 bits, and so a text.
    object_count: String,
    url: Option<String>,
}

#[async_trait]
impl Bulk for Shop {
    fn stream(&self) -> &'static str {
        ORDERS
    }

    async fn start(&self, of: BulkOf, mark: &str) -> Result<BulkStarted, ConnectorError> {
        let recent = self.ask::<Recent>(&BULK_RECENT, &json!({}), 0).await?;
        let mut recent = recent.data.bulk_operations.nodes.into_iter();
        if let Some(known) = recent.find(|one| one.query.contains(mark)) {
            return started(&known);
        }
        let (query, grouped) = match of {
            BulkOf::Orders(since) => {
                let query = BULK_ORDERS.replace("SINCE", &since.to_second_text());
                (query, true)
            }
            BulkOf::Listings => (BULK_VARIANTS.to_owned(), false),
        };
        let variables = json!({ "query": query.replace("MARK", mark), "grouped": grouped });
        let answer = self.ask::<Start>(&BULK_START, &variables, 0).await?;
        let Some(payload) = answer.data.bulk_operation_run_query else {
            return Err(ConnectorError::Unanswered("no word of a start".to_owned()));
        };
        match (
            payload.user_errors.into_iter().next(),
            payload.bulk_operation,
        ) {
            (Some(error), _) => Err(refused(error)),
            (None, Some(operation)) => started(&operation),
            (None, None) => Err(ConnectorError::Unanswered("no word of a start".to_owned())),
        }
    }

    async fn state(&self, id: &str) -> Result<BulkState, ConnectorError> {
        let id = crate::ids::gid("BulkOperation", id);
        let answer = self
            .ask::<Status>(&BULK_STATUS, &json!({ "id": id }), 0)
            .await?;
        let Some(standing) = answer.data.bulk_operation else {
            return Ok(BulkState::Failed("the shop knows nothing of it".to_owned()));
        };
        Ok(match standing.status.as_str() {
            "COMPLETED" => BulkState::Ready(standing.url.map(Secret::new)),
            "FAILED" | "CANCELED" | "CANCELING" | "EXPIRED" => {
                let code = standing.error_code.unwrap_or_default();
                BulkState::Failed(format!("{} {code}", standing.status).trim().to_owned())
            }
            // A state never seen before is not the end.
            _ => BulkState::Running(standing.object_count.parse().unwrap_or(0)),
        })
    }

    async fn part(&self, of: BulkOf, url: &Secret, from: u64) -> Result<BulkPart, ConnectorError> {
        let part = FilePart {
            url: url.clone(),
            from,
            bytes_max: PART_BYTES_MAX,
        };
        let answer = self.transport.download(part).await;
        let answer = answer.map_err(|error| match error {
            CallError::Unanswered(why) => ConnectorError::NotDone(why),
            error => error.into(),
        })?;
        let (bytes, total) = bytes_of(&answer, from)?;
        let is_last = from.saturating_add(length(bytes)) >= total;
        let (rows, taken) = match of {
            BulkOf::Orders(_) => {
                let (orders, taken) = bulk_order::read(bytes, is_last);
                (BulkRows::Orders(orders), taken)
            }
            BulkOf::Listings => {
                let (listings, taken) = variants(bytes, is_last)?;
                (BulkRows::Listings(listings), taken)
            }
        };
        if taken == 0 && !is_last {
            return Err(unreadable(FILE, "a row is longer than a part may be"));
        }
        let next = from.saturating_add(u64::try_from(taken).unwrap_or(u64::MAX));
        let next = (!is_last).then_some(next);
        Ok(BulkPart { rows, next })
    }
}

fn started(operation: &Operation) -> Result<BulkStarted, ConnectorError> {
    // It began, whatever is wrong with its answer.
    let misread = |why: String| ConnectorError::Unanswered(why);
    Ok(BulkStarted {
        id: need(&operation.id, "BulkOperation")
            .map_err(misread)?
            .to_owned(),
        at: time(&operation.created_at).map_err(misread)?,
    })
}

fn refused(error: UserError) -> ConnectorError {
    let code = error.code.unwrap_or_else(|| "UNKNOWN".to_owned());
    match code.as_str() {
        "OPERATION_IN_PROGRESS" | "LIMIT_REACHED" => {
            ConnectorError::Throttled { retry_after: BUSY }
        }
        _ => {
            let message = error.message;
            ConnectorError::Refused { code, message }
        }
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// The bytes from `from` on, and how many the file has in all.
fn bytes_of(answer: &Response, from: u64) -> Result<(&[u8], u64), ConnectorError> {
    match answer.status {
        StatusCode::PARTIAL_CONTENT => {
            let range = answer.headers.get(CONTENT_RANGE);
            let range = range.and_then(|range| range.to_str().ok());
            let read = || {
                let (range, total) = range?.strip_prefix("bytes ")?.split_once('/')?;
                let begins: u64 = range.split_once('-')?.0.parse().ok()?;
                Some((begins, total.parse().ok()?))
            };
            match read() {
                Some((begins, total)) if begins == from => Ok((&answer.body, total)),
                _ => Err(unreadable(FILE, "a part that was not asked for")),
            }
        }
        // A host that knows no parts gives all, as far as that is taken.
        StatusCode::OK => {
            let begins = usize::try_from(from).unwrap_or(usize::MAX);
            let rest = answer.body.get(begins..).unwrap_or_default();
            Ok((rest, length(&answer.body)))
        }
        status if status.is_server_error() => Err(ConnectorError::NotDone(status.to_string())),
        status => Err(ConnectorError::Refused {
            code: format!("HTTP {}", status.as_u16()),
            message: "the address of the file does not open it, or not any more".to_owned(),
        }),
    }
}

/// Whole lines and where they end.
pub(crate) fn lines(bytes: &[u8], is_last: bool) -> (Vec<&[u8]>, usize) {
    let end = match is_last {
        true => bytes.len(),
        false => bytes
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1),
    };
    let whole = bytes.get(..end).unwrap_or_default();
    (whole.split_inclusive(|byte| *byte == b'\n').collect(), end)
}

fn variants(bytes: &[u8], is_last: bool) -> Result<(Vec<ChannelListing>, usize), ConnectorError> {
    let (lines, taken) = lines(bytes, is_last);
    let read = |line: &&[u8]| {
        let node: VariantNode = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        listing(node)
    };
    let listings: Result<Vec<_>, String> = lines.iter().map(read).collect();
    Ok((listings.map_err(|why| unreadable(FILE, &why))?, taken))
}
