//! Whether a channel shows of an item what it should.

use super::held::to_write;
use super::number::number;
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
