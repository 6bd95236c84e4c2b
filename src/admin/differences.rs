//! Slots that do not show their number, and items that have none because nobody counted them.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, Json, Problem};
use super::routes::HELP_CHANNEL;
use super::state::Admin;
use super::views::{Cut, stands_for};
use crate::ats::{NoNumber, differences, number};
use crate::ledger::Ledger;

/// Which part of whose.
#[derive(Deserialize)]
pub(super) struct Wanted {
    channel: String,
    #[serde(default)]
    from: u32,
}

/// Pages of items; one with its slots that differ is a row, and one that was never counted.
pub(super) async fn page(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Answer {
    let cut = Cut {
        from: wanted.from,
        most: admin.read_rows_max,
    };
    let channel = wanted.channel.clone();
    let read = admin.merchant(&id)?.book.read(move |ledger| {
        let number = ledger.channel_ix(&channel)?;
        let items = ledger.channel(number).items.len();
        Some(cut.page(items, |item| row(ledger, number, item)))
    });
    let page = read.await?;
    let page = page.ok_or_else(|| Problem::absent("channel", &wanted.channel, HELP_CHANNEL))?;
    Ok(Json(page.json()))
}

fn row(ledger: &Ledger, channel: u16, item: u32) -> Option<Value> {
    let known = ledger.channel(channel);
    let found = differences(ledger, channel, item);
    let slots = found.iter().map(|slot| {
        json!({
            "location": ledger.location_id(slot.location),
            "channel_location": slot.place.map(|place| known.place_id(place)),
            "shown": slot.shown,
            "number": slot.number.low,
            "why": slot.why,
        })
    });
    let listings = known.items.at(item).listings.iter();
    let uncounted = matches!(
        number(ledger, channel, item),
        Err(NoNumber::NeverCounted(_))
    );
    let first = known.items.at(item).listings.first();
    let sku = first.and_then(|listing| stands_for(ledger, known, *listing));
    (uncounted || !found.is_empty()).then(|| {
        json!({
            "channel": known.id,
            "item": known.items.key(item),
            "listings": listings.map(|at| known.listings.key(*at)).collect::<Vec<_>>(),
            "sku": sku,
            "never_counted": uncounted,
            "slots": slots.collect::<Vec<_>>(),
        })
    })
}
