//! What a mapping would change, before it is booked.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, State};
use channelsync_contract::{ListingId, OrderId, Sku, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, Json};
use super::commands::{MapOrder, map_rows};
use super::state::Admin;
use super::views::parts;
use crate::ledger::{Channel, Command, Fact, Ledger, MapRow, decide};

/// Mappings to be looked at.
#[derive(Deserialize)]
pub(super) struct Planned {
    rows: Vec<MapOrder>,
}

/// Open lines to be looked at.
#[derive(Deserialize)]
pub(super) struct Reapplied {
    channel: String,
    listing: Option<String>,
}

/// For each row what stands there now, and the open orders that a change would touch.
pub(super) async fn plan(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
    axum::Json(planned): axum::Json<Planned>,
) -> Answer {
    let (rows, now) = (map_rows(planned.rows)?, admin.clock.now());
    let read = admin.merchant(&id)?.book.read(move |ledger| {
        let rows = rows.iter().map(|row| planned_row(ledger, row, now));
        rows.collect::<Vec<_>>()
    });
    Ok(Json(json!({ "rows": read.await? })))
}

fn planned_row(ledger: &Ledger, row: &MapRow, now: Timestamp) -> Value {
    let draft = match decide(ledger, &Command::Map(vec![row.clone()]), now) {
        Ok(draft) => draft,
        Err(refusal) => return json!({ "error": refusal.to_string() }),
    };
    let channel = ledger.channel_named(row.channel.as_str());
    let listing = channel.and_then(|known| known.listings.get(row.listing.as_str()));
    let before = listing.and_then(|listing| listing.mapping.parts());
    let same = before.is_some_and(|before| {
        let mut now: Vec<(&Sku, u32)> = before
            .iter()
            .map(|part| (ledger.sku_id(part.sku), part.per))
            .collect();
        let mut then: Vec<_> = row.parts.iter().map(|(sku, per)| (sku, *per)).collect();
        now.sort_unstable();
        then.sort_unstable();
        now == then
    });
    let lines = draft.facts.iter().filter_map(|fact| match fact {
        Fact::Line(line) if line.listing.as_ref() == Some(&row.listing) => Some(&line.order),
        _ => None,
    });
    let booked: BTreeSet<&OrderId> = lines.collect();
    let kept = match (channel, before) {
        (Some(channel), Some(before)) => {
            let skus = before.iter().map(|part| ledger.sku(part.sku));
            let orders = skus.flat_map(|sku| &sku.open);
            let here = orders.filter(|at| ledger.channel(at.channel).id == channel.id);
            let numbers: BTreeSet<u32> = here.map(|at| at.order).collect();
            let numbers = numbers.into_iter();
            let kept = numbers.filter(|order| has_open(channel, *order, &row.listing));
            kept.count()
        }
        _ => 0,
    };
    json!({
        "changes": !draft.is_empty() && !same,
        "now": before.map(|before| parts(ledger, before)),
        "orders_booked": booked.len(),
        "orders_kept": kept,
    })
}

fn has_open(channel: &Channel, order: u32, listing: &ListingId) -> bool {
    let mut lines = channel.orders.at(order).lines.iter();
    lines.any(|line| line.is_open() && line.listing.as_ref() == Some(listing))
}

/// How many open lines would stand for something else, and how many would stay as they are because
/// some of their units left already.
pub(super) async fn reapply(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
    axum::Json(wanted): axum::Json<Reapplied>,
) -> Answer {
    let now = admin.clock.now();
    let read = admin.merchant(&id)?.book.read(move |ledger| {
        let command = Command::Reapply {
            channel: wanted.channel.as_str().into(),
            listing: wanted.listing.as_deref().map(ListingId::new),
        };
        let draft = decide(ledger, &command, now)?;
        let known = ledger.channel_named(&wanted.channel);
        let listed = known.into_iter().flat_map(|channel| {
            let lines = channel.orders.iter().flat_map(|(_, _, order)| &order.lines);
            lines.filter(|line| {
                let Some(own) = line.listing.as_ref().filter(|_| line.is_open()) else {
                    return false;
                };
                let meant = wanted.listing.as_ref().is_none_or(|id| id == own.as_str());
                let now = channel.listings.get(own.as_str());
                let now = now.and_then(|listing| listing.mapping.parts());
                meant && now.is_some() && line.parts.is_some() && line.parts.as_ref() != now
            })
        });
        let differ = listed.count();
        // Lines of others may change, too: they get units that become free.
        let moved = draft.facts.iter().filter(|fact| {
            let Fact::Line(line) = fact else { return false };
            let before = known.and_then(|channel| channel.orders.get(line.order.as_str()));
            let mut lines = before.iter().flat_map(|order| &order.lines);
            let before = lines.find(|known| known.id == line.line);
            let parts = before.and_then(|before| before.parts.as_ref());
            let parts = parts.into_iter().flatten();
            let parts = parts.map(|part| (ledger.sku_id(part.sku), part.per));
            let now = line.parts.iter().flatten().map(|(sku, per)| (sku, *per));
            line.channel.as_str() == wanted.channel && !parts.eq(now)
        });
        let moved = moved.count();
        Ok::<_, crate::ledger::Refusal>((moved, differ.saturating_sub(moved)))
    });
    let (moved, kept) = read.await?.map_err(crate::bookkeeper::BookError::Refused)?;
    Ok(Json(json!({ "lines": moved, "kept": kept })))
}
