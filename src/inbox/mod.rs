//! Orders and listings in.
//!
//! In: webhooks, polls, and the catalog as channels show it. Out: one command at a time to the
//! bookkeeper; accepted means durable. Polling is the source of truth, webhooks only make it fast.

mod feed;
mod webhooks;
mod poll;
mod backfill;
mod bulk;
mod fetch;
mod scan;
mod subscribe;
mod identity;

pub use feed::{Feed, Park};
pub use fetch::run as run_fetches;
pub use identity::run as run_identity;
pub use poll::run as run_polls;
pub use scan::run as run_scans;
pub use subscribe::run as run_subscriptions;
pub use webhooks::{Hook, Hooks, Reply, router};
