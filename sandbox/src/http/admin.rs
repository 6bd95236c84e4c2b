//! One GraphQL request from headers to answer: access, faults, cost, execution, refund.

use std::sync::Arc;

use async_graphql::Value as Answer;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use channelsync_contract::{Rng, Timestamp};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use serde_json::{Value, json};

use super::{Fate, answer, failed, fate, too_many, unanswered};
use crate::graphql::cost::{self, COST_MAX};
use crate::graphql::document::Document;
use crate::graphql::{Call, Fault};
use crate::sandbox::Sandbox;
use crate::state::{Shop, ShopCell};

const RATE_PAGE: &str = "https://shopify.dev/api/usage/rate-limits";

/// `POST /shops/{name}/admin/api/{version}/graphql.json`.
pub(super) async fn graphql(
    State(sandbox): State<Arc<Sandbox>>,
    Path((name, version)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Ok(cell) = sandbox.find(&name) else {
        return failed(StatusCode::NOT_FOUND);
    };
    if !is_version(&version) {
        return failed(StatusCode::NOT_FOUND);
    }
    let now = sandbox.clock.now();
    let token = headers
        .get("X-Shopify-Access-Token")
        .and_then(|token| token.to_str().ok());
    let host = headers.get(http::header::HOST);
    let host = host.and_then(|host| host.to_str().ok());
    let address = uri.authority().map(|all| all.as_str()).or(host);
    let (admitted, fate, request_id, delay) = cell.enter(now, |shop| {
        if let Some(address) = address {
            address.clone_into(&mut shop.address);
        }
        let admitted = token.is_some_and(|token| shop.tokens.admits(token, now));
        let request_id = shop.dice.answers.uuid().to_string();
        (admitted, fate(shop), request_id, shop.timings.answer_delay)
    });
    let mut response = match fate {
        Fate::Away => failed(StatusCode::SERVICE_UNAVAILABLE),
        Fate::Failed(status) => failed(status),
        Fate::TooMany { retry_after } => too_many(retry_after),
        _ if !admitted => {
            let message =
                "[API] Invalid API key or access token (unrecognized login or wrong password)";
            answer(StatusCode::UNAUTHORIZED, &json!({ "errors": message }))
        }
        _ => match Document::read(&body) {
            Err(fault) => answer(StatusCode::OK, &json!({ "errors": [error(&fault)] })),
            Ok(document) => {
                let body = execute(&sandbox, cell, now, document, fate).await;
                if !delay.is_zero() {
                    sandbox.clock.sleep(delay).await;
                }
                match fate {
                    Fate::Lost => return unanswered(),
                    Fate::LostBehind(status) => failed(status),
                    _ => answer(StatusCode::OK, &body),
                }
            }
        },
    };
    let headers = response.headers_mut();
    headers.insert(
        "X-Shopify-API-Version",
        HeaderValue::from_static(crate::VERSION),
    );
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        headers.insert("X-Request-Id", id);
    }
    response
}

/// `YYYY-MM`; a version that is no longer or not yet supported falls to the one we speak.
fn is_version(text: &str) -> bool {
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let parts = text.split_once('-');
    parts.is_some_and(|(year, month)| {
        year.len() == 4 && month.len() == 2 && digits(year) && digits(month)
    })
}

async fn execute(
    sandbox: &Sandbox,
    cell: &Arc<ShopCell>,
    now: Timestamp,
    document: Document,
    fate: Fate,
) -> Value {
    let requested = cost::requested(&sandbox.types, &document);
    let refused = cell.enter(now, |shop| charge(shop, requested, fate));
    if let Some(refused) = refused {
        return refused;
    }
    let is_mutation = document.is_mutation();
    let call = Call {
        shop: Arc::clone(cell),
        now,
        keys: document.keys.clone(),
        fails: fate == Fate::FailedInside,
    };
    let request = document.clone().request().data(call);
    let result = match fate == Fate::FailedInside && !is_mutation {
        true => Err(Fault::internal()),
        false => Ok(sandbox.schema.execute(request).await),
    };
    let (data, errors) = match result {
        Ok(response) => {
            let errors: Vec<Value> = response.errors.iter().map(error_of).collect();
            (response.data, errors)
        }
        Err(fault) => (Answer::Null, vec![error(&fault)]),
    };
    let actual = cost::actual(&sandbox.types, &document, &data).min(requested);
    let status = cell.enter(now, |shop| {
        shop.bucket.refund(requested - actual);
        shop.counters.requests += 1;
        shop.counters.mutations += u64::from(is_mutation);
        shop.bucket.status()
    });
    let mut body = json!({
        "data": data.into_json().unwrap_or(Value::Null),
        "extensions": { "cost": {
            "requestedQueryCost": requested,
            "actualQueryCost": actual,
            "throttleStatus": status,
        } },
    });
    if let (false, Some(body)) = (errors.is_empty(), body.as_object_mut()) {
        if body.get("data").is_some_and(Value::is_null) {
            body.remove("data");
        }
        body.insert("errors".to_owned(), Value::Array(errors));
    }
    body
}

/// Takes the requested cost, or answers why not.
fn charge(shop: &mut Shop, requested: u64, fate: Fate) -> Option<Value> {
    let now = shop.now;
    if requested > COST_MAX {
        shop.counters.refused_too_costly += 1;
        let message = format!(
            "Query cost is {requested}, which exceeds the single query max cost limit ({COST_MAX})."
        );
        return Some(json!({
            "errors": [{ "message": message, "extensions": {
                "code": "MAX_COST_EXCEEDED", "cost": requested, "maxCost": COST_MAX,
                "documentation": RATE_PAGE } }],
        }));
    }
    let injected = fate == Fate::Throttled;
    if !injected && shop.bucket.take(requested, now) {
        return None;
    }
    if !injected {
        shop.counters.throttled_by_limit += 1;
    }
    let mut status = shop.bucket.status();
    if let (true, Some(left)) = (injected, status.get_mut("currentlyAvailable")) {
        *left = json!(0);
    }
    Some(json!({
        "errors": [{ "message": "Throttled",
            "extensions": { "code": "THROTTLED", "documentation": RATE_PAGE } }],
        "extensions": { "cost": {
            "requestedQueryCost": requested,
            "actualQueryCost": null,
            "throttleStatus": status,
        } },
    }))
}

fn error(fault: &Fault) -> Value {
    json!({ "message": fault.message, "extensions": { "code": fault.code } })
}

/// An error of the engine, in Shopify's words where it is about a field that does not exist.
fn error_of(error: &async_graphql::ServerError) -> Value {
    let mut value = serde_json::to_value(error).unwrap_or(Value::Null);
    let unknown = error
        .message
        .strip_prefix("Unknown field \"")
        .and_then(|rest| {
            let (field, rest) = rest.split_once("\" on type \"")?;
            Some((field, rest.split_once('"')?.0))
        });
    if let (Some((field, of)), Some(value)) = (unknown, value.as_object_mut()) {
        let message = format!("Field '{field}' doesn't exist on type '{of}'");
        value.insert("message".to_owned(), json!(message));
        let extensions = json!({ "code": "undefinedField", "typeName": of, "fieldName": field });
        value.insert("extensions".to_owned(), extensions);
    }
    value
}
