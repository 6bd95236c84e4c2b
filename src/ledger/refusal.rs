//! Reasons to refuse a command.

use channelsync_contract::ids::{
    CallId, ChannelId, LineId, ListingId, LocationId, MerchantId, OrderId, Sku, SlotKey,
};
use channelsync_contract::time::Timestamp;
use channelsync_contract::units::Units;

use super::rule::{RuleAt, RuleKey};

/// Why a command is not carried out. Nothing was booked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Settings of one merchant for the book of another.
    #[error(
        "this is the book of merchant {owner}, not of {other}; give its directory and the merchant's \
         file one name"
    )]
    OtherMerchant {
        /// Whose book it is.
        owner: MerchantId,
        /// Who is named.
        other: MerchantId,
    },
    /// Settings name no such location.
    #[error("unknown location {0}; the merchant's file lists the locations")]
    UnknownLocation(LocationId),
    /// No such channel.
    #[error("unknown channel {0}")]
    UnknownChannel(ChannelId),
    /// No such order.
    #[error("unknown order {1} on {0}")]
    UnknownOrder(ChannelId, OrderId),
    /// No such line.
    #[error("order {0} has no line {1}")]
    UnknownLine(OrderId, LineId),
    /// No such listing.
    #[error("unknown listing {1} on {0}")]
    UnknownListing(ChannelId, ListingId),
    /// A listing can only stand for SKUs that were booked.
    #[error("no stock was ever booked under SKU {0}")]
    UnknownSku(Sku),
    /// A count of an earlier time waits until all that channels did before it is known.
    #[error(
        "orders of {channel} that the count as of {as_of} may hold are still being read; all are known up \
         to {known}"
    )]
    NotYetKnown {
        /// Which channel is behind.
        channel: ChannelId,
        /// When was counted.
        as_of: Timestamp,
        /// Up to when its orders are known.
        known: Timestamp,
    },
    /// A newer count stands.
    #[error("SKU {sku} at {location} was counted as of {at}: the newer count stands")]
    CountedSince {
        /// What.
        sku: Sku,
        /// Where.
        location: LocationId,
        /// As of when.
        at: Timestamp,
    },
    /// What moved since is no longer kept.
    #[error("a count as of {as_of} is too old: what moved is kept since {from}")]
    CountTooOld {
        /// When was counted.
        as_of: Timestamp,
        /// Since when it is kept.
        from: Timestamp,
    },
    /// A SKU has another name now.
    #[error("SKU {0} is called {1} now")]
    Renamed(Sku, Sku),
    /// A SKU cannot take a name that another one had.
    #[error("{0} is a former name of {1} and would mean both: take a name that no SKU had")]
    FormerName(Sku, Sku),
    /// A SKU cannot take the name of another.
    #[error("SKU {0} exists: `--merge` lets the one go into the other, to be counted again")]
    SkuExists(Sku),
    /// No such purchase order.
    #[error("unknown purchase order {0}; `stock receive` books goods without one")]
    UnknownPurchase(String),
    /// More than is left to ship.
    #[error("line {line}: {asked} asked, {open} left to ship")]
    MoreThanOpen {
        /// The line.
        line: LineId,
        /// Asked for.
        asked: Units,
        /// Left.
        open: Units,
    },
    /// Nothing is left to ship.
    #[error("order {0} has nothing left to ship")]
    NothingToShip(OrderId),
    /// More than can have come back.
    #[error("line {line}: {asked} asked, {left} can have come back")]
    MoreThanLeft {
        /// The line.
        line: LineId,
        /// Asked for.
        asked: Units,
        /// Shipped and not back yet.
        left: Units,
    },
    /// More than waits for a person where the channel's word brings units back.
    #[error(
        "line {line}: {asked} asked, {left} wait for a receipt: what comes back is booked by the \
         channel's word, unless the file says `returns = \"manual\"`"
    )]
    MoreThanAwaited {
        /// The line.
        line: LineId,
        /// Asked for.
        asked: Units,
        /// Waiting.
        left: Units,
    },
    /// Nothing of the order waits for a receipt.
    #[error("of order {0} nothing waits to be received; name lines and units")]
    NothingToReceive(OrderId),
    /// It cannot be told where units came back to.
    #[error("line {0}: nothing tells where its units are; name the location")]
    Whereabouts(LineId),
    /// A person holds it back.
    #[error("order {0} is held: {1}")]
    OnHold(OrderId, String),
    /// No such parcel.
    #[error("order {0} has no shipment {1}")]
    UnknownShipment(OrderId, String),
    /// Not in this state of its report.
    #[error("shipment {0}: {1}")]
    ShipmentState(String, &'static str),
    /// More than is available.
    #[error("{sku} at {location}: {asked} to be taken off, {available} there")]
    NotThere {
        /// What.
        sku: Sku,
        /// Where.
        location: LocationId,
        /// Asked for.
        asked: Units,
        /// On hand.
        available: Units,
    },
    /// The id was used for something else.
    #[error("another command was booked under id {0}")]
    OtherUnderId(String),
    /// Zero units, or a listing that stands for nothing.
    #[error("{0}")]
    Senseless(String),
    /// No such parked thing.
    #[error("nothing is parked as {0}")]
    NotParked(String),
    /// The call is not under way.
    #[error("no call {0} is under way")]
    UnknownCall(CallId),
    /// The book was restored and the channel not looked at whole since.
    #[error("channel {0} is held until its orders and slots were read again after a restore")]
    NotCaughtUp(ChannelId),
    /// What becomes of its open orders must be said.
    #[error(
        "{channel} has open orders ({orders}): `--keep-orders` lets them be shipped, \
         `--release-orders` frees their units"
    )]
    OpenOrders {
        /// Which channel.
        channel: ChannelId,
        /// How many.
        orders: usize,
    },
    /// Settings leave out a channel that is still at work.
    #[error(
        "channel {channel} is no longer in the files and not retired: open orders {orders}, slots \
         that show stock {slots}; put it back, and end it by `channelsync channels retire {channel}`"
    )]
    ChannelMissing {
        /// Which.
        channel: ChannelId,
        /// Its open orders.
        orders: usize,
        /// Its slots with something for sale.
        slots: usize,
    },
    /// Settings leave out a channel that is retired and not emptied.
    #[error(
        "channel {channel} is retired and not at its end: open orders {orders}, slots that still show \
         stock {slots}; leave it in the files until both are none (`channelsync channels`), or set its \
         mode to \"shadow\" there first to leave the channel as it is"
    )]
    ChannelNotOver {
        /// Which.
        channel: ChannelId,
        /// Its open orders.
        orders: usize,
        /// Its slots with something for sale.
        slots: usize,
    },
    /// A channel cannot go on that no file tells how to reach.
    #[error("channel {0} is in no file: put it back there, `channelsync reload`, then revive it")]
    NotInFiles(ChannelId),
    /// What happened before a channel's books began is not in the book.
    #[error(
        "a count as of {as_of} cannot be brought up to now: what {channel} shipped before {from} (its \
         `book_from`) is not in the book"
    )]
    CountBeforeBook {
        /// When was counted.
        as_of: Timestamp,
        /// The channel.
        channel: ChannelId,
        /// Since when its orders count.
        from: Timestamp,
    },
    /// A rule that stands in a file is changed in the file.
    #[error("{} of {at} stands in the merchant's file: change it there, then `channelsync reload`", key.name())]
    RuleOfFile {
        /// At which level.
        at: RuleAt,
        /// Which rule.
        key: RuleKey,
    },
    /// It cannot be told since when a channel counts.
    #[error(
        "channel {channel} says no `book_from`, and {why}: count all that lies there at one time \
         (`channelsync stock import FILE --counts`), or count what it sells and set `book_from` to then"
    )]
    NoBookFrom {
        /// Which channel.
        channel: ChannelId,
        /// Why the counts do not tell.
        why: String,
    },
    /// A slot has a call under way or waits for a reading.
    #[error("slot {0} is not free to be pushed")]
    SlotBusy(SlotKey),
}

impl Refusal {
    /// Whether the same command may be carried out a little later.
    pub fn is_for_now(&self) -> bool {
        matches!(self, Self::NotYetKnown { .. })
    }
}
