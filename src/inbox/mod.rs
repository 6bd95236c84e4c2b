//! Orders and listings in.
//!
//! In: webhooks, polls, the catalog as channels show it, and files of counts. Out: one command at a time to the
//! bookkeeper; accepted means durable. Polling is the source of truth, webhooks only make it fast.

mod feed;
mod webhooks;
mod poll;
mod reach;
mod backfill;
mod bulk;
mod fetch;
mod scan;
mod subscribe;
mod identity;
mod quantities;
mod stock_file;

pub use feed::{Feed, Park};
pub use fetch::run as run_fetches;
pub use identity::run as run_identity;
pub use poll::run as run_polls;
pub use quantities::{Told, run as run_quantities};
pub use scan::run as run_scans;
pub use stock_file::{Files, Stamp, StockFile, look, read as read_file, run as run_stock_file};
pub use subscribe::run as run_subscriptions;
pub use webhooks::{Hook, Hooks, Reply, router};
