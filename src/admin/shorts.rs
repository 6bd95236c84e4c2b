//! Order lines that cannot be filled, the most pressing first, and what can be done about each.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use channelsync_contract::{Timestamp, Units};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, Json};
use super::state::Admin;
use crate::catalog::SkuIx;
use crate::ledger::{Channel, Ledger, Line, LocIx, OrderRef};

/// Which ones.
#[derive(Deserialize)]
pub(super) struct Wanted {
    channel: Option<String>,
    #[serde(default)]
    from: usize,
}

/// What presses most comes first: the earliest deadline, then the oldest order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Pressing {
    has_no_deadline: bool,
    ship_by: Option<Timestamp>,
    placed_at: Timestamp,
    order: OrderRef,
}

/// Units that are to come with a purchase order and are nobody's yet.
struct Arrival<'a> {
    purchase: &'a str,
    expected: Timestamp,
    location: LocIx,
    left: Units,
}

pub(super) async fn list(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Answer {
    let most = admin.read_rows_max.max(1);
    let read = admin.merchant(&id)?.book.read(move |ledger| {
        let mut rows = shorts(ledger);
        rows.retain(|(at, _)| {
            let channel = ledger.channel(at.order.channel);
            let is_it = |wanted: &String| channel.id.as_str() == wanted;
            wanted.channel.as_ref().is_none_or(is_it)
        });
        let next = wanted.from.saturating_add(most);
        let next = (rows.len() > next).then_some(next);
        let rows = rows.into_iter().skip(wanted.from).take(most);
        let rows: Vec<Value> = rows.map(|(_, row)| row).collect();
        json!({ "rows": rows, "next": next })
    });
    Ok(Json(read.await?))
}

fn shorts(ledger: &Ledger) -> Vec<(Pressing, Value)> {
    let skus = (0..ledger.skus.len()).map(SkuIx);
    let mut rows: Vec<(Pressing, Value)> = skus.flat_map(|sku| of_sku(ledger, sku)).collect();
    rows.sort_by_key(|(pressing, _)| *pressing);
    rows
}

/// The lines that wait for a SKU. What is to come goes to them in their turn, as it will when it comes.
fn of_sku(ledger: &Ledger, sku: SkuIx) -> Vec<(Pressing, Value)> {
    let waiting = ledger.waiting(sku);
    if waiting.is_empty() {
        return Vec::new();
    }
    let mut arrivals = arrivals(ledger, sku);
    let mut rows = Vec::new();
    for at in waiting {
        let order = ledger.order(at);
        for line in &order.lines {
            if !line.backordered(sku).is_zero() {
                let pressing = Pressing {
                    has_no_deadline: order.ship_by.is_none(),
                    ship_by: order.ship_by,
                    placed_at: order.placed_at,
                    order: at,
                };
                rows.push((pressing, row(ledger, (sku, at), line, &mut arrivals)));
            }
        }
    }
    rows
}

fn arrivals(ledger: &Ledger, sku: SkuIx) -> Vec<Arrival<'_>> {
    let mut arrivals = Vec::new();
    for (id, purchase) in &ledger.purchases {
        for line in purchase.lines.iter().filter(|line| line.sku == sku) {
            arrivals.push(Arrival {
                purchase: id.as_str(),
                expected: purchase.expected,
                location: purchase.location,
                left: purchase.outstanding(line),
            });
        }
    }
    arrivals.retain(|arrival| !arrival.left.is_zero());
    arrivals.sort_by_key(|arrival| arrival.expected);
    arrivals
}

fn row(
    ledger: &Ledger,
    (sku, at): (SkuIx, OrderRef),
    line: &Line,
    arrivals: &mut [Arrival<'_>],
) -> Value {
    let (channel, order) = (ledger.channel(at.channel), ledger.order(at));
    let short = line.backordered(sku);
    json!({
        "channel": channel.id,
        "order": channel.orders.key(at.order),
        "name": order.name,
        "placed_at": order.placed_at.to_string(),
        "ship_by": order.ship_by.map(|by| by.to_string()),
        "acknowledge_by": order.acknowledge_by.map(|by| by.to_string()),
        "line": line.id,
        "sku": ledger.sku_id(sku),
        "short": short,
        "wait": wait(channel, short, order.ship_by, arrivals),
        "transfer": elsewhere(ledger, sku, channel),
        "cancel": line.wanted().minus_or_zero(line.committed()),
    })
}

/// Purchase orders that fill a line when they come, the earliest first.
fn wait(
    channel: &Channel,
    short: Units,
    ship_by: Option<Timestamp>,
    arrivals: &mut [Arrival<'_>],
) -> Vec<Value> {
    let mut left = short;
    let mut rows = Vec::new();
    for arrival in arrivals {
        let units = left.min(arrival.left);
        if units.is_zero() || !serves(channel, arrival.location) {
            continue;
        }
        left = left.minus(units);
        arrival.left = arrival.left.minus(units);
        rows.push(json!({
            "purchase": arrival.purchase,
            "expected": arrival.expected.to_string().get(..10),
            "units": units,
            "too_late": ship_by.is_some_and(|by| arrival.expected > by),
        }));
    }
    rows
}

/// Units at locations that the channel does not sell from.
fn elsewhere(ledger: &Ledger, sku: SkuIx, channel: &Channel) -> Vec<Value> {
    let locations = (0_u16..).map(LocIx).zip(&ledger.locations);
    let others = locations.filter(|(location, _)| !serves(channel, *location));
    let there = others.map(|(location, id)| (id, ledger.balance(sku, location).available));
    there
        .filter(|(_, units)| !units.is_zero())
        .map(|(id, units)| json!({ "location": id, "units": units }))
        .collect()
}

fn serves(channel: &Channel, location: LocIx) -> bool {
    channel.places_served().any(|(ours, _)| ours == location)
}
