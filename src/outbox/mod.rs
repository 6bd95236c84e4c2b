//! Quantities out: level-triggered.
//!
//! In: items that may be dirty, and the ledger as it is. Out: calls that set absolute quantities, each
//! journaled before it is sent, with its outcome after. There is no list of messages: the number is
//! computed when a call is made, so a thousand changes cost one push.

mod dispatch;
mod plan;
mod report;

pub use dispatch::{Dispatcher, run};
pub use plan::{look, next_rows};
pub use report::{Reporter, run_reports};
