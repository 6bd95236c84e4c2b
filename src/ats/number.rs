//! The number of each slot of an item.

use channelsync_contract::units::Units;
use serde::Serialize;

use super::own::{Own, own};
use super::pool::{Pool, pool};
use super::rules::{Effective, effective};
use crate::catalog::{Listing, Mapping, Part, Parts};
use crate::ledger::{ChannelSetup, Counting, Ledger, PlaceIx};

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
    /// After share, cap and minimum; 0 of what is frozen, and on a channel that ended.
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
    let rule = |part: &Part| effective(&ledger.setup, setup, id, ledger.names_of(part.sku));
    let rules: Vec<Effective> = parts.iter().map(rule).collect();
    let withheld = parts.iter().zip(&rules).map(|(part, rule)| {
        let others = ledger.set_aside_for_others(channel, part.sku);
        (*part, rule.safety_stock_units.value.saturating_add(others))
    });
    let withheld: Vec<(Part, u32)> = withheld.collect();
    let serves: Vec<_> = known.places_served().collect();
    let locations: Vec<_> = serves.iter().map(|(location, _)| *location).collect();
    let split = rules.iter().all(|rule| rule.split_kits.value);
    let pool = pool(ledger, &withheld, &locations, split);
    let target = if ledger.is_frozen(channel, item) {
        0
    } else {
        target(pool.total, &rules)
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
        target,
        own,
        slots,
    })
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

/// Share, cap and minimum on what is there: never negative. With several parts the strictest holds.
fn target(pool: i64, rules: &[Effective]) -> i64 {
    let share = rules
        .iter()
        .map(|rule| rule.share_percent.value)
        .min()
        .unwrap_or(0);
    let cap = rules.iter().filter_map(|rule| rule.cap_units.value).min();
    let minimum = rules
        .iter()
        .map(|rule| rule.min_units.value)
        .max()
        .unwrap_or(0);
    let shared = pool
        .max(0)
        .saturating_mul(i64::from(share))
        .checked_div(100)
        .unwrap_or(0);
    let capped = cap.map_or(shared, |cap| shared.min(i64::from(cap)));
    if capped < i64::from(minimum) {
        0
    } else {
        capped
    }
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
    if let Some(first) = parts.first_mut() {
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
