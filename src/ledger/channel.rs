//! A channel as the ledger keeps it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use channelsync_contract::ids::{
    ChannelId, ChannelLocationId, ItemId, ListingId, OrderId, Sku, SlotKey,
};
use channelsync_contract::time::Timestamp;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::bulk::BulkFile;
use super::interlock::Interlock;
use super::order::{Line, Order, PlaceIx};
use super::push::{PushState, Sight};
use super::retire::Retired;
use super::set_aside::SetAside;
use super::setup::{ChannelSetup, Counting};
use super::shipment::Shipment;
use super::state::LocIx;
use crate::catalog::{Listings, Table};

/// Everything known of one channel.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Channel {
    /// Its name.
    pub id: ChannelId,
    /// Its settings; none when it is no longer in the merchant's file.
    pub setup: Option<ChannelSetup>,
    /// Our locations that serve it, by number, first choice first, with the channel's number.
    pub serves: Vec<(LocIx, Option<PlaceIx>)>,
    /// All of the channel's locations that were ever named.
    pub places: Vec<ChannelLocationId>,
    /// Listings.
    pub listings: Listings,
    /// Items, each with its slots.
    pub items: Table<ItemId, Item>,
    /// Slots to be read before they can be pushed.
    pub to_read: BTreeSet<(u32, Option<PlaceIx>)>,
    /// Orders.
    pub orders: Table<OrderId, Order>,
    /// Orders with lines whose listing stands for nothing yet.
    pub parked: BTreeMap<ListingId, BTreeSet<u32>>,
    /// Orders with a parcel of ours that is not settled.
    pub reports: BTreeSet<u32>,
    /// Those of them with a parcel whose report waits for a person.
    pub refused_reports: BTreeSet<u32>,
    /// Orders of which something that came back waits to be received.
    pub awaiting: BTreeSet<u32>,
    /// Orders to be read.
    pub wanted: BTreeMap<OrderId, Wanted>,
    /// Orders that are too old to be booked.
    pub too_old: BTreeMap<OrderId, TooOld>,
    /// How far each stream of changes was read.
    pub streams: BTreeMap<String, Stream>,
    /// When a slot held more than now for the last time.
    pub peaked: Timestamp,
    /// Orders are known up to here: what was told of by then was read too.
    pub known_to: Option<Timestamp>,
    /// Up to when they will be, once these are read.
    pub reading: Option<(Timestamp, BTreeSet<OrderId>)>,
    /// How far a stream's window was read that is not at its end, by the channel's clock.
    pub reached: BTreeMap<String, Timestamp>,
    /// Files that it writes for us, by what they are about.
    pub bulks: BTreeMap<String, BulkFile>,
    /// Too much would change at once: only orders lower what it shows until it goes on.
    pub interlock: Option<Interlock>,
    /// Units set aside for it, by SKU as the rule names it.
    pub set_aside: BTreeMap<Sku, SetAside>,
    /// The book was restored from a backup: nothing is written until the channel was looked at again.
    pub restored: Option<Restored>,
    /// It ended: nothing of it is for sale.
    pub retired: Option<Retired>,
    /// Its orders were hidden for longer than it is believed to hide them.
    pub slow: Option<Slow>,
}

/// How long a channel hid an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slow {
    /// At least so long.
    pub lag: Duration,
    /// When the last such order was found.
    pub at: Timestamp,
}

/// A channel that hid no order for so long is believed again.
const SLOW_FOR: Duration = Duration::from_secs(7 * 86_400);

/// What a channel is held for after its book was restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// When.
    pub at: Timestamp,
    /// Slots not read back since.
    pub unread: BTreeSet<(u32, Option<PlaceIx>)>,
}

/// An order to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// A read that began at or after this satisfies it.
    pub since: Timestamp,
}

/// An order that is not known and was placed before those that left the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TooOld {
    /// When the buyer ordered.
    pub placed_at: Timestamp,
    /// Entry that set it aside.
    pub seq: u64,
    /// A person dealt with it.
    pub dismissed: bool,
}

/// One stream of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// Changes are complete up to here, by our clock.
    pub watermark: Timestamp,
    /// Where the next poll starts, less the overlap, by the channel's clock.
    pub cursor: Timestamp,
    /// Entry that booked it.
    pub seq: u64,
}

/// An item with its slots.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Item {
    /// Numbers of its listings; usually one.
    pub listings: SmallVec<[u32; 1]>,
    /// Its slots, by the channel's location.
    pub slots: SmallVec<[(Option<PlaceIx>, PushState); 1]>,
}

impl Item {
    /// The slot at a location.
    pub fn slot(&self, place: Option<PlaceIx>) -> Option<&PushState> {
        self.slots
            .iter()
            .find(|(at, _)| *at == place)
            .map(|(_, slot)| slot)
    }

    pub(super) fn slot_mut(&mut self, place: Option<PlaceIx>) -> &mut PushState {
        if self.slot(place).is_none() {
            self.slots.push((place, PushState::default()));
        }
        let found = self.slots.iter_mut().find(|(at, _)| *at == place);
        &mut found.expect("the slot was just made").1
    }
}

impl Channel {
    pub(super) fn new(id: ChannelId) -> Self {
        Self {
            id,
            setup: None,
            serves: Vec::new(),
            places: Vec::new(),
            listings: Listings::default(),
            items: Table::default(),
            to_read: BTreeSet::new(),
            orders: Table::default(),
            parked: BTreeMap::new(),
            reports: BTreeSet::new(),
            refused_reports: BTreeSet::new(),
            awaiting: BTreeSet::new(),
            wanted: BTreeMap::new(),
            too_old: BTreeMap::new(),
            streams: BTreeMap::new(),
            peaked: Timestamp::default(),
            known_to: None,
            reading: None,
            reached: BTreeMap::new(),
            bulks: BTreeMap::new(),
            interlock: None,
            set_aside: BTreeMap::new(),
            restored: None,
            retired: None,
            slow: None,
        }
    }

    /// The number of one of the channel's locations.
    pub fn place(&self, id: &ChannelLocationId) -> Option<PlaceIx> {
        let found = self.places.iter().position(|known| known == id)?;
        u16::try_from(found).ok().map(PlaceIx)
    }

    pub(super) fn place_entry(&mut self, id: &ChannelLocationId) -> PlaceIx {
        if let Some(place) = self.place(id) {
            return place;
        }
        let number = u16::try_from(self.places.len()).expect("fewer than 65,536 locations");
        self.places.push(id.clone());
        PlaceIx(number)
    }

    /// The channel's name of one of its locations.
    pub fn place_id(&self, place: PlaceIx) -> &ChannelLocationId {
        self.places
            .get(usize::from(place.0))
            .expect("place number of this channel")
    }

    /// Whether it shows what is written, so that its own sales change what a slot holds.
    pub fn is_net(&self) -> bool {
        let setup = self.setup.as_ref();
        setup.is_some_and(|setup| setup.counting == Counting::Net)
    }

    /// Our location behind one of the channel's.
    pub fn ours(&self, place: PlaceIx) -> Option<LocIx> {
        self.serves
            .iter()
            .find(|(_, theirs)| *theirs == Some(place))
            .map(|(ours, _)| *ours)
    }

    /// The slots that an item has, first choice first.
    pub fn places_served(&self) -> impl DoubleEndedIterator<Item = (LocIx, Option<PlaceIx>)> {
        self.serves.iter().copied()
    }

    /// An order by the channel's id of it, else by its name.
    pub fn order_called(&self, order: &str) -> Option<u32> {
        let named = |(_, _, row): &(u32, _, &Order)| row.name == order;
        let by_name = || self.orders.iter().find(named).map(|(number, _, _)| number);
        self.orders.find(order).or_else(by_name)
    }

    /// Whose orders get first what comes; higher is earlier.
    pub(super) fn backorder_priority(&self) -> i32 {
        let setup = self.setup.as_ref();
        setup.map_or(0, |setup| setup.backorder_priority)
    }

    /// What is known of a slot.
    pub fn slot(&self, key: &SlotKey) -> Option<&PushState> {
        let place = match &key.location {
            Some(location) => Some(self.place(location)?),
            None => None,
        };
        self.items.get(key.item.as_str())?.slot(place)
    }

    /// Parcels of ours that are not settled, each with its order, oldest order first.
    pub fn unsettled(&self) -> impl Iterator<Item = (u32, &Shipment)> {
        let orders = self.reports.iter();
        orders.flat_map(|number| {
            let shipments = self.orders.at(*number).shipments.iter();
            let unsettled = shipments.filter(|shipment| !shipment.is_settled());
            unsettled.map(|shipment| (*number, shipment))
        })
    }

    /// Slots, by item and place, whose quantity the channel may be lowering for a parcel of ours.
    pub fn reporting(&self) -> impl Iterator<Item = (u32, Option<PlaceIx>)> {
        let under_way = self
            .unsettled()
            .filter(|(_, shipment)| shipment.is_under_way());
        under_way.flat_map(|(number, shipment)| {
            let lines = self.orders.at(number).lines.iter();
            let packed = |line: &&Line| shipment.lines.iter().any(|packed| packed.line == line.id);
            let items = lines.filter(packed).filter_map(|line| {
                let listing = self.listings.get(line.listing.as_ref()?.as_str())?;
                Some(listing.item)
            });
            let places = self.places_served();
            places.flat_map(move |(_, place)| items.clone().map(move |item| (item, place)))
        })
    }

    /// Makes the slots of a mapped item and asks for their first reading.
    pub(super) fn open_slots(&mut self, item: u32) {
        for (_, place) in self.serves.clone() {
            if self.items.at_mut(item).slot_mut(place).to_be_read() {
                self.to_read.insert((item, place));
            }
        }
    }

    /// The name of a slot.
    pub fn slot_key(&self, item: u32, place: Option<PlaceIx>) -> SlotKey {
        SlotKey {
            item: self.items.key(item).clone(),
            location: place.map(|place| self.place_id(place).clone()),
        }
    }

    /// Whether all that a restored book cannot know of was learned: orders to beyond the restoring,
    /// and what every slot holds. True as well where nothing was restored.
    pub fn has_caught_up(&self) -> bool {
        self.restored.as_ref().is_none_or(|restored| {
            let passed = self.known_to.is_some_and(|to| to >= restored.at);
            passed && restored.unread.is_empty()
        })
    }

    /// How far its orders are known.
    pub fn sight(&self) -> Sight {
        let setup = self.setup.as_ref();
        let believed = setup.map_or(Duration::MAX, |setup| setup.visibility_lag);
        Sight {
            known_to: self.known_to,
            lag: self.slow.map_or(believed, |slow| slow.lag.max(believed)),
        }
    }

    /// It hid an order for so long.
    pub(super) fn was_slow(&mut self, lag: Duration, at: Timestamp) {
        let known = self.slow.map_or(Duration::ZERO, |slow| slow.lag);
        let lag = lag.max(known);
        self.slow = Some(Slow { lag, at });
    }

    /// Whether it may have sold unseen of what slots held before: a poll later than that tells.
    pub fn may_have_sold_unseen(&self) -> bool {
        let sight = self.sight();
        let told = |to: Timestamp| to >= self.peaked.plus(sight.lag);
        !sight.known_to.is_some_and(told)
    }

    /// Its streams were read further: orders are known so far once all that they told of are read.
    pub(super) fn polled(&mut self, at: Timestamp) {
        self.slow = self.slow.filter(|slow| at < slow.at.plus(SLOW_FOR));
        if self.reading.is_none()
            && let Some(to) = self.complete_to().filter(|to| Some(*to) > self.known_to)
        {
            self.reading = Some((to, self.wanted.keys().cloned().collect()));
            self.has_read(None);
        }
    }

    /// An order is to be read no more.
    pub(super) fn no_longer_wanted(&mut self, order: &OrderId) {
        self.wanted.remove(order);
        self.has_read(Some(order));
    }

    fn has_read(&mut self, order: Option<&OrderId>) {
        let Some((to, left)) = &mut self.reading else {
            return;
        };
        if let Some(order) = order {
            left.remove(order);
        }
        if left.is_empty() {
            self.known_to = Some(*to);
            self.reading = None;
        }
    }

    /// Up to when every stream is known complete; none before the first whole poll.
    pub fn complete_to(&self) -> Option<Timestamp> {
        self.streams.values().map(|stream| stream.watermark).min()
    }
}
