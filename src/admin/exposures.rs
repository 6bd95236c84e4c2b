//! SKUs that may be oversold, and by whom.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, Json};
use super::state::Admin;
use super::views::Cut;
use crate::ats::{Exposure, Seller, Unseen, exposure};
use crate::board::Exposed;
use crate::catalog::SkuIx;
use crate::ledger::Ledger;

/// Which part of whose.
#[derive(Deserialize)]
pub(super) struct Wanted {
    /// This one alone, whether it may be oversold or not.
    sku: Option<String>,
    #[serde(default)]
    from: u32,
}

/// Pages of SKUs of which any may be oversold, or of which nobody knows.
pub(super) async fn page(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Answer {
    let cut = Cut {
        from: wanted.from,
        most: admin.read_rows_max,
    };
    let read = admin.merchant(&id)?.book.read(move |ledger| {
        let Some(sku) = wanted.sku else {
            let page = cut.page(ledger.skus.len(), |sku| row(ledger, SkuIx(sku), false));
            return page.json();
        };
        let known = ledger
            .sku_ix(&sku)
            .or_else(|| ledger.renamed(&sku.as_str().into()));
        let row = known.and_then(|sku| row(ledger, sku, true));
        json!({ "rows": row.into_iter().collect::<Vec<_>>(), "next": null })
    });
    Ok(Json(read.await?))
}

fn row(ledger: &Ledger, sku: SkuIx, always: bool) -> Option<Value> {
    let held: Exposure = exposure(ledger, sku);
    let units = held.units();
    (always || units != Some(0)).then(|| {
        let sellers = held
            .sellers
            .iter()
            .map(|seller| self::seller(ledger, seller));
        json!({
            "sku": ledger.sku_id(sku),
            "exposure": units,
            "available": held.available,
            "owed": held.owed,
            "sellers": sellers.collect::<Vec<_>>(),
        })
    })
}

fn seller(ledger: &Ledger, seller: &Seller) -> Value {
    let channel = ledger.channel(seller.channel);
    let listing = channel.items.at(seller.item).listings.first();
    let (listings, why) = match seller.unseen {
        Unseen::Listings(listings) => (Some(listings), None),
        Unseen::Unknown => (None, Some("not known yet")),
        Unseen::Unbounded => (None, Some("sells without limit")),
    };
    json!({
        "channel": channel.id,
        "listing": listing.map(|listing| channel.listings.key(*listing)),
        "units_per_listing": seller.per,
        "may_sell_unseen": listings,
        "why": why,
    })
}

/// What may be oversold, in the status of a merchant.
pub(super) fn summary(exposed: &Exposed) -> Value {
    let most = exposed.most.iter().take(10);
    json!({
        "at": exposed.at.to_string(),
        "units": exposed.units,
        "skus": exposed.skus,
        "unknown": exposed.unknown,
        "unbounded": exposed.unbounded,
        "most": most.map(|(units, sku)| json!({ "sku": sku, "units": units })).collect::<Vec<_>>(),
    })
}
