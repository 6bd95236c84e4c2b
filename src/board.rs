//! What the tasks of a channel tell the person on call.
//!
//! In: short notes from inbox, outbox and reconcile. Out: one copy for status, health and metrics.
//! Nothing here decides anything; it is gone with the process.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use channelsync_contract::{Sku, Timestamp};
use serde::Serialize;

/// Upper bounds of the latency buckets, in milliseconds; the last bucket has none.
pub const LATENCY_BOUNDS_MS: [u64; 14] = [
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 5_000, 30_000, 120_000, 600_000,
];

/// What the task is called that looks at a file: its coverage is when one was taken last.
pub const FILE: &str = "file";

/// Notes of one channel, or of a file that is master of a location; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<Mutex<Notes>>);

/// Everything noted.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Notes {
    /// Up to when each stream is known complete, by our clock; ahead of what is journaled while idle.
    pub coverage: BTreeMap<String, Timestamp>,
    /// Why the channel is paused until a person acts.
    pub paused: Option<String>,
    /// The last error of each activity, with its time; gone when it succeeds again.
    pub errors: BTreeMap<&'static str, (Timestamp, String)>,
    /// When the whole catalog was read last.
    pub scanned_at: Option<Timestamp>,
    /// Subscriptions that stand.
    pub subscriptions: usize,
    /// Permissions that are needed and not granted.
    pub missing_permissions: Vec<String>,
    /// What else the channel answered otherwise than it should.
    pub warnings: Vec<String>,
    /// Counters by name.
    pub counts: BTreeMap<&'static str, u64>,
    /// Histograms by name.
    pub latencies: BTreeMap<&'static str, Latency>,
}

/// How long something took.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Latency {
    /// How many fell into each bucket of [`LATENCY_BOUNDS_MS`], and above.
    pub buckets: [u64; LATENCY_BOUNDS_MS.len() + 1],
    /// All of them together, in microseconds.
    pub sum_us: u64,
}

impl Latency {
    fn add(&mut self, took: Duration) {
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let bucket = LATENCY_BOUNDS_MS.iter().position(|bound| ms < *bound);
        let bucket = self
            .buckets
            .get_mut(bucket.unwrap_or(LATENCY_BOUNDS_MS.len()));
        *bucket.expect("one bucket for each bound and one above") += 1;
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.sum_us = self.sum_us.saturating_add(us);
    }
}

impl Board {
    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of all notes.
    pub fn read(&self) -> Notes {
        self.notes().clone()
    }

    /// Counts something.
    pub fn count(&self, what: &'static str, by: u64) {
        *self.notes().counts.entry(what).or_default() += by;
    }

    /// Notes how long something took.
    pub fn took(&self, what: &'static str, took: Duration) {
        self.notes().latencies.entry(what).or_default().add(took);
    }

    /// Notes how an activity ended; says whether that is news.
    pub fn ended(&self, what: &'static str, at: Timestamp, error: Option<String>) -> bool {
        let mut notes = self.notes();
        match error {
            Some(error) => {
                let before = notes.errors.insert(what, (at, error.clone()));
                before.is_none_or(|(_, known)| known != error)
            }
            None => notes.errors.remove(what).is_some(),
        }
    }

    /// Tasks begin with new settings: what those before them failed at, if only because they were
    /// told to stop, says nothing of the channel.
    pub fn restarted(&self) {
        self.notes().errors.clear();
    }

    /// Pauses the channel until a person acts, or lets it go on.
    pub fn pause(&self, why: Option<String>) {
        self.notes().paused = why;
    }

    /// Why the channel is paused.
    pub fn paused(&self) -> Option<String> {
        self.notes().paused.clone()
    }

    /// Notes how far a stream is complete.
    pub fn cover(&self, stream: &str, to: Timestamp) {
        self.notes().coverage.insert(stream.to_owned(), to);
    }

    /// Up to when all of `streams` are complete; none while one was never polled.
    pub fn complete_to(&self, streams: &[&str]) -> Option<Timestamp> {
        let notes = self.notes();
        let covered: Option<Vec<Timestamp>> = streams
            .iter()
            .map(|stream| notes.coverage.get(*stream).copied())
            .collect();
        covered?.into_iter().min()
    }

    /// Notes a whole scan of the catalog.
    pub fn scanned(&self, at: Timestamp) {
        self.notes().scanned_at = Some(at);
    }

    /// Notes what our credentials lack and what else to know; gives what of it is news.
    pub fn probed(&self, missing: &[String], warnings: &[String]) -> Vec<String> {
        let mut notes = self.notes();
        let known = |told: &&String| {
            notes.missing_permissions.contains(told) || notes.warnings.contains(told)
        };
        let told = missing.iter().chain(warnings);
        let news = told.filter(|told| !known(told)).cloned().collect();
        notes.missing_permissions = missing.to_vec();
        notes.warnings = warnings.to_vec();
        news
    }

    /// Notes how many subscriptions stand.
    pub fn subscribed(&self, count: usize) {
        self.notes().subscriptions = count;
    }
}

/// What may be oversold of a merchant's SKUs, as it was looked at last; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Exposures(Arc<Mutex<Option<Exposed>>>);

/// What may be oversold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exposed {
    /// When that was so.
    pub at: Timestamp,
    /// Units of all SKUs together.
    pub units: i64,
    /// SKUs of which any may be.
    pub skus: u64,
    /// SKUs of which nobody knows: what a channel shows of them was not read, or not all orders of that
    /// time are known.
    pub unknown: u64,
    /// SKUs that a channel sells without limit.
    pub unbounded: u64,
    /// Those of which most may be, the most first.
    pub most: Vec<(i64, Sku)>,
}

impl Exposures {
    /// What was seen last; none before the first look.
    pub fn read(&self) -> Option<Exposed> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.clone()
    }

    /// Tells what was seen.
    pub fn tell(&self, exposed: Exposed) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(exposed);
    }
}

/// How long it took from orders to their units off the channels; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Confirmations(Arc<Mutex<Confirmed>>);

/// What was told since the start.
#[derive(Clone, Debug, Default)]
pub struct Confirmed {
    /// Until the last of all channels showed its number.
    pub all: Took,
    /// Until a channel did, by its name.
    pub channels: BTreeMap<String, Took>,
}

/// How long something took, all in all and of late.
#[derive(Clone, Debug, Default)]
pub struct Took {
    /// Since the start.
    pub latency: Latency,
    /// When it was over and how long it took, the newest last.
    lately: VecDeque<(Timestamp, Duration)>,
}

/// Of the last hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastHour {
    /// How many.
    pub count: usize,
    /// Half took at most this.
    pub p50: Duration,
    /// 99 of 100 took at most this.
    pub p99: Duration,
}

/// Times of the last hour that are kept; with more, the oldest go.
const LATELY_MAX: usize = 20_000;
const HOUR: Duration = Duration::from_secs(3_600);

impl Took {
    fn add(&mut self, at: Timestamp, took: Duration) {
        self.latency.add(took);
        let is_past = |(over, _): &(Timestamp, Duration)| at.since(*over) > HOUR;
        while self.lately.len() >= LATELY_MAX || self.lately.front().is_some_and(is_past) {
            self.lately.pop_front();
        }
        self.lately.push_back((at, took));
    }

    /// The last hour before a time; none without any.
    pub fn last_hour(&self, now: Timestamp) -> Option<LastHour> {
        let here = self.lately.iter().filter(|(at, _)| now.since(*at) <= HOUR);
        let mut took: Vec<Duration> = here.map(|(_, took)| *took).collect();
        took.sort_unstable();
        let of_hundred = |percent: usize| {
            let place = (took.len() * percent).div_ceil(100).max(1) - 1;
            took.get(place).copied()
        };
        Some(LastHour {
            count: took.len(),
            p50: of_hundred(50)?,
            p99: of_hundred(99)?,
        })
    }
}

impl Confirmations {
    fn confirmed(&self) -> MutexGuard<'_, Confirmed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of all.
    pub fn read(&self) -> Confirmed {
        self.confirmed().clone()
    }

    /// A channel shows its numbers again, so long after an order.
    pub fn channel(&self, channel: &str, at: Timestamp, took: Duration) {
        let mut confirmed = self.confirmed();
        if let Some(known) = confirmed.channels.get_mut(channel) {
            return known.add(at, took);
        }
        let own = confirmed.channels.entry(channel.to_owned());
        own.or_default().add(at, took);
    }

    /// So do all of them.
    pub fn all(&self, at: Timestamp, took: Duration) {
        self.confirmed().all.add(at, took);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_last_hour_half_and_all_but_one_in_a_hundred_are_told() {
        let told = Confirmations::default();
        let at = |secs: u64| Timestamp::default().plus(Duration::from_secs(secs));
        told.all(at(0), Duration::from_secs(900));
        for secs in 1..=200 {
            told.all(at(3_600), Duration::from_secs(secs));
        }
        let took = told.read().all;
        let hour = took.last_hour(at(3_601)).unwrap();
        let secs = |took: Duration| took.as_secs();
        assert_eq!(
            (hour.count, secs(hour.p50), secs(hour.p99)),
            (200, 100, 198)
        );
        assert_eq!(took.latency.buckets.iter().sum::<u64>(), 201);
        assert_eq!(took.last_hour(at(7_201)), None);
        assert_eq!(Took::default().last_hour(at(0)), None);
    }

    #[test]
    fn what_tasks_that_were_stopped_failed_at_is_forgotten_and_all_else_is_kept() {
        let board = Board::default();
        board.ended(
            "push",
            Timestamp(1),
            Some("the channel is being stopped".to_owned()),
        );
        board.pause(Some("not allowed".to_owned()));
        board.count("push_calls", 1);
        board.restarted();
        let notes = board.read();
        assert!(notes.errors.is_empty());
        assert_eq!(notes.paused.as_deref(), Some("not allowed"));
        assert_eq!(notes.counts["push_calls"], 1);
    }
}
