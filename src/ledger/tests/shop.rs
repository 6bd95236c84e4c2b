//! A channel's own view of an order: what people do there, and what it reports of it.

use channelsync_contract::ids::{ChannelLocationId, LineId, ListingId, OrderId};
use channelsync_contract::time::Timestamp;
use channelsync_contract::units::Units;

use super::super::reported::{
    OrderReport, PutBack, ReportLine, ReportRestock, ReportRoute, ReportShipment,
};

/// One line: `MUG`, or `MUG#2` where a listing stands twice in an order.
#[derive(Clone, Debug)]
pub(super) struct ShopLine {
    pub(super) id: String,
    pub(super) ordered: u32,
    /// Cancelled before they were shipped.
    pub(super) removed: u32,
    /// Where open units are to be shipped from, each place up to so many; none while it is not said.
    pub(super) routes: Option<Vec<(String, u32)>>,
}

/// Units that left, or came back.
#[derive(Clone, Debug)]
pub(super) struct Parcel {
    pub(super) id: String,
    pub(super) line: String,
    pub(super) place: Option<String>,
    pub(super) units: u32,
    pub(super) at: Timestamp,
}

/// One order as its channel keeps it.
#[derive(Clone, Debug)]
pub(super) struct ShopOrder {
    pub(super) id: String,
    pub(super) channel: String,
    pub(super) placed_at: Timestamp,
    pub(super) version: Timestamp,
    pub(super) test: bool,
    pub(super) cancelled: bool,
    /// Whether its routes are held.
    pub(super) on_hold: bool,
    /// Parcels ever made.
    made: u32,
    pub(super) lines: Vec<ShopLine>,
    pub(super) parcels: Vec<Parcel>,
    pub(super) returns: Vec<(PutBack, Parcel)>,
    /// Units that were cancelled or refunded, with a word on what became of them.
    pub(super) put_back: Vec<(PutBack, Parcel)>,
}

/// Facets that a report leaves unknown.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Without {
    pub(super) lines: bool,
    pub(super) routes: bool,
    pub(super) shipments: bool,
    pub(super) restocks: bool,
}

fn sum(parcels: &[Parcel], line: &str) -> u32 {
    let of_line = parcels.iter().filter(|parcel| parcel.line == line);
    of_line.map(|parcel| parcel.units).sum()
}

impl ShopOrder {
    pub(super) fn new(id: &str, channel: &str, placed_at: Timestamp) -> Self {
        Self {
            id: id.to_owned(),
            channel: channel.to_owned(),
            placed_at,
            version: placed_at,
            test: false,
            cancelled: false,
            on_hold: false,
            made: 0,
            lines: Vec::new(),
            parcels: Vec::new(),
            returns: Vec::new(),
            put_back: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, line: &str, ordered: u32) {
        self.lines.push(ShopLine {
            id: line.to_owned(),
            ordered,
            removed: 0,
            routes: None,
        });
    }

    pub(super) fn line_ids(&self) -> Vec<String> {
        self.lines.iter().map(|line| line.id.clone()).collect()
    }

    pub(super) fn line_mut(&mut self, id: &str) -> Option<&mut ShopLine> {
        self.lines.iter_mut().find(|line| line.id == id)
    }

    pub(super) fn fulfilled(&self, line: &str) -> u32 {
        sum(&self.parcels, line)
    }

    /// Shipped and not returned.
    pub(super) fn returnable(&self, line: &str) -> u32 {
        let back = self.returns.iter().filter(|(_, back)| back.line == line);
        let back: u32 = back.map(|(_, back)| back.units).sum();
        self.fulfilled(line).saturating_sub(back)
    }

    pub(super) fn open(&self, line: &str) -> u32 {
        let found = self.lines.iter().find(|known| known.id == line);
        found.map_or(0, |found| {
            let kept = found.ordered.saturating_sub(found.removed);
            kept.saturating_sub(self.fulfilled(line))
        })
    }

    /// Brings what is still open to `open`: more is ordered, less is cancelled.
    pub(super) fn set_open(&mut self, line: &str, open: u32) {
        let now = self.open(line);
        match self.line_mut(line) {
            None => self.add(line, open),
            Some(found) if open > now => found.ordered += open - now,
            Some(found) => found.removed += now - open,
        }
    }

    /// Cancels unshipped units and says what becomes of them.
    pub(super) fn take_off(&mut self, line: &str, units: u32, kind: PutBack, at: Timestamp) {
        let units = units.min(self.open(line));
        self.set_open(line, self.open(line) - units);
        self.put_back.push((kind, parcel(line, units, None, at)));
    }

    /// Says of shipped units that they are refunded and do not come back.
    pub(super) fn write_off(&mut self, line: &str, units: u32, at: Timestamp) {
        let written = parcel(line, units, None, at);
        self.put_back.push((PutBack::Withheld, written));
    }

    pub(super) fn fulfill(
        &mut self,
        line: &str,
        units: u32,
        place: Option<&str>,
        (id, at): (Option<&str>, Timestamp),
    ) {
        let units = units.min(self.open(line));
        if units > 0 {
            self.made += 1;
            let id = id.map_or_else(|| format!("P{}", self.made), str::to_owned);
            let parcel = parcel(line, units, place, at);
            self.parcels.push(Parcel { id, ..parcel });
        }
    }

    /// Undoes parcels of a line, newest first, never below what was returned.
    pub(super) fn undo(&mut self, line: &str, units: u32, id: Option<&str>) {
        let mut left = units.min(self.returnable(line));
        let newest = self.parcels.iter_mut().rev();
        let is_it =
            |parcel: &&mut Parcel| id.is_none_or(|id| parcel.id == id) && parcel.line == line;
        for parcel in newest.filter(is_it) {
            let undone = left.min(parcel.units);
            parcel.units -= undone;
            left -= undone;
        }
        self.parcels.retain(|parcel| parcel.units > 0);
    }

    pub(super) fn take_back(&mut self, kind: PutBack, back: Parcel) {
        let units = back.units.min(self.returnable(&back.line));
        if units > 0 {
            self.returns.push((kind, Parcel { units, ..back }));
        }
    }

    pub(super) fn report(&self, without: Without) -> OrderReport {
        let line_report = |line: &ShopLine| ReportLine {
            line: LineId::new(&line.id),
            listing: Some(ListingId::new(listing_of(&line.id))),
            ordered: Units(line.ordered),
            open: Units(self.open(&line.id)),
            fulfilled: Units(self.fulfilled(&line.id)),
            price: None,
        };
        let shipment = |parcel: &Parcel| ReportShipment {
            id: parcel.id.clone(),
            line: LineId::new(&parcel.line),
            location: parcel.place.as_ref().map(ChannelLocationId::new),
            units: Units(parcel.units),
            at: Some(parcel.at),
        };
        let restock = |kind, parcel: &Parcel| ReportRestock {
            line: LineId::new(&parcel.line),
            kind,
            location: parcel.place.as_ref().map(ChannelLocationId::new),
            units: Units(parcel.units),
            at: Some(parcel.at),
        };
        let restocks = self.returns.iter().chain(&self.put_back);
        let restocks = restocks.map(|(kind, parcel)| restock(*kind, parcel));
        let said = self.lines.iter().any(|line| line.routes.is_some());
        OrderReport {
            order: OrderId::new(&self.id),
            name: format!("#{}", self.id),
            placed_at: self.placed_at,
            version: Some(self.version),
            test: self.test,
            cancelled: self.cancelled,
            acknowledge_by: None,
            lines: (!without.lines).then(|| self.lines.iter().map(line_report).collect()),
            routes: (said && !without.routes).then(|| self.routes()),
            shipments: (!without.shipments).then(|| self.parcels.iter().map(shipment).collect()),
            restocks: (!without.restocks).then(|| restocks.collect()),
        }
    }

    fn routes(&self) -> Vec<ReportRoute> {
        let mut routes = Vec::new();
        for line in &self.lines {
            let mut left = self.open(&line.id);
            for (place, most) in line.routes.iter().flatten() {
                let open = left.min(*most);
                left -= open;
                if open > 0 {
                    routes.push(ReportRoute {
                        line: LineId::new(&line.id),
                        location: ChannelLocationId::new(place),
                        open: Units(open),
                        on_hold: self.on_hold,
                        ship_by: None,
                    });
                }
            }
        }
        routes
    }
}

pub(super) fn parcel(line: &str, units: u32, place: Option<&str>, at: Timestamp) -> Parcel {
    Parcel {
        id: String::new(),
        line: line.to_owned(),
        place: place.map(str::to_owned),
        units,
        at,
    }
}

/// `MUG#2` is a line of listing `MUG`.
pub(super) fn listing_of(line: &str) -> &str {
    line.split('#').next().unwrap_or(line)
}
