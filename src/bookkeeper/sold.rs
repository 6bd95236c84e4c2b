//! What was ordered lately: how often, and how long it takes until no channel shows the units any more.
//!
//! In: entries that committed units, and looks at items. Out: what is at stake in the line, and times,
//! told on the board. Gone with the process: no number rests on them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use channelsync_contract::Timestamp;

use crate::ats::{Shows, shows};
use crate::board::Confirmations;
use crate::ledger::{Bucket, Entry, Fact, Ledger, Place};

/// Orders that are followed at once; of more, the oldest is given up.
const FOLLOWED_MAX: usize = 20_000;

/// After so long an order counts half.
const HALF_LIFE: Duration = Duration::from_secs(1_800);

/// Orders by their entry, who waits for an item, and how often an item was ordered.
#[derive(Debug, Default)]
pub(super) struct Sold {
    orders: BTreeMap<u64, Waiting>,
    items: BTreeMap<(u16, u32), BTreeSet<u64>>,
    lately: BTreeMap<(u16, u32), Pace>,
    pub(super) told: Confirmations,
}

/// Thousandths of an order line, as they counted at a time.
#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    lines: u64,
    at: Timestamp,
}

impl Pace {
    fn now(self, now: Timestamp) -> u64 {
        let halved = now.since(self.at).as_secs() / HALF_LIFE.as_secs();
        self.lines >> halved.min(63)
    }
}

/// An order that waits for channels.
#[derive(Debug)]
struct Waiting {
    at: Timestamp,
    items: BTreeSet<(u16, u32)>,
}

impl Sold {
    /// Follows what an entry committed, on every channel that is written.
    pub(super) fn follow(&mut self, ledger: &Ledger, entry: &Entry, touched: &[(u16, u32)]) {
        let commits = |place: &Place| matches!(place, Place::At(_, Bucket::Committed));
        if !entry.movements.iter().any(|moved| commits(&moved.to)) {
            return;
        }
        self.hasten(ledger, entry);
        let is_written = |(channel, _): &&(u16, u32)| {
            let setup = ledger.channel(*channel).setup.as_ref();
            setup.is_some_and(|setup| setup.live)
        };
        let items: BTreeSet<(u16, u32)> = touched.iter().filter(is_written).copied().collect();
        if items.is_empty() {
            return;
        }
        if self.orders.len() >= FOLLOWED_MAX
            && let Some(oldest) = self.orders.keys().next().copied()
        {
            self.give_up(oldest);
        }
        for item in &items {
            self.items.entry(*item).or_default().insert(entry.seq);
        }
        let at = entry.at;
        self.orders.insert(entry.seq, Waiting { at, items });
    }

    /// Each line of an order is one more of its item's.
    fn hasten(&mut self, ledger: &Ledger, entry: &Entry) {
        for fact in &entry.facts {
            let Fact::Line(line) = fact else { continue };
            let number = ledger.channel_ix(line.channel.as_str());
            let (Some(channel), Some(listing)) = (number, &line.listing) else {
                continue;
            };
            let Some(row) = ledger.channel(channel).listings.get(listing.as_str()) else {
                continue;
            };
            let pace = self.lately.entry((channel, row.item)).or_default();
            let lines = pace.now(entry.at).saturating_add(1_000);
            *pace = Pace {
                lines,
                at: entry.at,
            };
        }
    }

    /// Thousandths of order lines of an item in the last hours; one counts half after half an hour.
    pub(super) fn lately(&self, channel: u16, item: u32, now: Timestamp) -> u64 {
        let pace = self.lately.get(&(channel, item));
        pace.map_or(0, |pace| pace.now(now))
    }

    /// Looks whether items that orders wait for show their number now.
    pub(super) fn look(
        &mut self,
        ledger: &Ledger,
        items: impl Iterator<Item = (u16, u32)>,
        now: Timestamp,
    ) {
        for (channel, item) in items {
            if !self.items.contains_key(&(channel, item)) {
                continue;
            }
            let seen = shows(ledger, channel, item);
            if seen == Shows::Other {
                continue;
            }
            let orders = self.items.remove(&(channel, item));
            for order in orders.into_iter().flatten() {
                match seen {
                    // A person is told; until somebody acts, no time says anything.
                    Shows::Parked => self.give_up(order),
                    Shows::Number | Shows::Other => self.shown(ledger, order, (channel, item), now),
                }
            }
        }
    }

    fn shown(&mut self, ledger: &Ledger, order: u64, item: (u16, u32), now: Timestamp) {
        let Some(waiting) = self.orders.get_mut(&order) else {
            return;
        };
        waiting.items.remove(&item);
        let took = now.since(waiting.at);
        let here = (item.0, 0)..=(item.0, u32::MAX);
        if waiting.items.range(here).next().is_none() {
            self.told
                .channel(ledger.channel(item.0).id.as_str(), now, took);
        }
        if waiting.items.is_empty() {
            self.told.all(now, took);
            self.orders.remove(&order);
        }
    }

    fn give_up(&mut self, order: u64) {
        let waiting = self.orders.remove(&order);
        for item in waiting.into_iter().flat_map(|waiting| waiting.items) {
            if let Some(orders) = self.items.get_mut(&item) {
                orders.remove(&order);
                if orders.is_empty() {
                    self.items.remove(&item);
                }
            }
        }
    }
}
