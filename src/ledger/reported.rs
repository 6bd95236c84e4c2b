//! What channels report, in our words: orders with facets that are known in full or not, and listings.

use channelsync_contract::ids::{
    ChannelId, ChannelLocationId, Gtin, ItemId, LineId, ListingId, OrderId, Sku,
};
use channelsync_contract::time::Timestamp;
use channelsync_contract::units::{Money, Units};
use serde::{Deserialize, Serialize};

use super::command::ParkedBytes;

/// How something was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Pushed by the channel.
    Webhook,
    /// Asked for by us.
    Fetch,
}

/// What a channel reported in one go.
#[derive(Clone, Debug, PartialEq)]
pub struct Happened {
    /// The channel.
    pub channel: ChannelId,
    /// How it was read.
    pub source: Source,
    /// When the read began.
    pub began: Timestamp,
    /// What changed.
    pub changes: Vec<Change>,
    /// How far the poll came with this.
    pub polled: Option<Polled>,
}

/// How far a stream of changes was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Polled {
    /// Which stream.
    pub stream: String,
    /// Up to when it is complete, by our clock; none while pages of the window are still to come.
    pub to: Option<Timestamp>,
    /// By the channel's clock: what changed before this was read; at the end of a window where the next
    /// one begins, less the overlap. None where nothing changed.
    pub came_to: Option<Timestamp>,
    /// Whether this alone is worth an entry.
    pub book: bool,
}

/// One change.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// An order as it stands.
    Order(Box<OrderReport>),
    /// An order changed.
    Hint(Hint),
    /// An order asked for is not shown.
    Absent(OrderId),
    /// Something that could not be read, already kept.
    Parked(Box<ParkedBytes>),
}

/// Word that an order changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// Which.
    pub order: OrderId,
    /// Its version now, if known.
    pub version: Option<Timestamp>,
    /// When something changed that the version does not show.
    pub beside: Option<Timestamp>,
}

/// A facet: known in full, or not.
pub type ReportFacet<T> = Option<Vec<T>>;

/// An order as a channel reported it, in our words.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderReport {
    /// The channel's id.
    pub order: OrderId,
    /// What people call it.
    pub name: String,
    /// When the buyer ordered.
    pub placed_at: Timestamp,
    /// The channel's version.
    pub version: Option<Timestamp>,
    /// Never to be booked.
    pub test: bool,
    /// Cancelled as a whole.
    pub cancelled: bool,
    /// By when the channel wants to hear that it was taken, if it does.
    pub acknowledge_by: Option<Timestamp>,
    /// Lines.
    pub lines: ReportFacet<ReportLine>,
    /// Open units per location.
    pub routes: ReportFacet<ReportRoute>,
    /// Parcels.
    pub shipments: ReportFacet<ReportShipment>,
    /// Units that came back or were never shipped.
    pub restocks: ReportFacet<ReportRestock>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportLine {
    /// The channel's id.
    pub line: LineId,
    /// The listing; none where nothing is taken from stock.
    pub listing: Option<ListingId>,
    /// Ever ordered.
    pub ordered: Units,
    /// Still to be shipped.
    pub open: Units,
    /// Shipped.
    pub fulfilled: Units,
    /// Unit price.
    pub price: Option<Money>,
}

/// Open units of a line at a location of the channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportRoute {
    /// The line.
    pub line: LineId,
    /// The channel's location.
    pub location: ChannelLocationId,
    /// How many.
    pub open: Units,
    /// Whether the channel lets them go only later.
    pub on_hold: bool,
    /// By when the channel wants them shipped, if it says.
    pub ship_by: Option<Timestamp>,
}

/// Units of a line that left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportShipment {
    /// The channel's id of the parcel.
    pub id: String,
    /// The line.
    pub line: LineId,
    /// From where, if the channel says.
    pub location: Option<ChannelLocationId>,
    /// How many.
    pub units: Units,
    /// When, if the channel says.
    pub at: Option<Timestamp>,
}

/// What a channel did with units that came back or were never shipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutBack {
    /// Unshipped units, free to be sold again.
    Released,
    /// Shipped units, put back into stock.
    Returned,
    /// Shipped units that are back and must be looked at before they can be sold again.
    Inspect,
    /// Unshipped or shipped units that were not put back into stock.
    Withheld,
    /// Shipped units whose return is over and that no stock has.
    Lost,
}

/// Units of a line that came back or were never shipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportRestock {
    /// The line.
    pub line: LineId,
    /// What became of them.
    pub kind: PutBack,
    /// Where to, if the channel says.
    pub location: Option<ChannelLocationId>,
    /// How many.
    pub units: Units,
    /// When, if the channel says.
    pub at: Option<Timestamp>,
}

/// A listing as its channel reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListingReport {
    /// The channel's id.
    pub listing: ListingId,
    /// Its item.
    pub item: ItemId,
    /// The SKU text on the channel.
    pub sku: Sku,
    /// Its barcode, where that is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gtin: Option<Gtin>,
    /// Its quantity cannot be set.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unpushable: bool,
    /// It sells below zero.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sells_without_limit: bool,
}
