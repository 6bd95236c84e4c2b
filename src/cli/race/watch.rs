//! What is watched while the journal is replayed.

use channelsync_contract::{Timestamp, Units};
use serde::Serialize;

use crate::ats::{Effective, exposure, for_sale, number};
use crate::catalog::SkuIx;
use crate::cli::table::time;
use crate::ledger::{Bucket, Entry, Fact, Ledger, Order, Place};

/// Takings that are told of one SKU; the last ones before it was short.
const TAKINGS_MAX: usize = 20;

/// An entry, for people.
#[derive(Clone, Debug, Serialize)]
pub(super) struct By {
    pub(super) entry: u64,
    #[serde(serialize_with = "time")]
    pub(super) at: Timestamp,
    pub(super) actor: String,
    pub(super) cause: String,
}

/// A figure and the entries that changed it: the last one before the order was placed, and all since.
#[derive(Debug)]
pub(super) struct Series(pub(super) Vec<(By, Option<i64>)>);

impl Series {
    fn add(&mut self, by: &By, value: Option<i64>, placed_at: Timestamp) {
        if self.0.last().is_some_and(|(_, last)| *last == value) {
            return;
        }
        if by.at <= placed_at {
            self.0.clear();
        }
        self.0.push((by.clone(), value));
    }

    /// What it was at a time.
    pub(super) fn at(&self, at: Timestamp) -> Option<&(By, Option<i64>)> {
        self.0.iter().rev().find(|(by, _)| by.at <= at)
    }
}

/// One listing's item that sells a SKU.
#[derive(Debug)]
pub(super) struct Seller {
    pub(super) channel: u16,
    pub(super) item: u32,
    /// How many our number lets buyers buy.
    pub(super) number: Series,
    /// How many they could buy, by what is known of the channel.
    pub(super) shown: Series,
}

/// Units of a SKU that orders took, each with its channel.
#[derive(Clone, Debug)]
pub(super) struct Taking {
    pub(super) by: By,
    pub(super) orders: Vec<(String, String)>,
    pub(super) units: u64,
}

/// When a line became short first.
#[derive(Debug)]
pub(super) struct Short {
    pub(super) by: By,
    pub(super) units: Units,
    /// Whether the line had more of it before; else it was ordered, or more of it.
    pub(super) lost: bool,
    /// Whether that entry counted the SKU.
    pub(super) counted: bool,
    /// What was owed of the SKU then to all orders together.
    pub(super) owed: Units,
    /// The rules that held for what the order's channel sells of it.
    pub(super) rules: Option<Effective>,
}

/// A SKU that a line of the order takes.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) line: usize,
    pub(super) sku: SkuIx,
    pub(super) sellers: Vec<Seller>,
    /// How many could be oversold when the order was placed; none where nothing bounded it.
    pub(super) exposure: Option<i64>,
    pub(super) short: Option<Short>,
    /// The last entry that counted it.
    counted: Option<u64>,
    /// What the line had of it at the last look.
    held: Units,
    pub(super) takings: Vec<Taking>,
}

/// An order and its SKUs.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) channel: u16,
    pub(super) order: u32,
    id: String,
    placed_at: Timestamp,
    /// The entry that booked it.
    pub(super) booked: Option<By>,
    pub(super) subjects: Vec<Subject>,
    /// The entry that is looked at next.
    last: Option<By>,
}

impl Watch {
    pub(super) fn new(now: &Ledger, channel: u16, order: u32) -> Self {
        let known = now.channel(channel);
        let row = known.orders.at(order);
        let mut subjects = Vec::new();
        for (line, known) in row.lines.iter().enumerate() {
            for part in known.parts.iter().flatten() {
                subjects.push(Subject {
                    line,
                    sku: part.sku,
                    sellers: sellers(now, part.sku),
                    exposure: None,
                    short: None,
                    counted: None,
                    held: Units::ZERO,
                    takings: Vec::new(),
                });
            }
        }
        Self {
            channel,
            order,
            id: known.orders.key(order).to_string(),
            placed_at: row.placed_at,
            booked: None,
            subjects,
            last: None,
        }
    }

    /// Looks at what the last entry changed.
    pub(super) fn look(&mut self, ledger: &Ledger) {
        let Some(by) = self.last.take() else { return };
        let order = ledger.channels.get(usize::from(self.channel));
        let order = order.and_then(|known| Some(known.orders.at(known.orders.find(&self.id)?)));
        if order.is_some() && self.booked.is_none() {
            self.booked = Some(by.clone());
        }
        for subject in &mut self.subjects {
            subject.look(ledger, &by, (self.channel, order, self.placed_at));
        }
    }

    /// Takes note of an entry that is about to be booked.
    pub(super) fn enter(&mut self, ledger: &Ledger, entry: &Entry) {
        let by = By {
            entry: entry.seq,
            at: entry.at,
            actor: entry.actor.clone(),
            cause: entry.cause.clone(),
        };
        for subject in &mut self.subjects {
            if subject.short.is_none() && entry.at >= self.placed_at {
                subject.enter(ledger, entry, &by);
            }
        }
        self.last = Some(by);
    }
}

fn sellers(now: &Ledger, sku: SkuIx) -> Vec<Seller> {
    let listings = now.sku(sku).listings.iter();
    let mut items: Vec<(u16, u32)> = listings.map(|sold| (sold.channel, sold.item)).collect();
    items.sort_unstable();
    items.dedup();
    let seller = |(channel, item)| Seller {
        channel,
        item,
        number: Series(Vec::new()),
        shown: Series(Vec::new()),
    };
    items.into_iter().map(seller).collect()
}

impl Subject {
    fn look(
        &mut self,
        ledger: &Ledger,
        by: &By,
        (channel, order, placed_at): (u16, Option<&Order>, Timestamp),
    ) {
        for seller in &mut self.sellers {
            let (number, shown) = for_sale(ledger, seller.channel, seller.item);
            seller.number.add(by, number, placed_at);
            seller.shown.add(by, shown, placed_at);
        }
        let is_known = ledger.skus.len() > self.sku.0;
        if is_known && by.at <= placed_at {
            self.exposure = exposure(ledger, self.sku).units();
        }
        let line = order.and_then(|order| order.lines.get(self.line));
        let short = line.map(|line| line.backordered(self.sku));
        let held = line.map_or(Units::ZERO, |line| line.held_of(self.sku));
        if let Some(units) = short.filter(|units| self.short.is_none() && !units.is_zero()) {
            self.short = Some(Short {
                by: by.clone(),
                units,
                lost: held < self.held,
                counted: self.counted == Some(by.entry),
                owed: ledger.backordered(self.sku),
                rules: self.rules(ledger, channel),
            });
        }
        self.held = held;
    }

    /// The rules of the first listing by which a channel sells the SKU.
    fn rules(&self, ledger: &Ledger, channel: u16) -> Option<Effective> {
        let mut sellers = self.sellers.iter();
        let seller = sellers.find(|seller| seller.channel == channel)?;
        let found = number(ledger, channel, seller.item).ok()?;
        let listing = ledger.channel(channel).listings.at(found.listing);
        let mut rules = listing.mapping.parts()?.iter().zip(found.rules);
        let of_sku = rules.find(|(part, _)| part.sku == self.sku);
        of_sku.map(|(_, rules)| rules)
    }

    fn enter(&mut self, ledger: &Ledger, entry: &Entry, by: &By) {
        let sku = ledger.skus.len() > self.sku.0;
        let Some(sku) = sku.then(|| ledger.sku_id(self.sku)) else {
            return;
        };
        let is_count = |fact: &Fact| match fact {
            Fact::Counted(counted, _) | Fact::CountedAsOf(counted, ..) => counted == sku,
            _ => false,
        };
        if entry.facts.iter().any(is_count) {
            self.counted = Some(entry.seq);
        }
        let is_taken = |place: &Place| matches!(place, Place::At(_, Bucket::Committed));
        let taken = entry.movements.iter().filter(|moved| moved.sku == *sku);
        let taken = taken.filter(|moved| is_taken(&moved.to) && !is_taken(&moved.from));
        let units: u64 = taken.map(|moved| u64::from(moved.units.0)).sum();
        if units == 0 {
            return;
        }
        let mut orders: Vec<(String, String)> = Vec::new();
        for fact in &entry.facts {
            let Fact::Line(line) = fact else { continue };
            let order = (line.channel.to_string(), line.order.to_string());
            let mut parts = line.parts.iter().flatten();
            if parts.any(|(part, _)| part == sku) && !orders.contains(&order) {
                orders.push(order);
            }
        }
        if self.takings.len() == TAKINGS_MAX {
            self.takings.remove(0);
        }
        self.takings.push(Taking {
            by: by.clone(),
            orders,
            units,
        });
    }
}
