//! What happened on an account, in figures for `status` and metrics.
//!
//! Every call of a connector ends in exactly one of the outcomes; a caller that gave up counts
//! nowhere. Texts name a status or a cause, never a body, a header or a query.

use std::time::Duration;

use channelsync_contract::{CallError, Response, Timestamp};

use super::breaker;

/// An account's figures since start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    /// The channel.
    pub channel: String,
    /// Requests that left, token exchanges and repetitions included.
    pub requests: u64,
    /// How the calls of connectors ended.
    pub outcomes: Outcomes,
    /// Requests under way now.
    pub under_way: usize,
    /// Calls that wait now, all buckets.
    pub waiting: usize,
    /// Whether the channel is let through.
    pub breaker: breaker::State,
    /// One per rate limit, in the account's order.
    pub buckets: Vec<BucketStats>,
    /// How long the token at hand is still valid, and was when it came; none where it does not expire
    /// or there is none.
    pub token_expires_in: Option<(Duration, Duration)>,
    /// The last thing that went wrong.
    pub last_error: Option<LastError>,
}

/// How calls ended; each in one of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// Status 2xx with a body.
    pub succeeded: u64,
    /// Status 2xx without a body.
    pub empty: u64,
    /// Any other status below 500.
    pub refused: u64,
    /// Status 5xx.
    pub server_errors: u64,
    /// Refused for a rate limit.
    pub throttled: u64,
    /// Credentials refused, also fresh ones.
    pub unauthorized: u64,
    /// Never left.
    pub not_sent: u64,
    /// Sent, without an answer.
    pub unanswered: u64,
}

/// One rate limit now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BucketStats {
    /// Its name.
    pub name: &'static str,
    /// Points that may be spent now.
    pub points: u32,
    /// Points it holds when full, as the server last said.
    pub capacity: u32,
    /// Points it gains per 1,000 seconds, as the server last said.
    pub restore_per_kilosecond: u32,
    /// Calls that wait for it.
    pub waiting: usize,
    /// Whether the server told us to pause.
    pub paused: bool,
}

/// Something that went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastError {
    /// When.
    pub at: Timestamp,
    /// What, in a few words.
    pub text: String,
}

impl Outcomes {
    pub(super) fn count(&mut self, result: &Result<Response, CallError>) {
        let counter = match result {
            Ok(answer) if answer.status.is_success() && answer.body.is_empty() => &mut self.empty,
            Ok(answer) if answer.status.is_success() => &mut self.succeeded,
            Ok(answer) if answer.status.is_server_error() => &mut self.server_errors,
            Ok(_) => &mut self.refused,
            Err(CallError::Throttled { .. }) => &mut self.throttled,
            Err(CallError::Unauthorized(_)) => &mut self.unauthorized,
            Err(CallError::NotSent(_)) => &mut self.not_sent,
            Err(CallError::Unanswered(_)) => &mut self.unanswered,
        };
        *counter += 1;
    }
}
