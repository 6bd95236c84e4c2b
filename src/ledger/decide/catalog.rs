//! Listings come, go, and are mapped; orders that waited for a mapping book themselves.

use std::collections::{BTreeMap, BTreeSet};

use channelsync_contract::ids::{ChannelId, ListingId, Sku};

use super::super::channel::Channel;
use super::super::command::ListingReport;
use super::super::entry::{Fact, MappedBy};
use super::super::order::OrderRef;
use super::super::refusal::Refusal;
use super::desk::Desk;
use crate::catalog::{Automatic, Listing, Mapping, Part, Parts, automatic};

pub(super) fn list(
    desk: &mut Desk<'_>,
    channel: &ChannelId,
    reports: &[ListingReport],
    complete: Option<&[ListingId]>,
) -> Result<(), Refusal> {
    let (number, known) = desk.channel(channel)?;
    let texts: BTreeMap<&ListingId, &Sku> = reports
        .iter()
        .map(|report| (&report.listing, &report.sku))
        .collect();
    let mut carriers: BTreeMap<&Sku, BTreeSet<&ListingId>> = BTreeMap::new();
    for (listing, sku) in &texts {
        carriers.entry(sku).or_default().insert(listing);
    }
    for report in reports {
        let before = known.listings.get(report.listing.as_str());
        if before.is_none_or(|before| differs(known, before, report)) {
            desk.facts
                .push(Fact::Listing(channel.clone(), Box::new(report.clone())));
        }
    }
    for report in reports {
        let mapped = known.listings.get(report.listing.as_str());
        let is_mapped = mapped.is_some_and(|listing| listing.mapping.parts().is_some());
        let mut claims = claims(known, &report.sku, carriers.get(&report.sku));
        let text = |listing: &ListingId| texts.get(listing).copied();
        claims.retain(|listing| text(listing).is_none_or(|sku| *sku == report.sku));
        if !is_mapped {
            decide_mapping(desk, number, &report.listing, &report.sku, claims.len());
        }
        unmap_rivals(desk, known, &claims, &report.listing);
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

fn differs(channel: &Channel, before: &Listing, report: &ListingReport) -> bool {
    let flags = before.flags;
    before.sku != report.sku
        || *channel.items.key(before.item) != report.item
        || flags.gone
        || flags.unpushable != report.unpushable
        || flags.sells_without_limit != report.sells_without_limit
}

/// All listings of the channel that carry a SKU text, those just reported included.
fn claims(
    channel: &Channel,
    sku: &Sku,
    reported: Option<&BTreeSet<&ListingId>>,
) -> BTreeSet<ListingId> {
    let known = channel.listings.with_sku(sku.as_str());
    let known = known.filter(|number| !channel.listings.at(*number).flags.gone);
    let known = known.map(|number| channel.listings.key(number).clone());
    known
        .chain(reported.into_iter().flatten().map(|id| (*id).clone()))
        .collect()
}

/// Two listings with one SKU text: neither maps by itself.
fn unmap_rivals(
    desk: &mut Desk<'_>,
    channel: &Channel,
    claims: &BTreeSet<ListingId>,
    newcomer: &ListingId,
) {
    if claims.len() < 2 {
        return;
    }
    for rival in claims.iter().filter(|rival| *rival != newcomer) {
        let Some(listing) = channel.listings.get(rival.as_str()) else {
            continue;
        };
        if let (Mapping::Automatic(_), Automatic::None(why)) = (
            &listing.mapping,
            automatic(listing.sku.as_str(), true, claims.len()),
        ) {
            let fact = Fact::Unmapped(channel.id.clone(), rival.clone(), why);
            if !desk.facts.contains(&fact) {
                desk.facts.push(fact);
            }
        }
    }
}

fn decide_mapping(
    desk: &mut Desk<'_>,
    channel: u16,
    listing: &ListingId,
    sku: &Sku,
    claims: usize,
) {
    let known = desk.ledger.sku_ix(sku.as_str()).is_some() || desk.fresh.contains(sku);
    let id = desk.ledger.channel(channel).id.clone();
    match automatic(sku.as_str(), known, claims) {
        Automatic::Exact => {
            let number = desk.sku(sku);
            let parts = Parts::from_elem(
                Part {
                    sku: number,
                    per: 1,
                },
                1,
            );
            let before = desk.ledger.channel(channel).listings.get(listing.as_str());
            if before.is_some_and(|before| before.mapping == Mapping::Automatic(parts.clone())) {
                return;
            }
            let fact = vec![(sku.clone(), 1)];
            desk.facts
                .push(Fact::Mapped(id, listing.clone(), fact, MappedBy::Sku));
            book_waiting(desk, channel, listing, &parts);
        }
        Automatic::None(why) => {
            let before = desk.ledger.channel(channel).listings.get(listing.as_str());
            let same = Mapping::Unmapped(why.clone());
            if before.is_none_or(|before| before.mapping != same) {
                desk.facts.push(Fact::Unmapped(id, listing.clone(), why));
            }
        }
    }
}

pub(super) fn map(
    desk: &mut Desk<'_>,
    channel: &ChannelId,
    listing: &ListingId,
    parts: &[(Sku, u32)],
) -> Result<(), Refusal> {
    let (number, known) = desk.channel(channel)?;
    let Some(row) = known.listings.get(listing.as_str()) else {
        return Err(Refusal::UnknownListing(channel.clone(), listing.clone()));
    };
    if parts.is_empty() {
        let claims = claims(known, &row.sku, None).len();
        decide_mapping(desk, number, listing, &row.sku, claims);
        return Ok(());
    }
    let mut resolved = Parts::new();
    for (sku, per) in parts {
        let Some(sku) = desk.ledger.sku_ix(sku.as_str()) else {
            return Err(Refusal::UnknownSku(sku.clone()));
        };
        if *per == 0 || resolved.iter().any(|part| part.sku == sku) {
            let why = "a listing takes each SKU once, at least one unit of it".to_owned();
            return Err(Refusal::Senseless(why));
        }
        resolved.push(Part { sku, per: *per });
    }
    if row.mapping != Mapping::Manual(resolved.clone()) {
        let fact = (channel.clone(), listing.clone(), parts.to_vec());
        desk.facts
            .push(Fact::Mapped(fact.0, fact.1, fact.2, MappedBy::Person));
        book_waiting(desk, number, listing, &resolved);
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
                let back = foreign.min(line.restocked.minus_or_zero(line.history));
                let known = ledger.channel(channel);
                let from = left.iter();
                let from = from.filter_map(|(place, units)| Some((known.ours(*place)?, *units)));
                let from: Vec<_> = from.collect();
                desk.ship_units(at, foreign, &from);
                // Where they were put back is not kept: the line's first location has them.
                let first = desk.first_choice(at);
                desk.give_back(at, first, back);
            }
        }
        if !desk.booked.contains(&work) {
            desk.booked.push(work);
        }
    }
}

impl Desk<'_> {
    /// Maps the listings that carry a SKU which stock was booked under for the first time.
    pub(super) fn map_fresh(&mut self) {
        for sku in self.fresh.clone() {
            for number in (0_u16..).take(self.ledger.channels.len()) {
                let channel = self.ledger.channel(number);
                let claims = claims(channel, &sku, None);
                for listing in &claims {
                    let row = channel.listings.get(listing.as_str());
                    if row.is_some_and(|row| row.mapping.parts().is_none()) {
                        decide_mapping(self, number, listing, &sku, claims.len());
                    }
                }
            }
        }
    }
}
