//! Whether a channel shows of an item what it should.

use channelsync_contract::ids::SlotKey;
use channelsync_contract::units::Units;

use super::held::to_write;
use super::number::number;
use super::own::{Own, open_of};
use crate::ledger::{Ledger, SlotState};

/// What a channel shows of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shows {
    /// Its number, or it has none.
    Number,
    /// Something else, or nobody knows.
    Other,
    /// Something else until a person acts.
    Parked,
}

/// What a channel shows of an item, by what was confirmed and read.
pub fn shows(ledger: &Ledger, channel: u16, item: u32) -> Shows {
    let known = ledger.channel(channel);
    let Ok(found) = number(ledger, channel, item) else {
        return Shows::Number;
    };
    let to_write = to_write(ledger, channel, item, &found);
    let kept = |place| to_write.kept.contains(&place);
    let mut shows = Shows::Number;
    for slot in to_write.slots.iter().filter(|slot| !kept(slot.place)) {
        let Some(state) = known.items.at(item).slot(slot.place) else {
            continue;
        };
        match state.state {
            SlotState::Parked(_) => return Shows::Parked,
            SlotState::Absent => {}
            SlotState::InFlight(_) | SlotState::InDoubt(_) => shows = Shows::Other,
            SlotState::Free => {
                let is_held = state
                    .expected
                    .is_some_and(|expected| slot.is_held(expected));
                if !is_held || state.to_be_read() {
                    shows = Shows::Other;
                }
            }
        }
    }
    shows
}

/// How many of an item our number lets buyers buy, and how many they can by what is known of the channel;
/// each none where that is not known.
pub fn for_sale(ledger: &Ledger, channel: u16, item: u32) -> (Option<i64>, Option<i64>) {
    let known = ledger.channels.get(usize::from(channel));
    let Some(known) = known.filter(|known| known.items.len() > item) else {
        return (None, None);
    };
    let Ok(found) = number(ledger, channel, item) else {
        return (None, None);
    };
    let mut beyond = Some(0_i64);
    for slot in &found.slots {
        let held = match known.items.at(item).slot(slot.place) {
            Some(state) if state.state == SlotState::Absent => Some(0),
            Some(state) => state.expected,
            None => None,
        };
        let beyond_here =
            held.map(|held| held.saturating_sub(held.clamp(slot.low.signed(), slot.high.signed())));
        beyond = beyond.and_then(|sum| Some(sum.saturating_add(beyond_here?)));
    }
    let shown = beyond.map(|beyond| found.target.saturating_add(beyond).max(0));
    (Some(found.target), shown)
}

/// Whether a channel holds at a slot something else than it should, by what it says is left to sell
/// there; none where it says that it counts nothing.
///
/// Never for a slot that is not ours, or that will be read anyway.
pub fn differs(ledger: &Ledger, channel: u16, slot: &SlotKey, available: Option<i64>) -> bool {
    let known = ledger.channel(channel);
    let Some(state) = known.slot(slot).filter(|state| !state.to_be_read()) else {
        return false;
    };
    let Some(expected) = state.expected else {
        return false;
    };
    let Some(available) = available else {
        return true;
    };
    if known.is_net() {
        return available != expected;
    }
    // It takes its own open units off, those among them whose place it has not told us.
    let place = slot
        .location
        .as_ref()
        .and_then(|location| known.place(location));
    let item = known.items.find(slot.item.as_str());
    let own = item.map(|item| open_of(ledger, channel, item));
    let own = own.unwrap_or_default();
    let most = expected
        .saturating_sub(state.unsellable.signed())
        .saturating_sub(Own::all_at(&own, place).signed());
    let unplaced = own
        .iter()
        .fold(Units::ZERO, |sum, own| sum.plus_or_max(own.unplaced));
    !(most.saturating_sub(unplaced.signed())..=most).contains(&available)
}
