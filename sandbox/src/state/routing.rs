//! The shop's own routing: which location ships what, and fulfillment orders that appear late.
//!
//! Rule: the first location in priority that has everything takes the whole order; otherwise it is
//! split in priority order. What nobody has goes to the first location, below zero.

use std::collections::BTreeMap;

use super::{Allocation, FulfillmentOrder, FulfillmentOrderLine, Shop};

impl Shop {
    /// Locations for (line, variant, units); every unit gets one.
    pub(crate) fn choose_locations(&self, wanted: &[(u64, Option<u64>, i64)]) -> Vec<Allocation> {
        let mut needs: BTreeMap<u64, i64> = BTreeMap::new();
        for (_, variant, units) in wanted {
            if let Some(item) = self.tracked_item(*variant) {
                *needs.entry(item).or_default() += units;
            }
        }
        let has_all = |place: &u64| {
            let has = |(item, units): (&u64, &i64)| self.available_at(*item, *place) >= *units;
            needs.iter().all(has)
        };
        let places: Vec<u64> = self.locations.iter().map(|place| place.id).collect();
        let Some(first) = places.first().copied() else {
            return Vec::new();
        };
        if let Some(place) = places.iter().copied().find(has_all) {
            let whole = |(line, _, units): &(u64, Option<u64>, i64)| Allocation {
                line: *line,
                location: place,
                units: *units,
            };
            return wanted.iter().map(whole).collect();
        }
        self.split(wanted, &places, first)
    }

    fn split(
        &self,
        wanted: &[(u64, Option<u64>, i64)],
        places: &[u64],
        first: u64,
    ) -> Vec<Allocation> {
        let mut taken: BTreeMap<(u64, u64), i64> = BTreeMap::new();
        let mut chosen: Vec<Allocation> = Vec::new();
        for (line, variant, units) in wanted {
            let mut left = *units;
            if let Some(item) = self.tracked_item(*variant) {
                for place in places {
                    let taken = taken.entry((item, *place)).or_default();
                    let here = (self.available_at(item, *place) - *taken).clamp(0, left);
                    *taken += here;
                    left -= here;
                    add(&mut chosen, *line, *place, here);
                }
            }
            add(&mut chosen, *line, first, left);
        }
        chosen
    }

    fn tracked_item(&self, variant: Option<u64>) -> Option<u64> {
        let variant = self.variants.get(&variant?)?;
        variant.tracked.then_some(variant.item)
    }

    fn available_at(&self, item: u64, place: u64) -> i64 {
        let level = self.levels.get(&(item, place));
        level
            .filter(|one| one.active)
            .map_or(0, |one| one.available)
    }

    /// Makes fulfillment orders of what routing chose before. Does not touch the order itself.
    pub(crate) fn route(&mut self, order: u64) {
        let Some(found) = self.orders.get_mut(&order) else {
            return;
        };
        let mut by_place: BTreeMap<u64, Vec<Allocation>> = BTreeMap::new();
        for one in std::mem::take(&mut found.allocated) {
            by_place.entry(one.location).or_default().push(one);
        }
        for (place, allocations) in by_place {
            let id = self.open_fulfillment_order(order, place);
            for one in allocations {
                self.add_to_fulfillment_order(id, one.line, one.units);
            }
            self.touch_fulfillment_order(id);
        }
    }

    /// The untouched fulfillment order of `order` at `place`, made where there is none.
    pub(crate) fn open_fulfillment_order(&mut self, order: u64, place: u64) -> u64 {
        let of_order = self.orders.get(&order).into_iter();
        let mut ids = of_order.flat_map(|found| found.fulfillment_orders.iter().copied());
        let fits = |id: &u64| {
            let one = self.fulfillment_orders.get(id);
            one.is_some_and(|one| one.location == place && one.status == "OPEN")
        };
        match ids.find(fits) {
            Some(id) => id,
            None => self.new_fulfillment_order(order, place),
        }
    }

    /// A new fulfillment order of `order` at `place`, without lines yet.
    pub(crate) fn new_fulfillment_order(&mut self, order: u64, place: u64) -> u64 {
        let id = self.ids.next();
        let fresh = FulfillmentOrder {
            id,
            order,
            location: place,
            status: "OPEN",
            created_at: self.now,
            updated_at: self.now,
            fulfill_at: self.now,
            scheduled: false,
            hold: None,
            lines: Vec::new(),
        };
        self.fulfillment_orders.insert(id, fresh);
        if let Some(found) = self.orders.get_mut(&order) {
            found.fulfillment_orders.push(id);
        }
        id
    }

    /// Adds units of a line to a fulfillment order.
    pub(crate) fn add_to_fulfillment_order(&mut self, id: u64, line: u64, units: i64) {
        let line_id = self.ids.next();
        let Some(found) = self.fulfillment_orders.get_mut(&id) else {
            return;
        };
        match found.lines.iter_mut().find(|one| one.line == line) {
            Some(one) => {
                one.total += units;
                one.remaining += units;
            }
            None => {
                found.lines.push(FulfillmentOrderLine {
                    id: line_id,
                    line,
                    total: units,
                    remaining: units,
                });
                self.owners.insert(line_id, id);
            }
        }
        found.refresh_status();
    }
}

fn add(chosen: &mut Vec<Allocation>, line: u64, location: u64, units: i64) {
    if units > 0 {
        chosen.push(Allocation {
            line,
            location,
            units,
        });
    }
}
