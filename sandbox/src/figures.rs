//! What an order adds up to: its money and its display states.

use crate::state::{Order, Shop};

/// Sums and states of one order, states as in the GraphQL enums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) total_minor: i64,
    pub(crate) current_minor: i64,
    pub(crate) outstanding_minor: i64,
    pub(crate) financial: &'static str,
    pub(crate) fulfillment: &'static str,
}

impl Shop {
    /// What `order` adds up to now.
    pub(crate) fn figures(&self, order: &Order) -> Figures {
        let sum = |units: fn(&crate::state::Line) -> i64| -> i64 {
            order
                .lines
                .iter()
                .map(|line| line.price_minor * units(line))
                .sum()
        };
        let total_minor = sum(|line| line.ordered);
        let current_minor = sum(crate::state::Line::current);
        let refunds = order.refunds.iter().filter_map(|id| self.refunds.get(id));
        let refunded: i64 = refunds.map(|refund| refund.amount_minor).sum();
        let financial = match (order.on_terms, order.cancelled_at.is_some()) {
            (true, true) => "VOIDED",
            (true, false) => "PENDING",
            (false, _) if refunded == 0 => "PAID",
            (false, _) if refunded >= total_minor => "REFUNDED",
            (false, _) => "PARTIALLY_REFUNDED",
        };
        let shipped = order.lines.iter().any(|line| line.fulfilled > 0);
        let open = order.lines.iter().any(|line| line.open() > 0);
        let due = order.lines.iter().any(crate::state::Line::ships);
        let fulfillment = match (shipped, open) {
            (true, true) => "PARTIALLY_FULFILLED",
            (true, false) => "FULFILLED",
            (false, false) if !due => "FULFILLED",
            (false, _) => self.waiting(order).unwrap_or("UNFULFILLED"),
        };
        Figures {
            total_minor,
            current_minor,
            outstanding_minor: if order.on_terms { current_minor } else { 0 },
            financial,
            fulfillment,
        }
    }
    /// What all that is left of an order waits for, if it waits.
    fn waiting(&self, order: &Order) -> Option<&'static str> {
        let all = order.fulfillment_orders.iter();
        let mut left = all
            .filter_map(|id| self.fulfillment_orders.get(id))
            .map(|one| one.status)
            .filter(|status| !matches!(*status, "CLOSED" | "CANCELLED"));
        let first = left
            .next()
            .filter(|status| matches!(*status, "ON_HOLD" | "SCHEDULED"))?;
        left.all(|status| status == first).then_some(first)
    }
}
