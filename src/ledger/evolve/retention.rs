//! Orders leave the book; the others keep their order and get smaller numbers.

use std::collections::BTreeSet;

use channelsync_contract::ids::{ChannelId, OrderId};
use channelsync_contract::time::Timestamp;

use super::super::channel::{Channel, TooOld};
use super::super::state::Ledger;
use super::channel_number;

/// Orders set aside that are remembered for each channel; beyond that the oldest is asked about again.
const TOO_OLD_MAX: usize = 10_000;

pub(super) fn forget(ledger: &mut Ledger, before: Timestamp, orders: &[(ChannelId, Vec<OrderId>)]) {
    ledger.forgot_before = ledger.forgot_before.max(before);
    for (channel, gone) in orders {
        let number = channel_number(ledger, channel);
        let gone: BTreeSet<&OrderId> = gone.iter().collect();
        let numbers = ledger
            .channel_mut(number)
            .orders
            .retain(|id| !gone.contains(id));
        let now = |before: u32| {
            let at = usize::try_from(before).ok();
            let now = at.and_then(|at| numbers.get(at).copied().flatten());
            now.expect("an order with something left to do stays")
        };
        renumber(ledger.channel_mut(number), now);
        for row in ledger.skus.values_mut() {
            let own = row.open.iter_mut().filter(|at| at.channel == number);
            own.for_each(|at| at.order = now(at.order));
        }
    }
}

fn renumber(channel: &mut Channel, now: impl Fn(u32) -> u32) {
    let again = |numbers: &mut BTreeSet<u32>| {
        *numbers = numbers.iter().map(|before| now(*before)).collect();
    };
    channel.parked.values_mut().for_each(again);
    for numbers in [
        &mut channel.reports,
        &mut channel.refused_reports,
        &mut channel.awaiting,
    ] {
        again(numbers);
    }
}

pub(super) fn set_aside(channel: &mut Channel, order: &OrderId, placed_at: Timestamp, seq: u64) {
    channel.no_longer_wanted(order);
    let rows = &mut channel.too_old;
    if rows.len() >= TOO_OLD_MAX && !rows.contains_key(order) {
        let oldest = rows.iter().min_by_key(|(_, row)| row.seq);
        let oldest = oldest.map(|(id, _)| id.clone());
        oldest.and_then(|oldest| rows.remove(&oldest));
    }
    let row = TooOld {
        placed_at,
        seq,
        dismissed: false,
    };
    rows.entry(order.clone()).or_insert(row);
}
