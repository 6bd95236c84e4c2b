//! Alive and ready.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;

use super::state::Admin;

/// The process turns.
pub(super) async fn livez() -> &'static str {
    "ok\n"
}

/// Every journal can be written. Never red for a channel's outage: that is in `status`.
pub(super) async fn readyz(State(admin): State<Arc<Admin>>) -> (StatusCode, String) {
    for (id, merchant) in &admin.merchants {
        if let Some(why) = &merchant.book.published().unwritable {
            let text = format!("{id}: journal cannot be written: {why}\n");
            return (StatusCode::SERVICE_UNAVAILABLE, text);
        }
    }
    (StatusCode::OK, "ready\n".to_owned())
}
