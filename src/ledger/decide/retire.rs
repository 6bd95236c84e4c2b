//! A channel ends, or goes on after all.

use channelsync_contract::ids::ChannelId;
use channelsync_contract::units::Units;

use super::super::channel::Channel;
use super::super::entry::Fact;
use super::super::order::{Order, OrderRef};
use super::super::refusal::Refusal;
use super::super::retire::OpenOrders;
use super::super::setup::Setup;
use super::desk::Desk;
use super::report::want;

/// Orders let go in one entry.
const RELEASED_MAX: usize = 500;

/// Ends a channel: from now on nothing of it is for sale. What becomes of open orders is for a person
/// to say; the command goes on letting them go where it left off.
pub(super) fn retire(
    desk: &mut Desk<'_>,
    channel: &ChannelId,
    orders: Option<OpenOrders>,
) -> Result<(), Refusal> {
    let (number, known) = desk.channel(channel)?;
    let before = known.retired.map(|retired| retired.orders);
    let orders = match (before, orders) {
        (Some(OpenOrders::Release), _) => OpenOrders::Release,
        (_, Some(said)) => said,
        (Some(before), None) => before,
        (None, None) => match known.open_orders().count() {
            0 => OpenOrders::Keep,
            orders => {
                let channel = channel.clone();
                return Err(Refusal::OpenOrders { channel, orders });
            }
        },
    };
    if before != Some(orders) {
        desk.facts.push(Fact::Retired(channel.clone(), orders));
    }
    if orders == OpenOrders::Release {
        for order in known.open_orders().take(RELEASED_MAX) {
            let channel = number;
            release(desk, OrderRef { channel, order });
        }
    }
    Ok(())
}

/// Nothing more of an order is owed: its units are free.
fn release(desk: &mut Desk<'_>, order: OrderRef) {
    let work = desk.known_work(order);
    for at in desk.lines(work).collect::<Vec<_>>() {
        desk.line_mut(at).open = Units::ZERO;
    }
    desk.allocate(work);
}

/// Lets a channel go on. What it still wants of orders that were let go is for it to say again.
pub(super) fn revive(desk: &mut Desk<'_>, channel: &ChannelId) -> Result<(), Refusal> {
    let (_, known) = desk.channel(channel)?;
    if known.retired.is_none() {
        return Ok(());
    }
    if known.setup.is_none() {
        return Err(Refusal::NotInFiles(channel.clone()));
    }
    desk.facts.push(Fact::Revived(channel.clone()));
    if known.is_released() {
        let unshipped = |order: &Order| {
            let mut lines = order.lines.iter();
            !order.test && !order.cancelled && lines.any(|line| line.ordered > line.fulfilled)
        };
        for (_, id, _) in known.orders.iter().filter(|(_, _, order)| unshipped(order)) {
            want(desk, known, id, desk.at);
        }
    }
    Ok(())
}

/// A channel that shows stock or owes parcels does not end by a line that is gone from a file. One that
/// is retired is emptied first, unless nothing of it is written any more.
pub(super) fn missing(desk: &Desk<'_>, setup: &Setup) -> Result<(), Refusal> {
    let named = |known: &&Channel| setup.channels.iter().any(|own| own.id == known.id);
    for known in desk.ledger.channels.iter().filter(|known| !named(known)) {
        let Some(before) = &known.setup else {
            continue;
        };
        let (channel, orders) = (known.id.clone(), known.open_orders().count());
        let slots = match before.live {
            true => known.stocked_slots(),
            false => 0,
        };
        let is_left = orders > 0 || slots > 0;
        if known.retired.is_none() && is_left {
            return Err(Refusal::ChannelMissing {
                channel,
                orders,
                slots,
            });
        }
        if before.live && is_left {
            return Err(Refusal::ChannelNotOver {
                channel,
                orders,
                slots,
            });
        }
    }
    Ok(())
}
