//! What a channel says of its quantities by itself: worth a read where nothing that is known explains it.
//!
//! Most of it tells of our own writes and of orders whose word comes a moment later by another way. So a
//! quantity is put aside for a while, and only then compared with what the slot should hold.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use channelsync_contract::SlotKey;
use channelsync_contract::webhook::Quantity;
use tokio_util::sync::CancellationToken;

use super::feed::Feed;
use crate::ats;
use crate::bookkeeper::BookError;
use crate::ledger::Command;

/// Orders and outcomes of calls come within this time, as a rule.
const AFTER: Duration = Duration::from_secs(10);
/// A slot that is told of all the time is compared at the latest then.
const AFTER_MAX: Duration = Duration::from_secs(60);
/// Looks for what has waited long enough.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Slots put aside; of more only the round through all slots tells.
const SLOTS_MAX: usize = 10_000;
/// Slots compared at once, and so read for one entry.
const AT_ONCE_MAX: usize = 250;

/// Quantities a channel told of, put aside.
#[derive(Debug, Default)]
pub struct Told(Mutex<BTreeMap<SlotKey, Waiting>>);

#[derive(Clone, Copy, Debug)]
struct Waiting {
    available: Option<i64>,
    /// When the first word came, and the last one.
    since: Duration,
    last: Duration,
}

impl Waiting {
    fn is_due(&self, now: Duration) -> bool {
        now >= self.last + AFTER || now >= self.since + AFTER_MAX
    }
}

impl Told {
    /// Puts a quantity aside; the last word counts. False where there is no room.
    pub(super) fn put(&self, told: Quantity, now: Duration) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= SLOTS_MAX && !waiting.contains_key(&told.slot) {
            return false;
        }
        let row = waiting.entry(told.slot).or_insert(Waiting {
            available: None,
            since: now,
            last: now,
        });
        (row.available, row.last) = (told.available, now);
        true
    }

    /// Takes what has waited long enough.
    fn due(&self, now: Duration) -> Vec<Quantity> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = waiting.iter().filter(|(_, row)| row.is_due(now));
        let due = due.take(AT_ONCE_MAX).map(|(slot, row)| Quantity {
            slot: slot.clone(),
            available: row.available,
        });
        let due: Vec<Quantity> = due.collect();
        for told in &due {
            waiting.remove(&told.slot);
        }
        due
    }
}

/// Has slots read that hold something else than they should, until `stop`.
///
/// # Errors
/// When the bookkeeper is gone.
pub async fn run(feed: &Feed, stop: CancellationToken) -> Result<(), BookError> {
    while feed.rest(LOOK_EVERY, None, &stop).await {
        let due = feed.told.due(feed.clock.uptime());
        if !due.is_empty() {
            compare(feed, due).await?;
        }
    }
    Ok(())
}

async fn compare(feed: &Feed, told: Vec<Quantity>) -> Result<(), BookError> {
    let channel = feed.channel.clone();
    let differ = feed.book.wait_and_read(move |ledger| {
        let Some(number) = ledger.channel_ix(channel.as_str()) else {
            return Vec::new();
        };
        let differs = |told: &Quantity| ats::differs(ledger, number, &told.slot, told.available);
        let slots = told.into_iter().filter(differs).map(|told| told.slot);
        slots.collect::<Vec<SlotKey>>()
    });
    let slots = differ.await?;
    if slots.is_empty() {
        return Ok(());
    }
    feed.board
        .count("quantities_unexplained", slots.len() as u64);
    let channel = feed.channel.clone();
    let origin = feed.origin("webhook", "quantity");
    feed.book
        .book(Command::Reread { channel, slots }, origin)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(item: &str, available: i64) -> Quantity {
        let (item, location) = (item.into(), None);
        let slot = SlotKey { item, location };
        let available = Some(available);
        Quantity { slot, available }
    }

    const fn at(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn the_last_word_of_a_slot_is_compared_once_it_was_quiet_for_a_while() {
        let waiting = Told::default();
        assert!(waiting.put(told("mug", 5), at(0)));
        assert!(waiting.put(told("cup", 1), at(4)));
        assert!(waiting.put(told("mug", 4), at(6)));
        assert_eq!(waiting.due(at(13)), []);
        assert_eq!(waiting.due(at(15)), [told("cup", 1)]);
        assert_eq!(waiting.due(at(16)), [told("mug", 4)]);
        assert_eq!(waiting.due(at(99)), []);
    }

    #[test]
    fn a_slot_that_is_never_quiet_is_compared_all_the_same() {
        let waiting = Told::default();
        for second in 0..60_u32 {
            assert!(waiting.put(told("mug", i64::from(second)), at(second.into())));
            assert_eq!(waiting.due(at(second.into())), []);
        }
        assert_eq!(waiting.due(at(60)), [told("mug", 59)]);
    }

    #[test]
    fn what_waits_is_bounded_and_a_known_slot_still_told_of() {
        let waiting = Told::default();
        for item in 0..SLOTS_MAX {
            assert!(waiting.put(told(&item.to_string(), 1), at(0)));
        }
        assert!(!waiting.put(told("one more", 1), at(0)));
        assert!(waiting.put(told("7", 2), at(0)));
        assert_eq!(waiting.due(at(10)).len(), AT_ONCE_MAX);
        assert!(waiting.put(told("one more", 1), at(10)));
    }
}
