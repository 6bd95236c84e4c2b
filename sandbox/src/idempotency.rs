//! Idempotency keys: what `@idempotent(key:)` promises, for 24 hours.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use channelsync_contract::Timestamp;
use serde_json::Value;

const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);
/// Keys kept at most; the oldest go first.
const KEYS_MAX: usize = 1_000_000;

/// What became of the first request with a key.
#[derive(Clone, Debug)]
struct Attempt {
    at: Timestamp,
    /// Until when the first request runs.
    runs_until: Timestamp,
    /// Mutation and arguments, as text.
    arguments: String,
    /// The payload; none when the attempt failed inside the shop.
    payload: Option<Value>,
}

/// What a request with a key gets.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Claim {
    /// Nobody used the key: go on.
    Fresh,
    /// The stored payload of the same request.
    Stored(Value),
    /// The first request with this key still runs.
    Running,
    /// The key belongs to a request with other arguments.
    Mismatch,
    /// The first request failed.
    Failed,
}

/// All keys of one shop.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    attempts: BTreeMap<String, Attempt>,
    order: VecDeque<(Timestamp, String)>,
}

impl Keys {
    /// What a request with `key` and `arguments` gets at `now`.
    pub(crate) fn claim(&mut self, key: &str, arguments: &str, now: Timestamp) -> Claim {
        self.forget(now);
        let Some(attempt) = self.attempts.get(key) else {
            return Claim::Fresh;
        };
        if attempt.arguments != arguments {
            return Claim::Mismatch;
        }
        if now < attempt.runs_until {
            return Claim::Running;
        }
        match &attempt.payload {
            Some(payload) => Claim::Stored(payload.clone()),
            None => Claim::Failed,
        }
    }

    /// Remembers what a request with `key` came to; no payload means it failed.
    pub(crate) fn remember(
        &mut self,
        key: &str,
        arguments: &str,
        payload: Option<Value>,
        now: Timestamp,
        runs_until: Timestamp,
    ) {
        let attempt = Attempt {
            at: now,
            runs_until,
            arguments: arguments.to_owned(),
            payload,
        };
        self.attempts.insert(key.to_owned(), attempt);
        self.order.push_back((now, key.to_owned()));
    }

    fn forget(&mut self, now: Timestamp) {
        let oldest = now.minus(REMEMBERED);
        while let Some((at, key)) = self.order.front() {
            if *at > oldest && self.order.len() <= KEYS_MAX {
                break;
            }
            if self.attempts.get(key).is_some_and(|one| one.at == *at) {
                self.attempts.remove(key);
            }
            self.order.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_belongs_to_one_request_for_a_day() {
        let mut keys = Keys::default();
        let at = |secs: i64| Timestamp(secs * 1_000_000);
        assert_eq!(keys.claim("k", "a", at(0)), Claim::Fresh);
        keys.remember("k", "a", Some(Value::from(1)), at(0), at(2));
        assert_eq!(keys.claim("k", "a", at(1)), Claim::Running);
        assert_eq!(keys.claim("k", "b", at(1)), Claim::Mismatch);
        assert_eq!(keys.claim("k", "a", at(2)), Claim::Stored(Value::from(1)));
        assert_eq!(
            keys.claim("k", "a", at(86_399)),
            Claim::Stored(Value::from(1))
        );
        assert_eq!(keys.claim("k", "a", at(86_400)), Claim::Fresh);
        keys.remember("f", "a", None, at(86_400), at(86_400));
        assert_eq!(keys.claim("f", "a", at(86_401)), Claim::Failed);
    }
}
