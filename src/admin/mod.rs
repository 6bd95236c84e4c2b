//! What people and programs on this machine may ask and order, over a unix socket.
//!
//! In: HTTP/1 with JSON. Out: JSON; errors as `{"error", "help"}`. Reads go through the bookkeeper;
//! health, status and metrics show what was published at the last durable group.

mod differences;
mod exceptions;
mod exposures;
mod state;
mod answer;
mod health;
mod mapping;
mod metrics;
mod movements;
mod openings;
mod purchases;
mod status;
mod views;
mod order;
mod returns;
mod commands;
mod routes;
mod rules;
mod shorts;

pub use routes::{health_routes, routes};
pub use state::{Admin, AdminChannel, AdminMerchant, ReadOpenings, Reload, SettingsNote};
