//! How many points of a channel's rate limit may be spent now: a token bucket as a pure value.
//!
//! In: costs, the server's own figures, uptime. Out: *take it* or *wait this long*. Never reads a
//! clock.
//!
//! The level is a lower bound of what the server would let us spend, in thousandths of a point. It
//! starts empty, because after a restart nobody knows what the run before has spent; it gains 90 %
//! of the rate and holds 90 % of the capacity, the rest is headroom. A report of the server bounds
//! it from both sides:
//!
//! - *lower*: what it reports, less all calls that ran at any time beside the reporting one, since
//!   it may not have counted them yet;
//! - *upper*: what it reports and all that was restored since that call began. A level above that
//!   means that somebody else draws from the same bucket, or that the limit was lowered: only
//!   *lower* is then safe.

use std::time::Duration;

use channelsync_contract::transport::Level as Reported;

/// Thousandths of a point. Wide enough for any number of calls of any cost.
type Milli = i128;

/// 1,000 milli-points, 1,000,000,000 nanoseconds, 10 tenths: elapsed nanoseconds times 9 times
/// milli-points per second, divided by this, are milli-points.
const SCALE: u128 = 10 * 1_000_000_000;

/// Longest wait that is ever asked for: a server that reports no restoring at all is asked again
/// then.
const WAIT_MAX: Duration = Duration::from_secs(3600);

/// How long a call may still be counted by the server after we gave up waiting: it may stand in any
/// queue on the way.
pub const LATE_MAX: Duration = Duration::from_secs(60);
/// The same where the connection broke: what the server had taken of it by then is all it gets.
pub const BROKEN_LATE_MAX: Duration = Duration::from_secs(2);

/// One bucket of one account.
#[derive(Clone, Debug)]
pub struct Level {
    capacity: u32,
    restore_per_kilosecond: u32,
    /// What may be spent; below zero after the server reported less than we thought.
    level: Milli,
    /// What was gained beyond whole milli-points, in units of 1 / `SCALE`.
    rest: u128,
    updated: Duration,
    calls: Vec<Call>,
    next: u64,
}

/// A call that the server may or may not have counted.
#[derive(Clone, Copy, Debug)]
struct Call {
    held: Held,
    /// When it stops being uncertain; none while it is under way.
    ended: Option<Duration>,
}

/// Points taken for one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    number: u64,
    cost: u32,
    began: Duration,
}

impl Held {
    /// Points that were taken.
    pub fn cost(self) -> u32 {
        self.cost
    }

    /// When they were taken.
    pub fn began(self) -> Duration {
        self.began
    }
}

/// Why nothing was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Short {
    /// Enough will be there after this time, if nobody else takes it.
    Wait(Duration),
    /// The bucket never holds that much: the request must be split.
    TooExpensive {
        /// What the bucket holds when full, in points.
        capacity: u32,
    },
}

impl Level {
    /// A bucket that has just been met: empty.
    pub fn empty(capacity: u32, restore_per_kilosecond: u32, now: Duration) -> Self {
        Self {
            capacity,
            restore_per_kilosecond,
            level: 0,
            rest: 0,
            updated: now,
            calls: Vec::new(),
            next: 0,
        }
    }

    /// A bucket that held `points` when everything stopped; what it gained meanwhile is not
    /// counted.
    pub fn saved(capacity: u32, restore_per_kilosecond: u32, points: u32, now: Duration) -> Self {
        let mut level = Self::empty(capacity, restore_per_kilosecond, now);
        level.level = (milli(points.min(capacity)) - level.headroom()).max(0);
        level
    }

    /// Points that may be spent at `now`, rounded down.
    pub fn points(&self, now: Duration) -> u32 {
        let mut then = self.clone();
        then.advance(now);
        u32::try_from(then.level.max(0) / 1000).unwrap_or(u32::MAX)
    }

    /// Points it holds when full, headroom included.
    pub fn capacity(&self) -> u32 {
        self.capacity
    }

    /// Points it gains per 1,000 seconds, headroom included.
    pub fn restore_per_kilosecond(&self) -> u32 {
        self.restore_per_kilosecond
    }

    /// Whether `cost` could be taken now.
    ///
    /// A cost between 90 and 100 % of the capacity asks for a full level and leaves it below zero.
    /// A wait may turn out too short while calls are under way: a full server does not gain either.
    ///
    /// # Errors
    /// [`Short`]: how long to wait, or that waiting does not help.
    pub fn check(&mut self, cost: u32, now: Duration) -> Result<(), Short> {
        if cost > self.capacity {
            return Err(Short::TooExpensive {
                capacity: self.capacity,
            });
        }
        self.advance(now);
        let missing = milli(cost).min(self.full()) - self.level;
        let Ok(missing @ 1..) = u128::try_from(missing) else {
            return Ok(());
        };
        let rate = 9 * u128::from(self.restore_per_kilosecond);
        let nanos = (missing * SCALE)
            .saturating_sub(self.rest)
            .div_ceil(rate.max(1));
        let wait = u64::try_from(nanos).map_or(WAIT_MAX, Duration::from_nanos);
        Err(Short::Wait(wait.min(WAIT_MAX)))
    }

    /// Takes `cost` for a call that begins now.
    ///
    /// # Errors
    /// As [`Level::check`].
    pub fn take(&mut self, cost: u32, now: Duration) -> Result<Held, Short> {
        self.check(cost, now)?;
        self.level -= milli(cost);
        self.next += 1;
        let held = Held {
            number: self.next,
            cost,
            began: now,
        };
        self.calls.push(Call { held, ended: None });
        Ok(held)
    }

    /// The call never left: all of it comes back.
    pub fn give_back(&mut self, held: Held, now: Duration) {
        self.advance(now);
        self.calls.retain(|call| call.held != held);
        self.raise(milli(held.cost), now);
    }

    /// The call was answered: what it cost less than taken comes back, what it cost more is taken,
    /// then the server's own figures bound the level. A new capacity or rate holds at once.
    pub fn settle(
        &mut self,
        held: Held,
        actual: Option<u32>,
        reported: Option<Reported>,
        now: Duration,
    ) {
        self.advance(now);
        self.end(held, now);
        if let Some(actual) = actual {
            self.raise(milli(held.cost) - milli(actual), now);
        }
        if let Some(reported) = reported {
            self.observe(held, reported, now);
        }
        self.forget();
    }

    /// The call has no answer: its cost stays spent, and the server may count it up to `late_max`
    /// from now.
    pub fn lose(&mut self, held: Held, late_max: Duration, now: Duration) {
        self.advance(now);
        self.end(held, now.saturating_add(late_max));
        self.forget();
    }

    /// The server refused for its limit: there is nothing left.
    pub fn drain(&mut self, now: Duration) {
        self.advance(now);
        self.level = self.level.min(0);
        self.rest = 0;
    }

    fn observe(&mut self, held: Held, reported: Reported, now: Duration) {
        self.capacity = reported.capacity;
        self.restore_per_kilosecond = reported.restore_per_kilosecond;
        let figure = milli(reported.available.min(reported.capacity)) - self.headroom();
        let beside: Milli = self
            .calls
            .iter()
            .filter(|call| call.held != held && call.ended.is_none_or(|at| at >= held.began))
            .map(|call| milli(call.held.cost))
            .sum();
        let lower = figure - beside;
        let upper = figure + self.gain(now.saturating_sub(held.began)).0;
        self.level = if self.level > upper {
            lower
        } else {
            self.level.max(lower)
        };
        self.level = self.level.min(self.ceiling(now));
    }

    fn headroom(&self) -> Milli {
        milli(self.capacity).div_euclid(10)
    }

    fn full(&self) -> Milli {
        milli(self.capacity) - self.headroom()
    }

    /// The most the level can be: a full bucket that has yet to count everything under way. Without
    /// this we would gain while the server, still full, does not.
    fn ceiling(&self, now: Duration) -> Milli {
        let pending = |call: &&Call| call.ended.is_none_or(|at| at > now);
        let costs = |call: &Call| milli(call.held.cost);
        self.full() - self.calls.iter().filter(pending).map(costs).sum::<Milli>()
    }

    fn raise(&mut self, by: Milli, now: Duration) {
        self.level = (self.level + by).min(self.ceiling(now));
    }

    fn end(&mut self, held: Held, at: Duration) {
        for call in &mut self.calls {
            if call.held == held {
                call.ended = Some(at);
            }
        }
    }

    /// Drops calls that ended before any that is still under way began.
    fn forget(&mut self) {
        let open = self.calls.iter().filter(|call| call.ended.is_none());
        let oldest = open.map(|call| call.held.began).min();
        let oldest = oldest.unwrap_or(self.updated);
        self.calls
            .retain(|call| call.ended.is_none_or(|ended| ended >= oldest));
    }

    /// What this much time restores, in milli-points and a rest.
    fn gain(&self, elapsed: Duration) -> (Milli, u128) {
        let rate = 9 * u128::from(self.restore_per_kilosecond);
        let gained = elapsed.as_nanos().saturating_mul(rate);
        let whole = Milli::try_from(gained / SCALE).unwrap_or(Milli::MAX / 2);
        (whole, gained % SCALE)
    }

    fn advance(&mut self, now: Duration) {
        let (gained, rest) = self.gain(now.saturating_sub(self.updated));
        let rest = rest + self.rest;
        let (gained, rest) = if rest >= SCALE {
            (gained + 1, rest - SCALE)
        } else {
            (gained, rest)
        };
        let ceiling = self.ceiling(now);
        (self.level, self.rest) = if self.level + gained >= ceiling {
            (ceiling, 0)
        } else {
            (self.level + gained, rest)
        };
        self.updated = self.updated.max(now);
    }
}

fn milli(points: u32) -> Milli {
    Milli::from(points) * 1000
}

#[cfg(test)]
mod tests;
