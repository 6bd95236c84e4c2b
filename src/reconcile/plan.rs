//! Which slots to read (pure).

use std::collections::BTreeSet;

use channelsync_contract::{SlotKey, Timestamp};

use crate::ledger::{Channel, Ledger, PlaceIx, PushState, SlotState};

/// Slots that must be read before they can be pushed, at most `most`, all of one location: channels
/// answer by location, and several calls would fail together.
///
/// A slot that waits for word of orders is due once they are complete past its reading; one with a
/// call under way is not. Where the channel is master, all that may explain a difference must be known:
/// orders to be read, and what became of a report under way.
pub fn due(
    ledger: &Ledger,
    channel: &Channel,
    complete_to: Option<Timestamp>,
    most: usize,
) -> Vec<SlotKey> {
    let reporting: BTreeSet<_> = channel.reporting().collect();
    let is_unclear = |at: &(u32, Option<PlaceIx>)| {
        let open = !channel.wanted.is_empty() || reporting.contains(at);
        open && ledger.mastered(channel, at.1).is_some()
    };
    let ready = |at: &(u32, Option<PlaceIx>), state: &PushState| {
        let told = |since: Timestamp| complete_to.is_some_and(|to| to > since);
        let unclear = |since| !told(since) || is_unclear(at);
        let waits = state.recheck.is_some_and(|recheck| unclear(recheck.began)) && !state.reread;
        !waits && !matches!(state.state, SlotState::InFlight(_) | SlotState::InDoubt(_))
    };
    let mut due = channel
        .to_read
        .iter()
        .filter(|at| {
            let slot = channel.items.at(at.0).slot(at.1);
            slot.is_some_and(|slot| ready(at, slot))
        })
        .peekable();
    let first = due.peek().map(|(_, place)| *place);
    due.filter(|(_, place)| Some(*place) == first)
        .take(most)
        .map(|(item, place)| channel.slot_key(*item, *place))
        .collect()
}

/// The next slots of a round through all that were ever read, and where the round goes on.
pub fn sweep(channel: &Channel, from: u32, most: usize) -> (Vec<SlotKey>, u32) {
    let mut slots = Vec::new();
    let mut item = from;
    while item < channel.items.len() && slots.len() < most {
        for (place, state) in &channel.items.at(item).slots {
            if state.expected.is_some() {
                slots.push(channel.slot_key(item, *place));
            }
        }
        item += 1;
    }
    slots.truncate(most);
    (slots, if item >= channel.items.len() { 0 } else { item })
}
