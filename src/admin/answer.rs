//! Answers and errors as JSON.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

use crate::bookkeeper::BookError;

/// An answer that is not what was asked for.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    error: String,
    help: &'static str,
}

pub(super) type Answer = Result<Json, Problem>;

/// A JSON body.
pub(super) struct Json(pub(super) Value);

impl Json {
    pub(super) fn of(value: &impl Serialize) -> Answer {
        serde_json::to_value(value)
            .map(Self)
            .map_err(|error| Problem {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                error: error.to_string(),
                help: "this is a bug in channelsync",
            })
    }
}

impl IntoResponse for Json {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl Problem {
    pub(super) fn absent(what: &str, name: &str, help: &'static str) -> Self {
        let error = format!("no {what} {name}");
        Self {
            status: StatusCode::NOT_FOUND,
            error,
            help,
        }
    }

    pub(super) fn unavailable(error: impl Into<String>, help: &'static str) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            error: error.into(),
            help,
        }
    }

    pub(super) fn bad(error: impl Into<String>, help: &'static str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error: error.into(),
            help,
        }
    }
}

impl From<BookError> for Problem {
    fn from(error: BookError) -> Self {
        let (status, help) = match &error {
            BookError::Refused(refusal) if refusal.is_for_now() => (
                StatusCode::SERVICE_UNAVAILABLE,
                "nothing was booked; the same again in a minute or two, when the channel was polled",
            ),
            BookError::Refused(_) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "nothing was booked; correct the command",
            ),
            BookError::QueueFull => (StatusCode::SERVICE_UNAVAILABLE, "try again in a moment"),
            BookError::Unwritable(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "make space; the daemon goes on by itself",
            ),
            BookError::Stopped => (StatusCode::SERVICE_UNAVAILABLE, "the daemon is stopping"),
        };
        Self {
            status,
            error: error.to_string(),
            help,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.error, "help": self.help });
        (self.status, axum::Json(body)).into_response()
    }
}
