//! Setting quantities and reading them back.

use serde::{Deserialize, Serialize};

use crate::ids::{CallId, SlotKey};
use crate::units::Units;

/// One call that sets quantities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// Minted and journaled before the first attempt; the idempotency key.
    pub call: CallId,
    /// What to set; each slot once, at most `batch_max` rows.
    pub rows: Vec<PushRow>,
}

/// One absolute quantity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushRow {
    /// Where.
    pub slot: SlotKey,
    /// The figure to write, in listing units.
    pub quantity: Units,
    /// What the channel must hold now for the write to be made; none writes unconditionally.
    pub expected: Option<i64>,
}

/// What became of one row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PushOutcome {
    /// The channel holds the figure.
    Applied,
    /// The channel will do it later; ask with the ticket.
    Accepted {
        /// The channel's handle.
        ticket: String,
    },
    /// The channel held something else than expected; nothing was written.
    Stale,
    /// This row is wrong, nothing was written; repeating gives the same.
    Refused {
        /// The channel's code.
        code: String,
        /// The channel's words.
        message: String,
    },
    /// Nothing was written because another row of the call was wrong.
    NotApplied,
    /// The call as a whole was refused and the row at fault is not named: split and repeat.
    BatchRefused {
        /// The channel's code.
        code: String,
        /// The channel's words.
        message: String,
    },
    /// Unknown: to be read back.
    InDoubt,
}

/// What a channel shows for one slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownQuantity {
    /// Where.
    pub slot: SlotKey,
    /// What it holds.
    pub shown: Shown,
}

/// A slot as read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// The figures.
    Held {
        /// The figure that a push replaces (gross: on hand); may be negative.
        written: i64,
        /// What buyers may still buy; may be negative.
        sellable: i64,
        /// Units inside `written` that the channel itself holds as unsellable.
        unsellable: Units,
    },
    /// The item exists and is not stocked at this location.
    NotStocked,
    /// The channel knows no such item or location.
    Missing,
}
