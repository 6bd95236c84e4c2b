//! A steady pace for one bucket: `governor` on our clock.
//!
//! In: costs. Out: *go* or *wait this long*. Only `check_n` is used: what waits inside governor
//! sleeps in real time, which would break the simulator.
//!
//! Governor cannot change its rate, cannot start empty and cannot give points back. So another rate
//! or capacity means another limiter; a new limiter is emptied by taking all it holds; and what a
//! call gave back is kept here and paid from first by the next calls.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use channelsync_contract::Clock;
use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

/// Longest time a limiter may take to fill: governor counts in 64-bit nanoseconds and multiplies
/// freely.
const FILL_MAX: Duration = Duration::from_hours(24 * 365);

/// Our uptime as governor's time.
#[derive(Clone)]
struct Uptime(Arc<dyn Clock>);

impl GovernorClock for Uptime {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.uptime()
    }
}

/// The limiter of one bucket.
pub(super) struct Pace {
    clock: Uptime,
    limiter: RateLimiter<NotKeyed, InMemoryState, Uptime, NoOpMiddleware<Duration>>,
    burst: NonZeroU32,
    capacity: u32,
    restore_per_kilosecond: u32,
    /// Points still to be paid by the next calls; below zero: points already paid for.
    owed: i64,
}

impl Pace {
    /// An empty limiter for 90 % of a capacity and a rate.
    pub(super) fn new(clock: Arc<dyn Clock>, capacity: u32, restore_per_kilosecond: u32) -> Self {
        let clock = Uptime(clock);
        // 1,000 seconds for 9/10 of the points, rounded up.
        let period = 10_000_000_000_000_u64.div_ceil(9 * u64::from(restore_per_kilosecond.max(1)));
        let bound = u64::try_from(FILL_MAX.as_nanos()).unwrap_or(u64::MAX) / period;
        let usable = (u64::from(capacity) * 9 / 10).min(bound);
        let burst = u32::try_from(usable).ok().and_then(NonZeroU32::new);
        let burst = burst.unwrap_or(NonZeroU32::MIN);
        // `period` is never zero, so there is always a quota.
        let quota = Quota::with_period(Duration::from_nanos(period))
            .map_or(Quota::per_hour(burst), |quota| quota.allow_burst(burst));
        let limiter = RateLimiter::direct_with_clock(quota, clock.clone());
        let emptied = limiter.check_n(burst);
        debug_assert!(matches!(emptied, Ok(Ok(()))), "a new limiter is full");
        Self {
            clock,
            limiter,
            burst,
            capacity,
            restore_per_kilosecond,
            owed: 0,
        }
    }

    /// Takes `cost` points.
    ///
    /// What is more than the limiter ever holds is paid by the next calls.
    ///
    /// # Errors
    /// How long to wait.
    pub(super) fn take(&mut self, cost: u32) -> Result<(), Duration> {
        let charge = self.owed + i64::from(cost);
        let now = u32::try_from(charge).unwrap_or(if charge > 0 { u32::MAX } else { 0 });
        let now = now.min(self.burst.get());
        if let Some(points) = NonZeroU32::new(now) {
            match self.limiter.check_n(points) {
                Ok(Ok(())) => {}
                Ok(Err(until)) => return Err(until.wait_time_from(self.clock.now())),
                Err(capacity) => unreachable!("at most the burst is asked for: {capacity}"),
            }
        }
        self.owed = charge - i64::from(now);
        Ok(())
    }

    /// Gives points back; never more than the limiter holds.
    pub(super) fn give_back(&mut self, points: u32) {
        let least = -i64::from(self.burst.get());
        self.owed = (self.owed - i64::from(points)).max(least);
    }

    /// Starts again from nothing.
    pub(super) fn drain(&mut self) {
        *self = Self::new(
            Arc::clone(&self.clock.0),
            self.capacity,
            self.restore_per_kilosecond,
        );
    }

    /// Follows the server's figures: another capacity or rate is another limiter, empty.
    pub(super) fn follow(&mut self, capacity: u32, restore_per_kilosecond: u32) {
        if (capacity, restore_per_kilosecond) != (self.capacity, self.restore_per_kilosecond) {
            let clock = Arc::clone(&self.clock.0);
            *self = Self::new(clock, capacity, restore_per_kilosecond);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::ManualClock;
    use super::*;

    #[test]
    fn a_new_pace_is_empty_and_gains_nine_tenths() {
        let clock = ManualClock::new();
        let mut pace = Pace::new(clock.clone(), 1000, 50_000);
        let wait = pace.take(45).unwrap_err();
        assert_eq!(wait.as_millis(), 1000);
        clock.advance(wait);
        assert_eq!(pace.take(45), Ok(()));
        clock.advance(Duration::from_secs(600));
        assert_eq!(pace.take(900), Ok(()));
        assert!(pace.take(1).is_err(), "the last tenth is headroom");
    }

    #[test]
    fn points_given_back_pay_for_the_next_calls() {
        let clock = ManualClock::new();
        let mut pace = Pace::new(clock.clone(), 1000, 50_000);
        clock.advance(Duration::from_secs(600));
        assert_eq!(pace.take(900), Ok(()));
        pace.give_back(890);
        assert_eq!(pace.take(800), Ok(()));
        assert_eq!(pace.take(90), Ok(()));
        assert!(pace.take(1).is_err());
    }

    #[test]
    fn what_exceeds_the_burst_is_paid_by_the_next_calls() {
        let clock = ManualClock::new();
        let mut pace = Pace::new(clock.clone(), 1000, 50_000);
        clock.advance(Duration::from_secs(600));
        assert_eq!(pace.take(945), Ok(()));
        assert_eq!(pace.take(0).unwrap_err().as_millis(), 1000);
        clock.advance(Duration::from_millis(1001));
        assert_eq!(pace.take(0), Ok(()));
    }

    #[test]
    fn another_limit_of_the_server_begins_empty() {
        let clock = ManualClock::new();
        let mut pace = Pace::new(clock.clone(), 1000, 50_000);
        clock.advance(Duration::from_secs(600));
        pace.follow(1000, 50_000);
        assert_eq!(pace.take(100), Ok(()), "the same limit changes nothing");
        pace.follow(1000, 100_000);
        assert_eq!(pace.take(90).unwrap_err().as_millis(), 1000);
        clock.advance(Duration::from_secs(600));
        pace.drain();
        assert!(pace.take(1).is_err());
    }

    proptest! {
        /// R69
        #[test]
        fn no_figure_of_a_server_breaks_the_arithmetic(
            figures in proptest::collection::vec(any::<(u32, u32, u32, u32)>(), 1..20),
        ) {
            let clock = ManualClock::new();
            let mut pace = Pace::new(clock.clone(), 0, 0);
            for (capacity, rate, cost, millis) in figures {
                pace.follow(capacity, rate);
                clock.advance(Duration::from_millis(millis.into()));
                if pace.take(cost).is_ok() {
                    pace.give_back(cost / 2);
                }
            }
        }
    }
}
