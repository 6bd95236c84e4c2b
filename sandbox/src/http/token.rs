//! How an app is let in: client credentials for a token of a day, or a merchant's consent for a token
//! of an hour and what the next one is asked for with, once.

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
use crate::webhook::hmac;

/// Seconds that tokens live, as the channel says it.
const LASTS_A_DAY: u64 = 86_399;
const LASTS_AN_HOUR: u64 = 3_600;
/// Seconds that a grant lives without being renewed.
const REFRESH_LASTS: u64 = 7_776_000;
/// A code of a consent must be used within this time.
const CODE_LASTS: Duration = Duration::from_secs(600);
const SCOPES: &str = "read_orders,read_all_orders,read_returns,read_products,read_locations,\
    read_fulfillments,write_inventory,write_merchant_managed_fulfillment_orders,\
    read_third_party_fulfillment_orders";
/// Tokens remembered at most; the ones that expire first go first.
const TOKENS_MAX: usize = 10_000;

#[derive(Deserialize)]
struct Grant {
    grant_type: Option<String>,
    client_id: String,
    client_secret: String,
    code: Option<String>,
    expiring: Option<String>,
    refresh_token: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    client_id: String,
    redirect_uri: String,
    state: Option<String>,
}

/// `GET /shops/{name}/admin/oauth/authorize`: here the merchant agrees at once, and the browser is sent
/// on with a signed address.
pub(super) async fn authorize(
    State(sandbox): State<Arc<Sandbox>>,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
) -> Response {
    let Ok(cell) = sandbox.find(&name) else {
        return failed(StatusCode::NOT_FOUND);
    };
    cell.enter(sandbox.clock.now(), |shop| {
        if asked.client_id != shop.tokens.client_id || !asked.redirect_uri.contains("://") {
            return failed(StatusCode::BAD_REQUEST);
        }
        let code = shop.dice.ids.hex(32);
        let tokens = &mut shop.tokens;
        if tokens.codes.len() >= TOKENS_MAX {
            tokens.codes.clear();
        }
        tokens.codes.insert(code.clone(), shop.now.plus(CODE_LASTS));
        let timestamp = (shop.now.0 / 1_000_000).to_string();
        let mut fields = vec![
            ("code", code),
            ("shop", shop.domain.clone()),
            ("timestamp", timestamp),
        ];
        fields.extend(asked.state.map(|state| ("state", state)));
        fields.sort();
        let signed: Vec<String> = fields
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let mac = hmac(&tokens.client_secret, signed.join("&").as_bytes());
        let mac: Vec<String> = mac.iter().map(|byte| format!("{byte:02x}")).collect();
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .append_pair("hmac", &mac.concat())
            .finish();
        let mut response = Response::new(axum::body::Body::empty());
        let location = format!("{}?{query}", asked.redirect_uri);
        let Ok(location) = location.parse() else {
            return failed(StatusCode::BAD_REQUEST);
        };
        *response.status_mut() = StatusCode::FOUND;
        response
            .headers_mut()
            .insert(http::header::LOCATION, location);
        response
    })
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
    let text = "The client credentials are not those of an app installed in this shop.";
    let refused = |error: &str| refuse(StatusCode::BAD_REQUEST, error, text);
    let Some(grant) = grant else {
        return refused("invalid_request");
    };
    let tokens = &shop.tokens;
    let is_right =
        grant.client_id == tokens.client_id && grant.client_secret == tokens.client_secret;
    if !is_right || !tokens.is_installed {
        return refused("invalid_client");
    }
    match (grant.grant_type.as_deref(), grant.code, grant.refresh_token) {
        (Some("client_credentials"), None, None) => token(shop, LASTS_A_DAY, None),
        (Some("refresh_token"), None, Some(old)) => {
            let Some(before) = shop.tokens.refreshes.remove(&old) else {
                let text = "This request requires an active refresh_token";
                return refuse(StatusCode::UNAUTHORIZED, "invalid_request", text);
            };
            shop.tokens.granted.remove(&before);
            renewable(shop)
        }
        (None, Some(code), None) => {
            let until = shop.tokens.codes.remove(&code);
            if until.is_none_or(|until| until <= shop.now) {
                let text = "The authorization code was not found or was already used";
                return refuse(StatusCode::BAD_REQUEST, "invalid_request", text);
            }
            match grant.expiring.as_deref() {
                Some("1") => renewable(shop),
                _ => lasting(shop),
            }
        }
        _ => refused("unsupported_grant_type"),
    }
}

fn refuse(status: StatusCode, error: &str, text: &str) -> Response {
    answer(
        status,
        &json!({ "error": error, "error_description": text }),
    )
}

/// A token of an hour, with what the next one is asked for with.
fn renewable(shop: &mut Shop) -> Response {
    let refresh = format!("shprt_{}", shop.dice.ids.hex(32));
    token(shop, LASTS_AN_HOUR, Some(refresh))
}

/// The token that does not expire.
fn lasting(shop: &Shop) -> Response {
    let body = json!({ "access_token": shop.tokens.fixed, "scope": SCOPES });
    answer(StatusCode::OK, &body)
}

fn token(shop: &mut Shop, life: u64, refresh: Option<String>) -> Response {
    let token = format!("shpat_{}", shop.dice.ids.hex(32));
    let until = shop.now.plus(Duration::from_secs(life));
    let tokens = &mut shop.tokens;
    tokens.granted.insert(token.clone(), until);
    tokens.granted.retain(|_, until| shop.now < *until);
    while tokens.granted.len() > TOKENS_MAX {
        let first = tokens.granted.iter().min_by_key(|(_, until)| **until);
        let Some(first) = first.map(|(token, _)| token.clone()) else {
            break;
        };
        tokens.granted.remove(&first);
    }
    let mut body = json!({ "access_token": token, "scope": SCOPES, "expires_in": life });
    if let Some(refresh) = refresh {
        body["refresh_token"] = json!(refresh);
        body["refresh_token_expires_in"] = json!(REFRESH_LASTS);
        if tokens.refreshes.len() >= TOKENS_MAX {
            tokens.refreshes.clear();
        }
        tokens.refreshes.insert(refresh, token);
    }
    answer(StatusCode::OK, &body)
}
