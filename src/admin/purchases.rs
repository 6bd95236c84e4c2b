//! Purchase orders, and who waits for what is late.

use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

use channelsync_contract::Timestamp;

use super::answer::{Answer, Json};
use super::state::Admin;
use crate::catalog::SkuIx;
use crate::ledger::{Ledger, OrderRef, Purchase};

/// Orders named as waiting for one SKU; more are counted.
const ORDERS_NAMED_MAX: usize = 20;

/// Which ones.
#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    late: bool,
    #[serde(default)]
    from: usize,
}

pub(super) async fn list(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Answer {
    let (now, most) = (admin.clock.now(), admin.read_rows_max.max(1));
    let read = admin.merchant(&id)?.book.read(move |ledger| {
        let all = ledger.purchases.iter();
        let wanted_ones = all.filter(|(_, purchase)| !wanted.late || purchase.is_late(now));
        let mut rows: Vec<Value> = wanted_ones
            .skip(wanted.from)
            .take(most.saturating_add(1))
            .map(|(id, purchase)| row(ledger, id, purchase, now))
            .collect();
        let next = (rows.len() > most).then(|| wanted.from.saturating_add(most));
        rows.truncate(most);
        json!({ "rows": rows, "next": next })
    });
    Ok(Json(read.await?))
}

fn row(ledger: &Ledger, id: &str, purchase: &Purchase, now: Timestamp) -> Value {
    let lines = purchase.lines.iter().map(|line| {
        let outstanding = purchase.outstanding(line);
        // What is received helps nobody any more.
        let (waiting, backordered) = if outstanding.is_zero() {
            Default::default()
        } else {
            (waiting(ledger, line.sku), ledger.backordered(line.sku))
        };
        json!({
            "sku": ledger.sku_id(line.sku),
            "ordered": line.ordered,
            "received": line.received,
            "outstanding": outstanding,
            "backordered": backordered,
            "orders_waiting": waiting.len(),
            "orders": waiting.iter().take(ORDERS_NAMED_MAX).collect::<Vec<_>>(),
        })
    });
    json!({
        "purchase": id,
        "supplier": purchase.supplier,
        "expected": purchase.expected.to_string().get(..10),
        "location": ledger.location_id(purchase.location),
        "open": purchase.is_open(),
        "cancelled": purchase.cancelled,
        "late": purchase.is_late(now),
        "entry": purchase.seq,
        "lines": lines.collect::<Vec<_>>(),
    })
}

/// Orders that are owed units of a SKU, by channel and name.
fn waiting(ledger: &Ledger, sku: SkuIx) -> Vec<String> {
    let name = |at: &OrderRef| {
        let channel = &ledger.channel(at.channel).id;
        format!("{channel} {}", ledger.order(*at).name)
    };
    ledger.waiting(sku).iter().map(name).collect()
}
