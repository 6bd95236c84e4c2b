//! The only code that dials out: to channels, within their limits.
//!
//! In: requests of connectors, one account at a time. Out: answers, or what is known of their
//! absence. From the outside in: [`Paced`] adds the token and repeats once with a fresh one; the
//! line counts and judges; the gate lets calls out as breaker, slots, levels and pace allow;
//! [`Dial`] holds the sockets. Never here: what a request means.

mod dial;
mod paced;
mod stats;

mod line;
mod token;

mod gate;
mod queue;

pub mod breaker;
mod lanes;
pub mod level;
mod pace;

mod backoff;
mod hosts;

pub use dial::{Dial, DialError, Options};
pub use hosts::{BadBaseUrl, Host, check_base_url};
pub use paced::Paced;
pub use stats::{BucketStats, LastError, Outcomes, Stats};

#[cfg(test)]
mod testing;
