//! Old orders leave the ledger, and do not come back as new ones.

use channelsync_contract::ids::{ChannelId, OrderId};
use channelsync_contract::time::Timestamp;

use super::super::channel::Channel;
use super::super::entry::Fact;
use super::super::order::Order;
use super::super::refusal::Refusal;
use super::super::reported::OrderReport;
use super::desk::Desk;

/// Orders in one entry, so that no group grows beyond bounds.
const FORGOTTEN_MAX: usize = 10_000;

/// Lets orders go with which nothing happened since `before` and nothing is left to do.
pub(super) fn forget(desk: &mut Desk<'_>, before: Timestamp) {
    let mut room = FORGOTTEN_MAX;
    let mut gone = Vec::new();
    for channel in &desk.ledger.channels {
        let orders = channel.orders.iter();
        let old = orders.filter(|(number, id, order)| {
            last_touched(order) < before && is_idle(channel, *number, id, order)
        });
        let old: Vec<OrderId> = old.map(|(_, id, _)| id.clone()).take(room).collect();
        if !old.is_empty() {
            room = room.saturating_sub(old.len());
            gone.push((channel.id.clone(), old));
        }
    }
    if !gone.is_empty() {
        desk.facts.push(Fact::Forgot(before, gone));
    }
}

fn last_touched(order: &Order) -> Timestamp {
    let known = order.placed_at.max(order.began);
    order.version.map_or(known, |version| version.max(known))
}

fn is_idle(channel: &Channel, number: u32, id: &OrderId, order: &Order) -> bool {
    let waits = [&channel.reports, &channel.awaiting]
        .into_iter()
        .chain(channel.parked.values())
        .any(|waiting| waiting.contains(&number));
    !order.is_open() && !waits && !channel.wanted.contains_key(id)
}

/// Whether a report is of an order that may have been let go: it is set aside then, not booked.
pub(super) fn is_too_old(desk: &mut Desk<'_>, channel: &Channel, report: &OrderReport) -> bool {
    if report.placed_at >= desk.ledger.forgot_before {
        return false;
    }
    let id = &report.order;
    if !channel.too_old.contains_key(id) || channel.wanted.contains_key(id) {
        let fact = Fact::TooOld(channel.id.clone(), id.clone(), report.placed_at);
        desk.facts.push(fact);
    }
    true
}

/// A person dealt with an order that was too old.
pub(super) fn dismiss(
    desk: &mut Desk<'_>,
    channel: &ChannelId,
    order: &OrderId,
) -> Result<(), Refusal> {
    let (_, known) = desk.channel(channel)?;
    let Some(row) = known.too_old.get(order) else {
        return Err(Refusal::UnknownOrder(channel.clone(), order.clone()));
    };
    if !row.dismissed {
        let fact = Fact::Dismissed(channel.clone(), order.clone());
        desk.facts.push(fact);
    }
    Ok(())
}
