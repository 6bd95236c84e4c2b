//! Placing orders: what buyers get, and from where.

use serde::{Deserialize, Serialize};

use super::{Allocation, Line, Order, Refusal, Shop, refuse};
use crate::webhook::{News, Topic};

/// Lines an order may have at most.
const LINES_MAX: usize = 500;
/// Units of a line an order may have at most.
const UNITS_MAX: u32 = 1_000_000;

/// A buyer's order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Buying {
    /// What is bought; may hold one variant twice.
    pub lines: Vec<Wanted>,
    /// A test order. It takes stock like any other.
    pub test: bool,
    /// A company buys on terms: the order is pending, yet to be shipped.
    pub on_terms: bool,
}

/// One line that a buyer wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// The variant; none for a custom line.
    #[serde(default)]
    pub variant: Option<u64>,
    /// How many, at least 1.
    pub units: u32,
}

impl Shop {
    /// Takes an order, or refuses the buyer for lack of stock.
    pub(crate) fn place(&mut self, buying: &Buying) -> Result<u64, Refusal> {
        if buying.lines.is_empty() || buying.lines.len() > LINES_MAX {
            return refuse(format!("an order has 1 to {LINES_MAX} lines"));
        }
        let taken: Result<(), Refusal> = buying.lines.iter().try_for_each(|line| {
            let wanted = i64::from(line.units);
            let same = buying
                .lines
                .iter()
                .filter(|one| one.variant == line.variant);
            let total: i64 = same.map(|one| i64::from(one.units)).sum();
            self.check_wanted(line.variant, wanted, total)
        });
        if let Err(refusal) = taken {
            self.counters.refused_to_buyers += 1;
            return Err(refusal);
        }
        let id = self.ids.next();
        let lines: Vec<Line> = buying
            .lines
            .iter()
            .map(|line| self.new_line(line.variant, i64::from(line.units)))
            .collect();
        for line in &lines {
            self.owners.insert(line.id, id);
        }
        self.counters.orders_placed += 1;
        let order = Order {
            id,
            number: 1000 + self.counters.orders_placed,
            created_at: self.now,
            updated_at: self.now,
            cancelled_at: None,
            cancel_reason: None,
            test: buying.test,
            on_terms: buying.on_terms,
            edited: false,
            allocated: Vec::new(),
            lines,
            fulfillment_orders: Vec::new(),
            fulfillments: Vec::new(),
            refunds: Vec::new(),
            returns: Vec::new(),
        };
        let wants: Vec<(u64, i64)> = order
            .lines
            .iter()
            .map(|line| (line.id, line.open()))
            .collect();
        self.orders.insert(id, order);
        self.commit(id, &wants);
        self.touch_order(id);
        self.tell(Topic::OrdersCreate, News::Order(id));
        if !buying.on_terms {
            self.tell(Topic::OrdersPaid, News::Order(id));
        }
        Ok(id)
    }

    /// Whether buyers get `units` of a variant when they want `total` of it altogether.
    pub(crate) fn check_wanted(
        &self,
        variant: Option<u64>,
        units: i64,
        total: i64,
    ) -> Result<(), Refusal> {
        if units < 1 || units > i64::from(UNITS_MAX) {
            return refuse(format!("a line has 1 to {UNITS_MAX} units"));
        }
        let Some(id) = variant else { return Ok(()) };
        let Some(variant) = self.variants.get(&id) else {
            return refuse(format!("no variant {id}"));
        };
        let holds = variant.tracked && variant.requires_shipping;
        if holds && !variant.oversell && self.available(variant.item) < total {
            return refuse(format!(
                "only {} left of {}",
                self.available(variant.item),
                variant.sku
            ));
        }
        Ok(())
    }

    /// A line of `units`, with what the variant says now.
    pub(crate) fn new_line(&mut self, variant: Option<u64>, units: i64) -> Line {
        let id = self.ids.next();
        let found = variant.and_then(|id| self.variants.get(&id));
        let title = found.and_then(|one| self.products.get(&one.product));
        Line {
            id,
            variant,
            sku: found.map_or_else(String::new, |one| one.sku.clone()),
            title: title.map_or_else(|| "Custom line".to_owned(), |one| one.title.clone()),
            price_minor: found.map_or(500, |one| one.price_minor),
            requires_shipping: found.is_none_or(|one| one.requires_shipping),
            gift_card: found.is_some_and(|one| one.gift_card),
            ordered: units,
            removed: 0,
            removed_unshipped: 0,
            fulfilled: 0,
            returned: 0,
            coming_back: 0,
        }
    }

    /// Chooses locations for open units of lines, commits them there, and lets fulfillment orders
    /// follow later.
    pub(crate) fn commit(&mut self, order: u64, wants: &[(u64, i64)]) {
        let Some(found) = self.orders.get(&order) else {
            return;
        };
        let wanted: Vec<(u64, Option<u64>, i64)> = wants
            .iter()
            .filter(|(_, units)| *units > 0)
            .filter_map(|(id, units)| {
                let line = found.lines.iter().find(|line| line.id == *id)?;
                line.ships().then_some((*id, line.variant, *units))
            })
            .collect();
        let chosen: Vec<Allocation> = self.choose_locations(&wanted);
        for one in &chosen {
            let variant = self.variant_of_line(order, one.line);
            self.change_level(variant, one.location, |level| {
                level.available -= one.units;
                level.committed += one.units;
            });
        }
        if let Some(found) = self.orders.get_mut(&order) {
            found.allocated.extend(chosen);
        }
        self.route_later(order);
    }

    /// The variant of a line of an order.
    pub(crate) fn variant_of_line(&self, order: u64, line: u64) -> Option<u64> {
        let order = self.orders.get(&order)?;
        order.lines.iter().find(|one| one.id == line)?.variant
    }

    /// The order, or a refusal.
    pub(crate) fn order_mut(&mut self, id: u64) -> Result<&mut Order, Refusal> {
        match self.orders.get_mut(&id) {
            Some(order) => Ok(order),
            None => refuse(format!("no order {id}")),
        }
    }

    /// The line, or a refusal.
    pub(crate) fn line_mut(&mut self, order: u64, line: u64) -> Result<&mut Line, Refusal> {
        let found = self.order_mut(order)?;
        match found.lines.iter_mut().find(|one| one.id == line) {
            Some(line) => Ok(line),
            None => refuse(format!("order {order} has no line {line}")),
        }
    }
}
