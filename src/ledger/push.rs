//! What is known of each slot on a channel.

use std::time::Duration;

use channelsync_contract::ids::{CallId, SlotKey};
use channelsync_contract::time::Timestamp;
use channelsync_contract::units::Units;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::entry::Recheck;

/// One slot. All figures are in listing units, as the channel counts them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushState {
    /// What the slot should hold: the last confirmed write or adopted reading, moved by the known
    /// acts on the channel since. None before the first reading and while the channel holds no such
    /// slot.
    pub expected: Option<i64>,
    /// What it held, or may have held, until not long ago: units sold of that may not be known yet.
    pub peaks: SmallVec<[Peak; 1]>,
    /// What of it was gone at a reading, without word of an order: sold unseen, if it was sold.
    pub falls: SmallVec<[Fall; 1]>,
    /// What the channel holds as unsellable, by the last reading.
    pub unsellable: Units,
    /// The last confirmed write.
    pub confirmed: Option<Confirmed>,
    /// The last reading.
    pub shown: Option<LastShown>,
    /// When a reading was last taken for true; acts before it are in it already.
    pub adopted_at: Option<Timestamp>,
    /// When something was written or happened last; a reading begun before says nothing about it.
    pub changed_at: Timestamp,
    /// What known acts may have changed since the last reading, or before it.
    pub maybe: i64,
    /// A difference that may be an order on its way.
    pub recheck: Option<Recheck>,
    /// Must be read before it is written again.
    pub reread: bool,
    /// Acts on the channel that may or may not be in `expected`: a difference is no drift then.
    pub unsure: bool,
    /// Corrections in a row without an agreeing reading.
    pub corrections: u32,
    /// A call of ours came back since the last reading that drifted.
    pub corrected: bool,
    /// Writes in a row that found something else than expected, each followed by a reading at once.
    pub stale: u32,
    /// Free, under way, in doubt or parked.
    pub state: SlotState,
}

impl PushState {
    /// Whether a reading is needed before the slot can be pushed again.
    pub fn to_be_read(&self) -> bool {
        let unread = self.expected.is_none() && self.state == SlotState::Free;
        unread || self.reread || self.recheck.is_some()
    }

    /// What it holds now as far as acts are known, the doubtful ones among them.
    pub(super) fn level(&self) -> Option<i64> {
        if self.state == SlotState::Absent {
            return Some(0);
        }
        let expected = self.expected.filter(|_| !self.unsure)?;
        Some(expected.saturating_add(self.maybe.max(0)))
    }

    /// The most that it holds or held, so that units of that may be sold unseen; none where it is not known.
    pub fn most(&self, sight: Sight) -> Option<i64> {
        self.most_with(i64::MIN, sight)
    }

    /// The same once so much is written and was compared with what it holds.
    pub fn most_with(&self, written: i64, sight: Sight) -> Option<i64> {
        let level = self.level()?.max(written);
        let mut peaks = self.peaks.iter().filter(|peak| !peak.is_over(sight));
        let most = peaks.try_fold(level, |most, peak| Some(most.max(peak.level?)))?;
        let falls = self.falls.iter().filter(|fall| !sight.is_past(fall.at));
        Some(falls.fold(most, |most, fall| most.saturating_add(fall.units)))
    }

    /// It may hold so much until a time, beside what it may have held before; none where nothing tells.
    pub(super) fn may_hold(&mut self, level: Option<i64>, until: Option<Timestamp>, now: Now) {
        let peak = Peak { level, until };
        let goes_on = |known: &Peak| {
            let lasts = known.until.is_none_or(|until| until > now.at);
            !known.is_over(now.sight) && (lasts || known.height() > peak.height())
        };
        self.peaks.retain(|known| goes_on(known));
        if self.peaks.len() >= PEAKS_MAX {
            let oldest = self.peaks.remove(0);
            if let Some(next) = self.peaks.first_mut() {
                let levels = next.level.zip(oldest.level);
                next.level = levels.map(|(one, other)| one.max(other));
                next.until = next.until.max(oldest.until);
            }
        }
        self.peaks.push(peak);
    }

    /// What it held at most when a reading began; a call in doubt may have had its effect by then.
    pub(super) fn level_if_done(&self) -> Option<i64> {
        let level = self.level()?;
        let mut in_doubt = self.peaks.iter().filter(|peak| peak.until.is_none());
        in_doubt.try_fold(level, |most, peak| Some(most.max(peak.level?)))
    }

    /// A reading found less than it should have held. What was sold of that unseen does not come back
    /// when it is raised again.
    pub(super) fn fell(&mut self, units: i64, now: Now) {
        for peak in &mut self.peaks {
            if peak.until.is_some_and(|until| until <= now.at) {
                peak.level = peak.level.map(|level| level.saturating_sub(units));
            }
        }
        let mut fall = Fall { units, at: now.at };
        self.falls.retain(|known| !now.sight.is_past(known.at));
        if self.falls.len() >= PEAKS_MAX
            && let Some(last) = self.falls.pop()
        {
            fall.units = fall.units.saturating_add(last.units);
        }
        self.falls.push(fall);
    }

    /// A reading settled a call: it may have been done before, or may still come and write so much.
    pub(super) fn may_come(&mut self, written: Units) {
        for peak in self.peaks.iter_mut().filter(|peak| peak.until.is_none()) {
            peak.level = peak.level.map(|_| written.signed());
        }
    }

    /// No call of ours raises it any more from a time on.
    pub(super) fn settled(&mut self, at: Timestamp) {
        for peak in &mut self.peaks {
            peak.until.get_or_insert(at);
        }
    }

    /// A known act on the channel moved it.
    pub(super) fn moved(&mut self, by: i64) {
        let moved = |level: i64| level.saturating_add(by);
        self.expected = self.expected.map(moved);
        for peak in &mut self.peaks {
            peak.level = peak.level.map(moved);
        }
    }

    /// What it holds once a row is written.
    ///
    /// Acts learned since the intent came after the write: before it they would have made the comparison
    /// fail.
    pub(super) fn if_written(&self, row: &Row) -> i64 {
        let moved = match (self.expected, row.expected) {
            (Some(now), Some(then)) => now.saturating_sub(then),
            (Some(_) | None, None) | (None, Some(_)) => 0,
        };
        row.quantity.signed().saturating_add(moved)
    }

    /// Whether a drift found now is one more correction that did not hold: a drift without a call of
    /// ours since the one before it corrected nothing.
    pub(super) fn has_corrected(&self) -> bool {
        self.corrected || self.corrections == 0
    }
}

/// Peaks and falls of a slot that are told apart; beyond them two become one.
const PEAKS_MAX: usize = 4;

/// The most that a slot may have held before it was lowered, or while a call was under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peak {
    /// As the channel counts it, moved by the known acts since; none where nothing tells.
    pub level: Option<i64>,
    /// When that was over; none while a call is under way.
    pub until: Option<Timestamp>,
}

impl Peak {
    fn height(&self) -> i64 {
        self.level.unwrap_or(i64::MAX)
    }

    /// Whether every order of its time is known.
    fn is_over(&self, sight: Sight) -> bool {
        self.until.is_some_and(|until| sight.is_past(until))
    }
}

/// Units that were gone at a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fall {
    /// How many.
    pub units: i64,
    /// Time of the entry.
    pub at: Timestamp,
}

impl Sight {
    /// Whether every order of a time is known.
    pub(super) fn is_past(self, at: Timestamp) -> bool {
        self.known_to.is_some_and(|to| at.plus(self.lag) <= to)
    }
}

/// The time of an entry, and how far its channel's orders are known then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    pub(super) at: Timestamp,
    pub(super) sight: Sight,
}

/// How far a channel's orders are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// Every change up to here is booked, by our clock; none before the first whole poll.
    pub known_to: Option<Timestamp>,
    /// As far as orders show themselves within this.
    pub lag: Duration,
}

/// The last confirmed write of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmed {
    /// What was written.
    pub quantity: Units,
    /// Entry of the outcome.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
}

/// The last reading of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastShown {
    /// The figure that a push replaces.
    pub written: i64,
    /// What buyers could buy.
    pub sellable: i64,
    /// Entry of the reading.
    pub seq: u64,
    /// When the read began.
    pub began: Timestamp,
}

/// Whether a slot may be pushed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SlotState {
    /// Yes.
    #[default]
    Free,
    /// A call is under way.
    InFlight(CallId),
    /// A call may or may not have had its effect.
    InDoubt(CallId),
    /// Not until a person acts; the reason.
    Parked(String),
    /// The channel holds no such slot; readings will tell when it does.
    Absent,
}

/// One row of a call, as it was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Where.
    pub slot: SlotKey,
    /// What to write.
    pub quantity: Units,
    /// What the channel must hold for it.
    pub expected: Option<i64>,
}

/// A call under way or in doubt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The channel's number.
    pub channel: u16,
    /// Its rows, to be repeated as they were.
    pub rows: Vec<Row>,
    /// Entry of the intent.
    pub seq: u64,
    /// Its time.
    pub at: Timestamp,
    /// Whether its effect is unknown.
    pub in_doubt: bool,
}
