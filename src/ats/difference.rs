//! Slots that do not show their number, and how the number came about in a few words.

use super::held::{ToWrite, to_write};
use super::number::{ItemNumber, SlotNumber, number};
use crate::ledger::{Ledger, LocIx, PlaceIx, SlotState};

/// A slot that does not show its number, or of which that is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Our location.
    pub location: LocIx,
    /// The channel's place.
    pub place: Option<PlaceIx>,
    /// What it shows, by the last reading and what happened since; none before the first.
    pub shown: Option<i64>,
    /// What would be written.
    pub number: SlotNumber,
    /// How that comes about, or what hinders.
    pub why: String,
}

/// The slots of an item that differ; none of an item without a number, and none that the channel does
/// not have.
pub fn differences(ledger: &Ledger, channel: u16, item: u32) -> Vec<Difference> {
    let known = ledger.channel(channel);
    let Ok(found) = number(ledger, channel, item) else {
        return Vec::new();
    };
    let places = known.places_served();
    let ToWrite { slots, kept, .. } = to_write(ledger, channel, item, &found);
    let places = places
        .zip(slots)
        .filter(|((_, place), _)| !kept.contains(place));
    let differs = places.filter_map(|((location, place), number)| {
        let state = known.items.at(item).slot(place);
        let shown = state.and_then(|state| state.expected);
        let state = state.map(|state| &state.state);
        if state == Some(&SlotState::Absent) || shown.is_some_and(|shown| number.is_held(shown)) {
            return None;
        }
        let why = match (state, shown) {
            (Some(SlotState::Parked(why)), _) => format!("parked: {why}"),
            (_, None) => "not read yet".to_owned(),
            (_, Some(_)) => steps(ledger, channel, &found, &number),
        };
        Some(Difference {
            location,
            place,
            shown,
            number,
            why,
        })
    });
    differs.collect()
}

/// The terms of a number.
fn steps(ledger: &Ledger, channel: u16, found: &ItemNumber, slot: &SlotNumber) -> String {
    let known = ledger.channel(channel);
    let parts = known.listings.at(found.listing).mapping.parts();
    let skus = parts.into_iter().flatten().map(|part| part.sku);
    let mut why = match ledger.freeze_of(&known.id, skus) {
        _ if known.retired.is_some() => "the channel is retired".to_owned(),
        Some((scope, frozen)) => format!("{scope} is frozen: {}", frozen.reason),
        None if found.target == found.pool.total => format!("{} for sale", found.target),
        None => format!("{} for sale of {} there", found.target, found.pool.total),
    };
    if found.slots.len() > 1 {
        why.push_str(&format!(", {} here", slot.part));
    }
    for (units, what) in [(slot.own, "open here"), (slot.unsellable, "unsellable")] {
        if !units.is_zero() {
            why.push_str(&format!(", {units} {what}"));
        }
    }
    why
}
