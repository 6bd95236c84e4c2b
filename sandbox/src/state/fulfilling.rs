//! Shipping: fulfillments, their cancellation, and moving fulfillment orders.
//!
//! A fulfillment takes committed units at the location of its fulfillment order. Rules: channel
//! page, section 7 and correction 2 of section 10.

use serde::{Deserialize, Serialize};

use super::types::FulfillmentLine;
use super::{Fulfillment, Refusal, Shop, refuse};
use crate::webhook::{News, Topic};

/// What a carrier calls a parcel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tracking {
    /// The carrier.
    pub company: Option<String>,
    /// Its numbers.
    pub numbers: Vec<String>,
    /// Pages that follow the parcel.
    pub urls: Vec<String>,
}

/// The ids that a move leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) moved: u64,
    pub(crate) original: u64,
    /// What stayed, where only a part was moved.
    pub(crate) remaining: Option<u64>,
}

impl Shop {
    /// Ships (fulfillment order, its lines and units) in one parcel; no lines means all of it.
    pub(crate) fn fulfill(
        &mut self,
        parts: &[(u64, Vec<(u64, i64)>)],
        tracking: Tracking,
    ) -> Result<u64, Refusal> {
        let (order, location) = self.check_fulfillable(parts)?;
        let id = self.ids.next();
        let mut lines = Vec::new();
        for (fulfillment_order, wanted) in parts {
            lines.extend(self.take_remaining(*fulfillment_order, wanted));
            self.touch_fulfillment_order(*fulfillment_order);
        }
        for part in &mut lines {
            part.id = self.ids.next();
            self.owners.insert(part.id, id);
            let variant = self.variant_of_line(order, part.line);
            self.change_level(variant, location, |level| level.committed -= part.units);
            self.line_mut(order, part.line)?.fulfilled += part.units;
        }
        let found = self.order_mut(order)?;
        found.fulfillments.push(id);
        let number = found.fulfillments.len();
        let is_done = found.lines.iter().all(|line| line.open() == 0);
        let fulfillment = Fulfillment {
            id,
            order,
            location,
            number,
            cancelled: false,
            created_at: self.now,
            updated_at: self.now,
            tracking,
            lines,
        };
        self.fulfillments.insert(id, fulfillment);
        self.counters.fulfillments += 1;
        self.tell(Topic::FulfillmentsCreate, News::Fulfillment(id));
        let topic = match is_done {
            true => Topic::OrdersFulfilled,
            false => Topic::OrdersPartiallyFulfilled,
        };
        self.tell(topic, News::Order(order));
        self.touch_order(order);
        Ok(id)
    }

    fn check_fulfillable(&self, parts: &[(u64, Vec<(u64, i64)>)]) -> Result<(u64, u64), Refusal> {
        let mut whose: Option<(u64, u64)> = None;
        for (index, (id, wanted)) in parts.iter().enumerate() {
            let Some(found) = self.fulfillment_orders.get(id) else {
                return refuse("Fulfillment order does not exist.");
            };
            if parts.iter().take(index).any(|(other, _)| other == id) {
                return refuse("A fulfillment order is named twice.");
            }
            let (order, location) = *whose.get_or_insert((found.order, found.location));
            if order != found.order {
                return refuse("All fulfillment orders must belong to a single order.");
            }
            if location != found.location {
                return refuse("All fulfillment orders must be assigned to a single location.");
            }
            if !found.is_open() {
                let status = found.status.to_lowercase();
                return refuse(format!(
                    "Fulfillment order {id} has an unfulfillable status= {status}."
                ));
            }
            for (at, (line, units)) in wanted.iter().enumerate() {
                let Some(one) = found.lines.iter().find(|one| one.id == *line) else {
                    return refuse("Fulfillment order line item does not exist.");
                };
                let is_twice = wanted.iter().take(at).any(|(other, _)| other == line);
                if *units < 1 || *units > one.remaining || is_twice {
                    return refuse("Invalid fulfillment order line item quantity requested.");
                }
            }
        }
        match whose {
            Some(whose) => Ok(whose),
            None => refuse("At least one fulfillment order is required."),
        }
    }

    fn take_remaining(&mut self, id: u64, wanted: &[(u64, i64)]) -> Vec<FulfillmentLine> {
        let Some(found) = self.fulfillment_orders.get_mut(&id) else {
            return Vec::new();
        };
        let mut taken = Vec::new();
        for one in &mut found.lines {
            let units = match wanted {
                [] => one.remaining,
                some => {
                    let asked = some.iter().find(|(line, _)| *line == one.id);
                    asked.map_or(0, |(_, units)| *units)
                }
            };
            if units > 0 {
                one.remaining -= units;
                taken.push(FulfillmentLine {
                    id: 0,
                    line: one.line,
                    units,
                    fulfillment_order: id,
                });
            }
        }
        found.refresh_status();
        taken
    }

    /// Undoes a fulfillment: its units are committed again and its fulfillment orders reopen.
    pub(crate) fn unfulfill(&mut self, id: u64) -> Result<(), Refusal> {
        let Some(found) = self.fulfillments.get(&id) else {
            return refuse("Fulfillment does not exist.");
        };
        let (order, location, lines) = (found.order, found.location, found.lines.clone());
        if found.cancelled {
            return refuse("Fulfillment is already cancelled.");
        }
        for part in &lines {
            let line = self.line_mut(order, part.line)?;
            let gone = line.removed - line.removed_unshipped;
            if line.fulfilled - line.coming_back.max(gone) < part.units {
                return refuse("Fulfillment has units that were returned or refunded.");
            }
        }
        if self.order_mut(order)?.cancelled_at.is_some() {
            return refuse("Fulfillment belongs to a cancelled order.");
        }
        for part in &lines {
            self.line_mut(order, part.line)?.fulfilled -= part.units;
            let variant = self.variant_of_line(order, part.line);
            self.change_level(variant, location, |level| level.committed += part.units);
            if let Some(found) = self.fulfillment_orders.get_mut(&part.fulfillment_order) {
                for one in found.lines.iter_mut().filter(|one| one.line == part.line) {
                    one.remaining += part.units;
                }
                found.refresh_status();
            }
            self.touch_fulfillment_order(part.fulfillment_order);
        }
        let now = self.now;
        if let Some(found) = self.fulfillments.get_mut(&id) {
            found.cancelled = true;
            found.updated_at = now;
        }
        self.tell(Topic::FulfillmentsUpdate, News::Fulfillment(id));
        self.touch_order(order);
        Ok(())
    }

    /// Replaces what is known of a parcel.
    pub(crate) fn track(&mut self, id: u64, tracking: Tracking) -> Result<(), Refusal> {
        let now = self.now;
        let Some(found) = self.fulfillments.get_mut(&id) else {
            return refuse("Fulfillment does not exist.");
        };
        if found.cancelled {
            return refuse("Fulfillment is cancelled.");
        }
        found.tracking = tracking;
        found.updated_at = now;
        let order = found.order;
        self.tell(Topic::FulfillmentsUpdate, News::Fulfillment(id));
        self.touch_order(order);
        Ok(())
    }

    /// Moves a fulfillment order, or units of its lines, to another location.
    ///
    /// The order's own `updatedAt` stays. The whole of an untouched one keeps its id.
    pub(crate) fn move_fulfillment_order(
        &mut self,
        id: u64,
        to: u64,
        wanted: &[(u64, i64)],
    ) -> Result<Moved, Refusal> {
        let Some(found) = self.fulfillment_orders.get(&id).cloned() else {
            return refuse("Fulfillment order does not exist.");
        };
        if self.location(to).is_none() {
            return refuse("Location does not exist.");
        }
        if !found.is_open() || found.location == to {
            return refuse("Fulfillment order cannot be moved to this location.");
        }
        let units_of = |line: u64, remaining: i64| match wanted {
            [] => remaining,
            some => some
                .iter()
                .find(|(one, _)| *one == line)
                .map_or(0, |(_, units)| *units),
        };
        let mut moving = Vec::new();
        for line in &found.lines {
            let units = units_of(line.id, line.remaining);
            if units < 0 || units > line.remaining {
                return refuse("Invalid fulfillment order line item quantity requested.");
            }
            moving.push((line.line, units));
        }
        moving.retain(|(_, units)| *units > 0);
        for (line, _) in &moving {
            if !self.stocks(found.order, *line, to) {
                return refuse("An item is not stocked at the new location.");
            }
        }
        let all: i64 = found.lines.iter().map(|line| line.remaining).sum();
        let is_whole = moving.iter().map(|(_, units)| units).sum::<i64>() == all;
        for (line, units) in &moving {
            let variant = self.variant_of_line(found.order, *line);
            self.change_level(variant, found.location, |level| {
                level.committed -= units;
                level.available += units;
            });
            self.change_level(variant, to, |level| {
                level.committed += units;
                level.available -= units;
            });
        }
        let moved = match is_whole && !found.has_progress() {
            true => {
                if let Some(found) = self.fulfillment_orders.get_mut(&id) {
                    found.location = to;
                }
                Moved {
                    moved: id,
                    original: id,
                    remaining: None,
                }
            }
            false => self.split_off(id, to, &moving),
        };
        self.touch_fulfillment_order(id);
        let (from, order) = (found.location, found.order);
        self.counters.fulfillment_orders_moved += 1;
        self.tell(
            Topic::FulfillmentOrdersMoved,
            News::Moved {
                order,
                moved,
                from,
                to,
            },
        );
        Ok(moved)
    }

    fn split_off(&mut self, id: u64, to: u64, moving: &[(u64, i64)]) -> Moved {
        let order = self
            .fulfillment_orders
            .get(&id)
            .map_or(0, |found| found.order);
        let target = self.open_fulfillment_order(order, to);
        for (line, units) in moving {
            if let Some(found) = self.fulfillment_orders.get_mut(&id) {
                for one in found.lines.iter_mut().filter(|one| one.line == *line) {
                    one.remaining -= units;
                    one.total -= units;
                }
            }
            self.add_to_fulfillment_order(target, *line, *units);
        }
        let mut remaining = None;
        if let Some(found) = self.fulfillment_orders.get_mut(&id) {
            found.lines.retain(|one| one.total > 0);
            found.refresh_status();
            remaining = found.is_open().then_some(id);
        }
        self.touch_fulfillment_order(target);
        Moved {
            moved: target,
            original: id,
            remaining,
        }
    }

    fn stocks(&self, order: u64, line: u64, place: u64) -> bool {
        let variant = self.variant_of_line(order, line);
        let Some(variant) = variant.and_then(|id| self.variants.get(&id)) else {
            return true;
        };
        let level = self.levels.get(&(variant.item, place));
        !variant.tracked || level.is_some_and(|level| level.active)
    }
}
