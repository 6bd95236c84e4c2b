//! Orders as the ledger keeps them.

use std::cmp::Reverse;
use std::time::Duration;

use channelsync_contract::ids::{LineId, ListingId};
use channelsync_contract::time::Timestamp;
use channelsync_contract::units::{Money, Units};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use smol_str::SmolStr;

use super::entry::Bucket;
use super::reported::Source;
use super::shipment::Shipment;
use super::state::LocIx;
use crate::catalog::{Part, Parts, SkuIx};

/// Units of a SKU that one line needs or moves at most; more than anybody ever had.
pub(super) const LINE_UNITS_MAX: u32 = 1_000_000_000;

/// Versions have whole seconds and searches lag: a copy read this long after its version is final.
pub(super) const SETTLED_AFTER: Duration = Duration::from_secs(5);

/// Units of a SKU that so many units of a listing stand for.
pub(super) fn stock_units(units: Units, per: u32) -> Units {
    Units(units.0.saturating_mul(per).min(LINE_UNITS_MAX))
}

/// The sum of needs, which unlike units that exist have no bound.
pub(super) fn total(units: impl Iterator<Item = Units>) -> Units {
    Units(units.fold(0, |sum, units| sum.saturating_add(units.0)))
}

/// The number of a channel's own location in the channel's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlaceIx(pub u16);

/// An order of a channel, by numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OrderRef {
    /// The channel's number.
    pub channel: u16,
    /// The order's number in the channel's table.
    pub order: u32,
}

/// One order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// What people call it.
    pub name: SmolStr,
    /// When the buyer ordered.
    pub placed_at: Timestamp,
    /// The channel's version as last applied.
    pub version: Option<Timestamp>,
    /// When that read began.
    pub began: Timestamp,
    /// How it was read.
    pub source: Source,
    /// When the newest fetch of it began; zero before the first. What happened before is known.
    pub fetched: Timestamp,
    /// Known, never booked.
    pub test: bool,
    /// Cancelled as a whole.
    pub cancelled: bool,
    /// By when the channel wants it shipped, if it says.
    pub ship_by: Option<Timestamp>,
    /// By when the channel wants to hear that it was taken, if it does.
    pub acknowledge_by: Option<Timestamp>,
    /// Why a person holds it back, if somebody does.
    pub hold: Option<SmolStr>,
    /// Its lines, in the order they came.
    pub lines: Vec<Line>,
    /// Parcels of ours, in the order they were recorded.
    pub shipments: Vec<Shipment>,
    /// Entry that changed it last.
    pub seq: u64,
}

/// Units of a SKU committed to a line at a location.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Which SKU.
    pub sku: SkuIx,
    /// Where.
    pub location: LocIx,
    /// How many.
    pub units: Units,
}

/// Where a channel says that units came back to, in its names or by numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackAt<P> {
    /// It does not say.
    Unsaid,
    /// One of the places that we know.
    Place(P),
    /// A place that is none of ours.
    Elsewhere,
}

/// Shipped units that came back to one place, as the channel says. They only become more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Back<P> {
    /// Where.
    pub at: BackAt<P>,
    /// To be looked at before they can be sold again.
    pub inspect: bool,
    /// How many.
    pub units: Units,
    /// Of these, before the books opened.
    pub history: Units,
    /// Of these, left to a receipt by a person.
    pub awaited: Units,
}

impl<P> Back<P> {
    /// Units that the channel's word brings back, as far as as many left.
    pub(super) fn by_word(&self) -> Units {
        self.units
            .minus_or_zero(self.history)
            .minus_or_zero(self.awaited)
    }
}

/// What came back of a line. Few lines have any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CameBack<P> {
    /// As the channel says, in the order in which it said so first.
    pub told: Vec<Back<P>>,
    /// Received by a person, in listing units.
    pub received: Units,
}

impl<P> Default for CameBack<P> {
    fn default() -> Self {
        Self {
            told: Vec::new(),
            received: Units::ZERO,
        }
    }
}

impl<P> CameBack<P> {
    /// The same with its places called otherwise.
    pub(super) fn renamed<Q>(&self, mut name: impl FnMut(&P) -> Q) -> Box<CameBack<Q>> {
        let told = self.told.iter().map(|back| Back {
            at: match &back.at {
                BackAt::Unsaid => BackAt::Unsaid,
                BackAt::Place(place) => BackAt::Place(name(place)),
                BackAt::Elsewhere => BackAt::Elsewhere,
            },
            inspect: back.inspect,
            units: back.units,
            history: back.history,
            awaited: back.awaited,
        });
        Box::new(CameBack {
            told: told.collect(),
            received: self.received,
        })
    }
}

/// What a person says became of units that came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// For sale again.
    Restock,
    /// Not for sale, to be decided later.
    Hold,
    /// Gone for good.
    WriteOff,
}

/// Units of a line at the channel's locations.
pub(super) type Spread = SmallVec<[(PlaceIx, Units); 1]>;

/// One order line. Quantities are in listing units and cumulative, except what is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The channel's id.
    pub id: LineId,
    /// The listing; none where the line takes nothing from stock.
    pub listing: Option<ListingId>,
    /// What one unit takes, as mapped when the line was booked; none while unmapped.
    pub parts: Option<Parts>,
    /// Ever ordered.
    pub ordered: Units,
    /// Still to be shipped, as the channel says.
    pub open: Units,
    /// Shipped, as the channel says.
    pub fulfilled: Units,
    /// Of these, shipped before the books opened.
    pub history: Units,
    /// Shipped by us.
    pub shipped: Units,
    /// Of the channel's figure, what is ours.
    pub acknowledged: Units,
    /// What came back after shipping; none where nothing did.
    pub back: Option<Box<CameBack<PlaceIx>>>,
    /// Never shipped and not put back.
    pub withheld: Units,
    /// Of the open units, those that the channel does not let go yet.
    pub on_hold: Units,
    /// Committed units.
    pub held: SmallVec<[Held; 1]>,
    /// Where the channel wants open units shipped from; none while it has not said.
    pub routes: Option<Spread>,
    /// Where the channel says units left.
    pub left: Spread,
    /// While it waits for a mapping: what left and came back, each at its own time, as far as the channel
    /// tells one. It says what of it a first count had seen.
    pub passed: Box<[Passing]>,
    /// Unit price.
    pub price: Option<Money>,
    /// Entry that changed it last.
    pub seq: u64,
}

/// Listing units of a line that left a location or came to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passing {
    /// Where.
    pub location: LocIx,
    /// Out of sale, or for sale.
    pub bucket: Bucket,
    /// How many.
    pub units: Units,
    /// Whether they came.
    pub came: bool,
    /// When.
    pub at: Timestamp,
}

impl Line {
    /// Listing units the ledger must hold or owe: open on the channel, less those that we shipped
    /// and the channel does not know of yet.
    pub fn wanted(&self) -> Units {
        self.open.minus_or_zero(self.unreported())
    }

    /// Units we shipped that the channel does not know of.
    pub fn unreported(&self) -> Units {
        self.shipped.minus_or_zero(self.acknowledged)
    }

    /// Of these, units that the channel still counts as open.
    pub fn unreported_open(&self) -> Units {
        self.unreported().min(self.open)
    }

    /// Units that others shipped, since the books opened.
    pub fn foreign(&self) -> Units {
        self.fulfilled
            .minus_or_zero(self.acknowledged)
            .minus_or_zero(self.history)
    }

    /// Units that left, whoever sent them and whenever.
    pub(super) fn gone(&self) -> Units {
        total(
            [
                self.fulfilled.minus_or_zero(self.acknowledged),
                self.shipped,
            ]
            .into_iter(),
        )
    }

    /// Units that came back, as the channel says.
    pub fn told(&self) -> &[Back<PlaceIx>] {
        self.back.as_ref().map_or(&[], |back| &back.told)
    }

    /// Units put back into stock after shipping, as the channel says.
    pub fn restocked(&self) -> Units {
        let restocked = self.told().iter().filter(|back| !back.inspect);
        total(restocked.map(|back| back.units))
    }

    /// Units that a person received.
    pub fn received(&self) -> Units {
        self.back.as_ref().map_or(Units::ZERO, |back| back.received)
    }

    /// Units that came back and wait for a person to receive them.
    pub fn awaited(&self) -> Units {
        let awaited = total(self.told().iter().map(|back| back.awaited));
        awaited.minus_or_zero(self.received()).min(self.away())
    }

    /// Units that left and are not back.
    pub(super) fn away(&self) -> Units {
        let brought_back = total(self.brought_back().into_iter());
        self.room().minus_or_zero(brought_back)
    }

    /// Units that left and did not come back before the books opened or to a person's desk: as many
    /// can be brought back by the channel's word.
    pub(super) fn room(&self) -> Units {
        let history = total(self.told().iter().map(|back| back.history));
        let received = self.gone().minus_or_zero(self.received());
        received.minus_or_zero(history)
    }

    /// Of what the channel says came back, what counts: never more than left.
    pub(super) fn brought_back(&self) -> SmallVec<[Units; 2]> {
        let mut room = self.room();
        let counted = self.told().iter().map(|back| {
            let units = back.by_word().min(room);
            room = room.minus(units);
            units
        });
        counted.collect()
    }

    /// Units that are back, whoever said so, since the books opened.
    pub(super) fn came_back(&self) -> Units {
        let received = self.received().min(self.gone());
        total(self.brought_back().into_iter().chain([received]))
    }

    /// Units that the channel says came back beyond what left.
    pub(super) fn excess(&self) -> Units {
        total(self.told().iter().map(|back| back.units)).minus_or_zero(self.gone())
    }

    /// Units of a SKU that the line needs altogether.
    pub fn needed(&self, part: &Part) -> Units {
        stock_units(self.wanted(), part.per)
    }

    /// Units of a SKU committed to the line, everywhere.
    pub fn held_of(&self, sku: SkuIx) -> Units {
        self.held
            .iter()
            .filter(|held| held.sku == sku)
            .map(|held| held.units)
            .sum()
    }

    /// Units of a SKU committed to the line at a location.
    pub fn held_at(&self, sku: SkuIx, location: LocIx) -> Units {
        let here = |held: &&Held| held.sku == sku && held.location == location;
        self.held.iter().filter(here).map(|held| held.units).sum()
    }

    /// Units of a SKU owed beyond what is committed.
    pub fn backordered(&self, sku: SkuIx) -> Units {
        let Some(parts) = &self.parts else {
            return Units::ZERO;
        };
        let same = parts.iter().filter(|part| part.sku == sku);
        total(same.map(|part| self.needed(part))).minus_or_zero(self.held_of(sku))
    }

    /// Whole listing units that are fully committed.
    pub fn committed(&self) -> Units {
        let Some(parts) = &self.parts else {
            return Units::ZERO;
        };
        let whole = |part: &Part| self.held_of(part.sku).0.checked_div(part.per).unwrap_or(0);
        Units(parts.iter().map(whole).min().unwrap_or(0)).min(self.wanted())
    }

    /// Whether the line takes from stock and its listing stands for nothing yet.
    pub fn is_parked(&self) -> bool {
        self.listing.is_some() && self.parts.is_none()
    }

    /// Whether anything is still to happen with it in the ledger.
    pub fn is_open(&self) -> bool {
        !self.open.is_zero() || !self.held.is_empty()
    }
}

impl Order {
    /// Whether a report of this version, source and beginning is newer than what is known.
    ///
    /// An older version never wins; with equal or missing versions a fetch beats a webhook and a
    /// later-begun fetch an earlier one.
    pub fn is_older_than(
        &self,
        version: Option<Timestamp>,
        source: Source,
        began: Timestamp,
    ) -> bool {
        match (self.version, version) {
            (Some(known), Some(new)) if known != new => known < new,
            (Some(_) | None, Some(_) | None) => match (self.source, source) {
                (Source::Webhook, Source::Fetch) => true,
                (Source::Fetch, Source::Fetch) => self.began < began,
                (Source::Webhook | Source::Fetch, Source::Webhook) => false,
            },
        }
    }

    /// Whether the copy was read late enough to hold all that happened at a time.
    pub(super) fn was_read_after(&self, at: Timestamp) -> bool {
        self.source == Source::Fetch && self.began > at.plus(SETTLED_AFTER)
    }

    /// Units of a line that can leave now: committed, and held back by nobody.
    pub fn to_ship(&self, line: &Line) -> Units {
        if self.hold.is_some() || self.test {
            return Units::ZERO;
        }
        line.committed()
            .min(line.wanted().minus_or_zero(line.on_hold))
    }

    /// A parcel of ours.
    pub fn shipment(&self, id: &str) -> Option<&Shipment> {
        self.shipments.iter().find(|known| known.id == id)
    }

    /// Units of all lines still to be shipped.
    pub fn is_open(&self) -> bool {
        self.lines.iter().any(Line::is_open)
    }

    /// Sorts backorders: higher priority first, then older, then by number.
    pub(super) fn turn(&self, priority: i32, at: OrderRef) -> (Reverse<i32>, Timestamp, OrderRef) {
        (Reverse(priority), self.placed_at, at)
    }
}
