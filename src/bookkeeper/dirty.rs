//! Items whose number may differ from what their channel shows.
//!
//! A set with an order of arrival per channel. A thousand changes of one item are one mark, so they
//! cost one push.

use std::collections::VecDeque;

use crate::ledger::{Ledger, Touched};

/// Marked items by channel.
#[derive(Debug, Default)]
pub struct Dirty {
    channels: Vec<Marks>,
}

#[derive(Debug, Default)]
struct Marks {
    queue: VecDeque<u32>,
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
    pub fn mark(&mut self, channel: u16, item: u32) {
        let marks = self.of(channel);
        if !std::mem::replace(marks.known(item), true) {
            marks.queue.push_back(item);
        }
    }

    /// Marks what an entry touched.
    pub fn mark_touched(&mut self, ledger: &Ledger, touched: &Touched) {
        if touched.all {
            self.mark_all(ledger);
        }
        for (channel, item) in &touched.items {
            self.mark(*channel, *item);
        }
    }

    /// Marks every item of every channel.
    pub fn mark_all(&mut self, ledger: &Ledger) {
        for (number, channel) in (0_u16..).zip(&ledger.channels) {
            (0..channel.items.len()).for_each(|item| self.mark(number, item));
        }
    }

    /// Takes up to `most` items off a channel's marks, oldest first.
    pub fn take(&mut self, channel: u16, most: usize) -> Vec<u32> {
        let marks = self.of(channel);
        let most = most.min(marks.queue.len());
        let taken: Vec<u32> = marks.queue.drain(..most).collect();
        for item in &taken {
            *marks.known(*item) = false;
        }
        taken
    }

    /// How many items of a channel are marked.
    pub fn count(&self, channel: u16) -> usize {
        self.channels
            .get(usize::from(channel))
            .map_or(0, |marks| marks.queue.len())
    }
}
