//! The number of each slot of an item.

use channelsync_contract::units::Units;
use serde::Serialize;

use super::guard::{is_guarded, split};
use super::own::{Own, own};
use super::pool::{Pool, Shelves, pool};
use super::rules::{Effective, effective};
use super::steps::{Steps, steps};
use crate::catalog::{Listing, Mapping, Part, Parts};
use crate::ledger::{ChannelSetup, Counting, Ledger, LocIx, PlaceIx, Policy};

/// Why an item has no number. It is then not pushed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoNumber {
    /// Its channel is not in the merchant's file.
    #[error("the channel is not configured")]
    NotConfigured,
    /// No listing sells it any more.
    #[error("the channel no longer lists it")]
    Gone,
    /// It stands for no stock.
    #[error("not mapped: {0}")]
    Unmapped(String),
    /// Its listings stand for different things.
    #[error("listings of one item are mapped differently")]
    Conflict,
    /// Nobody ever counted it.
    #[error("SKU {0} was never counted")]
    NeverCounted(String),
    /// The channel takes no quantity for it.
    #[error("the channel takes no quantity for it")]
    Unpushable,
}

/// The numbers of an item with the steps that led there. All in whole listings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemNumber {
    /// The listing whose rules hold.
    pub listing: u32,
    /// Rules by part.
    pub rules: Vec<Effective>,
    /// What is there.
    pub pool: Pool,
    /// What the rules make of it, step by step.
    pub steps: Steps,
    /// What they end with; 0 of what is frozen, and on a channel that ended.
    pub target: i64,
    /// Own open units.
    pub own: Own,
    /// One per slot, first choice first.
    pub slots: Vec<SlotNumber>,
}

/// The number of one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SlotNumber {
    /// The channel's place.
    #[serde(skip)]
    pub place: Option<PlaceIx>,
    /// This slot's part of the target; below zero what its own units must give.
    pub part: i64,
    /// Own units known to be here.
    pub own: Units,
    /// Units the channel holds as unsellable.
    pub unsellable: Units,
    /// The number to write, counting own units of unknown place as elsewhere.
    pub low: Units,
    /// The number if all of those were here. Between the two nothing is known to be wrong.
    pub high: Units,
}

impl SlotNumber {
    /// Whether a slot that holds so many units needs no write: open units whose place the channel has not
    /// told yet are there or elsewhere, and it subtracts them by itself either way.
    pub fn is_held(&self, units: i64) -> bool {
        (self.low.signed()..=self.high.signed()).contains(&units)
    }
}

/// The numbers of an item.
///
/// # Errors
/// [`NoNumber`] says why it has none.
pub fn number(ledger: &Ledger, channel: u16, item: u32) -> Result<ItemNumber, NoNumber> {
    let known = ledger.channel(channel);
    let setup = known.setup.as_ref().ok_or(NoNumber::NotConfigured)?;
    let (listing, parts) = listing_of(ledger, channel, item)?;
    let id = known.listings.key(listing);
    let counted = |part: &Part| ledger.is_counted(part.sku);
    if let Some(part) = parts.iter().find(|part| !counted(part)) {
        return Err(NoNumber::NeverCounted(ledger.sku_id(part.sku).to_string()));
    }
    let rule = |part: &Part| effective(ledger, setup, id, part.sku);
    let rules: Vec<Effective> = parts.iter().map(rule).collect();
    let withheld = parts.iter().zip(&rules).map(|(part, rule)| {
        let others = ledger.set_aside_for_others(channel, part.sku);
        let safety = match rule.policy.value {
            Policy::Pooled => 0,
            Policy::Buffered | Policy::Guarded => rule.safety_stock_units.value,
        };
        (*part, safety.saturating_add(others))
    });
    let withheld: Vec<(Part, u32)> = withheld.collect();
    let serves: Vec<_> = known.places_served().collect();
    let locations: Vec<_> = serves.iter().map(|(location, _)| *location).collect();
    let split_kits = rules.iter().all(|rule| rule.split_kits.value);
    let open = locations.iter().map(|at| is_open(ledger, *at, &rules));
    let shelves: Vec<Shelves> = locations.iter().copied().zip(open).collect();
    let pool = pool(ledger, &withheld, &shelves, split_kits);
    let guarded = is_guarded(pool.total, &rules);
    let ours = guarded.then(|| split(ledger, (channel, item), parts, pool.total));
    let steps = steps(pool.total, &rules, ours);
    let target = if ledger.is_frozen(channel, item) {
        0
    } else {
        steps.shown
    };
    let own = own(ledger, channel, id, parts);
    let places: Vec<Option<PlaceIx>> = serves.iter().map(|(_, place)| *place).collect();
    let parts = spread(setup, &pool, target, &own, &places);
    let slots = places
        .iter()
        .zip(parts)
        .map(|(place, part)| slot(ledger, channel, item, (*place, part), &own))
        .collect();
    Ok(ItemNumber {
        listing,
        rules,
        pool,
        steps,
        target,
        own,
        slots,
    })
}

/// Whether what lies at a location counts for all parts.
fn is_open(ledger: &Ledger, location: LocIx, rules: &[Effective]) -> bool {
    let name = ledger.location_id(location);
    let mut named = rules
        .iter()
        .filter_map(|rule| rule.locations.value.as_ref());
    named.all(|list| list.0.contains(name))
}

fn listing_of(ledger: &Ledger, channel: u16, item: u32) -> Result<(u32, &Parts), NoNumber> {
    let known = ledger.channel(channel);
    let listed = known.items.at(item).listings.iter();
    let listed = listed.map(|number| (*number, known.listings.at(*number)));
    let mut live = listed.filter(|(_, listing)| !listing.flags.gone);
    let (number, first): (u32, &Listing) = live.next().ok_or(NoNumber::Gone)?;
    let parts = match &first.mapping {
        Mapping::Unmapped(why) => return Err(NoNumber::Unmapped(why.clone())),
        Mapping::Automatic(parts) | Mapping::Barcode(parts) | Mapping::Manual(parts) => parts,
    };
    if live.any(|(_, other)| other.mapping.parts() != Some(parts)) {
        return Err(NoNumber::Conflict);
    }
    if first.flags.unpushable {
        return Err(NoNumber::Unpushable);
    }
    Ok((number, parts))
}

/// Each slot's part of the target: by what its location holds, the remainder to the first; what no
/// location could give alone, too.
///
/// On a gross channel a negative pool is taken from the slots' own units, last choice first. The parts
/// never sum to more than the target.
fn spread(
    setup: &ChannelSetup,
    pool: &Pool,
    target: i64,
    own: &Own,
    places: &[Option<PlaceIx>],
) -> Vec<i64> {
    let shown = target.min(pool.total);
    if shown < 0 {
        let mut lacking = match setup.counting {
            Counting::Gross => 0_i64.saturating_sub(shown),
            Counting::Net => 0,
        };
        let mut parts: Vec<i64> = places
            .iter()
            .rev()
            .map(|place| {
                let given = lacking.min(own.at(*place).signed());
                lacking = lacking.saturating_sub(given);
                0_i64.saturating_sub(given)
            })
            .collect();
        parts.reverse();
        return parts;
    }
    let held = |place: usize| pool.locations.get(place).map_or(0, |here| here.listings);
    let total = pool.total.max(1);
    let by_stock = |place: usize| {
        let product = i128::from(shown).saturating_mul(i128::from(held(place)));
        let part = product.checked_div(i128::from(total)).unwrap_or(0);
        i64::try_from(part).unwrap_or(0)
    };
    let mut parts: Vec<i64> = (0..places.len()).map(by_stock).collect();
    let given = parts
        .iter()
        .fold(0_i64, |sum, part| sum.saturating_add(*part));
    let mut rest = shown.saturating_sub(given);
    for (place, part) in parts.iter_mut().enumerate() {
        let more = rest.min(held(place).saturating_sub(*part)).max(0);
        *part = part.saturating_add(more);
        rest = rest.saturating_sub(more);
    }
    let mut open = parts.iter_mut().zip(&pool.locations);
    if let Some((first, _)) = open.find(|(_, here)| here.counts) {
        *first = first.saturating_add(rest);
    }
    parts
}

fn slot(
    ledger: &Ledger,
    channel: u16,
    item: u32,
    (place, part): (Option<PlaceIx>, i64),
    own: &Own,
) -> SlotNumber {
    let known = ledger.channel(channel);
    let state = known.items.at(item).slot(place);
    let unsellable = state.map_or(Units::ZERO, |state| state.unsellable);
    let counting = known
        .setup
        .as_ref()
        .map_or(Counting::Net, |setup| setup.counting);
    let write = |own: Units| {
        let sellable = match counting {
            Counting::Gross => own.signed().saturating_add(part).max(0),
            Counting::Net => part.max(0),
        };
        Units::from_signed(sellable)
            .unwrap_or(Units(u32::MAX))
            .plus_or_max(match counting {
                Counting::Gross => unsellable,
                Counting::Net => Units::ZERO,
            })
    };
    let here = own.at(place);
    let (low, high) = (write(here), write(here.plus_or_max(own.unplaced)));
    SlotNumber {
        place,
        part,
        own: here,
        unsellable,
        low,
        high,
    }
}
