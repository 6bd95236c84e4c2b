//! Items whose number may differ from what their channel shows.
//!
//! For each channel a set with an order of arrival, and a line of those that were looked at and do
//! differ. A thousand changes of one item are one mark, so they cost one push. What is frozen does not
//! wait in line.

use std::collections::{BTreeSet, VecDeque};

use channelsync_contract::Timestamp;

use super::line::{Line, Rank};
use super::sold::Sold;
use crate::ledger::{Ledger, Touched};

/// Marked items by channel.
#[derive(Debug, Default)]
pub struct Dirty {
    channels: Vec<Marks>,
    pub(super) sold: Sold,
}

/// An item, and since when it may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marked {
    /// The item.
    pub item: u32,
    /// Since when.
    pub since: Timestamp,
}

#[derive(Debug, Default)]
struct Marks {
    /// Looked at before the others, though it may wait among them already.
    first: BTreeSet<u32>,
    /// To be looked at, the oldest first.
    queue: VecDeque<Marked>,
    /// To be looked at again once more is known of what any channel sold.
    guarded: BTreeSet<u32>,
    /// Looked at: they differ.
    line: Line,
    /// Whether an item is in the queue, by its number.
    known: Vec<bool>,
}

impl Marks {
    fn known(&mut self, item: u32) -> &mut bool {
        let place = usize::try_from(item).expect("an item's number is an index");
        if self.known.len() <= place {
            self.known.resize(place.saturating_add(1), false);
        }
        self.known.get_mut(place).expect("the mark was just made")
    }
}

impl Dirty {
    fn of(&mut self, channel: u16) -> &mut Marks {
        let place = usize::from(channel);
        if self.channels.len() <= place {
            self.channels
                .resize_with(place.saturating_add(1), Marks::default);
        }
        self.channels.get_mut(place).expect("the row was just made")
    }

    /// Marks an item.
    pub fn mark(&mut self, ledger: &Ledger, channel: u16, item: u32) {
        let marks = self.of(channel);
        let since = marks.line.remove(item).unwrap_or(ledger.at);
        if ledger.is_frozen(channel, item) {
            marks.first.insert(item);
        } else if !std::mem::replace(marks.known(item), true) {
            marks.queue.push_back(Marked { item, since });
        }
    }

    /// Marks what an entry touched.
    pub fn mark_touched(&mut self, ledger: &Ledger, touched: &Touched) {
        if touched.all {
            self.mark_all(ledger);
        }
        if touched.sight {
            self.look_again(ledger);
        }
        for (channel, item) in &touched.items {
            self.mark(ledger, *channel, *item);
        }
    }

    /// Items wait until more is known of what was sold.
    pub fn guard(&mut self, channel: u16, item: u32) {
        self.of(channel).guarded.insert(item);
    }

    fn look_again(&mut self, ledger: &Ledger) {
        for (number, _) in (0_u16..).zip(&ledger.channels) {
            for item in std::mem::take(&mut self.of(number).guarded) {
                self.mark(ledger, number, item);
            }
        }
    }

    /// Marks every item of every channel.
    pub fn mark_all(&mut self, ledger: &Ledger) {
        for (number, channel) in (0_u16..).zip(&ledger.channels) {
            (0..channel.items.len()).for_each(|item| self.mark(ledger, number, item));
        }
    }

    /// Takes up to `most` items off a channel's marks to be looked at: what is frozen, then the oldest.
    pub fn take(&mut self, ledger: &Ledger, channel: u16, most: usize) -> Vec<Marked> {
        let marks = self.of(channel);
        let since = ledger.at;
        let first = std::iter::from_fn(|| marks.first.pop_first()).take(most);
        let mut taken: Vec<Marked> = first.map(|item| Marked { item, since }).collect();
        let rest = most.saturating_sub(taken.len()).min(marks.queue.len());
        let rest: Vec<Marked> = marks.queue.drain(..rest).collect();
        for marked in &rest {
            *marks.known(marked.item) = false;
        }
        taken.extend(rest);
        let items = taken.iter().map(|marked| (channel, marked.item));
        self.sold.look(ledger, items, ledger.at);
        taken
    }

    /// Whether items of a channel wait to be looked at.
    pub fn is_unlooked(&self, channel: u16) -> bool {
        let marks = self.channels.get(usize::from(channel));
        marks.is_some_and(|marks| !marks.first.is_empty() || !marks.queue.is_empty())
    }

    /// Puts an item in line that was looked at and differs.
    pub fn line_up(&mut self, channel: u16, marked: Marked, rank: Rank) {
        let Marked { item, since } = marked;
        self.of(channel).line.put(item, rank, since);
    }

    /// Takes up to `most` items out of line.
    pub fn leave(&mut self, channel: u16, most: usize, now: Timestamp) -> Vec<Marked> {
        let left = self.of(channel).line.take(most, now).into_iter();
        left.map(|(item, since)| Marked { item, since }).collect()
    }

    /// How often an item was ordered on a channel in the last hours, the last ones counting more.
    pub fn sold_lately(&self, channel: u16, item: u32, now: Timestamp) -> u64 {
        self.sold.lately(channel, item, now)
    }

    /// How many items of a channel are marked.
    pub fn count(&self, channel: u16) -> usize {
        self.channels.get(usize::from(channel)).map_or(0, |marks| {
            let waiting = marks.queue.len().saturating_add(marks.guarded.len());
            let waiting = waiting.saturating_add(marks.line.len());
            marks.first.len().saturating_add(waiting)
        })
    }
}
