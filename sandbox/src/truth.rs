//! The truth of a double: what `/control` tells and an audit compares with.

use std::collections::{BTreeMap, VecDeque};

use channelsync_contract::Timestamp;
use serde::{Deserialize, Serialize};

use crate::state::{
    Disposal, Fulfillment, FulfillmentOrder, Gid, Order, Restock, Return, SetRecord, Shop,
};

/// Rows of `inventorySetQuantities` remembered at most.
pub(crate) const SETS_MAX: usize = 1_000_000;
/// Webhook answer times remembered at most; the newest stay.
const ACKS_MAX: usize = 100_000;

/// What happened so far. Never falls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Orders that buyers got.
    pub orders_placed: u64,
    /// Orders that buyers did not get for lack of stock.
    pub refused_to_buyers: u64,
    /// Orders cancelled.
    pub orders_cancelled: u64,
    /// Orders edited.
    pub orders_edited: u64,
    /// Fulfillments made, by anyone.
    pub fulfillments: u64,
    /// Dispositions of units that were to come back.
    pub dispositions: u64,
    /// Fulfillment orders moved to another location.
    pub fulfillment_orders_moved: u64,
    /// Fulfillment orders split.
    pub fulfillment_orders_split: u64,
    /// Fulfillment orders put on hold.
    pub fulfillment_orders_held: u64,
    /// Webhook attempts, repeated ones included.
    pub webhooks_sent: u64,
    /// Attempts answered with 2xx in time.
    pub webhooks_acked: u64,
    /// Attempts that failed.
    pub webhooks_failed: u64,
    /// Webhooks never sent, by fault or because the queue was full.
    pub webhooks_lost: u64,
    /// Webhooks sent a second time by fault.
    pub webhooks_doubled: u64,
    /// Webhooks given up after the last retry.
    pub webhooks_given_up: u64,
    /// Subscriptions deleted after repeated failures.
    pub subscriptions_deleted: u64,
    /// GraphQL requests that were executed.
    pub requests: u64,
    /// Mutations among them.
    pub mutations: u64,
    /// Rows set by `inventorySetQuantities`.
    pub rows_set: u64,
    /// Requests refused because the cost bucket was empty: the client's own fault.
    pub throttled_by_limit: u64,
    /// Requests refused because they cost more than any bucket allows: the client's own fault.
    pub refused_too_costly: u64,
    /// Throttling answers injected as a fault.
    pub throttled_injected: u64,
    /// Answers withheld or replaced by a server error as a fault.
    pub answers_failed_injected: u64,
    /// When an order, a fulfillment order, or stock by the merchant's own hand last changed.
    /// Quantities set through the API are no such event.
    pub last_event_at: Option<Timestamp>,
    #[serde(skip)]
    acks_micros: VecDeque<u64>,
}

impl Counters {
    /// Notes how long an accepted webhook took.
    pub(crate) fn acked_after(&mut self, micros: u64) {
        if self.acks_micros.len() >= ACKS_MAX {
            self.acks_micros.pop_front();
        }
        self.acks_micros.push_back(micros);
    }
}

/// One order as the shop has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderTruth {
    /// Number.
    pub id: u64,
    /// `gid://shopify/Order/..`.
    pub gid: String,
    /// As the merchant sees it.
    pub name: String,
    /// When the buyer bought.
    pub placed_at: Timestamp,
    /// Last change.
    pub updated_at: Timestamp,
    /// A test order.
    pub test: bool,
    /// Cancelled as a whole.
    pub cancelled: bool,
    /// Its lines, in order.
    pub lines: Vec<LineTruth>,
    /// Its fulfillment orders, in order.
    pub fulfillment_orders: Vec<FulfillmentOrderTruth>,
    /// Its fulfillments that stand.
    pub fulfillments: Vec<u64>,
    /// Its open returns, each with the units per order line that nobody has disposed of yet.
    pub returns_open: Vec<(u64, Vec<(u64, i64)>)>,
}

/// One fulfillment order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FulfillmentOrderTruth {
    /// Number.
    pub id: u64,
    /// As in the GraphQL enum, such as `ON_HOLD`.
    pub status: String,
    /// The location that is to ship it.
    pub location: u64,
    /// (order line, units that remain), where some do.
    pub remaining: Vec<(u64, i64)>,
}

/// One line of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineTruth {
    /// Number.
    pub id: u64,
    /// The variant; none for a custom line.
    pub variant: Option<u64>,
    /// Its inventory item.
    pub item: Option<u64>,
    /// As typed on the shop.
    pub sku: String,
    /// Whether the shop counts its stock and ships it.
    pub counted: bool,
    /// Units ever ordered.
    pub ordered: i64,
    /// Less refunded and removed ones.
    pub current: i64,
    /// Still to be shipped.
    pub open: i64,
    /// Shipped, less fulfillments undone.
    pub fulfilled: i64,
    /// The same by location.
    pub fulfilled_at: Vec<(u64, i64)>,
    /// The same by the carrier's number, where the parcel has one.
    pub fulfilled_as: Vec<(String, i64)>,
    /// Shipped units put back on sale, by refunds and dispositions.
    pub returned: i64,
    /// Open units by location.
    pub open_at: Vec<(u64, i64)>,
    /// Shipped units of which a refund or a disposition says what became.
    pub back: Vec<BackTruth>,
}

impl LineTruth {
    /// Shipped units that are there again: on sale, or at a location to be looked at.
    pub fn came_back(&self) -> i64 {
        let there = self.back.iter().filter(|one| one.is_there());
        there.map(|one| one.units).sum()
    }
}

/// What became of shipped units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackTruth {
    /// On sale again, in inspection, thrown away or never seen.
    pub disposal: Disposal,
    /// How many.
    pub units: i64,
    /// Where; always there for restocked units.
    pub location: Option<u64>,
}

impl BackTruth {
    /// Whether the units are there again: on sale, or to be looked at.
    pub fn is_there(&self) -> bool {
        match self.disposal {
            Disposal::Restocked => true,
            Disposal::ProcessingRequired => self.location.is_some(),
            Disposal::NotRestocked | Disposal::Missing => false,
        }
    }
}

/// One item at one location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelTruth {
    /// Inventory item.
    pub item: u64,
    /// Its variant.
    pub variant: u64,
    /// The variant's SKU.
    pub sku: String,
    /// Location.
    pub location: u64,
    /// Whether the item is stocked there.
    pub active: bool,
    /// Whether the shop counts the item.
    pub tracked: bool,
    /// Units physically there, as the shop believes.
    pub on_hand: i64,
    /// Units buyers may still buy; below zero when too many were sold.
    pub available: i64,
    /// Units promised to open orders.
    pub committed: i64,
    /// Reserved, damaged, safety stock and quality control together.
    pub unsellable: i64,
    /// The lowest that available ever was, at most 0.
    pub lowest_available: i64,
}

/// A subscription that exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionTruth {
    /// `gid://shopify/WebhookSubscription/..`.
    pub gid: String,
    /// As in the GraphQL enum.
    pub topic: String,
    /// Where deliveries go.
    pub uri: String,
}

/// How long accepted webhooks took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AckTimes {
    /// Half took at most so many microseconds.
    pub p50_micros: u64,
    /// 99 of 100 took at most so many microseconds.
    pub p99_micros: u64,
    /// How many were measured.
    pub count: u64,
}

/// Everything that is true of one shop, or one page of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    /// The shop.
    pub shop: String,
    /// The shop's time.
    pub now: Timestamp,
    /// Orders by id, at most as many as asked for.
    pub orders: Vec<OrderTruth>,
    /// The id after which the next page of orders begins; none when these were the last.
    pub orders_after: Option<u64>,
    /// All levels, by item and location.
    pub levels: Vec<LevelTruth>,
    /// All subscriptions.
    pub subscriptions: Vec<SubscriptionTruth>,
    /// What happened so far.
    pub counters: Counters,
    /// Webhook answer times.
    pub webhook_ack: AckTimes,
    /// Webhooks waiting or under way.
    pub webhooks_unfinished: u64,
    /// Units that were sold without being there: how far below zero levels ever were.
    pub oversold_units: i64,
    /// Rows of successful `inventorySetQuantities`, oldest first.
    pub sets: Vec<SetRecord>,
}

/// Which part of the truth is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TruthPage {
    /// Orders with ids above this one.
    pub orders_after: u64,
    /// How many orders at most.
    pub orders_max: usize,
    /// Sets from this position on.
    pub sets_from: usize,
}

impl Default for TruthPage {
    fn default() -> Self {
        Self {
            orders_after: 0,
            orders_max: 10_000,
            sets_from: 0,
        }
    }
}

/// The truth about a shop.
pub(crate) fn truth(shop: &Shop, page: TruthPage) -> Truth {
    let after = page.orders_after.saturating_add(1);
    let mut rest = shop.orders.range(after..).map(|(_, order)| order);
    let orders: Vec<OrderTruth> = rest
        .by_ref()
        .take(page.orders_max)
        .map(|one| order(shop, one))
        .collect();
    let more = rest.next().is_some();
    let orders_after = orders.last().filter(|_| more).map(|one| one.id);
    let subscriptions = shop
        .outbox
        .subscriptions
        .values()
        .map(|one| SubscriptionTruth {
            gid: Gid::of("WebhookSubscription", one.id).to_string(),
            topic: one.topic.clone(),
            uri: one.uri.clone(),
        });
    Truth {
        shop: shop.name.clone(),
        now: shop.now,
        orders,
        orders_after,
        levels: levels(shop),
        subscriptions: subscriptions.collect(),
        counters: shop.counters.clone(),
        webhook_ack: ack_times(&shop.counters),
        webhooks_unfinished: u64::try_from(shop.outbox.unfinished()).unwrap_or(u64::MAX),
        oversold_units: shop.levels.values().map(|level| -level.lowest).sum(),
        sets: shop.sets.get(page.sets_from..).unwrap_or_default().to_vec(),
    }
}

fn ack_times(counters: &Counters) -> AckTimes {
    let mut sorted: Vec<u64> = counters.acks_micros.iter().copied().collect();
    sorted.sort_unstable();
    let at = |percent: usize| {
        let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        sorted.get(rank).copied().unwrap_or(0)
    };
    AckTimes {
        p50_micros: at(50),
        p99_micros: at(99),
        count: u64::try_from(sorted.len()).unwrap_or(u64::MAX),
    }
}

fn levels(shop: &Shop) -> Vec<LevelTruth> {
    let row = |((item, location), level): (&(u64, u64), &crate::state::Level)| {
        let variant = shop.variant_of(*item)?;
        Some(LevelTruth {
            item: *item,
            variant: variant.id,
            sku: variant.sku.clone(),
            location: *location,
            active: level.active,
            tracked: variant.tracked,
            on_hand: level.on_hand(),
            available: level.available,
            committed: level.committed,
            unsellable: level.unsellable(),
            lowest_available: level.lowest,
        })
    };
    shop.levels.iter().filter_map(row).collect()
}

/// The truth about one order.
pub(crate) fn order_truth(shop: &Shop, id: u64) -> Option<OrderTruth> {
    Some(order(shop, shop.orders.get(&id)?))
}

fn order(shop: &Shop, order: &Order) -> OrderTruth {
    let mut open_at: BTreeMap<(u64, u64), i64> = BTreeMap::new();
    for one in &order.allocated {
        *open_at.entry((one.line, one.location)).or_default() += one.units;
    }
    let placed = order.fulfillment_orders.iter();
    for found in placed.filter_map(|id| shop.fulfillment_orders.get(id)) {
        for one in found.lines.iter().filter(|one| one.remaining > 0) {
            *open_at.entry((one.line, found.location)).or_default() += one.remaining;
        }
    }
    let mut fulfilled_at: BTreeMap<(u64, u64), i64> = BTreeMap::new();
    for one in standing(shop, order) {
        for part in &one.lines {
            *fulfilled_at.entry((part.line, one.location)).or_default() += part.units;
        }
    }
    let by_number = |line: u64| -> Vec<(String, i64)> {
        let parcels = standing(shop, order).flat_map(|one| {
            let parts = one.lines.iter().filter(move |part| part.line == line);
            let number = one.tracking.numbers.first();
            parts.filter_map(move |part| Some((number?.clone(), part.units)))
        });
        parcels.collect()
    };
    let by_place = |units: &BTreeMap<(u64, u64), i64>, line: u64| {
        let here = units.range((line, 0)..=(line, u64::MAX));
        here.map(|((_, place), units)| (*place, *units)).collect()
    };
    let line = |line: &crate::state::Line| {
        let variant = line.variant.and_then(|id| shop.variants.get(&id));
        LineTruth {
            id: line.id,
            variant: line.variant,
            item: variant.map(|one| one.item),
            sku: line.sku.clone(),
            counted: variant.is_some_and(|one| one.tracked) && line.ships(),
            ordered: line.ordered,
            current: line.current(),
            open: line.open(),
            fulfilled: line.fulfilled,
            fulfilled_at: by_place(&fulfilled_at, line.id),
            fulfilled_as: by_number(line.id),
            returned: line.returned,
            open_at: by_place(&open_at, line.id),
            back: back(shop, order, line.id),
        }
    };
    OrderTruth {
        id: order.id,
        gid: Gid::of("Order", order.id).to_string(),
        name: format!("#{}", order.number),
        placed_at: order.created_at,
        updated_at: order.updated_at,
        test: order.test,
        cancelled: order.cancelled_at.is_some(),
        lines: order.lines.iter().map(line).collect(),
        fulfillment_orders: fulfillment_orders(shop, order),
        fulfillments: standing(shop, order).map(|one| one.id).collect(),
        returns_open: returns_open(shop, order),
    }
}

/// Fulfillments of an order that were not undone.
fn standing<'a>(shop: &'a Shop, order: &'a Order) -> impl Iterator<Item = &'a Fulfillment> {
    let all = order.fulfillments.iter();
    let all = all.filter_map(|id| shop.fulfillments.get(id));
    all.filter(|one| !one.cancelled)
}

fn fulfillment_orders(shop: &Shop, order: &Order) -> Vec<FulfillmentOrderTruth> {
    let all = order.fulfillment_orders.iter();
    let all = all.filter_map(|id| shop.fulfillment_orders.get(id));
    let remaining = |one: &FulfillmentOrder| {
        let left = one.lines.iter().filter(|line| line.remaining > 0);
        left.map(|line| (line.line, line.remaining)).collect()
    };
    all.map(|one| FulfillmentOrderTruth {
        id: one.id,
        status: one.status.to_owned(),
        location: one.location,
        remaining: remaining(one),
    })
    .collect()
}

fn returns_open(shop: &Shop, order: &Order) -> Vec<(u64, Vec<(u64, i64)>)> {
    let all = order.returns.iter().filter_map(|id| shop.returns.get(id));
    let left = |one: &Return| {
        let lines = one
            .lines
            .iter()
            .map(|line| (line.line, line.units - line.disposed()));
        lines.filter(|(_, units)| *units > 0).collect()
    };
    all.filter(|one| one.status == "OPEN")
        .map(|one| (one.id, left(one)))
        .collect()
}

/// What refunds and dispositions say of shipped units of a line, refunds first.
fn back(shop: &Shop, order: &Order, line: u64) -> Vec<BackTruth> {
    let refunds = order.refunds.iter().filter_map(|id| shop.refunds.get(id));
    let parts = refunds.flat_map(|one| &one.lines);
    let put_back = parts.filter(|part| part.line == line && part.restock == Restock::Return);
    let refunded = put_back.map(|part| BackTruth {
        disposal: Disposal::Restocked,
        units: part.units,
        location: part.location,
    });
    let returns = order.returns.iter().filter_map(|id| shop.returns.get(id));
    let lines = returns
        .flat_map(|one| &one.lines)
        .filter(|one| one.line == line);
    let disposed = lines
        .flat_map(|one| &one.dispositions)
        .map(|part| BackTruth {
            disposal: part.kind,
            units: part.units,
            location: part.location,
        });
    refunded.chain(disposed).collect()
}
