//! What a clerk does at a desk: ship, take back, and rearrange fulfillment orders.

use super::{Action, ControlError, Done, after_sales, made, pairs};
use crate::state::{Refusal, Shop, Tracking};

/// Does it, or hands it on.
pub(super) fn apply(shop: &mut Shop, action: Action) -> Result<Done, ControlError> {
    Ok(match action {
        Action::Ship {
            order,
            fulfillment_order,
            lines,
            tracking,
        } => shop.ship(order, fulfillment_order, &pairs(&lines), &tracking)?,
        Action::Unship { fulfillment } => {
            shop.unfulfill(fulfillment)?;
            made(fulfillment)
        }
        Action::Move {
            fulfillment_order: id,
            location,
            lines,
        } => {
            let parts = shop.parts_of(id, &pairs(&lines));
            made(shop.move_fulfillment_order(id, location, &parts)?.moved)
        }
        Action::Split {
            fulfillment_order: id,
            lines,
        } => {
            let parts = shop.parts_of(id, &pairs(&lines));
            made(shop.split_off_rest(id, &parts)?)
        }
        Action::Merge { fulfillment_orders } => made(shop.merge(&fulfillment_orders)?),
        Action::Hold {
            fulfillment_order: id,
            lines,
        } => {
            let parts = shop.parts_of(id, &pairs(&lines));
            shop.hold(id, &parts)?;
            made(id)
        }
        Action::Release {
            fulfillment_order: id,
        } => {
            shop.release(id)?;
            made(id)
        }
        Action::Schedule {
            fulfillment_order: id,
            at,
        } => {
            shop.schedule(id, at)?;
            made(id)
        }
        other => return after_sales(shop, other),
    })
}

impl Shop {
    /// Fulfillment order lines of order lines; all of them for none.
    fn parts_of(&self, fulfillment_order: u64, lines: &[(u64, i64)]) -> Vec<(u64, i64)> {
        let Some(found) = self.fulfillment_orders.get(&fulfillment_order) else {
            return Vec::new();
        };
        let part = |(line, units): &(u64, i64)| {
            let one = found.lines.iter().find(|one| one.line == *line)?;
            Some((one.id, *units))
        };
        lines.iter().filter_map(part).collect()
    }

    /// One parcel per open fulfillment order; nothing leaves unless all that is wanted can.
    fn ship(
        &mut self,
        order: u64,
        only: Option<u64>,
        lines: &[(u64, i64)],
        tracking: &Tracking,
    ) -> Result<Done, Refusal> {
        let all = self.order_mut(order)?.fulfillment_orders.clone();
        let mut wanted = lines.to_vec();
        let mut parcels = Vec::new();
        for id in all
            .into_iter()
            .filter(|id| only.is_none_or(|only| only == *id))
        {
            let Some(found) = self.fulfillment_orders.get(&id) else {
                continue;
            };
            let mut parts = Vec::new();
            for one in found.lines.iter().filter(|_| found.is_open()) {
                let units = match wanted.iter_mut().find(|(line, _)| *line == one.line) {
                    Some((_, left)) => {
                        let units = one.remaining.min(*left);
                        *left -= units;
                        units
                    }
                    None if lines.is_empty() => one.remaining,
                    None => 0,
                };
                if units > 0 {
                    parts.push((one.id, units));
                }
            }
            if !parts.is_empty() {
                parcels.push((id, parts));
            }
        }
        if parcels.is_empty() || wanted.iter().any(|(_, left)| *left > 0) {
            return Err(Refusal(format!("order {order} has fewer units to ship")));
        }
        let mut done = made(order);
        for parcel in parcels {
            done.fulfillments
                .push(self.fulfill(&[parcel], tracking.clone())?);
        }
        Ok(done)
    }
}
