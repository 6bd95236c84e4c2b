//! Everything that is served over HTTP: the Admin API, its token endpoint, files, and `/control`.

mod admin;
mod control;
mod files;
mod token;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::response::Response;
use axum::routing::{get, post};
use channelsync_contract::Rng;
use http::StatusCode;
use serde_json::{Value, json};

use crate::sandbox::Sandbox;
use crate::state::Shop;

/// Largest request body.
const BODY_BYTES_MAX: usize = 4 << 20;

/// Marks a response that no client may see: the effect happened, the answer was lost.
///
/// Its status is 599 and its body fails. Over a socket the connection breaks before any byte; a
/// program that calls the router in process must treat a response with this extension as no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unanswered;

impl Sandbox {
    /// Serves all shops under `/shops/{name}`, what bulk operations wrote under `/files`, and
    /// `/control`.
    pub fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .route(
                "/shops/{name}/admin/api/{version}/graphql.json",
                post(admin::graphql),
            )
            .route("/shops/{name}/admin/oauth/access_token", post(token::grant))
            .route("/files/{name}/{operation}", get(files::serve))
            .route("/shops/{name}/admin/oauth/authorize", get(token::authorize))
            .route("/control/shops", get(control::shops))
            .route("/control/faults", post(control::faults))
            .route("/control/traffic", post(control::traffic))
            .route("/control/shops/{name}", post(control::act))
            .route("/control/shops/{name}/truth", get(control::truth))
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
            .with_state(Arc::clone(self))
    }
}

/// What a fault does to a request. All draws are made for each request, so that one rate does not
/// move the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Nothing goes wrong.
    Fine,
    /// The shop is away.
    Away,
    /// HTTP 429, with `Retry-After` or without.
    TooMany { retry_after: Option<u64> },
    /// `THROTTLED` in HTTP 200.
    Throttled,
    /// A server error before any effect.
    Failed(StatusCode),
    /// A server error that the API reports itself, before any effect.
    FailedInside,
    /// The effect happens, the connection breaks.
    Lost,
    /// The effect happens, an error is answered.
    LostBehind(StatusCode),
}

fn fate(shop: &mut Shop) -> Fate {
    let dice = &shop.dice.answers;
    let throttles = dice.chance(shop.faults.answer_429);
    let fails = dice.chance(shop.faults.answer_5xx);
    let loses = dice.chance(shop.faults.applied_then_timeout);
    let form = dice.below(12);
    let status = match form % 3 {
        0 => StatusCode::INTERNAL_SERVER_ERROR,
        1 => StatusCode::BAD_GATEWAY,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    if shop.away_until().is_some() {
        shop.counters.answers_failed_injected += 1;
        return Fate::Away;
    }
    if throttles {
        shop.counters.throttled_injected += 1;
        return match form % 3 {
            0 => Fate::TooMany {
                retry_after: Some(1 + form % 2),
            },
            1 => Fate::TooMany { retry_after: None },
            _ => Fate::Throttled,
        };
    }
    if fails || loses {
        shop.counters.answers_failed_injected += 1;
    }
    match (fails, loses) {
        (true, _) if form >= 6 => Fate::FailedInside,
        (true, _) => Fate::Failed(status),
        (false, true) if form >= 4 => Fate::Lost,
        (false, true) => Fate::LostBehind(status),
        (false, false) => Fate::Fine,
    }
}

fn answer(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let json = http::HeaderValue::from_static("application/json; charset=utf-8");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, json);
    response
}

fn failed(status: StatusCode) -> Response {
    let reason = status.canonical_reason().unwrap_or("Error");
    answer(status, &json!({ "errors": reason }))
}

fn too_many(retry_after: Option<u64>) -> Response {
    let mut response = failed(StatusCode::TOO_MANY_REQUESTS);
    if let Some(secs) = retry_after {
        let value = http::HeaderValue::from(secs);
        response
            .headers_mut()
            .insert(http::header::RETRY_AFTER, value);
    }
    response
}

fn unanswered() -> Response {
    let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    let stream = futures_util::stream::once(std::future::ready(Err::<bytes::Bytes, _>(broken)));
    let mut response = Response::new(Body::from_stream(stream));
    *response.status_mut() = StatusCode::from_u16(599).unwrap_or(StatusCode::BAD_GATEWAY);
    response.extensions_mut().insert(Unanswered);
    response
}
