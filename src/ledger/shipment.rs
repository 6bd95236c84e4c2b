//! Parcels of ours, and how far each channel knows of them.

use channelsync_contract::ids::{ChannelId, LineId, LocationId, OrderId};
use channelsync_contract::time::Timestamp;
use channelsync_contract::units::Units;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::order::total;

/// A parcel of ours from one location. Its units left in the books, whatever the channel knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipment {
    /// Unique within the order: the command that recorded it, with a number behind it where one
    /// command took units from several locations.
    pub id: SmolStr,
    /// Where it left.
    pub from: LocationId,
    /// What was in it.
    pub lines: Vec<Packed>,
    /// What the carrier calls it.
    pub tracking: Option<Tracking>,
    /// The same as the channel has it.
    pub told: Option<Tracking>,
    /// How far the channel knows of it.
    pub state: ReportState,
    /// Times in a row that the channel had fewer units to ship than it holds.
    pub tries: u8,
    /// When it was recorded.
    pub at: Timestamp,
}

/// Units of a line in a parcel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packed {
    /// The line.
    pub line: LineId,
    /// How many left.
    pub units: Units,
    /// Of these, in the channel's own figure of what was shipped.
    pub acknowledged: Units,
}

/// What a carrier calls a parcel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracking {
    /// Its number.
    pub number: String,
    /// The carrier.
    pub company: Option<String>,
}

/// How far a channel knows of a parcel of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportState {
    /// To be reported.
    Unsent,
    /// The report is under way.
    InFlight,
    /// It may or may not have arrived: only a reading begun at or after this time tells.
    InDoubt(Timestamp),
    /// The channel had other units to ship than we believed: it is read first, not before this time.
    Waiting(Timestamp),
    /// The channel has it.
    Told {
        /// Its record; none where it was entered there by others.
        fulfillment: Option<SmolStr>,
        /// When it answered, as long as no reading has shown the record.
        since: Option<Timestamp>,
    },
    /// Not until a person acts; the reason.
    Refused(String),
}

/// Which parcel of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShipmentAt {
    /// The channel.
    pub channel: ChannelId,
    /// The order.
    pub order: OrderId,
    /// The parcel.
    pub id: String,
}

/// What happens to a parcel of ours, or to word of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShipmentAct {
    /// Its report is about to be sent.
    Sending,
    /// The report came back.
    Answered(ReportAnswer),
    /// The channel was told a carrier's number, and why it did not take it, where it did not.
    TrackingTold(Tracking, Option<String>),
    /// The carrier's number is this.
    Track(Tracking),
    /// A person lets a refused report go again.
    Again,
    /// It never left: what the channel does not know of comes back.
    TakeBack,
}

/// What became of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportAnswer {
    /// The channel recorded it, under this id, with this carrier's number.
    Done(String, Option<Tracking>),
    /// Nothing was sent; try again.
    NotSent,
    /// Nothing was sent, because the channel has other units to ship than we believe.
    Changed(String),
    /// Nothing was recorded, and a repetition gives the same.
    Refused(String),
    /// Unknown.
    InDoubt,
}

impl Shipment {
    /// Units of a line that the channel's figure does not hold yet.
    pub fn missing(&self, line: &LineId) -> Units {
        let mine = self.lines.iter().filter(|packed| packed.line == *line);
        total(mine.map(|packed| packed.units.minus_or_zero(packed.acknowledged)))
    }

    /// Units of a line in the channel's figure.
    pub fn acknowledged(&self, line: &LineId) -> Units {
        let mine = self.lines.iter().filter(|packed| packed.line == *line);
        total(mine.map(|packed| packed.acknowledged))
    }

    /// Whether the channel's own figures hold all of it.
    pub fn is_acknowledged(&self) -> bool {
        self.lines
            .iter()
            .all(|packed| packed.units == packed.acknowledged)
    }

    /// The channel's record of it.
    pub fn fulfillment(&self) -> Option<&SmolStr> {
        match &self.state {
            ReportState::Told { fulfillment, .. } => fulfillment.as_ref(),
            ReportState::Unsent
            | ReportState::InFlight
            | ReportState::InDoubt(_)
            | ReportState::Waiting(_)
            | ReportState::Refused(_) => None,
        }
    }

    /// Whether its report waits for a person.
    pub fn is_refused(&self) -> bool {
        matches!(self.state, ReportState::Refused(_))
    }

    /// Whether nothing of it is at the channel or on the way there.
    pub(super) fn waits_for_us(&self) -> bool {
        matches!(self.state, ReportState::Unsent | ReportState::Refused(_))
    }

    /// Whether the channel may be recording it now, or has and no reading showed it.
    pub fn is_under_way(&self) -> bool {
        match &self.state {
            ReportState::InFlight | ReportState::InDoubt(_) => true,
            ReportState::Told { since, .. } => since.is_some(),
            ReportState::Unsent | ReportState::Waiting(_) | ReportState::Refused(_) => false,
        }
    }

    /// Whether the channel is still to be told a carrier's number of a record it has.
    pub fn owes_tracking(&self) -> bool {
        self.fulfillment().is_some() && self.tracking.is_some() && self.told != self.tracking
    }

    /// Whether nothing is left to be done about it.
    pub fn is_settled(&self) -> bool {
        matches!(self.state, ReportState::Told { .. })
            && self.is_acknowledged()
            && !self.is_under_way()
            && !self.owes_tracking()
    }
}
