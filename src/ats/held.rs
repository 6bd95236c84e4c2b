//! What a channel that is held for a mass change may still be sent.

use channelsync_contract::units::Units;

use super::guard::guard;
use super::number::{ItemNumber, SlotNumber};
use super::own::{Own, open_there};
use crate::ledger::{Counting, HeldBack, Ledger, PlaceIx};

/// An item that is held back; none of what a person froze.
fn held_back(ledger: &Ledger, channel: u16, item: u32) -> Option<&HeldBack> {
    let held = ledger.channel(channel).interlock.as_ref()?.items.get(&item);
    held.filter(|_| !ledger.is_frozen(channel, item))
}

/// Whole listings that a held channel may still show of an item: what it showed before, less what
/// orders took since. None where the item is not held back.
pub(super) fn allowed(ledger: &Ledger, channel: u16, item: u32) -> Option<i64> {
    let held = held_back(ledger, channel, item)?;
    let taken = held.took.iter().map(|took| {
        let since = ledger.taken(took.part.sku).saturating_sub(took.taken);
        let per = i64::from(took.part.per).max(1);
        let whole = since.checked_div_euclid(per).unwrap_or(0);
        whole.saturating_add(i64::from(since.checked_rem_euclid(per) != Some(0)))
    });
    let taken = taken.max().unwrap_or(0);
    Some(held.before.saturating_sub(taken).max(0))
}

/// What is written of an item now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToWrite {
    /// The numbers to write.
    pub slots: Vec<SlotNumber>,
    /// Places of slots that are not raised now: it could be oversold.
    pub kept: Vec<Option<PlaceIx>>,
    /// Whether there would be more, could none of it be oversold.
    pub guarded: bool,
}

/// What is written of an item now: of what a channel holds back for a person no more than before, of
/// what is guarded no more than cannot be oversold.
pub fn to_write(ledger: &Ledger, channel: u16, item: u32, number: &ItemNumber) -> ToWrite {
    let mut to_write = ToWrite {
        slots: held_down(ledger, channel, item, number),
        kept: Vec::new(),
        guarded: false,
    };
    guard(ledger, (channel, item), number, &mut to_write);
    to_write
}

/// The numbers: on a held channel, of what is held back, what it is believed to hold, lowered by what it
/// may no longer show, last choice first.
fn held_down(ledger: &Ledger, channel: u16, item: u32, number: &ItemNumber) -> Vec<SlotNumber> {
    let mut slots = number.slots.clone();
    let held = held_back(ledger, channel, item);
    let (Some(allowed), Some(held)) = (allowed(ledger, channel, item), held) else {
        return slots;
    };
    let known = ledger.channel(channel);
    let counting = known.setup.as_ref().map(|setup| setup.counting);
    let is_gross = counting == Some(Counting::Gross);
    let open = if is_gross {
        // The channel subtracts all it has sold, also what a wrong count left without units here.
        let skus = held.took.iter().map(|took| took.part.sku);
        open_there(ledger, channel, known.listings.key(number.listing), skus)
    } else {
        Own::default()
    };
    let offered = |slot: &SlotNumber| {
        let expected = known.items.at(item).slot(slot.place)?.expected?;
        let kept = if is_gross {
            slot.unsellable.plus_or_max(open.at(slot.place)).signed()
        } else {
            0
        };
        Some((expected, expected.saturating_sub(kept)))
    };
    let shown = slots.iter().filter_map(offered);
    let shown = shown.fold(0_i64, |sum, (_, offered)| {
        sum.saturating_add(offered.max(0))
    });
    let mut excess = shown
        .saturating_sub(open.unplaced.signed())
        .saturating_sub(allowed)
        .max(0);
    for slot in slots.iter_mut().rev() {
        let Some((expected, offered)) = offered(slot) else {
            continue;
        };
        let cut = excess.min(offered.max(0));
        excess = excess.saturating_sub(cut);
        let write = Units::from_signed(expected.saturating_sub(cut)).unwrap_or_default();
        slot.part = offered.saturating_sub(cut);
        (slot.low, slot.high) = (write, write);
    }
    slots
}
