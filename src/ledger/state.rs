//! The ledger: what all entries add up to.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use channelsync_contract::ids::{CallId, Gtin, LocationId, Sku};
use channelsync_contract::time::Timestamp;
use channelsync_contract::units::Units;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::balance::{Balance, Stock, Stocks};
use super::channel::Channel;
use super::command::{FileTaken, ParkedBytes};
use super::entry::Exception;
use super::freeze::{Frozen, Scope};
use super::lately::Lately;
use super::order::{Order, OrderRef, total};
use super::purchase::Purchase;
use super::push::Call;
use super::rule::{RuleAt, Ruled};
use super::setup::Setup;
use crate::catalog::{Listing, Mapping, SkuIx, Skus};

/// Exceptions kept for people to look at; older ones remain in the journal.
pub(super) const EXCEPTIONS_KEPT_MAX: usize = 1_000;

/// The number of one of our locations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LocIx(pub u16);

/// One SKU.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SkuRow {
    /// Units by location.
    pub stocks: Stocks,
    /// Net units that came from suppliers, went to customers, were found.
    pub outside: Outside,
    /// Open orders that take from it, in order of arrival.
    pub open: SmallVec<[OrderRef; 2]>,
    /// Listings that stand for it.
    pub listings: SmallVec<[Sold; 4]>,
}

/// A listing that stands for a SKU, by numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sold {
    /// The channel.
    pub channel: u16,
    /// The listing in the channel's table.
    pub listing: u32,
    /// Its item, whose slots show the number.
    pub item: u32,
}

/// Units at the outside parties; with those at our locations they sum to zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outside {
    /// At suppliers: minus what was received.
    pub supplier: i64,
    /// At customers.
    pub customer: i64,
    /// Lost, or minus what was found.
    pub adjustment: i64,
}

/// Bytes that were set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedRow {
    /// What is kept of them.
    pub bytes: ParkedBytes,
    /// Since when.
    pub at: Timestamp,
}

/// The state that all entries add up to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Ledger {
    /// The last entry.
    pub seq: u64,
    /// Its time.
    pub at: Timestamp,
    /// Settings as booked.
    pub setup: Setup,
    /// Entry that booked them.
    pub setup_seq: u64,
    /// Our locations, ever.
    pub locations: Vec<LocationId>,
    /// SKUs.
    pub skus: Skus<SkuRow>,
    /// Barcodes and the SKUs that have them.
    pub gtins: BTreeSet<(Gtin, SkuIx)>,
    /// Names that SKUs had, each with the entry that ended it.
    pub former: BTreeMap<SkuIx, Vec<(Sku, u64)>>,
    /// What came to the shelves and left them in the last days.
    pub lately: Lately,
    /// Purchase orders by id.
    pub purchases: BTreeMap<String, Purchase>,
    /// Channels, ever.
    pub channels: Vec<Channel>,
    /// Calls under way or in doubt.
    pub calls: BTreeMap<CallId, Call>,
    /// Ids of commands that must not be carried out twice, each with a mark of its content.
    pub done: BTreeMap<String, u64>,
    /// Files that are master of a location and were taken, with when, the newest last.
    pub files: BTreeMap<LocationId, VecDeque<(FileTaken, Timestamp)>>,
    /// Bytes set aside.
    pub parked: BTreeMap<String, ParkedRow>,
    /// Orders with which nothing happened since then have left; older ones that are not known are not
    /// booked.
    pub forgot_before: Timestamp,
    /// Rules that a person set by command.
    pub ruled: BTreeMap<RuleAt, Ruled>,
    /// What must not be sold.
    pub frozen: BTreeMap<Scope, Frozen>,
    /// The newest exceptions with their entry.
    pub exceptions: VecDeque<(u64, Exception)>,
}

impl Ledger {
    /// The number of a location.
    pub fn location(&self, id: &str) -> Option<LocIx> {
        let found = self
            .locations
            .iter()
            .position(|known| known.as_str() == id)?;
        u16::try_from(found).ok().map(LocIx)
    }

    /// The name of a location.
    pub fn location_id(&self, location: LocIx) -> &LocationId {
        self.locations
            .get(usize::from(location.0))
            .expect("location number of this ledger")
    }

    /// The number of a channel.
    pub fn channel_ix(&self, id: &str) -> Option<u16> {
        let found = self
            .channels
            .iter()
            .position(|known| known.id.as_str() == id)?;
        u16::try_from(found).ok()
    }

    /// The channel with this number.
    pub fn channel(&self, number: u16) -> &Channel {
        self.channels
            .get(usize::from(number))
            .expect("channel number of this ledger")
    }

    pub(super) fn channel_mut(&mut self, number: u16) -> &mut Channel {
        self.channels
            .get_mut(usize::from(number))
            .expect("channel number of this ledger")
    }

    /// The channel with this name.
    pub fn channel_named(&self, id: &str) -> Option<&Channel> {
        self.channels.iter().find(|known| known.id.as_str() == id)
    }

    /// An order.
    pub fn order(&self, at: OrderRef) -> &Order {
        self.channel(at.channel).orders.at(at.order)
    }

    /// A SKU's row.
    pub fn sku(&self, sku: SkuIx) -> &SkuRow {
        self.skus.at(sku.0)
    }

    /// A SKU's text.
    pub fn sku_id(&self, sku: SkuIx) -> &Sku {
        self.skus.key(sku.0)
    }

    /// The number of a SKU.
    pub fn sku_ix(&self, sku: &str) -> Option<SkuIx> {
        self.skus.find(sku).map(SkuIx)
    }

    /// The SKU that had a name before and is called otherwise now.
    pub fn renamed(&self, sku: &Sku) -> Option<SkuIx> {
        let mut former = self.former.iter();
        let found = former.find(|(_, names)| names.iter().any(|(name, _)| name == sku));
        found
            .map(|(now, _)| *now)
            .filter(|_| self.sku_ix(sku.as_str()).is_none())
    }

    /// Whether a listing stands for a SKU by a text that its channel has changed since.
    pub fn is_relabelled(&self, listing: &Listing) -> bool {
        let Mapping::Automatic(parts) = &listing.mapping else {
            return false;
        };
        let mut names = parts.iter().flat_map(|part| self.names_of(part.sku));
        names.all(|name| *name != listing.sku)
    }

    /// The name of a SKU, and then those that it had and nobody else has now.
    pub fn names_of(&self, sku: SkuIx) -> impl Iterator<Item = &Sku> {
        let former = self.former.get(&sku).into_iter().flatten();
        let former = former.map(|(name, _)| name);
        let former = former.filter(|name| self.sku_ix(name.as_str()).is_none());
        std::iter::once(self.sku_id(sku)).chain(former)
    }

    /// Units of a SKU at a location; all zero where none ever were.
    pub fn balance(&self, sku: SkuIx, location: LocIx) -> Balance {
        self.stock(sku, location)
            .map(|stock| stock.balance)
            .unwrap_or_default()
    }

    /// A SKU at a location, if it ever was there.
    pub fn stock(&self, sku: SkuIx, location: LocIx) -> Option<&Stock> {
        self.sku(sku)
            .stocks
            .iter()
            .find(|stock| stock.location == location)
    }

    /// Whether a SKU was ever counted anywhere.
    pub fn is_counted(&self, sku: SkuIx) -> bool {
        self.sku(sku)
            .stocks
            .iter()
            .any(|stock| stock.counted.is_some())
    }

    /// Units owed to open orders beyond what is committed.
    pub fn backordered(&self, sku: SkuIx) -> Units {
        let orders = self.sku(sku).open.iter().map(|at| self.order(*at));
        let lines = orders.flat_map(|order| &order.lines);
        total(lines.map(|line| line.backordered(sku)))
    }

    /// Orders that wait for units of a SKU, in the order in which they get what comes.
    pub fn waiting(&self, sku: SkuIx) -> Vec<OrderRef> {
        let waits = |at: &OrderRef| {
            let mut lines = self.order(*at).lines.iter();
            lines.any(|line| !line.backordered(sku).is_zero())
        };
        let orders = self.sku(sku).open.iter().copied();
        let mut waiting: Vec<OrderRef> = orders.filter(waits).collect();
        waiting.sort_by_key(|at| {
            let priority = self.channel(at.channel).backorder_priority();
            self.order(*at).turn(priority, *at)
        });
        waiting
    }
}
