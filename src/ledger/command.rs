//! Commands: the only way to change anything.

use channelsync_contract::ids::{
    CallId, ChannelId, Gtin, LineId, ListingId, LocationId, OrderId, Sku, SlotKey,
};
use channelsync_contract::time::Timestamp;
use channelsync_contract::units::Units;
use serde::{Deserialize, Serialize};

use super::bulk::BulkFile;
use super::freeze::Scope;
use super::interlock::MassChange;
use super::order::Fate;
use super::purchase::PurchaseOrder;
use super::push::Row;
use super::reported::{Happened, ListingReport};
use super::retire::OpenOrders;
use super::rule::{RuleAt, RuleKey, Rules};
use super::setup::Setup;
use super::shipment::{ShipmentAct, ShipmentAt, Tracking};

/// What somebody wants booked.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Settings as they are now.
    Configure(Box<Setup>),
    /// A person sets these rules at a level as they are here, also to nothing.
    Rule(RuleAt, Vec<RuleKey>, Box<Rules>),
    /// What a channel reported, with the poll's progress where it was a poll.
    Report(Happened),
    /// Listings as a channel reports them; a complete scan also tells which are gone.
    Listings {
        /// The channel.
        channel: ChannelId,
        /// The listings.
        listings: Vec<ListingReport>,
        /// All ids of the scan, once it is complete.
        complete: Option<Vec<ListingId>>,
    },
    /// A person maps listings: all or none.
    Map(Vec<MapRow>),
    /// Open lines stand from now on for what their listing stands for now.
    Reapply {
        /// The channel.
        channel: ChannelId,
        /// Only this one.
        listing: Option<ListingId>,
    },
    /// A SKU has, or no longer has, these barcodes.
    Barcodes {
        /// Which.
        sku: Sku,
        /// The barcodes.
        gtins: Vec<Gtin>,
        /// Whether it has them.
        has: bool,
    },
    /// A SKU takes another name; one that another SKU has only if it may go into that one.
    Rename {
        /// The name it has.
        old: Sku,
        /// The name it gets.
        new: Sku,
        /// Whether it may go into the SKU that has the name.
        merge: bool,
    },
    /// Goods were ordered from a supplier.
    Purchase(PurchaseOrder),
    /// Goods of a purchase order came in.
    PurchaseArrived {
        /// Booked once per id.
        id: String,
        /// The purchase order.
        purchase: String,
        /// What came; empty means all that is still expected.
        lines: Vec<(Sku, Units)>,
    },
    /// Nothing more is expected of a purchase order.
    PurchaseCancelled(String),
    /// Goods came in.
    Receive(StockLine),
    /// Somebody counted what is physically there.
    Count(StockLine),
    /// Somebody counted what was physically there at an earlier time: all or none.
    CountAsOf {
        /// Booked once per id.
        id: String,
        /// The counts; their own ids are not looked at.
        lines: Vec<(StockLine, Timestamp)>,
    },
    /// Counts of an earlier time from a file that is master of a location: all of these or none. Or
    /// that all of a file is booked.
    CountFile(Vec<(StockLine, Timestamp)>, Option<Box<FileTaken>>),
    /// Units found (positive) or lost.
    Adjust {
        /// Booked once per id.
        id: String,
        /// What.
        sku: Sku,
        /// Where.
        location: LocationId,
        /// How many, signed.
        by: i64,
    },
    /// Units of the house change their place or state.
    Move(StockMove, StockLine),
    /// Rows of a file: all or none, once per id.
    Import {
        /// Booked once per id.
        id: String,
        /// Counts (true) or receipts.
        counts: bool,
        /// The rows; their own ids are not looked at.
        lines: Vec<StockLine>,
    },
    /// We sent a parcel.
    Ship {
        /// Booked once per id.
        id: String,
        /// The channel.
        channel: ChannelId,
        /// The order.
        order: OrderId,
        /// What was in it; empty means everything still open.
        lines: Vec<ShipLine>,
        /// Where it left; none means where the units were committed.
        from: Option<LocationId>,
        /// What the carrier calls it.
        tracking: Option<Tracking>,
    },
    /// Something about a parcel of ours.
    Shipment(ShipmentAt, ShipmentAct),
    /// A person holds an order back, with a reason, or lets it go.
    Hold {
        /// The channel.
        channel: ChannelId,
        /// The order.
        order: OrderId,
        /// Why; none lets it go.
        reason: Option<String>,
    },
    /// Units of an order came back and were looked at.
    TakeBack {
        /// Booked once per id.
        id: String,
        /// The channel.
        channel: ChannelId,
        /// The order.
        order: OrderId,
        /// What came back; empty means everything that is awaited.
        lines: Vec<ShipLine>,
        /// What became of it.
        fate: Fate,
        /// Where it is; none where the channel's word tells.
        location: Option<LocationId>,
    },
    /// A call is about to be sent.
    Push {
        /// Its id.
        call: CallId,
        /// The channel.
        channel: ChannelId,
        /// The rows.
        rows: Vec<Row>,
    },
    /// The call came back.
    Pushed {
        /// Its id.
        call: CallId,
        /// One per row, same order.
        outcomes: Vec<RowOutcome>,
    },
    /// All calls under way may or may not have had their effect (after a restart).
    Doubt,
    /// Slots as read.
    Shown {
        /// The channel.
        channel: ChannelId,
        /// When the read began.
        began: Timestamp,
        /// Up to when orders are known complete.
        complete_to: Option<Timestamp>,
        /// The slots.
        slots: Vec<ShownReport>,
        /// Corrections before a slot is parked.
        corrections_max: u32,
    },
    /// Slots must be read before they are written again.
    Reread {
        /// The channel.
        channel: ChannelId,
        /// Which.
        slots: Vec<SlotKey>,
    },
    /// The book ends here because it was restored from a backup: what came after is not known.
    Restore,
    /// A restored channel was looked at whole.
    CatchUp(ChannelId),
    /// A person lets a parked slot go.
    Release {
        /// The channel.
        channel: ChannelId,
        /// Which.
        slot: SlotKey,
    },
    /// Too much would change on a channel at once.
    Interlock(ChannelId, MassChange),
    /// It goes on: a person said so, or what was wrong is corrected.
    GoOn(ChannelId),
    /// Nothing of it is to be sold until somebody lets it go.
    Freeze {
        /// What.
        scope: Scope,
        /// Why.
        reason: String,
    },
    /// It may be sold again.
    Unfreeze(Scope),
    /// A channel ends; where it has open orders it must be said what becomes of them.
    Retire(ChannelId, Option<OpenOrders>),
    /// It goes on after all.
    Revive(ChannelId),
    /// Bytes were set aside.
    Park(Box<ParkedBytes>),
    /// A person dealt with parked bytes.
    Unpark(String),
    /// Parked bytes must be forgotten; those that are not there already are.
    Erase(Vec<String>),
    /// Orders with which nothing happened since may leave the book.
    Forget(Timestamp),
    /// A person dealt with an order that was too old to be booked.
    Dismiss(ChannelId, OrderId),
    /// A person looked at the exceptions of the entries from one to another.
    Seen(u64, u64),
    /// A file that a channel writes for us, by what it is about, stands so; none where it is over.
    Bulk(ChannelId, String, Option<Box<BulkFile>>),
}

/// What a person says a listing stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapRow {
    /// The channel.
    pub channel: ChannelId,
    /// The listing.
    pub listing: ListingId,
    /// SKU and units each; none returns it to automatic mapping.
    pub parts: Vec<(Sku, u32)>,
}

/// What happens to units of the house at a location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StockMove {
    /// Damaged, or to be looked at: not for sale.
    Hold,
    /// Held units are for sale again.
    Free,
    /// Held units are gone for good.
    WriteOff,
    /// They leave for another location.
    Send(LocationId),
    /// Units on their way have come.
    Arrive,
    /// Units on their way will not come.
    Lose,
}

/// Units of a SKU at a location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockLine {
    /// Booked once per id.
    pub id: String,
    /// What.
    pub sku: Sku,
    /// Where.
    pub location: LocationId,
    /// How many.
    pub units: Units,
}

/// Units of a line in a parcel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShipLine {
    /// The line.
    pub line: LineId,
    /// How many.
    pub units: Units,
}

/// What became of one row of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowOutcome {
    /// The channel holds it.
    Applied,
    /// The channel will do it later.
    Accepted(String),
    /// The channel held something else; nothing was written.
    Stale,
    /// The row is wrong: parked with this reason.
    Refused(String),
    /// Nothing was written; try again.
    NotApplied,
    /// Unknown.
    InDoubt,
}

/// A slot as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownReport {
    /// Where.
    pub slot: SlotKey,
    /// The figure that a push replaces; none where the channel holds none.
    pub written: Option<i64>,
    /// What buyers may still buy.
    pub sellable: i64,
    /// What the channel holds as unsellable.
    pub unsellable: Units,
}

/// A file of counts that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileTaken {
    /// The location whose master it is.
    pub location: LocationId,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
    /// Its name, without its folder.
    pub name: String,
    /// Rows that were good, whether they changed anything or not.
    pub rows: u32,
    /// Rows that were set aside.
    pub parked: u32,
}

/// Bytes set aside, by what is kept of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedBytes {
    /// Name of the file.
    pub id: String,
    /// Where they came from: a channel, or the location whose master a file is.
    pub channel: ChannelId,
    /// What they were meant to be.
    pub what: String,
    /// Why they could not be read.
    pub why: String,
    /// How many bytes, sealed.
    pub length: u64,
    /// SHA-256 of the sealed bytes, hexadecimal.
    pub sha256: String,
}
