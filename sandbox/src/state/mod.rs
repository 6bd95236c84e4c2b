//! One shop: its stock, its orders and everything that follows from them.
//!
//! All changes go through [`ShopCell::enter`]: it sets the time, does what has become due, runs
//! the change, and turns what was touched into webhooks under one event id. Nothing here waits.

mod bulk;
mod changes;
mod desk;
mod fulfilling;
mod ids;
mod inventory;
mod orders;
mod returns;
mod routing;
mod search;
mod types;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use channelsync_contract::Timestamp;
use tokio::sync::Notify;

use crate::bucket::Bucket;
use crate::dice::Dice;
use crate::faults::Faults;
use crate::idempotency::Keys;
use crate::setup::{Options, Plan, ShopSetup, Timings};
use crate::webhook::{News, Outbox, Topic};

pub(crate) use bulk::Operation;
pub(crate) use fulfilling::Moved;
pub use fulfilling::Tracking;
pub(crate) use ids::{Gid, Ids};
pub(crate) use inventory::{Adjustment, Change, Level, SETTABLE_MAX, STATES};
pub use orders::{Buying, Wanted};
pub use returns::{Disposal, ReturnStep};
pub(crate) use returns::{Disposed, Return, ReturnLine};
pub(crate) use search::{Index, Term, parse_terms};
pub(crate) use types::{
    Allocation, Fulfillment, FulfillmentOrder, FulfillmentOrderLine, Line, Location, Order,
    Product, Refund, RefundLine, Tokens, Variant,
};

pub use types::{Restock, SetRecord};

/// Why the shop does not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

/// Refuses with a message.
pub(crate) fn refuse<T>(why: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal(why.into()))
}

/// The generators of a shop, one per purpose.
#[derive(Debug)]
pub(crate) struct AllDice {
    pub(crate) ids: Dice,
    pub(crate) delays: Dice,
    pub(crate) answers: Dice,
    pub(crate) webhooks: Dice,
    pub(crate) bulk: Dice,
    pub(crate) pages: Dice,
}

/// Everything one shop knows.
#[derive(Debug)]
pub(crate) struct Shop {
    pub(crate) name: String,
    pub(crate) domain: String,
    pub(crate) id: u64,
    pub(crate) tokens: Tokens,
    pub(crate) now: Timestamp,
    pub(crate) timings: Timings,
    pub(crate) faults: Faults,
    pub(crate) away_from: Option<Timestamp>,
    pub(crate) dice: AllDice,
    pub(crate) ids: Ids,
    pub(crate) bucket: Bucket,
    pub(crate) keys: Keys,
    pub(crate) locations: Vec<Location>,
    pub(crate) products: BTreeMap<u64, Product>,
    pub(crate) variants: BTreeMap<u64, Variant>,
    /// Inventory item -> variant.
    pub(crate) items: BTreeMap<u64, u64>,
    /// SKU -> how many variants have it.
    pub(crate) skus: BTreeMap<String, usize>,
    /// (inventory item, location) -> quantities.
    pub(crate) levels: BTreeMap<(u64, u64), Level>,
    pub(crate) adjustments: BTreeMap<u64, Adjustment>,
    /// Whether `userErrors` of inventory writes leave out which row was wrong.
    pub(crate) hides_row_index: bool,
    pub(crate) sets: Vec<SetRecord>,
    pub(crate) orders: BTreeMap<u64, Order>,
    pub(crate) fulfillment_orders: BTreeMap<u64, FulfillmentOrder>,
    pub(crate) fulfillments: BTreeMap<u64, Fulfillment>,
    pub(crate) refunds: BTreeMap<u64, Refund>,
    pub(crate) returns: BTreeMap<u64, Return>,
    /// A line of an order, fulfillment order, fulfillment or return, or a reverse order -> what it
    /// belongs to.
    pub(crate) owners: BTreeMap<u64, u64>,
    /// Bulk operations.
    pub(crate) bulk: BTreeMap<u64, Operation>,
    /// Host and port by which the API was asked last: files are served there, too.
    pub(crate) address: String,
    pub(crate) order_index: Index,
    pub(crate) fulfillment_order_index: Index,
    pub(crate) outbox: Outbox,
    pub(crate) counters: crate::truth::Counters,
    /// Orders whose fulfillment orders are still to appear, by time.
    due: BTreeSet<(Timestamp, u64)>,
    touched_orders: BTreeSet<u64>,
    touched_levels: BTreeSet<(u64, u64)>,
    news: Vec<(Topic, News)>,
}

/// A shop behind its lock. The lock is never held across an await.
#[derive(Debug)]
pub(crate) struct ShopCell {
    pub(crate) name: String,
    shop: Mutex<Shop>,
    wake: Arc<Notify>,
}

impl ShopCell {
    /// Puts a shop behind a lock; `wake` is told when something new will happen by itself.
    pub(crate) fn new(shop: Shop, wake: Arc<Notify>) -> Self {
        Self {
            name: shop.name.clone(),
            shop: Mutex::new(shop),
            wake,
        }
    }

    /// Runs one action at `now`: what is due first, then `act`, then the webhooks that follow.
    pub(crate) fn enter<T>(&self, now: Timestamp, act: impl FnOnce(&mut Shop) -> T) -> T {
        let mut shop = self.shop.lock().unwrap_or_else(PoisonError::into_inner);
        let before = (shop.outbox.queued(), shop.due.len(), shop.bulk.len());
        shop.advance(now);
        let result = act(&mut shop);
        shop.settle();
        if (shop.outbox.queued(), shop.due.len(), shop.bulk.len()) != before {
            self.wake.notify_one();
        }
        result
    }
}

impl Shop {
    /// The shop as it opens at `now`.
    pub(crate) fn open(options: &Options, setup: &ShopSetup, number: u64, now: Timestamp) -> Self {
        let dice = |purpose: &str| Dice::new(options.seed, &format!("{}/{purpose}", setup.name));
        let dice = AllDice {
            ids: dice("ids"),
            delays: dice("delays"),
            answers: dice("answers"),
            webhooks: dice("webhooks"),
            bulk: dice("bulk"),
            pages: dice("pages"),
        };
        let mut ids = Ids::new(number, &dice.ids);
        let tokens = Tokens::new(&dice.ids);
        let mut shop = Self {
            name: setup.name.clone(),
            domain: format!("{}.myshopify.com", setup.name),
            id: ids.next(),
            tokens,
            now,
            timings: options.timings.clone(),
            faults: Faults::default(),
            away_from: None,
            bucket: Bucket::new(setup.plan, now),
            keys: Keys::default(),
            locations: Vec::new(),
            products: BTreeMap::new(),
            variants: BTreeMap::new(),
            items: BTreeMap::new(),
            skus: BTreeMap::new(),
            levels: BTreeMap::new(),
            adjustments: BTreeMap::new(),
            hides_row_index: false,
            sets: Vec::new(),
            orders: BTreeMap::new(),
            fulfillment_orders: BTreeMap::new(),
            fulfillments: BTreeMap::new(),
            refunds: BTreeMap::new(),
            returns: BTreeMap::new(),
            owners: BTreeMap::new(),
            bulk: BTreeMap::new(),
            address: "127.0.0.1".to_owned(),
            order_index: Index::default(),
            fulfillment_order_index: Index::default(),
            outbox: Outbox::default(),
            counters: crate::truth::Counters::default(),
            due: BTreeSet::new(),
            touched_orders: BTreeSet::new(),
            touched_levels: BTreeSet::new(),
            news: Vec::new(),
            ids,
            dice,
        };
        for name in &setup.locations {
            shop.add_location(name);
        }
        for variant in &setup.variants {
            shop.add_variant(variant);
        }
        shop.set_faults(options.faults.clone());
        shop.settle();
        shop
    }

    /// Sets what goes wrong from now on; a new `away` begins within the next seconds.
    pub(crate) fn set_faults(&mut self, faults: Faults) {
        let soon = Duration::from_secs(1) + self.dice.delays.up_to(Duration::from_secs(4));
        if faults.away != self.faults.away {
            self.away_from = faults.away.map(|_| self.now.plus(soon));
        }
        self.faults = faults;
    }

    /// Until when the whole shop answers nothing, if it does not answer now.
    pub(crate) fn away_until(&self) -> Option<Timestamp> {
        let from = self.away_from?;
        let until = from.plus(self.faults.away?);
        (from <= self.now && self.now < until).then_some(until)
    }

    /// Sets the plan, keeping what the bucket holds as far as it still fits.
    pub(crate) fn set_plan(&mut self, plan: Plan) {
        self.bucket.set_plan(plan, self.now);
    }

    /// When something happens by itself next; none when nothing is due.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        let routed = self.due.first().map(|(at, _)| *at);
        routed.into_iter().chain(self.bulk_due()).min()
    }

    /// Lets fulfillment orders of `order` appear a while from now.
    pub(crate) fn route_later(&mut self, order: u64) {
        let spread = self.dice.delays.up_to(self.timings.routing_delay_spread);
        let at = self.now.plus(self.timings.routing_delay_min).plus(spread);
        self.due.insert((at, order));
    }

    /// Marks `order` as changed now.
    pub(crate) fn touch_order(&mut self, order: u64) {
        let lag = self.dice.delays.up_to(self.timings.search_lag * 2);
        let now = self.now;
        if let Some(found) = self.orders.get_mut(&order) {
            found.updated_at = now;
            self.touched_orders.insert(order);
            self.order_index.change(order, now, now.plus(lag));
        }
        self.counters.last_event_at = Some(now);
    }

    /// Marks a fulfillment order as changed now; its order is not.
    pub(crate) fn touch_fulfillment_order(&mut self, id: u64) {
        let lag = self.dice.delays.up_to(self.timings.search_lag * 2);
        let now = self.now;
        if let Some(found) = self.fulfillment_orders.get_mut(&id) {
            found.updated_at = now;
            self.fulfillment_order_index.change(id, now, now.plus(lag));
        }
        self.counters.last_event_at = Some(now);
    }

    /// Marks a level as changed now.
    pub(crate) fn touch_level(&mut self, key: (u64, u64)) {
        self.touched_levels.insert(key);
    }

    /// Announces something besides the touched orders and levels.
    pub(crate) fn tell(&mut self, topic: Topic, news: News) {
        self.news.push((topic, news));
    }

    fn advance(&mut self, now: Timestamp) {
        while let Some(&(at, order)) = self.due.first() {
            if at > now {
                break;
            }
            self.due.remove(&(at, order));
            self.now = at.max(self.now);
            self.route(order);
            self.settle();
        }
        self.now = now.max(self.now);
        self.order_index.advance(self.now);
        self.fulfillment_order_index.advance(self.now);
        self.advance_bulk();
    }

    /// Turns what was touched into webhooks that share one event id.
    fn settle(&mut self) {
        let created = |news: &[(Topic, News)], order: u64| {
            let is_create = |(topic, what): &(Topic, News)| {
                matches!(topic, Topic::OrdersCreate) && *what == News::Order(order)
            };
            news.iter().any(is_create)
        };
        let mut news = std::mem::take(&mut self.news);
        for order in std::mem::take(&mut self.touched_orders) {
            if !created(&news, order) {
                news.push((Topic::OrdersUpdated, News::Order(order)));
            }
        }
        for (item, location) in std::mem::take(&mut self.touched_levels) {
            news.push((Topic::InventoryLevelsUpdate, News::Level(item, location)));
        }
        if !news.is_empty() {
            crate::webhook::publish(self, news);
        }
    }
}
