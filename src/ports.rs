//! The system's time, randomness and tasks.
//!
//! In: what the operating system and tokio offer. Out: [`Clock`], [`Rng`] and [`Spawn`]. This is
//! the only file that reads a clock, sleeps, draws entropy or spawns; everything else is handed a
//! port, so that the simulator can run the very same program on its own time.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use channelsync_contract::{Clock, Rng, Spawn, Timestamp};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng as _, SeedableRng};
use tracing::error;

/// The machine's clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: tokio::time::Instant,
}

impl SystemClock {
    /// A clock whose uptime begins now.
    #[expect(clippy::disallowed_methods, reason = "this is the system's Clock")]
    pub fn new() -> Self {
        Self {
            start: tokio::time::Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the system's Clock")]
    fn now(&self) -> Timestamp {
        // A clock set before 1970 reads as 1970: wrong either way, and time stays total.
        let since = std::time::SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp(0).plus(since)
    }

    fn uptime(&self) -> Duration {
        self.start.elapsed()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the system's Clock")]
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// The machine's entropy.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRng;

impl Rng for SystemRng {
    /// # Panics
    /// When the operating system has no entropy to give: nothing sensible can follow.
    fn next_u64(&self) -> u64 {
        match getrandom::u64() {
            Ok(bits) => bits,
            Err(error) => panic!("the operating system gives no random bits: {error}"),
        }
    }
}

/// The same numbers for the same seed, on every machine and in every release (xoshiro256++).
#[derive(Debug)]
pub struct SeededRng(Mutex<Xoshiro256PlusPlus>);

impl SeededRng {
    /// Starts the sequence that belongs to `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(Xoshiro256PlusPlus::seed_from_u64(seed)))
    }
}

impl Rng for SeededRng {
    fn next_u64(&self) -> u64 {
        let mut generator = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        generator.next_u64()
    }
}

/// Tasks of the tokio runtime that the caller is in.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokioSpawn;

impl Spawn for TokioSpawn {
    #[expect(clippy::disallowed_methods, reason = "this is the system's Spawn")]
    fn spawn(&self, name: &'static str, task: BoxFuture<'static, ()>) {
        // Nothing of a task that panicked is used again, so its state cannot be seen half changed.
        let guarded = AssertUnwindSafe(task).catch_unwind();
        tokio::spawn(async move {
            if let Err(panic) = guarded.await {
                error!(task = name, reason = words(&*panic), "task panicked");
            }
        });
    }
}

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> &str {
    if let Some(text) = panic.downcast_ref::<&'static str>() {
        text
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text
    } else {
        "no text"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_for_ever() {
        let numbers = |seed| {
            let rng = SeededRng::new(seed);
            [rng.next_u64(), rng.next_u64(), rng.next_u64()]
        };
        assert_eq!(numbers(7), numbers(7));
        assert_ne!(numbers(7), numbers(8));
        // Pinned: a recorded seed of a failed simulation must replay after an upgrade.
        assert_eq!(SeededRng::new(0).next_u64(), 5_987_356_902_031_041_503);
    }

    #[test]
    fn system_random_bits_differ() {
        assert_ne!(SystemRng.next_u64(), SystemRng.next_u64());
    }

    #[test]
    fn uptime_never_goes_back_and_the_year_is_plausible() {
        let clock = SystemClock::new();
        let first = clock.uptime();
        assert!(clock.uptime() >= first);
        assert!(clock.now() > Timestamp::parse("2026-01-01T00:00:00Z").unwrap());
    }

    #[tokio::test]
    async fn a_panicking_task_takes_nothing_else_down() {
        let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
        TokioSpawn.spawn(
            "doomed",
            Box::pin(async move {
                let _held = sender;
                panic!("on purpose");
            }),
        );
        assert!(receiver.await.is_err(), "the task has ended");
        let (sender, receiver) = tokio::sync::oneshot::channel();
        TokioSpawn.spawn("healthy", Box::pin(async move { sender.send(()).unwrap() }));
        receiver.await.unwrap();
        assert_eq!(words(&"plain"), "plain");
        assert_eq!(words(&String::from("formatted")), "formatted");
        assert_eq!(words(&7), "no text");
    }
}
