//! Listings come, go, and are mapped; orders that waited for a mapping book themselves.

use std::collections::{BTreeMap, BTreeSet};

use channelsync_contract::ids::{ChannelId, Gtin, ListingId, Sku};

use super::super::channel::Channel;
use super::super::command::MapRow;
use super::super::entry::{Bucket, Fact, MappedBy};
use super::super::order::{Line, OrderRef};
use super::super::refusal::Refusal;
use super::super::reported::ListingReport;
use super::super::state::Ledger;
use super::as_of;
use super::desk::{Desk, Spot};
use super::stock::booked_sku;
use super::{returns, withheld};
use crate::catalog::{Automatic, Claim, Listing, Mapping, Part, Parts, SkuIx, automatic};

pub(super) fn list(
    desk: &mut Desk<'_>,
    channel: &ChannelId,
    reports: &[ListingReport],
    complete: Option<&[ListingId]>,
) -> Result<(), Refusal> {
    let (number, known) = desk.channel(channel)?;
    let texts: BTreeMap<&ListingId, &ListingReport> = reports
        .iter()
        .map(|report| (&report.listing, report))
        .collect();
    let (mut skus, mut gtins) = (Carriers::new(), Carriers::new());
    for (listing, report) in &texts {
        skus.entry(&report.sku).or_default().insert(listing);
        if let Some(gtin) = report.gtin {
            gtins.entry(gtin).or_default().insert(listing);
        }
    }
    for report in reports {
        let before = known.listings.get(report.listing.as_str());
        if before.is_none_or(|before| differs(known, before, report)) {
            desk.facts
                .push(Fact::Listing(channel.clone(), Box::new(report.clone())));
        }
    }
    for report in reports {
        let mut same_sku = carriers(known, known.listings.with_sku(report.sku.as_str()));
        same_sku.extend(skus.get(&report.sku).into_iter().flatten().copied());
        same_sku.retain(|listing| texts.get(listing).is_none_or(|now| now.sku == report.sku));
        let mut same_gtin = BTreeSet::new();
        if let Some(gtin) = report.gtin {
            same_gtin = carriers(known, known.listings.with_gtin(gtin));
            same_gtin.extend(gtins.get(&gtin).into_iter().flatten().copied());
            same_gtin
                .retain(|listing| texts.get(listing).is_none_or(|now| now.gtin == report.gtin));
        }
        let mapped = known.listings.get(report.listing.as_str());
        let is_mapped = mapped.is_some_and(|listing| listing.mapping.parts().is_some());
        let takes_another_text =
            mapped.is_some_and(|listing| listing.sku != report.sku && !is_by_person(listing));
        if !is_mapped || takes_another_text {
            let texts = (&report.sku, report.gtin);
            let found = found(desk, texts, (same_sku.len(), same_gtin.len()));
            if !is_mapped || found == Automatic::Exact {
                set_mapping(desk, number, &report.listing, texts, found);
            }
        }
        unmap_rivals(desk, known, &same_sku, &report.listing, |mapping| {
            matches!(mapping, Mapping::Automatic(_))
        });
        unmap_rivals(desk, known, &same_gtin, &report.listing, |mapping| {
            matches!(mapping, Mapping::Barcode(_))
        });
    }
    if let Some(all) = complete {
        let all: BTreeSet<&ListingId> = all.iter().collect();
        let gone = known
            .listings
            .iter()
            .filter(|(_, id, listing)| !listing.flags.gone && !all.contains(id));
        let facts = gone.map(|(_, id, _)| Fact::ListingGone(channel.clone(), id.clone()));
        desk.facts.extend(facts);
    }
    Ok(())
}

fn is_by_person(listing: &Listing) -> bool {
    matches!(listing.mapping, Mapping::Manual(_))
}

fn differs(channel: &Channel, before: &Listing, report: &ListingReport) -> bool {
    let flags = before.flags;
    before.sku != report.sku
        || before.gtin != report.gtin
        || *channel.items.key(before.item) != report.item
        || flags.gone
        || flags.unpushable != report.unpushable
        || flags.sells_without_limit != report.sells_without_limit
}

/// Listings by a text that they carry.
type Carriers<'a, T> = BTreeMap<T, BTreeSet<&'a ListingId>>;

/// Of these listings, those that the channel still lists.
fn carriers(channel: &Channel, numbers: impl Iterator<Item = u32>) -> BTreeSet<&ListingId> {
    let listed = numbers.filter(|number| !channel.listings.at(*number).flags.gone);
    listed.map(|number| channel.listings.key(number)).collect()
}

/// Two listings with one text: neither maps by it.
fn unmap_rivals(
    desk: &mut Desk<'_>,
    channel: &Channel,
    carriers: &BTreeSet<&ListingId>,
    newcomer: &ListingId,
    is_by_text: fn(&Mapping) -> bool,
) {
    if carriers.len() < 2 {
        return;
    }
    for rival in carriers.iter().filter(|rival| **rival != newcomer) {
        let Some(listing) = channel.listings.get(rival.as_str()) else {
            continue;
        };
        if is_by_text(&listing.mapping) && !desk.ledger.is_relabelled(listing) {
            let text = match (&listing.mapping, listing.gtin) {
                (Mapping::Barcode(_), Some(gtin)) => format!("barcode {gtin}"),
                _ => format!("SKU {}", listing.sku),
            };
            let why = format!("{} listings of the channel carry {text}", carriers.len());
            let fact = Fact::Unmapped(channel.id.clone(), (*rival).clone(), why);
            if !desk.facts.contains(&fact) {
                desk.facts.push(fact);
            }
        }
    }
}

/// What the texts of a listing say, with how many listings of its channel carry each.
fn found(
    desk: &Desk<'_>,
    (sku, gtin): (&Sku, Option<Gtin>),
    (same_sku, same_gtin): (usize, usize),
) -> Automatic {
    let text = sku.as_str();
    let known = desk.known_sku(sku).is_some() || desk.fresh.contains(sku);
    let sku = Claim {
        text,
        listings: same_sku,
        skus: usize::from(known),
    };
    let barcode = gtin.map(|gtin| Claim {
        text: gtin,
        listings: same_gtin,
        skus: desk.owners(gtin).len(),
    });
    let near = desk.ledger.skus.near(text).map(Sku::as_str);
    match (
        automatic(sku, near, barcode),
        desk.ledger.renamed(&Sku::new(text)),
    ) {
        (Automatic::None(why), Some(now)) => {
            Automatic::None(format!("{why}; {text} is called {} now", desk.sku_id(now)))
        }
        (found, _) => found,
    }
}

/// Books what the texts of a listing say.
fn set_mapping(
    desk: &mut Desk<'_>,
    channel: u16,
    listing: &ListingId,
    (sku, gtin): (&Sku, Option<Gtin>),
    found: Automatic,
) {
    let id = desk.ledger.channel(channel).id.clone();
    let before = desk.ledger.channel(channel).listings.get(listing.as_str());
    let before = before.map(|before| &before.mapping);
    let (sku, by) = match found {
        Automatic::Exact => (desk.sku(sku), MappedBy::Sku),
        Automatic::Barcode => {
            let owners = gtin.map(|gtin| desk.owners(gtin)).unwrap_or_default();
            let owner = owners.first().expect("a barcode that maps has an owner");
            (*owner, MappedBy::Barcode)
        }
        Automatic::None(why) => {
            let same = Mapping::Unmapped(why.clone());
            if before != Some(&same) {
                desk.facts.push(Fact::Unmapped(id, listing.clone(), why));
            }
            return;
        }
    };
    let parts = Parts::from_elem(Part { sku, per: 1 }, 1);
    let mapping = match by {
        MappedBy::Barcode => Mapping::Barcode(parts.clone()),
        MappedBy::Sku | MappedBy::Person => Mapping::Automatic(parts.clone()),
    };
    if before == Some(&mapping) {
        return;
    }
    let fact = vec![(desk.sku_id(sku).clone(), 1)];
    desk.facts.push(Fact::Mapped(id, listing.clone(), fact, by));
    book_waiting(desk, channel, listing, &parts);
}

/// Maps a known listing by what its texts say now.
fn map_by_texts(desk: &mut Desk<'_>, number: u16, listing: &ListingId) {
    let channel = desk.ledger.channel(number);
    let Some(row) = channel.listings.get(listing.as_str()) else {
        return;
    };
    let same_sku = carriers(channel, channel.listings.with_sku(row.sku.as_str())).len();
    let same_gtin = row
        .gtin
        .map(|gtin| carriers(channel, channel.listings.with_gtin(gtin)).len());
    let texts = (&row.sku, row.gtin);
    let found = found(desk, texts, (same_sku, same_gtin.unwrap_or(0)));
    // A text that leads nowhere takes nothing away.
    if found == Automatic::Exact || !desk.ledger.is_relabelled(row) {
        set_mapping(desk, number, listing, texts, found);
    }
}

/// A SKU has barcodes from now on, or no longer; listings that carry them map anew.
pub(super) fn barcodes(
    desk: &mut Desk<'_>,
    sku: &Sku,
    gtins: &[Gtin],
    has: bool,
) -> Result<(), Refusal> {
    let number = booked_sku(desk.ledger, sku)?;
    for gtin in gtins {
        if desk.owners(*gtin).contains(&number) == has {
            continue;
        }
        desk.gtins.insert((*gtin, number), has);
        desk.facts.push(Fact::Barcode(sku.clone(), *gtin, has));
        for at in (0_u16..).take(desk.ledger.channels.len()) {
            let channel = desk.ledger.channel(at);
            for listing in carriers(channel, channel.listings.with_gtin(*gtin)) {
                let row = channel.listings.get(listing.as_str());
                let by_itself = |row: &Listing| {
                    matches!(row.mapping, Mapping::Unmapped(_) | Mapping::Barcode(_))
                };
                if row.is_some_and(by_itself) {
                    map_by_texts(desk, at, listing);
                }
            }
        }
    }
    Ok(())
}

pub(super) fn map(desk: &mut Desk<'_>, row: &MapRow) -> Result<(), Refusal> {
    let MapRow {
        channel,
        listing,
        parts,
    } = row;
    let (number, known) = desk.channel(channel)?;
    let Some(row) = known.listings.get(listing.as_str()) else {
        return Err(Refusal::UnknownListing(channel.clone(), listing.clone()));
    };
    if parts.is_empty() {
        map_by_texts(desk, number, listing);
        return Ok(());
    }
    let resolved = resolve(desk.ledger, parts)?;
    if row.mapping != Mapping::Manual(resolved.clone()) {
        let fact = (channel.clone(), listing.clone(), parts.clone());
        desk.facts
            .push(Fact::Mapped(fact.0, fact.1, fact.2, MappedBy::Person));
        book_waiting(desk, number, listing, &resolved);
    }
    Ok(())
}

fn resolve(ledger: &Ledger, parts: &[(Sku, u32)]) -> Result<Parts, Refusal> {
    let mut resolved = Parts::new();
    for (sku, per) in parts {
        let sku = booked_sku(ledger, sku)?;
        if *per == 0 || resolved.iter().any(|part| part.sku == sku) {
            let why = "a listing takes each SKU once, at least one unit of it".to_owned();
            return Err(Refusal::Senseless(why));
        }
        resolved.push(Part { sku, per: *per });
    }
    Ok(resolved)
}

/// Lets open lines stand for what their listing stands for now.
///
/// A line of which units left, or were withheld, stays as it is: they were units of the SKUs that it
/// was booked with, and may come back as these.
pub(super) fn reapply(
    desk: &mut Desk<'_>,
    channel: &ChannelId,
    listing: Option<&ListingId>,
) -> Result<(), Refusal> {
    let (number, known) = desk.channel(channel)?;
    if let Some(listing) = listing
        && known.listings.get(listing.as_str()).is_none()
    {
        return Err(Refusal::UnknownListing(channel.clone(), listing.clone()));
    }
    for (order, _, row) in known.orders.iter() {
        let moves = |line: &Line| {
            let own = line.listing.as_ref()?;
            let is_meant = listing.is_none_or(|listing| listing == own);
            let untouched = line.gone().is_zero() && line.withheld.is_zero();
            let parts = known.listings.get(own.as_str())?.mapping.parts()?;
            let differs = line.parts.as_ref().is_some_and(|before| before != parts);
            (is_meant && untouched && differs && line.is_open()).then_some(parts)
        };
        if !row.lines.iter().any(|line| moves(line).is_some()) {
            continue;
        }
        let work = desk.known_work(OrderRef {
            channel: number,
            order,
        });
        for at in desk.lines(work).collect::<Vec<_>>() {
            let Some(parts) = moves(desk.line(at)) else {
                continue;
            };
            for held in desk.line(at).held.clone() {
                let to = Spot::At(held.location, Bucket::Available);
                desk.unhold(at, held.sku, held.location, held.units, to);
            }
            desk.line_mut(at).parts = Some(parts.clone());
        }
        desk.booked.push(work);
    }
    Ok(())
}

/// Books the lines that waited for a listing's mapping: what left, and what is still open.
fn book_waiting(desk: &mut Desk<'_>, channel: u16, listing: &ListingId, parts: &Parts) {
    let ledger = desk.ledger;
    let Some(orders) = ledger.channel(channel).parked.get(listing) else {
        return;
    };
    for order in orders {
        let work = desk.known_work(OrderRef {
            channel,
            order: *order,
        });
        for at in desk.lines(work).collect::<Vec<_>>() {
            let line = desk.line_mut(at);
            if line.is_parked() && line.listing.as_ref() == Some(listing) {
                line.parts = Some(parts.clone());
                let (foreign, left) = (line.foreign(), line.left.clone());
                let known = ledger.channel(channel);
                let from = left.iter();
                let from = from.filter_map(|(place, units)| Some((known.ours(*place)?, *units)));
                let from: Vec<_> = from.collect();
                as_of::waiting(desk, at, foreign, |desk| {
                    desk.ship_units(at, foreign, &from);
                    returns::book_waiting(desk, at);
                });
                withheld::book_waiting(desk, at);
            }
        }
        if !desk.booked.contains(&work) {
            desk.booked.push(work);
        }
    }
}

impl Desk<'_> {
    /// SKUs that have a barcode.
    fn owners(&self, gtin: Gtin) -> Vec<SkuIx> {
        let all = (gtin, SkuIx(0))..=(gtin, SkuIx(u32::MAX));
        let known = self.ledger.gtins.range(all.clone());
        let known = known.filter(|known| self.gtins.get(known) != Some(&false));
        let new = self.gtins.range(all).filter(|(_, has)| **has);
        let owners: BTreeSet<SkuIx> = known
            .chain(new.map(|(new, _)| new))
            .map(|(_, sku)| *sku)
            .collect();
        owners.into_iter().collect()
    }

    /// Maps the listings that carry a SKU which stock was booked under for the first time.
    pub(super) fn map_fresh(&mut self) {
        for sku in self.fresh.clone() {
            map_unmapped(self, &sku);
        }
    }
}

/// Maps what carries a SKU that is known from now on, and is unmapped or stands for what it was called
/// before.
pub(super) fn map_unmapped(desk: &mut Desk<'_>, sku: &Sku) {
    for number in (0_u16..).take(desk.ledger.channels.len()) {
        let channel = desk.ledger.channel(number);
        for listing in carriers(channel, channel.listings.with_sku(sku.as_str())) {
            let row = channel.listings.get(listing.as_str());
            let is_due =
                |row: &Listing| row.mapping.parts().is_none() || desk.ledger.is_relabelled(row);
            if row.is_some_and(is_due) {
                map_by_texts(desk, number, listing);
            }
        }
    }
}
