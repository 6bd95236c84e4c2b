//! The double from outside: its API, its webhooks, its truth.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(
    clippy::needless_pass_by_value,
    reason = "json!() is written in the call"
)]

mod api;
mod bulk;
mod desk;
mod faults;
mod inventory;
mod life;
mod returns;
mod schema;
mod shapes;
mod shipping;
mod traffic;
mod webhooks;
mod world;
