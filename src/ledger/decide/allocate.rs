//! Where units of open lines are committed, and who gets what becomes available.

use std::cmp::Reverse;

use channelsync_contract::time::Timestamp;
use channelsync_contract::units::Units;

use super::super::entry::{Bucket, Exception, Fact};
use super::super::order::{Line, OrderRef, stock_units, total};
use super::super::state::LocIx;
use super::desk::{Desk, LineAt, Spot};
use crate::catalog::{Part, SkuIx};

/// Units of a SKU that a line still needs.
struct Short {
    at: LineAt,
    sku: SkuIx,
    units: Units,
}

impl Desk<'_> {
    /// Commits what the lines of an order need and releases what they no longer need.
    ///
    /// The channel's routing is followed while its location has units; else the first location of
    /// the channel that can fill the whole order; else split in order of preference; the rest is
    /// backordered.
    pub(super) fn allocate(&mut self, work: usize) {
        let lines: Vec<LineAt> = self.lines(work).collect();
        for at in &lines {
            self.release_surplus(*at);
            self.follow_route(*at);
        }
        let mut shorts = self.shorts(&lines);
        if shorts.is_empty() {
            return;
        }
        let served = self.served(self.order_ref(work).channel);
        let fills_all = served
            .iter()
            .copied()
            .find(|location| self.fills(&shorts, *location));
        if fills_all.is_none() {
            self.hold_whole_kits(&mut shorts, &lines, &served);
        }
        for location in fills_all.into_iter().chain(served) {
            for short in &mut shorts {
                let units = short.units.min(self.available(short.sku, location));
                self.hold(short.at, short.sku, location, units);
                short.units = short.units.minus(units);
            }
        }
    }

    /// Commits kits where all of their parts lie, so that no more of them are split than must be.
    fn hold_whole_kits(&mut self, shorts: &mut [Short], lines: &[LineAt], served: &[LocIx]) {
        for location in served {
            for at in lines {
                let parts = self.parts(*at);
                if parts.len() < 2 {
                    continue;
                }
                let whole = parts.iter().map(|part| {
                    let owed = self.line(*at).backordered(part.sku);
                    let here = owed.min(self.available(part.sku, *location));
                    here.0.checked_div(part.per).unwrap_or(0)
                });
                let kits = Units(whole.min().unwrap_or(0));
                for part in &parts {
                    let units = stock_units(kits, part.per);
                    self.hold(*at, part.sku, *location, units);
                    let mut own = shorts.iter_mut();
                    if let Some(short) = own.find(|own| own.at == *at && own.sku == part.sku) {
                        short.units = short.units.minus(units);
                    }
                }
            }
        }
    }

    fn shorts(&self, lines: &[LineAt]) -> Vec<Short> {
        let mut shorts = Vec::new();
        for at in lines {
            for part in self.parts(*at) {
                let units = self.line(*at).backordered(part.sku);
                let known = |short: &Short| short.at == *at && short.sku == part.sku;
                if !units.is_zero() && !shorts.iter().any(known) {
                    shorts.push(Short {
                        at: *at,
                        sku: part.sku,
                        units,
                    });
                }
            }
        }
        shorts
    }

    fn fills(&self, shorts: &[Short], location: LocIx) -> bool {
        shorts.iter().all(|short| {
            let same = shorts.iter().filter(|other| other.sku == short.sku);
            let needed = total(same.map(|other| other.units));
            self.available(short.sku, location) >= needed
        })
    }

    /// Gives back what a line holds beyond its need: where it is not routed first, then last choice.
    fn release_surplus(&mut self, at: LineAt) {
        let routed = self.routed(at);
        for part in self.parts(at) {
            let line = self.line(at);
            let mut surplus = line.held_of(part.sku).minus_or_zero(line.needed(&part));
            let mut held: Vec<_> = line
                .held
                .iter()
                .filter(|held| held.sku == part.sku)
                .collect();
            held.sort_by_key(|held| {
                let wanted = routed
                    .iter()
                    .any(|(location, _)| *location == held.location);
                (wanted, Reverse(self.choice(at, held.location)))
            });
            let held: Vec<_> = held
                .into_iter()
                .map(|held| (held.location, held.units))
                .collect();
            for (location, units) in held {
                let units = units.min(surplus);
                let to = Spot::At(location, Bucket::Available);
                self.unhold(at, part.sku, location, units, to);
                surplus = surplus.minus(units);
            }
        }
    }

    /// Brings commitments to where the channel routed the line, as far as units are there.
    fn follow_route(&mut self, at: LineAt) {
        let routed = self.routed(at);
        for (location, open) in &routed {
            for part in self.parts(at) {
                let line = self.line(at);
                let wish = stock_units(*open.min(&line.wanted()), part.per);
                let missing = wish.minus_or_zero(line.held_at(part.sku, *location));
                let units = missing.min(self.available(part.sku, *location));
                let owed = units.min(line.backordered(part.sku));
                self.hold(at, part.sku, *location, owed);
                self.bring(at, &part, *location, units.minus(owed), &routed);
            }
        }
    }

    /// Exchanges units held elsewhere, where no route wants them, for units at a location.
    fn bring(
        &mut self,
        at: LineAt,
        part: &Part,
        location: LocIx,
        mut units: Units,
        routed: &[(LocIx, Units)],
    ) {
        let elsewhere: Vec<_> = self.line(at).held.iter().copied().collect();
        for held in elsewhere.into_iter().filter(|held| held.sku == part.sku) {
            let here = routed.iter().filter(|(wanted, _)| *wanted == held.location);
            let kept = total(here.map(|(_, open)| stock_units(*open, part.per)));
            if held.location == location {
                continue;
            }
            let exchanged = units.min(held.units.minus_or_zero(kept));
            let to = Spot::At(held.location, Bucket::Available);
            self.unhold(at, part.sku, held.location, exchanged, to);
            self.hold(at, part.sku, location, exchanged);
            units = units.minus(exchanged);
        }
    }

    /// Where the channel wants a line shipped from, by our locations.
    fn routed(&self, at: LineAt) -> Vec<(LocIx, Units)> {
        let channel = self.channel_of(at.work);
        let routes = self.line(at).routes.iter().flatten();
        routes
            .filter_map(|(place, units)| Some((channel.ours(*place)?, *units)))
            .collect()
    }

    fn choice(&self, at: LineAt, location: LocIx) -> usize {
        let served = self.served(self.order_ref(at.work).channel);
        let found = served.iter().position(|ours| *ours == location);
        found.unwrap_or(usize::MAX)
    }

    /// Makes `units` of a SKU available at a location, whatever it takes, and moves them on.
    ///
    /// What is missing is taken from the newest commitments there, which are refilled elsewhere or
    /// backordered; what is missing even then comes from `adjustment`, with an exception.
    pub(super) fn take(&mut self, sku: SkuIx, location: LocIx, units: Units, to: Spot) {
        let missing = units.minus_or_zero(self.available(sku, location));
        let displaced = self.displace(sku, location, missing);
        let short = units.minus_or_zero(self.available(sku, location));
        let here = Spot::At(location, Bucket::Available);
        if !short.is_zero() {
            self.shift(sku, Spot::Adjustment, here, short);
            let (sku, location) = (self.sku_id(sku).clone(), self.ledger.location_id(location));
            // They lay there all along: a count of an earlier time found them.
            let (by, always) = (short.signed(), self.ledger.lately.from());
            self.facts
                .push(Fact::Passed(sku.clone(), location.clone(), by, always));
            self.note(Exception::Short {
                sku,
                location: location.clone(),
                units: short,
            });
        }
        self.shift(sku, here, to, units);
        for work in displaced {
            self.allocate(work);
        }
    }

    /// Takes units off the newest commitments of a SKU at a location; gives the orders they were in.
    fn displace(&mut self, sku: SkuIx, location: LocIx, units: Units) -> Vec<usize> {
        let mut works = Vec::new();
        let mut left = units;
        if left.is_zero() {
            return works;
        }
        let mut holding = self.orders_with(sku, |line| !line.held_at(sku, location).is_zero());
        holding.sort_by_cached_key(|at| Reverse((self.standing(*at).placed_at, *at)));
        for at in holding {
            if left.is_zero() {
                break;
            }
            let work = self.known_work(at);
            for at in self.lines(work).collect::<Vec<_>>().into_iter().rev() {
                let taken = left.min(self.line(at).held_at(sku, location));
                let to = Spot::At(location, Bucket::Available);
                self.unhold(at, sku, location, taken, to);
                left = left.minus(taken);
            }
            works.push(work);
        }
        let taken = units.minus(left);
        if !taken.is_zero() {
            let (sku, location) = (self.sku_id(sku).clone(), self.ledger.location_id(location));
            self.note(Exception::Displaced {
                sku,
                location: location.clone(),
                units: taken,
            });
        }
        works
    }

    /// Open orders with a line that takes from a SKU and fits, as they stand; none is brought to the
    /// desk for it, because thousands may wait for a unit that only one can have.
    fn orders_with(&self, sku: SkuIx, fits: impl Fn(&Line) -> bool) -> Vec<OrderRef> {
        let takes =
            |line: &Line| line.parts.iter().flatten().any(|part| part.sku == sku) && fits(line);
        let known: &[OrderRef] = if sku.0 < self.ledger.skus.len() {
            &self.ledger.sku(sku).open
        } else {
            &[]
        };
        let elsewhere = known.iter().copied().filter(|at| !self.is_on_desk(*at));
        let here = self.works.iter().map(|work| work.at);
        let fitting = |at: &OrderRef| self.standing(*at).lines.iter().any(takes);
        elsewhere.chain(here).filter(fitting).collect()
    }

    /// Commits orders whose lines were just booked, in the order in which they have waited.
    pub(super) fn allocate_booked(&mut self) {
        let mut works = std::mem::take(&mut self.booked);
        works.sort_by_key(|work| self.turn(self.order_ref(*work)));
        for work in works {
            self.allocate(work);
        }
    }

    fn turn(&self, at: OrderRef) -> (Reverse<i32>, Timestamp, OrderRef) {
        let priority = self.ledger.channel(at.channel).backorder_priority();
        self.standing(at).turn(priority, at)
    }

    /// Gives what became available to those who wait for it, by priority, then oldest first.
    pub(super) fn fill_gained(&mut self) {
        while let Some((sku, location)) = self.gained.pop_first() {
            if self.available(sku, location).is_zero() {
                continue;
            }
            let mut waiting = self.orders_with(sku, |line| !line.backordered(sku).is_zero());
            waiting.retain(|at| self.served(at.channel).contains(&location));
            waiting.sort_by_cached_key(|at| self.turn(*at));
            for at in waiting {
                if self.available(sku, location).is_zero() {
                    break;
                }
                let work = self.known_work(at);
                for at in self.lines(work) {
                    let owed = self.line(at).backordered(sku);
                    let units = owed.min(self.available(sku, location));
                    self.hold(at, sku, location, units);
                }
            }
        }
    }
}
