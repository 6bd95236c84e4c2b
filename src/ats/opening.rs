//! Opening counts: what must lie at a location for a channel to show what it shows.
//!
//! The way back of a number. In: the ledger, and slots as they were read. Out: one count for each SKU
//! and location that was never counted, or why there is none. Never guesses: two figures for one shelf
//! give no count.

use std::collections::{BTreeMap, BTreeSet};

use channelsync_contract::ids::{ListingId, LocationId, Sku, SlotKey};
use channelsync_contract::time::Timestamp;
use channelsync_contract::units::Units;

use super::own::{Own, of_lines};
use crate::catalog::{Listing, Mapping, Parts, SkuIx};
use crate::ledger::{
    Channel, Counting, Ledger, Line, LocIx, OrderRef, PlaceIx, ShownReport, is_plain,
};

/// Items looked at in one go: those that are counted already take time, too.
const ITEMS_MAX: u32 = 1_000;

/// What a channel says lies at a location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The listings that say so.
    pub listings: Vec<ListingId>,
    /// Which SKU; none where the listings stand for none alone.
    pub sku: Option<Sku>,
    /// Where; none where no location can be told.
    pub location: Option<LocationId>,
    /// The figure that a push would replace; none where it was not read or is not the same.
    pub shown: Option<i64>,
    /// Units of the channel's orders that did not leave yet.
    pub open: Units,
    /// What lies there, or why that cannot be told.
    pub count: Result<Units, NoOpening>,
}

/// A part of a channel's opening counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpeningPage {
    /// As of when.
    pub as_of: Timestamp,
    /// The counts.
    pub openings: Vec<Opening>,
    /// The item where the next part begins; none at the end.
    pub next: Option<u32>,
}

/// Why there is no opening count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoOpening {
    /// The listing stands for nothing.
    #[error("not mapped: {0}")]
    Unmapped(String),
    /// It stands for several units.
    #[error("a kit or pack does not tell what lies there of its parts")]
    Kit,
    /// The channel keeps no quantity.
    #[error("the channel keeps no quantity of it")]
    Unpushable,
    /// Not there.
    #[error("the channel does not stock it there")]
    NotStocked,
    /// Several listings, several figures.
    #[error("its listings show different quantities: {0}")]
    Differ(String),
    /// Less than nothing.
    #[error("{0} units: less than nothing lies nowhere")]
    Negative(i64),
    /// Where open or unreported units are is not known.
    #[error("the place of some open units is not known yet")]
    Unplaced,
    /// On a channel that shows what is left, an open order changed since.
    #[error("an order changed while it was read: look again")]
    Moving,
    /// The catalog changed meanwhile.
    #[error("it was listed or mapped while it was read: look again")]
    Unread,
}

/// A SKU to be counted, by what shows it.
struct Shelf {
    sku: Sku,
    /// Items with their listing, each a figure for the same shelf.
    items: Vec<(u32, ListingId)>,
    places: Vec<(LocIx, Option<PlaceIx>)>,
}

/// What an item has to do with opening counts.
enum Role {
    /// Nothing: it is counted, not sold any more, or told with another item.
    None,
    /// It gives no count.
    Told(ListingId, NoOpening),
    /// It is the first that shows a SKU.
    Shows(Shelf),
}

/// The slots to be read for the opening counts of items from `from` on, no more items than make `most`;
/// and the item after the last of these. With `only`, those of one location.
pub fn slots_to_open(
    ledger: &Ledger,
    channel: u16,
    from: u32,
    most: usize,
    only: Option<LocIx>,
) -> (Vec<SlotKey>, u32) {
    let known = ledger.channel(channel);
    let mut slots = Vec::new();
    let mut item = from;
    let end = known.items.len().min(from.saturating_add(ITEMS_MAX));
    while item < end && slots.len() < most {
        if let Role::Shows(shelf) = role(ledger, channel, item, only) {
            let items = shelf.items.iter();
            slots.extend(items.flat_map(|(item, _)| {
                let places = shelf.places.iter();
                places.map(|(_, place)| known.slot_key(*item, *place))
            }));
        }
        item = item.saturating_add(1);
    }
    (slots, item)
}

/// The opening counts of some items, in their order, by slots read from `began` on.
pub fn openings(
    ledger: &Ledger,
    channel: u16,
    items: std::ops::Range<u32>,
    only: Option<LocIx>,
    (began, slots): (Timestamp, &[ShownReport]),
) -> Vec<Opening> {
    let slots: BTreeMap<&SlotKey, &ShownReport> =
        slots.iter().map(|read| (&read.slot, read)).collect();
    let mut found = Vec::new();
    for item in items.start..items.end.min(ledger.channel(channel).items.len()) {
        match role(ledger, channel, item, only) {
            Role::None => {}
            Role::Told(listing, why) => found.push(Opening {
                listings: vec![listing],
                sku: None,
                location: None,
                shown: None,
                open: Units::ZERO,
                count: Err(why),
            }),
            Role::Shows(shelf) => {
                let places = shelf.places.iter();
                found.extend(places.map(|at| opening(ledger, channel, &shelf, *at, began, &slots)));
            }
        }
    }
    found
}

fn role(ledger: &Ledger, channel: u16, item: u32, only: Option<LocIx>) -> Role {
    let known = ledger.channel(channel);
    let mut live = live(known, item);
    let Some((id, listing)) = live.next() else {
        return Role::None;
    };
    let told = |why| Role::Told(id.clone(), why);
    if live.any(|(_, other)| other.mapping.parts() != listing.mapping.parts()) {
        let why = "listings of one item are mapped differently".to_owned();
        return told(NoOpening::Unmapped(why));
    }
    let (sku, number, items) = match &listing.mapping {
        Mapping::Unmapped(why) => match hindrance(ledger, known, listing, why) {
            Some(why) => return told(NoOpening::Unmapped(why)),
            None => (listing.sku.clone(), None, vec![(item, id.clone())]),
        },
        Mapping::Automatic(parts) | Mapping::Barcode(parts) | Mapping::Manual(parts) => {
            let single = match parts.as_slice() {
                [part] if part.per == 1 => part.sku,
                parts if parts.iter().all(|part| ledger.is_counted(part.sku)) => return Role::None,
                _ => return told(NoOpening::Kit),
            };
            let items = items_of(ledger, channel, single);
            if items.first().is_some_and(|(first, _)| *first != item) {
                return Role::None;
            }
            (ledger.sku_id(single).clone(), Some(single), items)
        }
    };
    let counted = |at: LocIx| {
        let stock = number.and_then(|number| ledger.stock(number, at));
        stock.is_some_and(|stock| stock.counted.is_some())
    };
    let places = known.places_served();
    let places = places.filter(|(ours, _)| only.is_none_or(|only| only == *ours));
    let places: Vec<_> = places.filter(|(ours, _)| !counted(*ours)).collect();
    if places.is_empty() {
        Role::None
    } else if items.is_empty() || listing.flags.unpushable {
        told(NoOpening::Unpushable)
    } else {
        Role::Shows(Shelf { sku, items, places })
    }
}

/// Listings of an item that the channel still has.
fn live(channel: &Channel, item: u32) -> impl Iterator<Item = (&ListingId, &Listing)> {
    let listed = channel.items.at(item).listings.iter();
    let listed = listed.map(|at| (channel.listings.key(*at), channel.listings.at(*at)));
    listed.filter(|(_, listing)| !listing.flags.gone)
}

/// Items of a channel that show a SKU one by one, in their order.
fn items_of(ledger: &Ledger, channel: u16, sku: SkuIx) -> Vec<(u32, ListingId)> {
    let known = ledger.channel(channel);
    let sold = ledger.sku(sku).listings.iter();
    let sold = sold.filter(|sold| sold.channel == channel);
    let items: BTreeSet<u32> = sold.map(|sold| sold.item).collect();
    let single = |parts: &Parts| matches!(parts.as_slice(), [part] if part.per == 1);
    let shows = |item: u32| {
        let mut live = live(known, item);
        let (id, _) = live.find(|(_, listing)| {
            !listing.flags.unpushable && listing.mapping.parts().is_some_and(single)
        })?;
        Some((item, id.clone()))
    };
    items.into_iter().filter_map(shows).collect()
}

/// Why a listing would not map by itself once its SKU is counted, or what hints at another SKU.
fn hindrance(ledger: &Ledger, channel: &Channel, listing: &Listing, why: &str) -> Option<String> {
    let text = listing.sku.as_str();
    let carriers = channel.listings.with_sku(text);
    let carriers = carriers.filter(|at| !channel.listings.at(*at).flags.gone);
    let carriers = carriers.count();
    if carriers > 1 {
        return Some(format!(
            "{carriers} listings of the channel carry SKU {text}"
        ));
    }
    let has_owner = listing.gtin.is_some_and(|gtin| {
        let all = (gtin, SkuIx(0))..=(gtin, SkuIx(u32::MAX));
        ledger.gtins.range(all).next().is_some()
    });
    let hinted = has_owner
        || ledger.sku_ix(text).is_some()
        || ledger.renamed(&listing.sku).is_some()
        || ledger.skus.near(text).is_some();
    (hinted || !is_plain(text)).then(|| why.to_owned())
}

fn opening(
    ledger: &Ledger,
    channel: u16,
    shelf: &Shelf,
    (location, place): (LocIx, Option<PlaceIx>),
    began: Timestamp,
    slots: &BTreeMap<&SlotKey, &ShownReport>,
) -> Opening {
    let known = ledger.channel(channel);
    let read = shelf.items.iter().map(|(item, listing)| {
        let slot = known.slot_key(*item, place);
        (listing, slots.get(&slot))
    });
    let unread = read.clone().any(|(_, slot)| slot.is_none());
    let stocked: Vec<(&ListingId, i64, &ShownReport)> = read
        .filter_map(|(listing, slot)| Some((listing, slot?.written?, *slot?)))
        .collect();
    let open = |units: fn(&Line) -> Units| {
        let owns = shelf.items.iter().map(|(_, listing)| {
            let orders = orders_of(ledger, channel, &shelf.sku, listing);
            of_lines(ledger, orders, listing, units)
        });
        owns.collect::<Vec<Own>>()
    };
    let here = |owns: &[Own]| Own::all_at(owns, place);
    let owed = open(Line::wanted);
    let mut found = Opening {
        listings: shelf.items.iter().map(|(_, id)| id.clone()).collect(),
        sku: Some(shelf.sku.clone()),
        location: Some(ledger.location_id(location).clone()),
        shown: None,
        open: here(&owed),
        count: Err(NoOpening::NotStocked),
    };
    let Some((_, first, slot)) = stocked.first() else {
        if unread {
            found.count = Err(NoOpening::Unread);
        }
        return found;
    };
    if stocked
        .iter()
        .any(|(_, shown, read)| (shown, read.unsellable) != (first, slot.unsellable))
    {
        let each = stocked
            .iter()
            .map(|(id, shown, read)| match read.unsellable {
                Units::ZERO => format!("{shown} by {id}"),
                unsellable => format!("{shown} by {id}, {unsellable} of them unsellable"),
            });
        found.count = Err(NoOpening::Differ(each.collect::<Vec<_>>().join("; ")));
        return found;
    }
    found.shown = Some(*first);
    let counting = known.setup.as_ref().map(|setup| setup.counting);
    let (owns, lies_there) = match counting.unwrap_or(Counting::Net) {
        // What we sent and did not report is in the figure still.
        Counting::Gross => {
            let sent = open(Line::unreported_open);
            let gone = slot.unsellable.plus_or_max(here(&sent));
            (sent, first.saturating_sub(gone.signed()))
        }
        Counting::Net => {
            let there = first.saturating_add(here(&owed).signed());
            (owed, there)
        }
    };
    let net = counting == Some(Counting::Net);
    found.count = if unread {
        Err(NoOpening::Unread)
    } else if owns.iter().any(|own| !own.unplaced.is_zero()) {
        Err(NoOpening::Unplaced)
    } else if net && changed_since(ledger, channel, shelf, began) {
        Err(NoOpening::Moving)
    } else {
        Units::from_signed(lies_there).ok_or(NoOpening::Negative(lies_there))
    };
    found
}

/// Open orders of the channel for a listing, also while it stands for nothing.
fn orders_of<'a>(
    ledger: &'a Ledger,
    channel: u16,
    sku: &Sku,
    listing: &ListingId,
) -> Box<dyn Iterator<Item = OrderRef> + 'a> {
    if let Some(sku) = ledger.sku_ix(sku.as_str()) {
        let open = ledger.sku(sku).open.iter().copied();
        return Box::new(open.filter(move |at| at.channel == channel));
    }
    let parked = ledger.channel(channel).parked.get(listing);
    let parked = parked.into_iter().flatten();
    Box::new(parked.map(move |order| OrderRef {
        channel,
        order: *order,
    }))
}

fn changed_since(ledger: &Ledger, channel: u16, shelf: &Shelf, began: Timestamp) -> bool {
    let mut orders = shelf
        .items
        .iter()
        .flat_map(|(_, listing)| orders_of(ledger, channel, &shelf.sku, listing));
    orders.any(|at| {
        let order = ledger.order(at);
        order.version.unwrap_or(order.placed_at) >= began
    })
}

#[cfg(test)]
mod tests;
