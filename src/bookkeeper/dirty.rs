//! Items whose number may differ from what their channel shows.
//!
//! A set with an order of arrival per channel. A thousand changes of one item are one mark, so they
//! cost one push. What is frozen does not wait in line.

use std::collections::{BTreeSet, VecDeque};

use crate::ledger::{Ledger, Touched};

/// Marked items by channel.
#[derive(Debug, Default)]
pub struct Dirty {
    channels: Vec<Marks>,
}

#[derive(Debug, Default)]
struct Marks {
    /// Taken before the others, though it may wait among them already.
    first: BTreeSet<u32>,
    queue: VecDeque<u32>,
    /// To be looked at again once more is known of what any channel sold.
    guarded: BTreeSet<u32>,
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
        if ledger.is_frozen(channel, item) {
            marks.first.insert(item);
        } else if !std::mem::replace(marks.known(item), true) {
            marks.queue.push_back(item);
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
    pub fn guard(&mut self, channel: u16, items: Vec<u32>) {
        self.of(channel).guarded.extend(items);
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

    /// Takes up to `most` items off a channel's marks, each once: what is frozen, then oldest first.
    pub fn take(&mut self, channel: u16, most: usize) -> Vec<u32> {
        let marks = self.of(channel);
        let pop = || marks.first.pop_first();
        let mut taken: Vec<u32> = std::iter::from_fn(pop).take(most).collect();
        let first = taken.len();
        let rest = most.saturating_sub(first).min(marks.queue.len());
        let rest: Vec<u32> = marks.queue.drain(..rest).collect();
        for item in rest {
            *marks.known(item) = false;
            // In ascending order, as the set gave them.
            if taken
                .get(..first)
                .is_none_or(|first| first.binary_search(&item).is_err())
            {
                taken.push(item);
            }
        }
        taken
    }

    /// How many items of a channel are marked.
    pub fn count(&self, channel: u16) -> usize {
        self.channels.get(usize::from(channel)).map_or(0, |marks| {
            let waiting = marks.queue.len().saturating_add(marks.guarded.len());
            marks.first.len().saturating_add(waiting)
        })
    }
}
