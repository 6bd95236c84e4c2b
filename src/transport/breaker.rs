//! Whether an account answers at all: a circuit breaker as a pure value.
//!
//! In: how calls ended, uptime. Out: whether the next one may leave. After so many failures
//! in a row it opens, so that a dead channel costs nothing; after a pause one call is let through
//! to try. If that fails the pause doubles, up to a limit. It always tries again: nothing disables
//! a channel for good.

use std::time::Duration;

use channelsync_contract::transport::Patience;

/// One account's breaker.
#[derive(Clone, Debug)]
pub struct Breaker {
    patience: Patience,
    state: State,
    failures: u32,
    pause: Duration,
}

/// What the breaker lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Everything.
    Closed,
    /// Nothing until this uptime, then one call to try.
    Open {
        /// When a call may try.
        until: Duration,
    },
    /// One call is trying; nothing else.
    Trying,
}

impl std::fmt::Display for State {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
            Self::Trying => "trying",
        })
    }
}

/// Leave to send a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// An ordinary call.
    Ordinary,
    /// The one that tries an open breaker; must be told apart when it ends.
    Trial,
}

/// What the end of a call changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing worth saying.
    None,
    /// It opened, or stays open, for this long.
    Opened {
        /// Until the next trial.
        pause: Duration,
    },
    /// It closed: the channel answers again.
    Closed,
}

impl Breaker {
    /// A closed one.
    pub fn new(patience: Patience) -> Self {
        Self {
            patience,
            state: State::Closed,
            failures: 0,
            pause: patience.pause,
        }
    }

    /// What it lets through.
    pub fn state(&self) -> State {
        self.state
    }

    /// Failures since the last answer.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether [`Breaker::leave`] would refuse now.
    pub fn refuses(&self, now: Duration) -> bool {
        match self.state {
            State::Closed => false,
            State::Open { until } => now < until,
            State::Trying => true,
        }
    }

    /// Leave to send a call now; none while it is open.
    pub fn leave(&mut self, now: Duration) -> Option<Leave> {
        if self.refuses(now) {
            return None;
        }
        match self.state {
            State::Closed => Some(Leave::Ordinary),
            State::Open { .. } | State::Trying => {
                self.state = State::Trying;
                Some(Leave::Trial)
            }
        }
    }

    /// The channel answered something other than a server error.
    pub fn answered(&mut self) -> Change {
        let change = match self.state {
            State::Closed => Change::None,
            State::Open { .. } | State::Trying => Change::Closed,
        };
        *self = Self::new(self.patience);
        change
    }

    /// The channel could not be reached, did not answer, or answered with a server error.
    pub fn failed(&mut self, leave: Leave, now: Duration) -> Change {
        self.failures = self.failures.saturating_add(1);
        match (self.state, leave) {
            (State::Closed, _) if self.failures >= self.patience.failures_max => self.open(now),
            (State::Trying, Leave::Trial) => {
                self.pause = self.pause.saturating_mul(2).min(self.patience.pause_max);
                self.open(now)
            }
            // Calls that left before it opened say nothing new.
            (State::Closed | State::Open { .. } | State::Trying, _) => Change::None,
        }
    }

    /// The call was given up by its caller: a trial may be made again at once.
    pub fn abandoned(&mut self, leave: Leave, now: Duration) {
        if (self.state, leave) == (State::Trying, Leave::Trial) {
            self.state = State::Open { until: now };
        }
    }

    fn open(&mut self, now: Duration) -> Change {
        self.state = State::Open {
            until: now.saturating_add(self.pause),
        };
        Change::Opened { pause: self.pause }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Fails as often as it takes to open.
    fn opened(now: Duration) -> Breaker {
        let mut breaker = Breaker::new(Patience::default());
        for _ in 1..Patience::default().failures_max {
            assert_eq!(breaker.failed(Leave::Ordinary, now), Change::None);
        }
        let change = breaker.failed(Leave::Ordinary, now);
        assert_eq!(change, Change::Opened { pause: secs(1) });
        breaker
    }

    #[test]
    fn an_answer_between_failures_keeps_it_closed() {
        let mut breaker = Breaker::new(Patience::default());
        for _ in 0..20 {
            for _ in 1..Patience::default().failures_max {
                assert_eq!(breaker.failed(Leave::Ordinary, secs(0)), Change::None);
            }
            assert_eq!(breaker.answered(), Change::None);
        }
        assert_eq!(breaker.state(), State::Closed);
    }

    /// R37
    #[test]
    fn it_opens_tries_with_growing_pauses_and_closes_by_itself() {
        let mut now = secs(10);
        let mut breaker = opened(now);
        for pause in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            assert_eq!(
                breaker.state(),
                State::Open {
                    until: now + secs(pause)
                }
            );
            assert_eq!(
                breaker.leave(now + secs(pause) - Duration::from_nanos(1)),
                None
            );
            now += secs(pause);
            assert_eq!(breaker.leave(now), Some(Leave::Trial));
            assert_eq!(breaker.leave(now), None, "one at a time");
            let next = secs(pause * 2).min(Patience::default().pause_max);
            assert_eq!(
                breaker.failed(Leave::Trial, now),
                Change::Opened { pause: next }
            );
        }
        now += secs(60);
        assert_eq!(breaker.leave(now), Some(Leave::Trial));
        assert_eq!(breaker.answered(), Change::Closed);
        assert_eq!(breaker.leave(now), Some(Leave::Ordinary));
        assert_eq!(breaker.failures(), 0);
    }

    #[test]
    fn late_failures_of_earlier_calls_do_not_lengthen_the_pause() {
        let mut breaker = opened(secs(0));
        assert_eq!(breaker.failed(Leave::Ordinary, secs(0)), Change::None);
        assert_eq!(breaker.leave(secs(1)), Some(Leave::Trial));
        assert_eq!(breaker.failed(Leave::Ordinary, secs(1)), Change::None);
        assert_eq!(breaker.state(), State::Trying);
    }

    #[test]
    fn a_trial_given_up_by_its_caller_can_be_made_again() {
        let mut breaker = opened(secs(0));
        assert_eq!(breaker.leave(secs(1)), Some(Leave::Trial));
        breaker.abandoned(Leave::Trial, secs(2));
        assert_eq!(breaker.leave(secs(2)), Some(Leave::Trial));
    }

    proptest! {
        /// R37
        #[test]
        fn after_any_history_a_call_may_leave_within_the_longest_pause(
            events in proptest::collection::vec((0..4_u8, 0..90_u64), 0..60),
        ) {
            let mut breaker = Breaker::new(Patience::default());
            let mut now = Duration::ZERO;
            let mut under_way = Vec::new();
            for (event, pause) in events {
                now += secs(pause);
                match (event, under_way.pop()) {
                    (0, before) => {
                        under_way.extend(before);
                        under_way.extend(breaker.leave(now));
                    }
                    (1, Some(_)) => {
                        breaker.answered();
                    }
                    (2, Some(leave)) => {
                        breaker.failed(leave, now);
                    }
                    (_, Some(leave)) => breaker.abandoned(leave, now),
                    (_, None) => {}
                }
            }
            for leave in under_way {
                breaker.abandoned(leave, now);
            }
            prop_assert!(breaker.leave(now + Patience::default().pause_max).is_some());
        }
    }
}
