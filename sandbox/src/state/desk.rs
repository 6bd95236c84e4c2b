//! What a clerk does to fulfillment orders besides shipping: split, merge, hold, release, schedule.
//!
//! Units stay committed where they are and the order's own `updatedAt` stays. The one that was named
//! keeps the units that were named; what else remains goes to one of its own at the same location.
//! Rules: the topics' field lists and the schema; which of both parts keeps the id is our inference.

use channelsync_contract::Timestamp;

use super::{Refusal, Shop, refuse};
use crate::webhook::{News, Topic};

impl Shop {
    /// Splits an open fulfillment order and returns the one that the rest went to.
    pub(crate) fn split_off_rest(
        &mut self,
        id: u64,
        wanted: &[(u64, i64)],
    ) -> Result<u64, Refusal> {
        let Some(remaining) = self.part_off(id, wanted)? else {
            return refuse("Nothing would remain in the other fulfillment order.");
        };
        let lines = wanted.to_vec();
        let news = News::Split {
            id,
            remaining,
            lines,
        };
        self.tell(Topic::FulfillmentOrdersSplit, news);
        self.counters.fulfillment_orders_split += 1;
        Ok(remaining)
    }

    /// Joins untouched open fulfillment orders of one order and location; the first takes all.
    pub(crate) fn merge(&mut self, ids: &[u64]) -> Result<u64, Refusal> {
        let Some((first, others)) = ids.split_first().filter(|(_, others)| !others.is_empty())
        else {
            return refuse("At least two fulfillment orders are merged.");
        };
        let place = |id: &u64| {
            let found = self.fulfillment_orders.get(id);
            let found = found.filter(|one| one.status == "OPEN")?;
            Some((found.order, found.location))
        };
        let whose = place(first);
        let is_same = |id: &u64| place(id).is_some() && place(id) == whose && id != first;
        if whose.is_none() || !others.iter().all(is_same) {
            return refuse("Only open fulfillment orders of one order and location are merged.");
        }
        let mut parts = Vec::new();
        for id in ids {
            let lines = self.fulfillment_orders.get(id).map(|one| &one.lines);
            let lines: Vec<(u64, u64, i64)> = lines
                .into_iter()
                .flatten()
                .map(|one| (one.id, one.line, one.remaining))
                .collect();
            let units = lines.iter().map(|(part, _, units)| (*part, *units));
            parts.push((*id, units.collect()));
            if id == first {
                continue;
            }
            self.empty(*id);
            for (_, line, units) in lines {
                self.add_to_fulfillment_order(*first, line, units);
            }
            self.touch_fulfillment_order(*id);
        }
        self.touch_fulfillment_order(*first);
        let news = News::Merged { id: *first, parts };
        self.tell(Topic::FulfillmentOrdersMerged, news);
        Ok(*first)
    }

    fn empty(&mut self, id: u64) {
        if let Some(found) = self.fulfillment_orders.get_mut(&id) {
            for one in &mut found.lines {
                one.total -= one.remaining;
                one.remaining = 0;
            }
            found.refresh_status();
        }
    }

    /// Holds a fulfillment order, or units of its lines; nothing leaves until it is released.
    pub(crate) fn hold(&mut self, id: u64, wanted: &[(u64, i64)]) -> Result<(), Refusal> {
        let all: Vec<(u64, i64)> = match (wanted, self.fulfillment_orders.get(&id)) {
            ([], Some(found)) => found
                .lines
                .iter()
                .filter(|one| one.remaining > 0)
                .map(|one| (one.id, one.remaining))
                .collect(),
            (some, _) => some.to_vec(),
        };
        let remaining = self.part_off(id, &all)?;
        let hold = self.ids.next();
        if let Some(found) = self.fulfillment_orders.get_mut(&id) {
            found.hold = Some(hold);
            found.refresh_status();
        }
        let lines = all;
        let news = News::Held {
            id,
            remaining,
            lines,
        };
        self.tell(Topic::FulfillmentOrdersPlacedOnHold, news);
        self.counters.fulfillment_orders_held += 1;
        Ok(())
    }

    /// Ends a hold.
    pub(crate) fn release(&mut self, id: u64) -> Result<(), Refusal> {
        let found = self.fulfillment_orders.get_mut(&id);
        let Some(found) = found.filter(|one| one.hold.is_some()) else {
            return refuse("Fulfillment order is not on hold.");
        };
        found.hold = None;
        found.refresh_status();
        self.touch_fulfillment_order(id);
        let news = News::FulfillmentOrder(id);
        self.tell(Topic::FulfillmentOrdersHoldReleased, news);
        Ok(())
    }

    /// Puts an open or scheduled one off until `at`, or opens it where that has come. Nobody opens
    /// it later by himself.
    pub(crate) fn schedule(&mut self, id: u64, at: Timestamp) -> Result<(), Refusal> {
        let now = self.now;
        let found = self.fulfillment_orders.get_mut(&id);
        let Some(found) = found.filter(|one| matches!(one.status, "OPEN" | "SCHEDULED")) else {
            return refuse("Fulfillment order cannot be rescheduled.");
        };
        found.fulfill_at = at;
        found.scheduled = at > now;
        found.refresh_status();
        self.touch_fulfillment_order(id);
        let news = News::FulfillmentOrder(id);
        self.tell(Topic::FulfillmentOrdersRescheduled, news);
        Ok(())
    }

    /// Leaves `wanted` (fulfillment order line, units) in an open fulfillment order and moves what
    /// else remains to a new one; none where nothing else does.
    fn part_off(&mut self, id: u64, wanted: &[(u64, i64)]) -> Result<Option<u64>, Refusal> {
        let Some(found) = self.fulfillment_orders.get(&id).filter(|one| one.is_open()) else {
            return refuse("Fulfillment order is not open.");
        };
        let kept = |line: u64| {
            let of_line = wanted.iter().filter(|(one, _)| *one == line);
            of_line.map(|(_, units)| *units).sum::<i64>()
        };
        let fits = |(line, units): &(u64, i64)| {
            let one = found.lines.iter().find(|one| one.id == *line);
            *units > 0 && one.is_some_and(|one| kept(*line) <= one.remaining)
        };
        if wanted.is_empty() || !wanted.iter().all(fits) {
            return refuse("Invalid fulfillment order line item quantity requested.");
        }
        let rest: Vec<(u64, i64)> = found
            .lines
            .iter()
            .map(|one| (one.line, one.remaining - kept(one.id)))
            .filter(|(_, units)| *units > 0)
            .collect();
        let (order, location) = (found.order, found.location);
        self.touch_fulfillment_order(id);
        if rest.is_empty() {
            return Ok(None);
        }
        let other = self.new_fulfillment_order(order, location);
        for (line, units) in rest {
            if let Some(found) = self.fulfillment_orders.get_mut(&id) {
                for one in found.lines.iter_mut().filter(|one| one.line == line) {
                    one.remaining -= units;
                    one.total -= units;
                }
                found.lines.retain(|one| one.total > 0);
            }
            self.add_to_fulfillment_order(other, line, units);
        }
        if let Some(found) = self.fulfillment_orders.get_mut(&id) {
            found.refresh_status();
        }
        self.touch_fulfillment_order(other);
        Ok(Some(other))
    }
}
