//! A channel that ended.

use channelsync_contract::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::channel::Channel;
use super::push::PushState;

/// What becomes of the open orders of a channel that ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpenOrders {
    /// They keep their units, and can be shipped.
    Keep,
    /// Their units are free.
    Release,
}

/// Since when a channel is no more, and what became of its open orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retired {
    /// Since when.
    pub at: Timestamp,
    /// What became of its open orders.
    pub orders: OpenOrders,
}

impl Channel {
    /// Orders with units that are owed.
    pub fn open_orders(&self) -> impl Iterator<Item = u32> {
        let open = self.orders.iter().filter(|(_, _, order)| order.is_open());
        open.map(|(number, _, _)| number)
    }

    /// Whether open orders of it are no longer owed.
    pub(super) fn is_released(&self) -> bool {
        self.retired
            .is_some_and(|retired| retired.orders == OpenOrders::Release)
    }

    /// How many slots hold more than what the channel does not sell, as far as is known.
    pub fn stocked_slots(&self) -> usize {
        let slots = self.items.iter().flat_map(|(_, _, item)| &item.slots);
        let is_stocked = |slot: &PushState| {
            let expected = slot.expected;
            expected.is_some_and(|expected| expected > slot.unsellable.signed())
        };
        slots.filter(|(_, slot)| is_stocked(slot)).count()
    }

    /// Whether it ended, and no order of it is open.
    pub fn is_over(&self) -> bool {
        self.retired.is_some() && self.open_orders().next().is_none()
    }
}
