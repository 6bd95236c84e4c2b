//! What happens to an order after it was placed: cancelled, refunded, edited, deleted.

use super::{Refund, RefundLine, Refusal, Restock, Shop, refuse};
use crate::webhook::{News, Topic};

/// Units of a line, and the location it concerns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) line: u64,
    pub(super) units: i64,
    pub(super) restock: Restock,
    pub(super) location: Option<u64>,
}

impl Shop {
    /// Cancels the order: what is unshipped leaves it, restocked or written off.
    pub(crate) fn cancel(&mut self, id: u64, restock: bool, reason: &str) -> Result<(), Refusal> {
        let now = self.now;
        let order = self.order_mut(id)?;
        if order.cancelled_at.is_some() {
            return refuse(format!("order {id} is already cancelled"));
        }
        order.cancelled_at = Some(now);
        order.cancel_reason = Some(reason.to_owned());
        let open: Vec<(u64, i64)> = order
            .lines
            .iter()
            .map(|line| match line.ships() {
                true => (line.id, line.open()),
                false => (line.id, line.current()),
            })
            .filter(|(_, units)| *units > 0)
            .collect();
        let restock = match restock {
            true => Restock::Cancel,
            false => Restock::NoRestock,
        };
        let mut parts = Vec::new();
        for (line, units) in open {
            parts.extend(self.remove_unshipped(id, line, units, restock)?);
        }
        if !parts.is_empty() {
            self.book_refund(id, &parts, None, None);
        }
        self.counters.orders_cancelled += 1;
        self.tell(Topic::OrdersCancelled, News::Order(id));
        self.touch_order(id);
        Ok(())
    }

    /// Refunds units of lines, or money alone where `lines` is empty.
    pub(crate) fn refund(
        &mut self,
        id: u64,
        lines: &[(u64, i64)],
        restock: Restock,
        location: Option<u64>,
        amount_minor: Option<i64>,
    ) -> Result<u64, Refusal> {
        self.check_parts(id, lines)?;
        for (line, units) in lines {
            let found = self.line_mut(id, *line)?;
            let (open, shipped) = (found.open(), found.kept());
            let enough = match restock {
                Restock::Cancel => open,
                Restock::Return => shipped,
                Restock::NoRestock => found.current(),
            };
            if *units > enough || *units > found.current() {
                return refuse(format!("line {line} has only {enough} units to refund"));
            }
        }
        let location = match (restock, location) {
            (Restock::Return, None) => self.locations.first().map(|place| place.id),
            (_, given) => given,
        };
        if let Some(place) = location
            && self.location(place).is_none()
        {
            return refuse(format!("no location {place}"));
        }
        let mut parts = Vec::new();
        for (line, units) in lines {
            parts.extend(self.remove(id, *line, *units, restock, location)?);
        }
        let refund = self.book_refund(id, &parts, None, amount_minor);
        self.touch_order(id);
        Ok(refund)
    }

    pub(super) fn check_parts(&mut self, order: u64, parts: &[(u64, i64)]) -> Result<(), Refusal> {
        self.order_mut(order)?;
        for (index, (line, units)) in parts.iter().enumerate() {
            let is_twice = parts.iter().take(index).any(|(other, _)| other == line);
            if *units < 1 || is_twice {
                return refuse(format!("line {line} is named twice or with no units"));
            }
        }
        Ok(())
    }

    fn remove(
        &mut self,
        order: u64,
        line: u64,
        units: i64,
        restock: Restock,
        location: Option<u64>,
    ) -> Result<Vec<Part>, Refusal> {
        match restock {
            Restock::Cancel => self.remove_unshipped(order, line, units, restock),
            Restock::Return => {
                let found = self.line_mut(order, line)?;
                found.removed += units;
                found.returned += units;
                found.coming_back += units;
                let place = location.unwrap_or_default();
                self.put_back(order, line, place, units);
                Ok(vec![Part {
                    line,
                    units,
                    restock,
                    location,
                }])
            }
            Restock::NoRestock => {
                let found = self.line_mut(order, line)?;
                let unshipped = units.min(found.open());
                found.removed += units - unshipped;
                let mut parts = Vec::new();
                if unshipped > 0 {
                    self.remove_unshipped(order, line, unshipped, restock)?;
                }
                parts.push(Part {
                    line,
                    units,
                    restock,
                    location: None,
                });
                Ok(parts)
            }
        }
    }

    /// Takes unshipped units out of an order: first those without fulfillment order, then from the
    /// last fulfillment order backwards.
    pub(super) fn remove_unshipped(
        &mut self,
        order: u64,
        line: u64,
        units: i64,
        restock: Restock,
    ) -> Result<Vec<Part>, Refusal> {
        let found = self.line_mut(order, line)?;
        found.removed += units;
        found.removed_unshipped += units;
        let ships = found.ships();
        let variant = found.variant;
        let mut freed: Vec<(u64, i64)> = Vec::new();
        if ships {
            freed = self.take_allocated(order, line, units);
            let rest = units - freed.iter().map(|(_, units)| units).sum::<i64>();
            freed.extend(self.take_from_fulfillment_orders(order, line, rest));
        }
        for (place, units) in &freed {
            self.change_level(variant, *place, |level| {
                level.committed -= units;
                if restock == Restock::Cancel {
                    level.available += units;
                }
            });
        }
        let part = |(place, units): (u64, i64)| Part {
            line,
            units,
            restock,
            location: (restock == Restock::Cancel).then_some(place),
        };
        if !ships {
            let location = None;
            return Ok(vec![Part {
                line,
                units,
                restock: Restock::NoRestock,
                location,
            }]);
        }
        Ok(freed.into_iter().map(part).collect())
    }

    fn take_allocated(&mut self, order: u64, line: u64, mut units: i64) -> Vec<(u64, i64)> {
        let mut freed = Vec::new();
        let Some(found) = self.orders.get_mut(&order) else {
            return freed;
        };
        for one in found.allocated.iter_mut().filter(|one| one.line == line) {
            let here = one.units.min(units);
            one.units -= here;
            units -= here;
            if here > 0 {
                freed.push((one.location, here));
            }
        }
        found.allocated.retain(|one| one.units > 0);
        freed
    }

    fn take_from_fulfillment_orders(
        &mut self,
        order: u64,
        line: u64,
        mut units: i64,
    ) -> Vec<(u64, i64)> {
        let mut freed = Vec::new();
        let of_order = self.orders.get(&order);
        let ids = of_order.map_or_else(Vec::new, |found| found.fulfillment_orders.clone());
        for id in ids.into_iter().rev() {
            let Some(found) = self.fulfillment_orders.get_mut(&id) else {
                continue;
            };
            let mut here = 0;
            for one in found.lines.iter_mut().filter(|one| one.line == line) {
                here = one.remaining.min(units);
                one.remaining -= here;
                one.total -= here;
            }
            if here == 0 {
                continue;
            }
            units -= here;
            found.refresh_status();
            let gone = found.status == "CANCELLED";
            freed.push((found.location, here));
            self.touch_fulfillment_order(id);
            if gone {
                self.tell(
                    Topic::FulfillmentOrdersCancelled,
                    News::FulfillmentOrder(id),
                );
            }
        }
        freed
    }

    /// Puts shipped units back on sale.
    pub(super) fn put_back(&mut self, order: u64, line: u64, place: u64, units: i64) {
        let variant = self.variant_of_line(order, line);
        self.change_level(variant, place, |level| {
            level.active = true;
            level.available += units;
        });
    }

    pub(super) fn book_refund(
        &mut self,
        order: u64,
        parts: &[Part],
        of_return: Option<u64>,
        amount_minor: Option<i64>,
    ) -> u64 {
        let id = self.ids.next();
        let lines: Vec<RefundLine> = parts
            .iter()
            .map(|part| RefundLine {
                id: self.ids.next(),
                line: part.line,
                units: part.units,
                restock: part.restock,
                location: part.location,
            })
            .collect();
        let price = |line: u64| {
            let found = self.orders.get(&order)?;
            let line = found.lines.iter().find(|one| one.id == line)?;
            Some(line.price_minor)
        };
        let of_lines = lines
            .iter()
            .map(|one| price(one.line).unwrap_or(0) * one.units);
        let amount_minor = amount_minor.unwrap_or_else(|| of_lines.sum());
        let refund = Refund {
            id,
            order,
            of_return,
            created_at: self.now,
            lines,
            amount_minor,
        };
        self.refunds.insert(id, refund);
        if let Some(found) = self.orders.get_mut(&order) {
            found.refunds.push(id);
        }
        self.tell(Topic::RefundsCreate, News::Refund(id));
        id
    }

    /// Sets what is ordered: (line, units still wanted), and new lines (variant, units).
    pub(crate) fn edit(
        &mut self,
        id: u64,
        lines: &[(u64, i64)],
        added: &[(Option<u64>, i64)],
    ) -> Result<(), Refusal> {
        if self.order_mut(id)?.cancelled_at.is_some() {
            return refuse(format!("order {id} is cancelled"));
        }
        for (index, (line, units)) in lines.iter().enumerate() {
            let is_twice = lines.iter().take(index).any(|(other, _)| other == line);
            let found = self.line_mut(id, *line)?;
            let (more, least) = (units - found.current(), found.current() - found.open());
            let variant = found.variant;
            if is_twice || *units < least || *units < 0 {
                return refuse(format!("line {line} cannot have {units} units"));
            }
            if more > 0 {
                self.check_wanted(variant, more, more)?;
            }
        }
        for (variant, units) in added {
            let same = added.iter().filter(|(other, _)| other == variant);
            self.check_wanted(*variant, *units, same.map(|(_, units)| units).sum())?;
        }
        let (mut additions, mut removals, mut parts) = (Vec::new(), Vec::new(), Vec::new());
        for (line, units) in lines {
            let found = self.line_mut(id, *line)?;
            let more = units - found.current();
            if more > 0 {
                found.ordered += more;
                additions.push((*line, more));
            } else if more < 0 {
                removals.push((*line, -more));
                parts.extend(self.remove_unshipped(id, *line, -more, Restock::Cancel)?);
            }
        }
        for (variant, units) in added {
            let line = self.new_line(*variant, *units);
            additions.push((line.id, *units));
            self.owners.insert(line.id, id);
            self.order_mut(id)?.lines.push(line);
        }
        if !parts.is_empty() {
            self.book_refund(id, &parts, None, None);
        }
        if !additions.is_empty() {
            self.commit(id, &additions);
        }
        self.order_mut(id)?.edited = true;
        self.counters.orders_edited += 1;
        let order = id;
        self.tell(Topic::OrdersEdited, News::Edit(order, additions, removals));
        self.touch_order(id);
        Ok(())
    }

    /// Deletes an order that has nothing open.
    pub(crate) fn delete_order(&mut self, id: u64) -> Result<(), Refusal> {
        if self.order_mut(id)?.lines.iter().any(|line| line.open() > 0) {
            return refuse(format!("order {id} still has open units"));
        }
        if let Some(order) = self.orders.remove(&id) {
            for one in order.fulfillment_orders {
                self.fulfillment_orders.remove(&one);
            }
        }
        self.tell(Topic::OrdersDelete, News::Deleted(id));
        self.counters.last_event_at = Some(self.now);
        Ok(())
    }
}
