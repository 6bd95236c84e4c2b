//! Opening counts, from what a channel shows.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, Json, Problem};
use super::routes::HELP_CHANNEL;
use super::state::Admin;
use crate::ats::Opening;

/// Which part of whose.
#[derive(Deserialize)]
pub(super) struct Wanted {
    channel: String,
    location: Option<String>,
    #[serde(default)]
    from: u32,
}

pub(super) async fn page(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Answer {
    let merchant = admin.merchant(&id)?;
    let channel = merchant.channels.get(&wanted.channel);
    let channel =
        channel.ok_or_else(|| Problem::absent("channel", &wanted.channel, HELP_CHANNEL))?;
    let only = wanted.location.clone();
    let only = merchant.book.read(move |ledger| {
        only.map(|id| {
            let help = "`channelsync stock` lists the locations";
            let known = ledger.location(&id);
            known.ok_or_else(|| Problem::absent("location", &id, help))
        })
        .transpose()
    });
    let read = (channel.openings)(wanted.from, only.await??).await;
    let page = read.map_err(|error| {
        let error = format!("channel {} cannot be read: {error}", wanted.channel);
        Problem::unavailable(
            error,
            "`channelsync status` tells how the channel is; try again",
        )
    })?;
    let as_of = page.as_of.to_string();
    let rows = page.openings.iter().map(|opening| row(opening, &as_of));
    Ok(Json(
        json!({ "rows": rows.collect::<Vec<_>>(), "next": page.next }),
    ))
}

fn row(opening: &Opening, as_of: &str) -> Value {
    let (units, why) = match &opening.count {
        Ok(units) => (Some(units), None),
        Err(why) => (None, Some(why.to_string())),
    };
    json!({
        "sku": opening.sku,
        "location": opening.location,
        "listings": opening.listings,
        "shown": opening.shown,
        "open": opening.open,
        "units": units,
        "as_of": as_of,
        "why_not": why,
    })
}
