//! Reads back what channels show, and tells drift from orders on their way.
//!
//! In: slots that must be read, and in time all of them. Out: readings to the bookkeeper, which decides
//! what they mean. Never here: a correction; that is a push like any other. For opening counts a channel
//! is read without a booking. What may be oversold is added up beside it.

mod adopt;
mod exposure;
mod plan;
mod read_back;

pub use adopt::open;
pub use exposure::ExposureWatch;
pub use plan::{due, sweep};
pub use read_back::{Reader, run};
