//! The routes under `/v1`, health and metrics.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::routing::{get, post};
use axum::{Extension, Router};
use channelsync_contract::Sku;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, Json, Problem};
use super::commands::Ordered;
use super::state::{Admin, AdminMerchant};
use super::views::{self, Cut};
use super::{
    commands, differences, exceptions, exposures, health, mapping, metrics, movements, openings,
    purchases, shorts, status,
};
use crate::ats::explain;
use crate::bookkeeper::Origin;
use crate::edge::Peer;
use crate::ledger::Ledger;
use crate::swap::Swap;

const BODY_BYTES_MAX: usize = 1 << 20;
const HELP_MERCHANT: &str = "`channelsync status` lists the merchants";
pub(super) const HELP_CHANNEL: &str = "`channelsync channels` lists the channels";

/// Health and metrics alone, for a listener that anybody may reach.
pub fn health_routes(admin: impl Into<Swap<Admin>>) -> Router {
    Router::new()
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(metrics::metrics))
        .with_state(admin.into())
}

/// Everything, for the admin socket.
pub fn routes(admin: impl Into<Swap<Admin>>) -> Router {
    let admin = admin.into();
    let v1 = Router::new()
        .route("/v1/status", get(status::status))
        .route("/v1/reload", post(status::reload))
        .route("/v1/{merchant}/stock", get(stock))
        .route("/v1/{merchant}/listings", get(listings))
        .route("/v1/{merchant}/orders", get(orders))
        .route("/v1/{merchant}/orders/{channel}/{order}", get(order))
        .route("/v1/{merchant}/to-ship", get(to_ship))
        .route("/v1/{merchant}/shorts", get(shorts::list))
        .route("/v1/{merchant}/names", get(names))
        .route("/v1/{merchant}/returns", get(returns))
        .route("/v1/{merchant}/slots", get(slots))
        .route("/v1/{merchant}/parked", get(parked))
        .route("/v1/{merchant}/exceptions", get(exceptions))
        .route("/v1/{merchant}/set-asides", get(set_asides))
        .route("/v1/{merchant}/frozen", get(frozen))
        .route("/v1/{merchant}/rules", get(rules))
        .route("/v1/{merchant}/held", get(held))
        .route("/v1/{merchant}/explain", get(explained))
        .route("/v1/{merchant}/commands", post(command))
        .route("/v1/{merchant}/stock/history", post(movements::page))
        .route("/v1/{merchant}/differences", get(differences::page))
        .route("/v1/{merchant}/exposures", get(exposures::page))
        .route("/v1/{merchant}/openings", get(openings::page))
        .route("/v1/{merchant}/purchases", get(purchases::list))
        .route("/v1/{merchant}/map/plan", post(mapping::plan))
        .route("/v1/{merchant}/map/reapply", post(mapping::reapply))
        .route("/v1/{merchant}/channels/{channel}/{activity}", post(wake))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(admin.clone());
    health_routes(admin).merge(v1)
}

/// Which part of which list.
#[derive(Deserialize)]
struct Wanted {
    channel: Option<String>,
    listing: Option<String>,
    sku: Option<String>,
    #[serde(default)]
    from: u32,
    limit: Option<usize>,
    #[serde(default)]
    open: bool,
    #[serde(default)]
    unmapped: bool,
}

impl Admin {
    pub(super) fn merchant(&self, id: &str) -> Result<&AdminMerchant, Problem> {
        self.merchants
            .get(id)
            .ok_or_else(|| Problem::absent("merchant", id, HELP_MERCHANT))
    }

    fn cut(&self, wanted: &Wanted) -> Cut {
        let most = wanted
            .limit
            .unwrap_or(self.read_rows_max)
            .min(self.read_rows_max);
        Cut {
            from: wanted.from,
            most: most.max(1),
        }
    }
}

impl Wanted {
    fn channel(&self) -> Result<String, Problem> {
        self.channel
            .clone()
            .ok_or_else(|| Problem::bad("`channel` is missing", HELP_CHANNEL))
    }
}

type Asked = (State<Arc<Admin>>, Path<String>, Query<Wanted>);

async fn stock((State(admin), Path(id), Query(wanted)): Asked) -> Answer {
    let cut = admin.cut(&wanted);
    let book = &admin.merchant(&id)?.book;
    let read = book.read(move |ledger| views::stock(ledger, cut, wanted.sku.as_deref()));
    Ok(Json(read.await?.json()))
}

async fn listings((State(admin), Path(id), Query(wanted)): Asked) -> Answer {
    let (cut, channel) = (admin.cut(&wanted), wanted.channel()?);
    let name = channel.clone();
    let read = admin.merchant(&id)?.book.read(move |ledger| {
        let known = ledger.channel_named(&channel);
        known.map(|known| views::listings(ledger, known, cut, wanted.unmapped))
    });
    let page = read
        .await?
        .ok_or_else(|| Problem::absent("channel", &name, HELP_CHANNEL))?;
    Ok(Json(page.json()))
}

async fn orders((State(admin), Path(id), Query(wanted)): Asked) -> Answer {
    let (cut, channel) = (admin.cut(&wanted), wanted.channel()?);
    let name = channel.clone();
    let read = admin.merchant(&id)?.book.read(move |ledger| {
        ledger
            .channel_named(&channel)
            .map(|known| views::orders(ledger, known, cut, wanted.open))
    });
    let page = read
        .await?
        .ok_or_else(|| Problem::absent("channel", &name, HELP_CHANNEL))?;
    Ok(Json(page.json()))
}

async fn to_ship((State(admin), Path(id), Query(wanted)): Asked) -> Answer {
    let (cut, channel) = (admin.cut(&wanted), wanted.channel()?);
    let name = channel.clone();
    let read = admin.merchant(&id)?.book.read(move |ledger| {
        let known = ledger.channel_named(&channel);
        known.map(|known| views::to_ship(ledger, known, cut))
    });
    let page = read
        .await?
        .ok_or_else(|| Problem::absent("channel", &name, HELP_CHANNEL))?;
    Ok(Json(page.json()))
}

async fn returns((State(admin), Path(id), Query(wanted)): Asked) -> Answer {
    let (cut, channel) = (admin.cut(&wanted), wanted.channel()?);
    let name = channel.clone();
    let read = admin.merchant(&id)?.book.read(move |ledger| {
        let known = ledger.channel_named(&channel);
        known.map(|known| super::returns::returns(ledger, known, cut))
    });
    let page = read
        .await?
        .ok_or_else(|| Problem::absent("channel", &name, HELP_CHANNEL))?;
    Ok(Json(page.json()))
}

async fn order(
    State(admin): State<Arc<Admin>>,
    Path((id, channel, order)): Path<(String, String, String)>,
) -> Answer {
    let name = order.clone();
    let read = admin.merchant(&id)?.book.read(move |ledger| {
        let known = ledger.channel_named(&channel)?;
        let number = known.order_called(&order)?;
        Some(super::order::order(ledger, known, number))
    });
    let found = read.await?;
    let help = "`channelsync orders --channel CHANNEL` lists the orders";
    found
        .map(Json)
        .ok_or_else(|| Problem::absent("order", &name, help))
}

async fn slots((State(admin), Path(id), Query(wanted)): Asked) -> Answer {
    let (cut, channel) = (admin.cut(&wanted), wanted.channel()?);
    let name = channel.clone();
    let read = admin.merchant(&id)?.book.read(move |ledger| {
        ledger
            .channel_ix(&channel)
            .map(|known| views::slots(ledger, known, cut))
    });
    let page = read
        .await?
        .ok_or_else(|| Problem::absent("channel", &name, HELP_CHANNEL))?;
    Ok(Json(page.json()))
}

async fn held((State(admin), Path(id), Query(wanted)): Asked) -> Answer {
    let (cut, channel) = (admin.cut(&wanted), wanted.channel()?);
    let name = channel.clone();
    let read = admin.merchant(&id)?.book.read(move |ledger| {
        let known = ledger.channel_ix(&channel)?;
        Some(views::held(ledger, known, cut))
    });
    let page = read
        .await?
        .ok_or_else(|| Problem::absent("channel", &name, HELP_CHANNEL))?;
    Ok(Json(page.json()))
}

async fn parked((State(admin), Path(id), Query(wanted)): Asked) -> Answer {
    let (cut, merchant) = (admin.cut(&wanted), id.clone());
    let book = &admin.merchant(&id)?.book;
    let rows = book
        .read(move |ledger| views::parked(ledger, &merchant, cut.most))
        .await?;
    Ok(Json(json!({ "rows": rows, "next": null })))
}

async fn exceptions(State(admin): State<Arc<Admin>>, Path(id): Path<String>) -> Answer {
    let (merchant, book) = (id.clone(), &admin.merchant(&id)?.book);
    let rows = book.read(move |ledger| exceptions::exceptions(ledger, &merchant));
    let rows = rows.await?;
    Ok(Json(json!({ "rows": rows, "next": null })))
}

async fn set_asides(State(admin): State<Arc<Admin>>, Path(id): Path<String>) -> Answer {
    let rows = admin.merchant(&id)?.book.read(views::set_asides).await?;
    Ok(Json(json!({ "rows": rows, "next": null })))
}

async fn frozen((State(admin), Path(id), Query(wanted)): Asked) -> Answer {
    let (cut, merchant) = (admin.cut(&wanted), id.clone());
    let book = &admin.merchant(&id)?.book;
    let page = book.read(move |ledger| views::frozen(ledger, &merchant, cut));
    Ok(Json(page.await?.json()))
}

/// What the book knows by name, also channels that left the files.
async fn names(State(admin): State<Arc<Admin>>, Path(id): Path<String>) -> Answer {
    let names = admin.merchant(&id)?.book.read(views::names);
    Ok(Json(names.await?))
}

async fn rules((State(admin), Path(id), Query(wanted)): Asked) -> Answer {
    let (cut, merchant) = (admin.cut(&wanted), id.clone());
    let book = &admin.merchant(&id)?.book;
    let page = book.read(move |ledger| super::rules::rules(ledger, &merchant, cut));
    Ok(Json(page.await?.json()))
}

async fn explained((State(admin), Path(id), Query(wanted)): Asked) -> Answer {
    let channel = wanted.channel()?;
    let help = "`channelsync listings --channel CHANNEL` lists the listings";
    let listing = wanted
        .listing
        .ok_or_else(|| Problem::bad("`listing` is missing", help))?;
    let name = listing.clone();
    let book = &admin.merchant(&id)?.book;
    let found = book
        .read(move |ledger| explain(ledger, &channel, &listing))
        .await?;
    Json::of(&found.ok_or_else(|| Problem::absent("listing", &name, help))?)
}

async fn command(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
    peer: Option<Extension<Peer>>,
    axum::Json(ordered): axum::Json<Ordered>,
) -> Answer {
    let user = peer.and_then(|peer| peer.0.0);
    let actor = user.map_or_else(|| "cli".to_owned(), |user| format!("cli uid {user}"));
    let origin = Origin::new(actor, ordered.id());
    let merchant = admin.merchant(&id)?;
    let unparked = match &ordered {
        Ordered::Unpark { id } => Some(id.clone()),
        _ => None,
    };
    let command = ordered.command()?;
    let named = commands::named(&command);
    let mut new = Vec::new();
    if !named.is_empty() {
        new = merchant
            .book
            .read(move |ledger| new_skus(ledger, named))
            .await?;
    }
    let booked = merchant.book.book(command, origin).await?;
    if let Some(id) = unparked
        && let Err(error) = merchant.parked.delete(&id)
    {
        tracing::warn!(parked = id, %error, "released bytes were not deleted");
    }
    new.retain(|_| booked.entry.is_some());
    Ok(Json(json!({ "entry": booked.entry, "new_skus": new })))
}

/// SKUs that the book does not know, each with one that it may be a slip of: the same but for case and
/// blanks.
fn new_skus(ledger: &Ledger, mut named: BTreeSet<Sku>) -> Vec<Value> {
    named.retain(|sku| ledger.sku_ix(sku.as_str()).is_none());
    let bare = |sku: &Sku| -> String {
        let letters = sku
            .as_str()
            .chars()
            .filter(|letter| !letter.is_whitespace());
        letters.flat_map(char::to_lowercase).collect()
    };
    let mut near: BTreeMap<String, Option<&Sku>> = BTreeMap::new();
    if !named.is_empty() {
        near.extend(named.iter().map(|sku| (bare(sku), None)));
        for (_, known, _) in ledger.skus.iter() {
            if let Some(near) = near.get_mut(&bare(known)) {
                *near = Some(known);
            }
        }
    }
    let new = named.iter();
    new.map(|sku| json!({ "sku": sku, "near": near.get(&bare(sku)) }))
        .collect()
}

async fn wake(
    State(admin): State<Arc<Admin>>,
    Path((id, channel, activity)): Path<(String, String, String)>,
) -> Answer {
    let merchant = admin.merchant(&id)?;
    let known = merchant.channels.get(&channel);
    let known = known.ok_or_else(|| Problem::absent("channel", &channel, HELP_CHANNEL))?;
    match activity.as_str() {
        "poll" => known.poll_now.notify_one(),
        "scan" => known.scan_now.notify_one(),
        "resume" => known.board.pause(None),
        "read-back" => {
            let name = channel.clone();
            let most = admin.read_rows_max;
            let slots = merchant.book.read(move |ledger| {
                let known = ledger.channel_named(&name);
                known
                    .map(|known| read_slots(known, most))
                    .unwrap_or_default()
            });
            let command = crate::ledger::Command::Reread {
                channel: channel.as_str().into(),
                slots: slots.await?,
            };
            merchant
                .book
                .book(command, Origin::new("cli", "reconcile"))
                .await?;
        }
        _ => {
            let help = "activities are poll, scan, read-back and resume";
            return Err(Problem::absent("activity", &activity, help));
        }
    }
    Ok(Json(json!({ "started": activity })))
}

fn read_slots(channel: &crate::ledger::Channel, most: usize) -> Vec<channelsync_contract::SlotKey> {
    let items = channel.items.iter();
    let slots = items.flat_map(|(item, _, row)| {
        row.slots
            .iter()
            .map(move |(place, _)| channel.slot_key(item, *place))
    });
    slots.take(most).collect()
}
