//! An order as a channel reported it once.

use serde::{Deserialize, Serialize};

use crate::ids::{ChannelLocationId, LineId, ListingId, OrderId};
use crate::time::Timestamp;
use crate::units::{Money, Units};

/// One part of a snapshot: known in full, or not known.
///
/// A partly paged list is `Unknown`: it changes nothing, and nothing is missing from it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Facet<T> {
    /// Everything there is.
    Complete(T),
    /// Not reported, or only in part.
    #[default]
    Unknown,
}

impl<T> Facet<T> {
    /// The whole facet, where it is known.
    pub fn complete(&self) -> Option<&T> {
        match self {
            Self::Complete(value) => Some(value),
            Self::Unknown => None,
        }
    }
}

/// An order as a channel reported it. Quantities are cumulative.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderSnapshot {
    /// The channel's id.
    pub id: OrderId,
    /// What people call it (`#1001`).
    pub name: String,
    /// The channel's own version: time of its last change; none where it has none.
    pub version: Option<Timestamp>,
    /// When the buyer ordered.
    pub placed_at: Timestamp,
    /// Whether it is a test order: never booked.
    pub test: bool,
    /// When it was cancelled as a whole, if it was.
    pub cancelled_at: Option<Timestamp>,
    /// By when the channel wants to hear that it was taken, where it wants that.
    pub acknowledge_by: Option<Timestamp>,
    /// The lines with what happened to each.
    pub lines: Facet<Vec<SnapshotLine>>,
    /// Where the channel wants open units shipped from.
    pub routes: Facet<Vec<Route>>,
    /// The channel's records of parcels, without undone ones.
    pub shipments: Facet<Vec<SnapshotShipment>>,
    /// Units that the channel put back into stock, or refused to.
    pub restocks: Facet<Vec<Restock>>,
}

/// One line of a snapshot, in listing units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotLine {
    /// The channel's id of the line.
    pub id: LineId,
    /// What was bought; none for a line that is no listing (a tip, a custom line).
    pub listing: Option<ListingId>,
    /// Units ever ordered, also those removed later.
    pub ordered: Units,
    /// Units still to be shipped, by the channel's own figure.
    pub open: Units,
    /// Units shipped, without undone shipments, also those returned later.
    pub fulfilled: Units,
    /// Whether the line takes from stock (a gift card does not).
    pub stocked: bool,
    /// Unit price, for reports only.
    pub price: Option<Money>,
}

/// Open units of a line at a location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The line.
    pub line: LineId,
    /// The channel's location.
    pub location: ChannelLocationId,
    /// Units still to be shipped from there.
    pub open: Units,
    /// Whether the channel lets them go only later: held, or scheduled.
    pub on_hold: bool,
    /// By when the channel wants them shipped, if it says.
    pub ship_by: Option<Timestamp>,
}

/// A parcel as the channel recorded it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotShipment {
    /// The channel's id of it.
    pub id: String,
    /// Where it left, if the channel says.
    pub location: Option<ChannelLocationId>,
    /// Line and units.
    pub lines: Vec<(LineId, Units)>,
    /// When it was recorded, if the channel says.
    pub at: Option<Timestamp>,
}

/// What a channel did with units that came back or were never shipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestockKind {
    /// Unshipped units released.
    Cancel,
    /// Shipped units put back.
    Return,
    /// Shipped units that are back and must be looked at before they can be sold again.
    Inspect,
    /// Shipped or unshipped units, not put back.
    None,
    /// Shipped units that came back and were not put back.
    NotRestocked,
    /// Shipped units that should have come back and did not.
    Missing,
}

/// One restock of one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restock {
    /// The channel's id of it; booked once.
    pub id: String,
    /// The line.
    pub line: LineId,
    /// How many.
    pub units: Units,
    /// Where they went.
    pub location: Option<ChannelLocationId>,
    /// What was done.
    pub kind: RestockKind,
    /// When it was recorded, if the channel says.
    pub at: Option<Timestamp>,
}

/// Something that a channel says has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Changed {
    /// The order itself.
    Order(Box<OrderSnapshot>),
    /// Only that it changed.
    Hint(Hint),
    /// It changed, and its record could not be read: to be parked.
    Unreadable {
        /// Which order, if that much could be read.
        order: Option<OrderId>,
        /// Why.
        why: String,
        /// The record as received.
        record: Vec<u8>,
    },
}

/// Word that an order changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hint {
    /// Which order.
    pub order: OrderId,
    /// Its version, where the channel tells: the fetch is skipped if we hold it already.
    pub version: Option<Timestamp>,
    /// When something changed that the version does not show (Shopify's fulfillment orders).
    pub beside: Option<Timestamp>,
}

/// One page of changes, oldest first as far as the channel's index knows of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedPage {
    /// What changed.
    pub changes: Vec<Changed>,
    /// When each row changed, by the channel's clock, in the page's order; rows that cannot be read are
    /// left out. Such a time may be later than the one that the page is sorted by.
    pub times: Vec<Timestamp>,
    /// Token of the next page; none on the last.
    pub next: Option<String>,
}

/// One order asked for by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// As it stands now.
    Order(Box<OrderSnapshot>),
    /// The channel shows none under this id (it may be hidden, not only deleted).
    Absent(OrderId),
    /// It came and could not be read: to be parked.
    Unreadable {
        /// Which order.
        order: OrderId,
        /// Why.
        why: String,
        /// The record as received.
        record: Vec<u8>,
    },
}
