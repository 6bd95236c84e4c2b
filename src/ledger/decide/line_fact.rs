//! A line as entries hold it: names for numbers.

use channelsync_contract::ids::OrderId;

use super::super::channel::Channel;
use super::super::entry::{LineFact, PassingFact};
use super::super::order::{Held, Line, Passing, PlaceIx};
use super::desk::Desk;
use crate::catalog::Part;

impl Desk<'_> {
    pub(super) fn line_fact(&self, channel: &Channel, order: &OrderId, line: &Line) -> LineFact {
        let part = |part: &Part| (self.sku_id(part.sku).clone(), part.per);
        let name = |place: &PlaceIx| channel.place_id(*place).clone();
        let place = |(place, units): &(_, _)| (name(place), *units);
        let (parts, routes) = (line.parts.as_ref(), line.routes.as_ref());
        let held = |held: &Held| {
            let location = self.ledger.location_id(held.location).clone();
            (self.sku_id(held.sku).clone(), location, held.units)
        };
        let passed = |one: &Passing| PassingFact {
            location: self.ledger.location_id(one.location).clone(),
            bucket: one.bucket,
            units: one.units,
            came: one.came,
            at: one.at,
        };
        LineFact {
            channel: channel.id.clone(),
            order: order.clone(),
            line: line.id.clone(),
            listing: line.listing.clone(),
            parts: parts.map(|parts| parts.iter().map(part).collect()),
            ordered: line.ordered,
            open: line.open,
            fulfilled: line.fulfilled,
            history: line.history,
            shipped: line.shipped,
            acknowledged: line.acknowledged,
            back: line.back.as_deref().map(|back| back.renamed(name)),
            withheld: line.withheld,
            on_hold: line.on_hold,
            held: line.held.iter().map(held).collect(),
            routes: routes.map(|routes| routes.iter().map(place).collect()),
            left: line.left.iter().map(place).collect(),
            passed: line.passed.iter().map(passed).collect(),
            price: line.price.clone(),
        }
    }
}
