//! `/control`: acts in a shop and tells the truth. Faults never touch it.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::answer;
use crate::control::{Action, ControlError};
use crate::faults::Faults;
use crate::sandbox::Sandbox;
use crate::truth::TruthPage;

/// `GET /control/shops`.
pub(super) async fn shops(State(sandbox): State<Arc<Sandbox>>) -> Response {
    tell(Ok(sandbox.shops()))
}

/// `GET /control/shops/{name}/truth`.
pub(super) async fn truth(
    State(sandbox): State<Arc<Sandbox>>,
    Path(name): Path<String>,
    Query(page): Query<TruthPage>,
) -> Response {
    tell(sandbox.truth(&name, page))
}

/// `POST /control/shops/{name}` with an [`Action`].
pub(super) async fn act(
    State(sandbox): State<Arc<Sandbox>>,
    Path(name): Path<String>,
    body: Bytes,
) -> Response {
    match serde_json::from_slice::<Action>(&body) {
        Ok(action) => tell(sandbox.act(&name, action)),
        Err(error) => bad(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

#[derive(Deserialize)]
struct FaultList {
    faults: Vec<String>,
}

/// `POST /control/faults` with `{"faults": ["NAME=RATE"]}`, for all shops.
pub(super) async fn faults(State(sandbox): State<Arc<Sandbox>>, body: Bytes) -> Response {
    let list = match serde_json::from_slice::<FaultList>(&body) {
        Ok(list) => list,
        Err(error) => return bad(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let read = Faults::parse(&list.faults).map_err(ControlError::from);
    tell(read.map(|faults| sandbox.set_faults(&faults)))
}

#[derive(Deserialize)]
struct Pause {
    paused: bool,
}

/// `POST /control/traffic` with `{"paused": true}`: shoppers and clerks wait, or go on.
pub(super) async fn traffic(State(sandbox): State<Arc<Sandbox>>, body: Bytes) -> Response {
    match serde_json::from_slice::<Pause>(&body) {
        Ok(Pause { paused }) => {
            sandbox.set_quiet(paused);
            tell(Ok(()))
        }
        Err(error) => bad(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

fn tell<T: Serialize>(result: Result<T, ControlError>) -> Response {
    let status = match &result {
        Ok(_) => StatusCode::OK,
        Err(ControlError::UnknownShop(_)) => StatusCode::NOT_FOUND,
        Err(ControlError::Refused(_)) => StatusCode::CONFLICT,
        Err(ControlError::Fault(_)) => StatusCode::BAD_REQUEST,
    };
    let value = match result {
        Ok(value) => serde_json::to_value(value),
        Err(error) => return bad(status, &error.to_string()),
    };
    match value {
        Ok(value) => answer(status, &value),
        Err(error) => bad(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

fn bad(status: StatusCode, message: &str) -> Response {
    answer(status, &json!({ "error": message }))
}
