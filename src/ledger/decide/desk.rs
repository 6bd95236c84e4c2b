//! The desk a decision is worked out on: the ledger as it would be, and what led there.

use std::collections::{BTreeMap, BTreeSet};

use channelsync_contract::ids::{ChannelId, Gtin, LocationId, OrderId, Sku};
use channelsync_contract::time::Timestamp;
use channelsync_contract::units::Units;
use smallvec::SmallVec;

use super::super::balance::Balance;
use super::super::channel::{Channel, Wanted};
use super::super::entry::{Bucket, Exception, Fact, Movement, OrderFact, Place};
use super::super::order::{Held, Line, Order, OrderRef};
use super::super::refusal::Refusal;
use super::super::reported::Source;
use super::super::shipment::Shipment;
use super::super::state::{Ledger, LocIx};
use super::{Draft, set_aside, stock};
use crate::catalog::{Parts, SkuIx};

/// A place by numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spot {
    At(LocIx, Bucket),
    Supplier,
    Customer,
    Adjustment,
}

/// An order being worked on.
pub(super) struct Work {
    pub(super) at: OrderRef,
    pub(super) id: OrderId,
    pub(super) order: Order,
    /// Whether the header is to be written even if it looks the same.
    pub(super) reported: bool,
}

/// Which line of which order on the desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LineAt {
    pub(super) work: usize,
    pub(super) line: usize,
}

pub(super) struct Desk<'a> {
    pub(super) ledger: &'a Ledger,
    pub(super) at: Timestamp,
    pub(super) facts: Vec<Fact>,
    pub(super) works: Vec<Work>,
    /// Where something became available and older needs may be waiting.
    pub(super) gained: BTreeSet<(SkuIx, LocIx)>,
    pub(super) fresh: Vec<Sku>,
    /// Barcodes that SKUs have, or no longer have, from this entry on.
    pub(super) gtins: BTreeMap<(Gtin, SkuIx), bool>,
    /// The new name of a SKU from this entry on.
    pub(super) renamed: Option<(Sku, SkuIx)>,
    /// Orders with lines that a mapping just booked.
    pub(super) booked: Vec<usize>,
    /// A poll's progress, worth an entry only beside other news unless told so.
    pub(super) polled: Option<(Fact, bool)>,
    /// Locations that serve a channel from this entry on, where that changes.
    pub(super) serves: BTreeMap<u16, Vec<LocIx>>,
    /// Where an order lies among the works.
    places: BTreeMap<OrderRef, usize>,
    balances: BTreeMap<(SkuIx, LocIx), Balance>,
    moved: Vec<(SkuIx, Spot, Spot, Units)>,
    new_orders: u32,
}

impl<'a> Desk<'a> {
    pub(super) fn new(ledger: &'a Ledger, at: Timestamp) -> Self {
        Self {
            ledger,
            at,
            facts: Vec::new(),
            works: Vec::new(),
            gained: BTreeSet::new(),
            fresh: Vec::new(),
            gtins: BTreeMap::new(),
            renamed: None,
            booked: Vec::new(),
            polled: None,
            serves: BTreeMap::new(),
            places: BTreeMap::new(),
            balances: BTreeMap::new(),
            moved: Vec::new(),
            new_orders: 0,
        }
    }

    pub(super) fn channel(&self, id: &ChannelId) -> Result<(u16, &'a Channel), Refusal> {
        let number = self.ledger.channel_ix(id.as_str());
        let number = number.ok_or_else(|| Refusal::UnknownChannel(id.clone()))?;
        Ok((number, self.ledger.channel(number)))
    }

    pub(super) fn location(&self, id: &LocationId) -> Result<LocIx, Refusal> {
        let known = self.ledger.setup.locations.contains(id);
        let number = self.ledger.location(id.as_str()).filter(|_| known);
        number.ok_or_else(|| Refusal::UnknownLocation(id.clone()))
    }

    /// The number of a SKU, new ones included.
    pub(super) fn sku(&mut self, sku: &Sku) -> SkuIx {
        if let Some(known) = self.known_sku(sku) {
            return known;
        }
        let place = self
            .fresh
            .iter()
            .position(|fresh| fresh == sku)
            .unwrap_or_else(|| {
                self.fresh.push(sku.clone());
                self.fresh.len().saturating_sub(1)
            });
        let offset = u32::try_from(place).expect("fewer than 2^32 SKUs");
        SkuIx(self.ledger.skus.len().saturating_add(offset))
    }

    /// The number of a SKU that the ledger has, by its name from this entry on.
    pub(super) fn known_sku(&self, sku: &Sku) -> Option<SkuIx> {
        match &self.renamed {
            Some((name, number)) if name == sku => Some(*number),
            _ => self.ledger.sku_ix(sku.as_str()),
        }
    }

    /// Units of one SKU are units of another from this entry on.
    pub(super) fn merge_stock(&mut self, from: SkuIx, into: SkuIx, location: LocIx) {
        let (one, other) = (self.balance(from, location), self.balance(into, location));
        let both = Balance {
            available: one.available.plus(other.available),
            committed: one.committed.plus(other.committed),
            unavailable: one.unavailable.plus(other.unavailable),
            in_transit: one.in_transit.plus(other.in_transit),
        };
        self.balances.insert((into, location), both);
        self.balances.insert((from, location), Balance::default());
        self.gained.insert((into, location));
    }

    pub(super) fn sku_id(&self, sku: SkuIx) -> &Sku {
        if let Some((name, number)) = &self.renamed
            && *number == sku
        {
            return name;
        }
        match sku.0.checked_sub(self.ledger.skus.len()) {
            None => self.ledger.sku_id(sku),
            Some(fresh) => {
                let place = usize::try_from(fresh).unwrap_or(usize::MAX);
                self.fresh.get(place).expect("a SKU of this desk")
            }
        }
    }

    pub(super) fn balance(&self, sku: SkuIx, location: LocIx) -> Balance {
        match self.balances.get(&(sku, location)) {
            Some(balance) => *balance,
            None if sku.0 >= self.ledger.skus.len() => Balance::default(),
            None => self.ledger.balance(sku, location),
        }
    }

    pub(super) fn available(&self, sku: SkuIx, location: LocIx) -> Units {
        self.balance(sku, location).available
    }

    /// Moves units; a move back along the same way cancels instead of adding.
    pub(super) fn shift(&mut self, sku: SkuIx, from: Spot, to: Spot, units: Units) {
        let units = stock::fitting(self, sku, (from, to), units);
        if units.is_zero() {
            return;
        }
        for (spot, incoming) in [(from, false), (to, true)] {
            let Spot::At(location, bucket) = spot else {
                continue;
            };
            let mut balance = self.balance(sku, location);
            let there = balance.bucket_mut(bucket);
            *there = match incoming {
                true => there.plus(units),
                false => there.minus(units),
            };
            self.balances.insert((sku, location), balance);
            if incoming && bucket == Bucket::Available {
                self.gained.insert((sku, location));
            }
        }
        let mut left = units;
        for (known, back_from, back_to, already) in &mut self.moved {
            if *known == sku && *back_from == to && *back_to == from {
                let cancelled = left.min(*already);
                *already = already.minus(cancelled);
                left = left.minus(cancelled);
            }
        }
        let same = |(known, known_from, known_to, _): &&mut (SkuIx, Spot, Spot, Units)| {
            *known == sku && *known_from == from && *known_to == to
        };
        if let Some((_, _, _, already)) = self.moved.iter_mut().rfind(same) {
            // What is more than one movement can tell goes into another.
            let more = left.min(Units(u32::MAX).minus(*already));
            *already = already.plus(more);
            left = left.minus(more);
        }
        if !left.is_zero() {
            self.moved.push((sku, from, to, left));
        }
    }

    /// An order to work on; a new one if the channel never reported it.
    pub(super) fn work(
        &mut self,
        channel: u16,
        id: &OrderId,
        fresh: impl FnOnce() -> Order,
    ) -> usize {
        let orders = &self.ledger.channel(channel).orders;
        if let Some(order) = orders.find(id.as_str()) {
            return self.known_work(OrderRef { channel, order });
        }
        let same = |work: &Work| work.at.channel == channel && work.id == *id;
        if let Some(found) = self.works.iter().position(same) {
            return found;
        }
        let order = orders.len().saturating_add(self.new_orders);
        self.new_orders = self.new_orders.saturating_add(1);
        self.put(OrderRef { channel, order }, id.clone(), fresh())
    }

    /// An order of the ledger or the desk to work on.
    pub(super) fn known_work(&mut self, at: OrderRef) -> usize {
        if let Some(found) = self.places.get(&at) {
            return *found;
        }
        let orders = &self.ledger.channel(at.channel).orders;
        let id = orders.key(at.order).clone();
        self.put(at, id, orders.at(at.order).clone())
    }

    fn put(&mut self, at: OrderRef, id: OrderId, order: Order) -> usize {
        let place = self.works.len();
        self.places.insert(at, place);
        self.works.push(Work {
            at,
            id,
            order,
            reported: false,
        });
        place
    }

    pub(super) fn is_on_desk(&self, at: OrderRef) -> bool {
        self.places.contains_key(&at)
    }

    /// An order as it stands on the desk, else in the ledger.
    pub(super) fn standing(&self, at: OrderRef) -> &Order {
        let on_desk = self.places.get(&at);
        on_desk.map_or_else(|| self.ledger.order(at), |work| self.order(*work))
    }

    pub(super) fn order_ref(&self, work: usize) -> OrderRef {
        self.works.get(work).expect("an order on this desk").at
    }

    /// The same by its id; none while it is unknown.
    pub(super) fn known_order(&self, channel: u16, id: &OrderId) -> Option<&Order> {
        if let Some(order) = self.ledger.channel(channel).orders.find(id.as_str()) {
            return Some(self.standing(OrderRef { channel, order }));
        }
        let same = |work: &&Work| work.at.channel == channel && work.id == *id;
        self.works.iter().find(same).map(|work| &work.order)
    }

    pub(super) fn order_id(&self, work: usize) -> &OrderId {
        &self.works.get(work).expect("an order on this desk").id
    }

    pub(super) fn order(&self, work: usize) -> &Order {
        &self.works.get(work).expect("an order on this desk").order
    }

    pub(super) fn order_mut(&mut self, work: usize) -> &mut Work {
        self.works.get_mut(work).expect("an order on this desk")
    }

    pub(super) fn line(&self, at: LineAt) -> &Line {
        self.order(at.work)
            .lines
            .get(at.line)
            .expect("a line on this desk")
    }

    pub(super) fn line_mut(&mut self, at: LineAt) -> &mut Line {
        self.order_mut(at.work)
            .order
            .lines
            .get_mut(at.line)
            .expect("a line on this desk")
    }

    pub(super) fn lines(&self, work: usize) -> impl Iterator<Item = LineAt> + use<> {
        (0..self.order(work).lines.len()).map(move |line| LineAt { work, line })
    }

    pub(super) fn parts(&self, at: LineAt) -> Parts {
        self.line(at).parts.clone().unwrap_or_default()
    }

    pub(super) fn channel_of(&self, work: usize) -> &'a Channel {
        self.ledger.channel(self.order_ref(work).channel)
    }

    /// Our locations that serve a channel, first choice first.
    pub(super) fn served(&self, channel: u16) -> Vec<LocIx> {
        let known = || self.ledger.channel(channel).places_served();
        match self.serves.get(&channel) {
            Some(served) => served.clone(),
            None => known().map(|(ours, _)| ours).collect(),
        }
    }

    /// Commits available units to a line.
    pub(super) fn hold(&mut self, at: LineAt, sku: SkuIx, location: LocIx, units: Units) {
        if units.is_zero() {
            return;
        }
        let (from, to) = (Bucket::Available, Bucket::Committed);
        self.shift(sku, Spot::At(location, from), Spot::At(location, to), units);
        let held = &mut self.line_mut(at).held;
        match held
            .iter_mut()
            .find(|held| held.sku == sku && held.location == location)
        {
            Some(held) => held.units = held.units.plus(units),
            None => held.push(Held {
                sku,
                location,
                units,
            }),
        }
    }

    /// Takes committed units off a line and moves them on.
    pub(super) fn unhold(
        &mut self,
        at: LineAt,
        sku: SkuIx,
        location: LocIx,
        units: Units,
        to: Spot,
    ) {
        if units.is_zero() {
            return;
        }
        self.shift(sku, Spot::At(location, Bucket::Committed), to, units);
        let held = &mut self.line_mut(at).held;
        for held in held
            .iter_mut()
            .filter(|held| held.sku == sku && held.location == location)
        {
            held.units = held.units.minus(units);
        }
        held.retain(|held| !held.units.is_zero());
    }

    pub(super) fn note(&mut self, exception: Exception) {
        self.facts.push(Fact::Exception(exception));
    }

    /// Everything that was worked out, with backorders filled from what became available.
    pub(super) fn finish(mut self) -> Draft {
        self.map_fresh();
        self.allocate_booked();
        self.fill_gained();
        let mut facts = std::mem::take(&mut self.facts);
        for work in &self.works {
            self.write_order(work, &mut facts);
        }
        facts.extend(set_aside::sold(&self));
        if let Some((polled, book)) = self.polled.take()
            && (book || !facts.is_empty())
        {
            facts.push(polled);
        }
        let movements = self
            .moved
            .iter()
            .filter(|(_, _, _, units)| !units.is_zero());
        let movements = movements.map(|(sku, from, to, units)| Movement {
            sku: self.sku_id(*sku).clone(),
            units: *units,
            from: self.place(*from),
            to: self.place(*to),
        });
        Draft {
            movements: movements.collect(),
            facts,
        }
    }

    fn place(&self, spot: Spot) -> Place {
        match spot {
            Spot::At(location, bucket) => {
                Place::At(self.ledger.location_id(location).clone(), bucket)
            }
            Spot::Supplier => Place::Supplier,
            Spot::Customer => Place::Customer,
            Spot::Adjustment => Place::Adjustment,
        }
    }

    fn write_order(&self, work: &Work, facts: &mut Vec<Fact>) {
        let channel = self.ledger.channel(work.at.channel);
        let is_known = work.at.order < channel.orders.len();
        let before = is_known.then(|| channel.orders.at(work.at.order));
        let order = &work.order;
        let changed = |line: &&Line| {
            let known = before.and_then(|order| order.lines.iter().find(|old| old.id == line.id));
            known != Some(*line)
        };
        let changed: SmallVec<[&Line; 8]> = order.lines.iter().filter(changed).collect();
        facts.reserve(changed.len().saturating_add(1));
        let news = before.is_none_or(|before| {
            !changed.is_empty() || is_news(before, order, channel.wanted.get(&work.id))
        });
        if before.is_none() || (work.reported && news) {
            facts.push(Fact::Order(Box::new(OrderFact {
                channel: channel.id.clone(),
                order: work.id.clone(),
                name: order.name.to_string(),
                placed_at: order.placed_at,
                version: order.version,
                began: order.began,
                source: order.source,
                test: order.test,
                cancelled: order.cancelled,
                ship_by: order.ship_by,
                acknowledge_by: order.acknowledge_by,
            })));
        }
        let lines = changed.into_iter();
        let lines = lines.map(|line| self.line_fact(channel, &work.id, line));
        facts.extend(lines.map(|line| Fact::Line(Box::new(line))));
        let is_changed = |one: &&Shipment| {
            let known = before.and_then(|order| order.shipment(&one.id));
            known != Some(*one)
        };
        let changed = order.shipments.iter().filter(is_changed);
        facts.extend(changed.map(|one| {
            let (channel, order) = (channel.id.clone(), work.id.clone());
            Fact::Shipment(channel, order, Box::new(one.clone()))
        }));
    }
}

/// Whether a copy of an order with the same lines is worth writing down: its header differs, it was
/// asked for, or the copy before was read too early to be final.
fn is_news(before: &Order, order: &Order, wanted: Option<&Wanted>) -> bool {
    let header = |order: &Order| {
        let is = (order.test, order.cancelled, order.source);
        let by = (order.ship_by, order.acknowledge_by);
        (order.name.clone(), order.placed_at, order.version, is, by)
    };
    let fetched = order.source == Source::Fetch;
    let asked = wanted.is_some_and(|wanted| fetched && order.began >= wanted.since);
    let was_early = order
        .version
        .is_some_and(|version| !before.was_read_after(version));
    header(before) != header(order) || asked || (fetched && was_early)
}
