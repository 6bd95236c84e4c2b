//! The token endpoint: client credentials for a token of a day.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, Uri};
use serde::Deserialize;
use serde_json::json;

use super::{Fate, answer, failed, fate, too_many, unanswered};
use crate::sandbox::Sandbox;
use crate::state::Shop;

/// Seconds that a token lives, as the channel says it.
const EXPIRES_IN: u64 = 86_399;
/// Tokens remembered at most; the ones that expire first go first.
const TOKENS_MAX: usize = 10_000;

#[derive(Deserialize)]
struct Grant {
    grant_type: String,
    client_id: String,
    client_secret: String,
}

/// `POST /shops/{name}/admin/oauth/access_token`, form or JSON.
pub(super) async fn grant(
    State(sandbox): State<Arc<Sandbox>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Ok(cell) = sandbox.find(&name) else {
        return failed(StatusCode::NOT_FOUND);
    };
    let grant = read(&headers, &body);
    cell.enter(sandbox.clock.now(), |shop| match fate(shop) {
        Fate::Away => failed(StatusCode::SERVICE_UNAVAILABLE),
        Fate::Failed(status) => failed(status),
        Fate::FailedInside => failed(StatusCode::INTERNAL_SERVER_ERROR),
        Fate::TooMany { retry_after } => too_many(retry_after),
        Fate::Throttled => too_many(None),
        Fate::Fine => give(shop, grant),
        Fate::Lost => {
            drop(give(shop, grant));
            unanswered()
        }
        Fate::LostBehind(status) => {
            drop(give(shop, grant));
            failed(status)
        }
    })
}

fn read(headers: &HeaderMap, body: &[u8]) -> Option<Grant> {
    let kind = headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    if kind.is_some_and(|kind| kind.starts_with("application/json")) {
        return serde_json::from_slice(body).ok();
    }
    // A form body is written like the query of an address.
    let text = std::str::from_utf8(body).ok()?;
    let address: Uri = format!("/?{text}").parse().ok()?;
    Query::try_from_uri(&address).ok().map(|Query(grant)| grant)
}

fn give(shop: &mut Shop, grant: Option<Grant>) -> Response {
    let refused = |error: &str| {
        let text = "The client credentials are not those of an app installed in this shop.";
        answer(
            StatusCode::BAD_REQUEST,
            &json!({ "error": error, "error_description": text }),
        )
    };
    let Some(grant) = grant else {
        return refused("invalid_request");
    };
    if grant.grant_type != "client_credentials" {
        return refused("unsupported_grant_type");
    }
    let tokens = &mut shop.tokens;
    if grant.client_id != tokens.client_id || grant.client_secret != tokens.client_secret {
        return refused("invalid_client");
    }
    let token = format!("shpat_{}", shop.dice.ids.hex(32));
    let until = shop.now.plus(Duration::from_secs(EXPIRES_IN));
    tokens.granted.insert(token.clone(), until);
    tokens.granted.retain(|_, until| shop.now < *until);
    while tokens.granted.len() > TOKENS_MAX {
        let first = tokens.granted.iter().min_by_key(|(_, until)| **until);
        let Some(first) = first.map(|(token, _)| token.clone()) else {
            break;
        };
        tokens.granted.remove(&first);
    }
    let body = json!({
        "access_token": token,
        "scope": "read_orders,read_all_orders,read_returns,read_products,read_locations,\
            read_fulfillments,write_inventory,write_merchant_managed_fulfillment_orders,\
            read_third_party_fulfillment_orders",
        "expires_in": EXPIRES_IN,
    });
    answer(StatusCode::OK, &body)
}
