//! One GraphQL exchange: builds the request, tells failures apart, hands out the data.
//!
//! Shopify answers most failures with status 200, so three places are looked at in this order: the
//! status, `errors` with their codes, and the caller's own `userErrors` (page section 1).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use channelsync_contract::transport::{Effect, Request, Response};
use channelsync_contract::webhook::SigningSecret;
use channelsync_contract::{CallError, ConnectorError, Transport};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::documents::Document;
use crate::report::report;
use crate::{BUCKET, Figure, Settings, VERSION};

/// Names and messages of ours and theirs in errors are cut at this length.
const MESSAGE_CHARS_MAX: usize = 300;
/// The code of a field that the app has no permission for.
const ACCESS_DENIED: &str = "ACCESS_DENIED";

/// A connected shop; all facets share it.
#[derive(Clone)]
pub(crate) struct Shop {
    pub(crate) transport: Arc<dyn Transport>,
    /// Host that deliveries must name.
    pub(crate) host: Arc<str>,
    /// Which figure is written.
    pub(crate) figure: Figure,
    /// Secrets that sign deliveries.
    pub(crate) webhook_secrets: Arc<[SigningSecret]>,
}

/// What came back, with the version that served it.
pub(crate) struct Answer<T> {
    /// `data`.
    pub(crate) data: T,
    /// The version Shopify says it used.
    pub(crate) version: Option<String>,
}

/// A connection's nodes and where the next page begins.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Connection<T> {
    pub(crate) nodes: Vec<T>,
    pub(crate) page_info: PageInfo,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PageInfo {
    pub(crate) has_next_page: bool,
    pub(crate) end_cursor: Option<String>,
}

/// Reads a field that may be null but must be there: an answer without it is another one's.
pub(crate) fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    input: D,
) -> Result<Option<T>, D::Error> {
    Option::deserialize(input)
}

impl<T> Default for Connection<T> {
    /// One of which nothing was read yet.
    fn default() -> Self {
        Self {
            nodes: Vec::new(),
            page_info: PageInfo {
                has_next_page: true,
                end_cursor: None,
            },
        }
    }
}

impl<T> Connection<T> {
    /// Whether every page was read.
    pub(crate) fn is_whole(&self) -> bool {
        !self.page_info.has_next_page
    }

    /// The token of the next page; none on the last.
    pub(crate) fn next(&self, what: &'static str) -> Result<Option<String>, ConnectorError> {
        match (&self.page_info.end_cursor, self.page_info.has_next_page) {
            (_, false) => Ok(None),
            (Some(cursor), true) => Ok(Some(cursor.clone())),
            (None, true) => Err(unreadable(what, "another page without a cursor to it")),
        }
    }
}

impl Shop {
    pub(crate) fn new(settings: Settings, transport: Arc<dyn Transport>) -> Self {
        Self {
            transport,
            host: settings.shop.into(),
            figure: settings.figure,
            webhook_secrets: settings.webhook_secrets.into(),
        }
    }

    /// Sends a document; `ids` is how many ids its `nodes(ids:)` asks for.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        document: &Document,
        variables: &Value,
        ids: usize,
    ) -> Result<Answer<T>, ConnectorError> {
        let sent = self.transport.call(request(document, variables, ids)).await;
        let response = sent.map_err(|error| match (error, document.effect) {
            (CallError::Unanswered(why), Effect::Read) => ConnectorError::NotDone(why),
            (error, _) => error.into(),
        })?;
        check_status(&response, document.effect)?;
        let data = data(&response, document)?;
        let version = response.headers.get("x-shopify-api-version");
        let version = version
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        Ok(Answer { data, version })
    }
}

fn request(document: &Document, variables: &Value, ids: usize) -> Request {
    let body = json!({
        "operationName": document.name,
        "query": document.text,
        "variables": variables,
    });
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let ids = u32::try_from(ids).unwrap_or(u32::MAX);
    Request {
        method: Method::POST,
        path: format!("/admin/api/{VERSION}/graphql.json"),
        headers,
        body: Bytes::from(body.to_string()),
        bucket: BUCKET,
        cost: document
            .cost
            .saturating_add(document.cost_each.saturating_mul(ids)),
        lane: document.lane,
        effect: document.effect,
        authorize: true,
        report,
    }
}

/// The first of the three places: the status.
fn check_status(response: &Response, effect: Effect) -> Result<(), ConnectorError> {
    let status = response.status;
    let what = |text: &str| format!("{status}: {text}");
    Err(match status.as_u16() {
        200..=299 => return Ok(()),
        401 => ConnectorError::Unauthorized(what("token refused, or the app was uninstalled")),
        402 | 423 => ConnectorError::Unauthorized(what("the shop is frozen or locked")),
        403 => ConnectorError::Unauthorized(what("a permission is missing")),
        404 => ConnectorError::Unauthorized(what("no such shop at this host")),
        429 | 430 => throttled(response),
        500..=599 => unknown_outcome(effect, status.to_string()),
        _ => ConnectorError::Refused {
            code: format!("HTTP {}", status.as_u16()),
            message: cut(&String::from_utf8_lossy(&response.body)),
        },
    })
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    data: Option<&'a RawValue>,
    #[serde(default)]
    errors: Value,
}

/// Tells `"data": null` (some) from no data at all (none): only the latter surely did nothing.
fn present<'de, D: Deserializer<'de>>(input: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(input).map(Some)
}

/// The second place: `errors`; then the data.
fn data<T: DeserializeOwned>(
    response: &Response,
    document: &Document,
) -> Result<T, ConnectorError> {
    let misread = |why: &dyn std::fmt::Display| match document.effect {
        Effect::Read => unreadable(document.name, &why.to_string()),
        // It arrived and did whatever it did; that its answer is unreadable does not undo it.
        Effect::Write => ConnectorError::Unanswered(cut(&why.to_string())),
    };
    let envelope: Envelope<'_> =
        serde_json::from_slice(&response.body).map_err(|error| misread(&error))?;
    match &envelope.errors {
        Value::Null => {}
        Value::Array(errors) if errors.is_empty() => {}
        errors => {
            let executed = envelope.data.is_some();
            return Err(classify(response, errors, executed, document.effect));
        }
    }
    let data = envelope
        .data
        .ok_or_else(|| misread(&"neither data nor errors"))?;
    serde_json::from_str(data.get()).map_err(|error| misread(&error))
}

/// One error of `errors`.
struct GraphQlError {
    code: String,
    message: String,
}

fn read_errors(errors: &Value) -> Vec<GraphQlError> {
    let text = |value: &Value| {
        cut(&value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned))
    };
    let read = |error: &Value| GraphQlError {
        code: error["extensions"]["code"]
            .as_str()
            .map_or_else(|| "UNKNOWN".to_owned(), cut),
        message: text(error.get("message").unwrap_or(error)),
    };
    match errors.as_array() {
        Some(errors) => errors.iter().map(read).collect(),
        None => vec![read(errors)],
    }
}

/// What the errors mean together. A write that was executed in part is in doubt, whatever they say.
fn classify(response: &Response, errors: &Value, executed: bool, effect: Effect) -> ConnectorError {
    let errors = read_errors(errors);
    let with = |codes: &[&str]| {
        errors
            .iter()
            .find(|error| codes.contains(&error.code.as_str()))
    };
    let text = |error: &GraphQlError| format!("{}: {}", error.code, error.message);
    if with(&["THROTTLED"]).is_some() {
        return throttled(response);
    }
    if let Some(error) = with(&[ACCESS_DENIED, "SHOP_INACTIVE", "UNAUTHORIZED", "FORBIDDEN"]) {
        return ConnectorError::Unauthorized(text(error));
    }
    if let Some(error) = with(&["INTERNAL_SERVER_ERROR", "TIMEOUT", "SERVICE_UNAVAILABLE"]) {
        return unknown_outcome(effect, text(error));
    }
    let before = [
        "MAX_COST_EXCEEDED",
        "BAD_REQUEST",
        "INVALID_FIELD_ARGUMENTS",
        "INVALID_VARIABLE",
    ];
    let refused_before = errors
        .iter()
        .all(|error| before.contains(&error.code.as_str()));
    let Some(error) = errors.first() else {
        return unknown_outcome(effect, "no error named".into());
    };
    if effect == Effect::Write && executed && !refused_before {
        return ConnectorError::Unanswered(text(error));
    }
    ConnectorError::Refused {
        code: error.code.clone(),
        message: error.message.clone(),
    }
}

fn throttled(response: &Response) -> ConnectorError {
    let retry_after = report(response).throttled.unwrap_or(Duration::from_secs(1));
    ConnectorError::Throttled { retry_after }
}

/// Whether a field was refused for want of a permission, while others are answered.
pub(crate) fn is_denied(error: &ConnectorError) -> bool {
    matches!(error, ConnectorError::Unauthorized(why) if why.starts_with(ACCESS_DENIED))
}

/// A read can simply be repeated; a write may have happened.
fn unknown_outcome(effect: Effect, why: String) -> ConnectorError {
    match effect {
        Effect::Read => ConnectorError::NotDone(why),
        Effect::Write => ConnectorError::Unanswered(why),
    }
}

pub(crate) fn unreadable(what: &'static str, why: &str) -> ConnectorError {
    ConnectorError::Unreadable {
        what,
        why: cut(why),
    }
}

fn cut(text: &str) -> String {
    text.chars().take(MESSAGE_CHARS_MAX).collect()
}
