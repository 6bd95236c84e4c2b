//! The mass-change interlock: what would change too many listings of a channel at once.
//!
//! Only causes that a person or a file can get wrong by the hundred are looked at: counts, corrections,
//! moves, mappings, listings, settings, and what a channel shows at a location that it is master of. Orders, parcels, receipts, freezes and the end of a channel
//! never are.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use channelsync_contract::ids::{ChannelId, ListingId, LocationId, Sku};
use channelsync_contract::time::Timestamp;

use super::held::allowed;
use super::number::number;
use crate::catalog::{Parts, SkuIx};
use crate::ledger::{
    Command, Interlock, Ledger, MassChange, MassLimits, RuleAt, Setup, Showed, ShownReport,
    StockMove, Swing, touched,
};

/// Changes of so long together are judged as one.
const WINDOW: Duration = Duration::from_secs(60);
/// Listings that are named.
const SAMPLES_MAX: usize = 5;

/// An item, the whole listings of it for sale, and what it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Before {
    channel: u16,
    item: u32,
    for_sale: i64,
    parts: Parts,
}

/// A command that may change many listings at once.
#[derive(Clone, Debug)]
pub struct Suspect<'a> {
    /// What it is called.
    pub what: &'static str,
    reach: Reach<'a>,
}

/// What a suspect command may change.
#[derive(Clone, Debug)]
enum Reach<'a> {
    Settings(&'a Setup),
    Rules(&'a RuleAt),
    Listings(Vec<(&'a ChannelId, &'a ListingId)>),
    Counted(Vec<(&'a Sku, &'a LocationId)>),
    Sku(&'a Sku),
    Shown(&'a ChannelId, &'a [ShownReport]),
}

/// Whether a command may change many listings at once.
#[expect(clippy::too_many_lines, reason = "one arm for each kind of command")]
pub fn suspect(command: &Command) -> Option<Suspect<'_>> {
    let (what, reach) = match command {
        Command::Configure(setup) => ("settings", Reach::Settings(setup)),
        Command::Rule(at, ..) => ("rules", Reach::Rules(at)),
        Command::Listings {
            channel, listings, ..
        } => {
            let ids = listings.iter().map(|listing| (channel, &listing.listing));
            ("the channel's listings", Reach::Listings(ids.collect()))
        }
        Command::Map(rows) => {
            let ids = rows.iter().map(|row| (&row.channel, &row.listing));
            ("a mapping", Reach::Listings(ids.collect()))
        }
        Command::Count(line) => ("a count", Reach::Counted(vec![(&line.sku, &line.location)])),
        Command::CountAsOf { lines, .. } => {
            let rows = lines.iter().map(|(line, _)| (&line.sku, &line.location));
            ("counts of an earlier time", Reach::Counted(rows.collect()))
        }
        Command::CountFile(lines, _) => {
            let rows = lines.iter().map(|(line, _)| (&line.sku, &line.location));
            ("a file that is master", Reach::Counted(rows.collect()))
        }
        Command::Import {
            counts: true,
            lines,
            ..
        } => {
            let rows = lines.iter().map(|line| (&line.sku, &line.location));
            ("an import of counts", Reach::Counted(rows.collect()))
        }
        Command::Adjust { sku, .. } => ("a correction", Reach::Sku(sku)),
        Command::Move(what, line) if *what != StockMove::Arrive => {
            ("a move of stock", Reach::Sku(&line.sku))
        }
        Command::Shown { channel, slots, .. } => ("a master outside", Reach::Shown(channel, slots)),
        Command::Import { counts: false, .. }
        | Command::Move(..)
        | Command::Report(_)
        | Command::Reapply { .. }
        | Command::Barcodes { .. }
        | Command::Rename { .. }
        | Command::Purchase(_)
        | Command::PurchaseArrived { .. }
        | Command::PurchaseCancelled(_)
        | Command::Receive(_)
        | Command::Ship { .. }
        | Command::TakeBack { .. }
        | Command::Shipment(..)
        | Command::Hold { .. }
        | Command::Push { .. }
        | Command::Pushed { .. }
        | Command::Doubt
        | Command::Reread { .. }
        | Command::Restore
        | Command::CatchUp(_)
        | Command::Release { .. }
        | Command::Freeze { .. }
        | Command::Unfreeze(_)
        | Command::Interlock(..)
        | Command::GoOn(_)
        | Command::Retire(..)
        | Command::Revive(_)
        | Command::Bulk(..)
        | Command::Park(_)
        | Command::Unpark(_)
        | Command::Erase(_)
        | Command::Forget(_)
        | Command::Dismiss(..)
        | Command::Seen(..) => return None,
    };
    Some(Suspect { what, reach })
}

/// What is for sale of everything that a suspect command may change. Left out: what has no number,
/// was never read or written, or is counted for the first time where it is.
pub fn before(ledger: &Ledger, suspect: &Suspect<'_>) -> Vec<Before> {
    let items: BTreeSet<(u16, u32)> = match &suspect.reach {
        // Each start says them again.
        Reach::Settings(setup) if setup.with_known(&ledger.setup) == ledger.setup => {
            BTreeSet::new()
        }
        Reach::Settings(_) | Reach::Rules(RuleAt::Merchant) => everything(ledger, None),
        Reach::Rules(RuleAt::Channel(channel)) => everything(ledger, Some(channel)),
        Reach::Rules(RuleAt::Sku(_, sku)) => sold(ledger, ledger.sku_ix(sku.as_str())),
        Reach::Rules(RuleAt::Listing(channel, listing)) => {
            item(ledger, channel, listing).into_iter().collect()
        }
        Reach::Listings(ids) => {
            let item =
                |(channel, listing): &(&ChannelId, &ListingId)| item(ledger, channel, listing);
            ids.iter().filter_map(item).collect()
        }
        Reach::Counted(rows) => {
            let again = |(sku, at): &(&Sku, &LocationId)| counted_again(ledger, sku, at);
            sold(ledger, rows.iter().filter_map(again))
        }
        Reach::Sku(sku) => sold(ledger, ledger.sku_ix(sku.as_str())),
        Reach::Shown(channel, slots) => elsewhere(ledger, channel, slots),
    };
    let rows = items.into_iter().filter_map(|(channel, item)| {
        let (for_sale, parts) = for_sale(ledger, channel, item)?;
        Some(Before {
            channel,
            item,
            for_sale,
            parts: parts.clone(),
        })
    });
    rows.collect()
}

/// All items, of one channel or of all.
fn everything(ledger: &Ledger, of: Option<&ChannelId>) -> BTreeSet<(u16, u32)> {
    let channels = (0_u16..).zip(&ledger.channels);
    let channels = channels.filter(|(_, known)| of.is_none_or(|id| *id == known.id));
    let items = channels
        .flat_map(|(channel, known)| (0..known.items.len()).map(move |item| (channel, item)));
    items.collect()
}

/// The item of a listing.
fn item(ledger: &Ledger, channel: &ChannelId, listing: &ListingId) -> Option<(u16, u32)> {
    let number = ledger.channel_ix(channel.as_str())?;
    let listing = ledger.channel(number).listings.get(listing.as_str())?;
    Some((number, listing.item))
}

fn sold(ledger: &Ledger, skus: impl IntoIterator<Item = SkuIx>) -> BTreeSet<(u16, u32)> {
    touched(ledger, skus).items.into_iter().collect()
}

/// What other channels sell of that which a channel tells of as master of a location. It shows its own
/// word already.
fn elsewhere(ledger: &Ledger, channel: &ChannelId, slots: &[ShownReport]) -> BTreeSet<(u16, u32)> {
    let Some(master) = ledger.channel_ix(channel.as_str()) else {
        return BTreeSet::new();
    };
    let known = ledger.channel(master);
    let shelves = slots
        .iter()
        .filter_map(|read| ledger.shelf(known, &read.slot));
    let mut items = sold(ledger, shelves.map(|shelf| shelf.sku));
    items.retain(|(channel, _)| *channel != master);
    items
}

/// A SKU that was counted at a location before.
fn counted_again(ledger: &Ledger, sku: &Sku, location: &LocationId) -> Option<SkuIx> {
    let (sku, at) = (
        ledger.sku_ix(sku.as_str())?,
        ledger.location(location.as_str())?,
    );
    ledger
        .stock(sku, at)
        .filter(|stock| stock.counted.is_some())
        .map(|_| sku)
}

/// Whole listings of an item that may be sold, and what it stands for; none where nothing would be
/// written.
fn for_sale(ledger: &Ledger, channel: u16, item: u32) -> Option<(i64, &Parts)> {
    let known = ledger.channel(channel);
    let slots = &known.items.at(item).slots;
    slots.iter().find(|(_, slot)| slot.expected.is_some())?;
    let number = number(ledger, channel, item).ok()?;
    let shown = number.slots.iter().map(|slot| slot.part.max(0));
    let parts = known.listings.at(number.listing).mapping.parts()?;
    Some((shown.fold(0, i64::saturating_add), parts))
}

/// Whether a number falls to zero, loses half, or more than doubles.
fn swings(before: i64, after: i64) -> bool {
    let twice = |number: i64| number.saturating_mul(2);
    before != after && (twice(after) <= before || after > twice(before))
}

/// An item that changed.
struct Changed<'a> {
    from: &'a Before,
    to: i64,
}

impl Changed<'_> {
    fn swings(&self) -> bool {
        swings(self.from.for_sale, self.to)
    }
}

/// What follows for a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is to be held, or more of it is to be held back.
    Hold(MassChange),
    /// What was wrong is corrected: it would not be held for what is left.
    GoOn,
}

/// What changed on each channel in the last minute.
#[derive(Debug, Default)]
pub struct Watch {
    channels: BTreeMap<u16, Window>,
}

#[derive(Debug, Default)]
struct Window {
    /// When which item changed by how much.
    recent: VecDeque<(Timestamp, u32, i64)>,
    /// Items as they would be without these changes, and what is for sale now.
    items: BTreeMap<u32, (Before, i64)>,
    /// Items with a number when the window began to be full.
    of: Option<u32>,
}

impl Watch {
    /// Holds what a command changed against what was before it.
    pub fn judge(
        &mut self,
        ledger: &Ledger,
        before: &[Before],
        cause: &str,
    ) -> Vec<(ChannelId, Verdict)> {
        let mut found = Vec::new();
        for rows in before.chunk_by(|one, other| one.channel == other.channel) {
            let Some(first) = rows.first() else { continue };
            let known = ledger.channel(first.channel);
            if !known.setup.as_ref().is_some_and(|setup| setup.live) {
                continue;
            }
            let changed: Vec<Changed<'_>> = rows
                .iter()
                .filter_map(|from| {
                    let (to, parts) = for_sale(ledger, from.channel, from.item)?;
                    let same = to == from.for_sale && *parts == from.parts;
                    (!same).then_some(Changed { from, to })
                })
                .collect();
            if changed.is_empty() {
                continue;
            }
            let verdict = match &known.interlock {
                Some(lock) => again(ledger, first.channel, lock, &changed, cause),
                None => {
                    let window = self.channels.entry(first.channel).or_default();
                    window.judge(ledger, first.channel, &changed, cause)
                }
            };
            if let Some(verdict) = verdict {
                self.channels.remove(&first.channel);
                found.push((known.id.clone(), verdict));
            }
        }
        found
    }
}

impl Window {
    fn judge(
        &mut self,
        ledger: &Ledger,
        channel: u16,
        changed: &[Changed<'_>],
        cause: &str,
    ) -> Option<Verdict> {
        self.forget(ledger.at);
        for Changed { from, to } in changed {
            let (base, now) = self
                .items
                .entry(from.item)
                .or_insert_with(|| ((*from).clone(), from.for_sale));
            let between = from.for_sale.saturating_sub(*now);
            base.for_sale = base.for_sale.saturating_add(between);
            *now = *to;
            let by = to.saturating_sub(from.for_sale);
            self.recent.push_back((ledger.at, from.item, by));
        }
        let rows = self
            .items
            .values()
            .map(|(from, to)| Changed { from, to: *to });
        let rows: Vec<Changed<'_>> = rows.filter(|row| row.from.for_sale != row.to).collect();
        let swung = count(rows.iter().filter(|row| row.swings()));
        let limits = ledger.channel(channel).setup.as_ref()?.mass_change;
        let of = || *self.of.get_or_insert_with(|| with_number(ledger, channel));
        let of = too_many(limits, swung, of)?;
        let change = change(ledger, channel, &rows, cause, (swung, of));
        Some(Verdict::Hold(change))
    }

    /// What is older than the window counts no more.
    fn forget(&mut self, now: Timestamp) {
        while let Some((at, item, by)) = self.recent.front().copied() {
            if now.since(at) <= WINDOW {
                break;
            }
            self.recent.pop_front();
            if let Some((base, _)) = self.items.get_mut(&item) {
                base.for_sale = base.for_sale.saturating_add(by);
            }
        }
        if self.recent.is_empty() {
            *self = Self::default();
        }
    }
}

/// A channel that is held goes on where what is left of it is not much any more; otherwise whatever
/// else changes is held back as well.
fn again(
    ledger: &Ledger,
    channel: u16,
    lock: &Interlock,
    changed: &[Changed<'_>],
    cause: &str,
) -> Option<Verdict> {
    let held = lock.items.keys().filter(|item| {
        let left = would_change(ledger, channel, **item);
        left.is_some_and(|left| left.swings())
    });
    let is_new = |row: &&Changed<'_>| !lock.items.contains_key(&row.from.item);
    let new = changed.iter().filter(is_new).filter(|row| row.swings());
    let swung = count(held).saturating_add(count(new));
    let limits = ledger.channel(channel).setup.as_ref()?.mass_change;
    let of = too_many(limits, swung, || with_number(ledger, channel));
    Some(of.map_or(Verdict::GoOn, |of| {
        Verdict::Hold(change(ledger, channel, changed, cause, (swung, of)))
    }))
}

/// What is held back of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Whole listings that it may show while the channel is held.
    pub allowed: i64,
    /// What would be for sale if the channel went on.
    pub then: i64,
}

impl Left {
    /// Whether it would fall to zero, lose half, or more than double.
    pub fn swings(&self) -> bool {
        swings(self.allowed, self.then)
    }
}

/// What is held back of an item; none where nothing is.
pub fn would_change(ledger: &Ledger, channel: u16, item: u32) -> Option<Left> {
    let allowed = allowed(ledger, channel, item)?;
    let (then, _) = for_sale(ledger, channel, item)?;
    Some(Left { allowed, then })
}

/// Of how many listings, where so many are more than may change at once.
fn too_many(limits: MassLimits, swung: u32, of: impl FnOnce() -> u32) -> Option<u32> {
    if swung < limits.listings_min.max(1) {
        return None;
    }
    let of = of();
    let percent = |part: u32, of: u32| u64::from(part).saturating_mul(u64::from(of));
    (percent(swung, 100) > percent(limits.percent, of)).then_some(of)
}

fn count<T>(rows: impl Iterator<Item = T>) -> u32 {
    u32::try_from(rows.count()).unwrap_or(u32::MAX)
}

/// Items of a channel that have a number: mapped, and every part counted.
fn with_number(ledger: &Ledger, channel: u16) -> u32 {
    let known = ledger.channel(channel);
    let has = |listing: &u32| {
        let listing = known.listings.at(*listing);
        let parts = listing.mapping.parts().filter(|_| !listing.flags.gone);
        parts.is_some_and(|parts| parts.iter().all(|part| ledger.is_counted(part.sku)))
    };
    let items = known.items.iter();
    count(items.filter(|(_, _, item)| item.listings.iter().any(has)))
}

fn change(
    ledger: &Ledger,
    channel: u16,
    rows: &[Changed<'_>],
    cause: &str,
    (swung, of): (u32, u32),
) -> MassChange {
    let known = ledger.channel(channel);
    let samples = rows.iter().filter(|row| row.swings()).filter_map(|row| {
        let listing = known.items.at(row.from.item).listings.first()?;
        Some(Swing {
            listing: known.listings.key(*listing).clone(),
            before: row.from.for_sale,
            after: row.to,
        })
    });
    let showed = |row: &Changed<'_>| {
        let parts = row.from.parts.iter();
        let parts = parts.map(|part| (ledger.sku_id(part.sku).clone(), part.per));
        Showed {
            item: known.items.key(row.from.item).clone(),
            for_sale: row.from.for_sale,
            parts: parts.collect(),
        }
    };
    MassChange {
        cause: cause.to_owned(),
        listings: swung,
        of,
        samples: samples.take(SAMPLES_MAX).collect(),
        before: rows.iter().map(showed).collect(),
    }
}

#[cfg(test)]
mod tests;
