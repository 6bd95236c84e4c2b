//! The history of a SKU.

use std::sync::Arc;

use axum::extract::{Path, State};
use channelsync_contract::{LocationId, Timestamp};
use serde::Deserialize;

use super::answer::{Answer, Json, Problem};
use super::state::Admin;
use crate::bookkeeper::{GoOn, MovementsAsked};

/// What is to be read.
#[derive(Deserialize)]
pub(super) struct Wanted {
    sku: String,
    since: Option<String>,
    location: Option<LocationId>,
    limit: Option<usize>,
    go_on: Option<GoOn>,
}

pub(super) async fn page(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
    axum::Json(wanted): axum::Json<Wanted>,
) -> Answer {
    let merchant = admin.merchant(&id)?;
    let since = wanted.since.as_deref().map(|text| {
        let help = "a time looks like 2026-11-20T09:00:00Z";
        Timestamp::parse(text).ok_or_else(|| Problem::bad(format!("{text} is no time"), help))
    });
    let since = since.transpose()?;
    let most = wanted.limit.unwrap_or(admin.read_rows_max);
    let most = most.clamp(1, admin.read_rows_max);
    let (sku, location) = (wanted.sku.clone(), wanted.location.clone());
    let asked = merchant.book.read(move |ledger| {
        let is_known = |id: &LocationId| ledger.location(id.as_str()).is_some();
        if let Some(unknown) = location.filter(|id| !is_known(id)) {
            let help = "`channelsync stock` lists the locations";
            return Err(Problem::absent("location", unknown.as_str(), help));
        }
        let help = "`channelsync stock` lists all SKUs; case matters";
        let found = MovementsAsked::newest(ledger, &sku, most);
        found.ok_or_else(|| Problem::absent("SKU", &sku, help))
    });
    let mut asked = asked.await??;
    (asked.since, asked.location) = (since, wanted.location);
    if let Some(go_on) = wanted.go_on {
        asked.from = go_on;
    }
    let page = (merchant.movements)(asked).await;
    Json::of(&page.map_err(|error| Problem::unavailable(error, "see the daemon's log"))?)
}
