//! The only code that dials out.
mod backoff;
pub mod breaker;
mod gate;
mod lanes;
pub mod level;
mod line;
mod pace;
mod paced;
mod queue;
mod stats;
mod token;

pub use paced::Paced;
pub use stats::{BucketStats, LastError, Outcomes, Stats};

#[cfg(test)]
mod testing;
