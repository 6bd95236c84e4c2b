//! Telling a channel what left.

use crate::ids::{ChannelLocationId, LineId, OrderId};
use crate::units::Units;

/// A parcel to be recorded on the channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// The order.
    pub order: OrderId,
    /// Line and units, each line once.
    pub lines: Vec<(LineId, Units)>,
    /// The channel's location that it left; none where the channel knows none.
    pub location: Option<ChannelLocationId>,
    /// What the carrier calls it.
    pub tracking: Option<Tracking>,
    /// Whether the channel writes to the buyer.
    pub notify_buyer: bool,
}

/// What a carrier calls a parcel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracking {
    /// Its number.
    pub number: String,
    /// The carrier.
    pub company: Option<String>,
}

/// What became of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParcelOutcome {
    /// The channel recorded it, under this id.
    Recorded(String),
    /// Nothing was recorded: the channel has other units to ship than the parcel holds. Read the
    /// order, then try again.
    Changed(String),
    /// Nothing was recorded, and repeating gives the same until a person acts.
    Refused {
        /// The channel's code.
        code: String,
        /// The channel's words.
        message: String,
    },
}
