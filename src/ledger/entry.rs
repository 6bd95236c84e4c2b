//! Entries: what the journal holds.
//!
//! The meaning of a kind of fact never changes; new behaviour is a new kind. Facts give resulting
//! states, so that replay needs no rule of today.

use std::fmt;
use std::time::Duration;

use channelsync_contract::ids::{
    CallId, ChannelId, ChannelLocationId, Gtin, LineId, ListingId, LocationId, OrderId, Sku,
    SlotKey,
};
use channelsync_contract::time::Timestamp;
use channelsync_contract::units::{Money, Units};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::bulk::BulkFile;
use super::command::{FileTaken, ParkedBytes, RowOutcome};
use super::freeze::Scope;
use super::interlock::MassChange;
use super::order::CameBack;
use super::push::Row;
use super::reported::{ListingReport, Source};
use super::retire::OpenOrders;
use super::rule::{RuleAt, Rules};
use super::setup::Setup;
use super::shipment::Shipment;

/// Who caused an entry: `webhook shopify-us`, `cli root`.
pub type Actor = String;

/// One group of movements and facts that happened together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// 1, 2, 3 … without gaps.
    pub seq: u64,
    /// Never before the previous entry's.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// Delivery, command or call that caused it.
    pub cause: String,
    /// Units that moved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub movements: Vec<Movement>,
    /// What else is now so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Fact>,
}

/// n > 0 units of one SKU from one place to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Movement {
    /// What.
    pub sku: Sku,
    /// How many.
    pub units: Units,
    /// From where.
    pub from: Place,
    /// To where.
    pub to: Place,
}

/// Part of a location.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bucket {
    /// Free to promise.
    Available,
    /// Promised to open orders.
    Committed,
    /// Damaged, held, in quality control.
    Unavailable,
    /// On the way to this location.
    InTransit,
}

/// Where units are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// In a bucket of one of our locations.
    At(LocationId, Bucket),
    /// Not yet ours.
    Supplier,
    /// No longer ours.
    Customer,
    /// Found or missing.
    Adjustment,
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(location, bucket) => {
                let bucket = match bucket {
                    Bucket::Available => "available",
                    Bucket::Committed => "committed",
                    Bucket::Unavailable => "unavailable",
                    Bucket::InTransit => "in_transit",
                };
                write!(out, "{location}/{bucket}")
            }
            Self::Supplier => out.write_str("supplier"),
            Self::Customer => out.write_str("customer"),
            Self::Adjustment => out.write_str("adjustment"),
        }
    }
}

/// Something that is now so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// The merchant's settings.
    Configured(Box<Setup>),
    /// A SKU was counted at a location.
    Counted(Sku, LocationId),
    /// A listing as its channel reports it.
    Listing(ChannelId, Box<ListingReport>),
    /// A listing is no longer there.
    ListingGone(ChannelId, ListingId),
    /// A listing stands for these SKUs and units.
    Mapped(ChannelId, ListingId, Vec<(Sku, u32)>, MappedBy),
    /// A listing stands for nothing, and why.
    Unmapped(ChannelId, ListingId, String),
    /// A SKU has a barcode (true), or no longer has it.
    Barcode(Sku, Gtin, bool),
    /// An order's header.
    Order(Box<OrderFact>),
    /// An order line as it stands now.
    Line(Box<LineFact>),
    /// A parcel of ours as it stands now.
    Shipment(ChannelId, OrderId, Box<Shipment>),
    /// A person holds an order back, and why, or no longer.
    Held(ChannelId, OrderId, Option<String>),
    /// An order must be read, since this time.
    Wanted(ChannelId, OrderId, Timestamp),
    /// An order that was asked for is not shown by the channel.
    Absent(ChannelId, OrderId),
    /// An order of a channel was hidden for so long: so long orders may be hidden from now on.
    Slow(ChannelId, Duration),
    /// Changes of a stream are complete up to a time (ours); the next poll starts at another (the
    /// channel's), less the overlap.
    Polled(ChannelId, String, Timestamp, Timestamp),
    /// A call is about to be sent.
    Intent(CallId, ChannelId, Vec<Row>),
    /// What became of the rows of a call.
    Outcome(CallId, Vec<RowOutcome>),
    /// A call may or may not have had its effect.
    InDoubt(CallId),
    /// What a channel shows.
    Shown(ChannelId, Timestamp, Vec<Reading>),
    /// A known act on the channel changed what a slot holds.
    Moved(ChannelId, SlotKey, i64),
    /// A slot must be read before it is written again.
    Reread(ChannelId, SlotKey),
    /// A slot may be pushed again.
    Released(ChannelId, SlotKey),
    /// The book was restored from a backup whose last entry has this time. Calls under way are
    /// forgotten, every slot must be read, and every channel is held until it was looked at whole.
    Restored(Timestamp),
    /// A restored channel was looked at whole and may be written again.
    CaughtUp(ChannelId),
    /// Nothing of it is to be sold, and why.
    Frozen(Scope, String),
    /// It may be sold again.
    Unfrozen(Scope),
    /// Something set aside for a person.
    Parked(Box<ParkedBytes>),
    /// It was dealt with.
    Unparked(String),
    /// It was forgotten because its channel had to ask for that; its bytes are gone for good.
    Erased(String),
    /// Something a person should look at.
    Exception(Exception),
    /// A command that must not be carried out twice: its id, and a mark of its content.
    Done(String, u64),
    /// A SKU of the first name has the second from this entry on, movements and facts of the entry
    /// included; the first fact of its entry. Where another SKU had the name, both are one.
    Renamed(Sku, Sku),
    /// A purchase order as it stands now.
    Purchase(Box<PurchaseFact>),
    /// So many units of the entry's movements came to a location, or left it (below zero), at an
    /// earlier time.
    Passed(Sku, LocationId, i64, Timestamp),
    /// A SKU was counted at a location as of an earlier time.
    CountedAsOf(Sku, LocationId, Timestamp),
    /// So much would change on a channel at once that it is held: only orders lower its quantities.
    Interlocked(ChannelId, Box<MassChange>),
    /// It goes on: a person said so, or what was wrong is corrected.
    WentOn(ChannelId),
    /// A channel ended: nothing of it is to be sold, and this becomes of its open orders.
    Retired(ChannelId, OpenOrders),
    /// A channel goes on after all.
    Revived(ChannelId),
    /// So many more units of a SKU that are set aside for a channel are sold on it, or fewer (below zero).
    SoldOfSetAside(ChannelId, Sku, i64),
    /// Orders with which nothing happened since this time left the book; one that is not known and was
    /// placed before it is not booked any more.
    Forgot(Timestamp, Vec<(ChannelId, Vec<OrderId>)>),
    /// An order that was placed at this time is not known and too old to be booked.
    TooOld(ChannelId, OrderId, Timestamp),
    /// A person dealt with such an order.
    Dismissed(ChannelId, OrderId),
    /// Of a window of a stream that is not read to its end, changes up to this time (the channel's)
    /// are booked.
    Reached(ChannelId, String, Timestamp),
    /// An act on the channel may or may not be in what a slot is believed to hold: it must be read.
    Unsure(ChannelId, SlotKey),
    /// A known act may have changed what a slot holds by so many, or its last reading has that act
    /// already: it must be read before it is written again.
    MovedMaybe(ChannelId, SlotKey, i64),
    /// The channel that is master of a location showed so many units of a SKU more there than is
    /// explained, or fewer (below zero): the entry's movements.
    Mastered(ChannelId, SlotKey, Sku, LocationId, i64),
    /// A file that a channel writes for us, by what it is about, as it stands now.
    Bulk(ChannelId, String, Box<BulkFile>),
    /// Such a file is over: all of it is booked, or it will not come.
    BulkEnded(ChannelId, String),
    /// A person looked at the exceptions of the entries from one to another.
    Seen(u64, u64),
    /// A file that is master of a location was taken: its counts are booked, the rest is set aside.
    TookFile(Box<FileTaken>),
    /// The rules that a person set at a level, all of them as they stand now.
    Ruled(RuleAt, Box<Rules>),
}

/// Who mapped a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MappedBy {
    /// The exact SKU.
    Sku,
    /// The barcode.
    Barcode,
    /// A person.
    Person,
}

/// A purchase order as it stands now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurchaseFact {
    /// What people call it.
    pub id: String,
    /// From whom.
    pub supplier: String,
    /// The beginning of the day by whose end it should be there.
    pub expected: Timestamp,
    /// Where to.
    pub location: LocationId,
    /// SKU, ordered, received.
    pub lines: Vec<(Sku, Units, Units)>,
    /// Nothing more is expected of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancelled: bool,
}

/// An order's header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderFact {
    /// The channel.
    pub channel: ChannelId,
    /// The channel's id.
    pub order: OrderId,
    /// What people call it.
    pub name: String,
    /// When the buyer ordered.
    pub placed_at: Timestamp,
    /// The channel's version.
    pub version: Option<Timestamp>,
    /// When the read began.
    pub began: Timestamp,
    /// How it was read.
    pub source: Source,
    /// A test order: known and never booked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
    /// Cancelled as a whole.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancelled: bool,
    /// By when the channel wants it shipped, if it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ship_by: Option<Timestamp>,
    /// By when the channel wants to hear that it was taken, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledge_by: Option<Timestamp>,
}

/// An order line as it stands now. Quantities are in listing units and cumulative.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineFact {
    /// The channel.
    pub channel: ChannelId,
    /// The order.
    pub order: OrderId,
    /// The line.
    pub line: LineId,
    /// The listing; none where the line takes nothing from stock.
    pub listing: Option<ListingId>,
    /// What one unit takes; none while the listing is unmapped.
    pub parts: Option<SmallVec<[(Sku, u32); 1]>>,
    /// Ever ordered.
    pub ordered: Units,
    /// Still to be shipped, as the channel says.
    pub open: Units,
    /// Shipped, as the channel says.
    pub fulfilled: Units,
    /// Of these, shipped before the books opened.
    #[serde(default, skip_serializing_if = "Units::is_zero_ref")]
    pub history: Units,
    /// Shipped by us.
    #[serde(default, skip_serializing_if = "Units::is_zero_ref")]
    pub shipped: Units,
    /// Of the channel's figure, what is ours.
    #[serde(default, skip_serializing_if = "Units::is_zero_ref")]
    pub acknowledged: Units,
    /// What came back after shipping; none where nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back: Option<Box<CameBack<ChannelLocationId>>>,
    /// Never shipped and not put back: out of sale until a person looks.
    #[serde(default, skip_serializing_if = "Units::is_zero_ref")]
    pub withheld: Units,
    /// Of the open units, those that the channel does not let go yet.
    #[serde(default, skip_serializing_if = "Units::is_zero_ref")]
    pub on_hold: Units,
    /// Committed units: SKU, location, how many.
    #[serde(default, skip_serializing_if = "SmallVec::is_empty")]
    pub held: SmallVec<[(Sku, LocationId, Units); 1]>,
    /// Where the channel wants open units shipped from; none while it has not said.
    pub routes: Option<Vec<(ChannelLocationId, Units)>>,
    /// Where the channel says units left.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<(ChannelLocationId, Units)>,
    /// While it waits for a mapping, what left and came back, with the times that the channel tells.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed: Vec<PassingFact>,
    /// Unit price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
}

/// Listing units of a line that left a location or came to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassingFact {
    /// Where.
    pub location: LocationId,
    /// Out of sale, or for sale.
    pub bucket: Bucket,
    /// How many.
    pub units: Units,
    /// Whether they came.
    pub came: bool,
    /// When.
    pub at: Timestamp,
}

/// A slot as read, with what follows from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Where.
    pub slot: SlotKey,
    /// The figure that a push replaces; none where the channel holds none.
    pub written: Option<i64>,
    /// What buyers may still buy.
    pub sellable: i64,
    /// What the channel holds as unsellable.
    pub unsellable: Units,
    /// From now on the slot is believed to hold `written`.
    pub adopt: bool,
    /// `written` minus what was expected, once that is known to be no order on its way.
    pub drift: Option<i64>,
    /// A difference that may be an order on its way.
    pub recheck: Option<Recheck>,
    /// The slot is set aside for a person.
    pub park: Option<String>,
}

/// A difference to be looked at again once orders are complete past a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recheck {
    /// When the reading began.
    pub began: Timestamp,
    /// Shown minus expected.
    pub difference: i64,
}

/// Something a person should look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exception {
    /// The world took units that the books did not have: they came from `adjustment`.
    Short {
        /// What.
        sku: Sku,
        /// Where.
        location: LocationId,
        /// How many.
        units: Units,
    },
    /// A count, damage or shipment took units from orders that had them.
    Displaced {
        /// What.
        sku: Sku,
        /// Where.
        location: LocationId,
        /// How many.
        units: Units,
    },
    /// A channel cancelled unshipped units without putting them back: they are out of sale.
    Withheld {
        /// Which order.
        order: OrderId,
        /// What.
        sku: Sku,
        /// Where.
        location: LocationId,
        /// How many.
        units: Units,
    },
    /// Units came back that must be looked at: they are out of sale.
    ToInspect {
        /// Which order.
        order: OrderId,
        /// What.
        sku: Sku,
        /// Where.
        location: LocationId,
        /// How many.
        units: Units,
    },
    /// A channel put units back at a place that is none of ours, or did not say where: they wait
    /// for a person to receive them.
    BackElsewhere {
        /// Which order.
        order: OrderId,
        /// Which line.
        line: LineId,
        /// How many.
        units: Units,
    },
    /// A channel reports more units put back than were shipped.
    RestockExcess {
        /// Which order.
        order: OrderId,
        /// Which line.
        line: LineId,
        /// How many too many.
        units: Units,
    },
    /// An order older than the present coverage was found late.
    LateDiscovery {
        /// Which order.
        order: OrderId,
        /// How long it was hidden at least: orders were believed known so far past it.
        by: Duration,
    },
    /// Goods came that no purchase order, or a cancelled one, expected.
    Unordered {
        /// Which purchase order they came for.
        purchase: String,
        /// What.
        sku: Sku,
        /// How many.
        units: Units,
    },
    /// Two SKUs became one: it is not pushed until it is counted.
    Recount {
        /// Which.
        sku: Sku,
    },
    /// A channel does not take a carrier's number of a parcel that it has.
    TrackingRefused {
        /// Which order.
        order: OrderId,
        /// The parcel's id in the order.
        shipment: String,
        /// The channel's reason.
        why: String,
    },
}
