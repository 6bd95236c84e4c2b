//! What is known of each slot on a channel.

use channelsync_contract::ids::{CallId, SlotKey};
use channelsync_contract::time::Timestamp;
use channelsync_contract::units::Units;
use serde::{Deserialize, Serialize};

use super::entry::Recheck;

/// One slot. All figures are in listing units, as the channel counts them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushState {
    /// What the slot should hold: the last confirmed write or adopted reading, moved by the known
    /// acts on the channel since. None before the first reading and while the channel holds no such
    /// slot.
    pub expected: Option<i64>,
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
