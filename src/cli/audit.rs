//! The audit: the doubles' own truth against the ledger.
//!
//! In: `/control` of the doubles and the daemon's admin socket, both from outside. Out: one summary.
//! Shares no code with the connector and takes nothing on the daemon's word about a shop.

mod conserved;
mod for_sale;
mod once;
mod timing;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::probe::{Probe, ProbeError};
use channelsync_sandbox::{LevelTruth, LineTruth, OrderTruth, ShopInfo};
use conserved::Outside;
use for_sale::{Names, Withheld, available, compare_available};
use once::sold_once;
use timing::{acks, order_to_push};

/// What an audit found; the object that `--json` prints.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Summary {
    /// Orders that buyers placed, without tests.
    pub(super) orders_placed: u64,
    /// Of these, in the ledger with the same quantities on every line.
    pub(super) orders_booked: u64,
    /// Of these, not in the ledger or with other quantities.
    pub(super) orders_missing: u64,
    /// Orders in the ledger twice, or that no shop has.
    pub(super) orders_doubled: u64,
    /// Every SKU: received and found = on hand + on its way + come back and not yet received + shipped by
    /// the shops' own record.
    pub(super) units_conserved: bool,
    /// The journal replays to the ledger and all invariants hold.
    pub(super) journal_verified: bool,
    /// Listings that stand for stock.
    pub(super) listings: u64,
    /// Slots where a shop shows something else than the ledger's number.
    pub(super) slots_wrong_at_rest: u64,
    /// Units sold that were not there.
    pub(super) oversold_units: i64,
    /// The most units that might have been oversold at one time, by the daemon's word.
    pub(super) exposure_units: i64,
    /// SKUs of which more was oversold than that, or any where nothing may be.
    pub(super) oversold_beyond_bound: u64,
    /// Answers 429 that we caused.
    pub(super) throttled_by_limit: u64,
    /// Answers 429 injected as a fault.
    pub(super) throttled_injected: u64,
    /// From an order to the next quantity set for its SKU on another shop.
    pub(super) order_to_push_ms: Spread,
    /// How long shops waited for an answer to a webhook.
    pub(super) webhook_ack_ms: Spread,
}

/// Two percentiles in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Spread {
    /// Half took at most this.
    pub p50: f64,
    /// 99 of 100 took at most this.
    pub p99: f64,
}

impl Summary {
    /// Whether nothing is missing, doubled, wrong, throttled by our own fault or unverified.
    pub(super) fn is_clean(&self) -> bool {
        self.orders_missing == 0
            && self.orders_doubled == 0
            && self.units_conserved
            && self.journal_verified
            && self.slots_wrong_at_rest == 0
            && self.oversold_beyond_bound == 0
            && self.throttled_by_limit == 0
    }
}

/// A summary and, for people, what is behind each fault.
#[derive(Clone, Debug, Default)]
pub(super) struct Audit {
    /// The figures.
    pub(super) summary: Summary,
    /// One line for each thing found, at most [`FINDINGS_MAX`].
    pub(super) findings: Vec<String>,
    /// The ledger's figures changed meanwhile: what differs may only have been under way.
    pub(super) moved: bool,
}

/// Findings told one by one.
pub(super) const FINDINGS_MAX: usize = 20;

impl Audit {
    /// More was oversold than may be.
    pub(super) fn oversold_beyond(&mut self, finding: String) {
        self.summary.oversold_beyond_bound += 1;
        self.find(finding);
    }

    fn find(&mut self, finding: String) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        }
    }
}

/// Compares all shops with the ledger. `verified` says whether the journal was verified, `is_guarded`
/// whether every unit stands on one shop only.
///
/// # Errors
/// When one of both cannot be asked.
pub(super) async fn audit(
    probe: &Probe,
    verified: bool,
    is_guarded: bool,
) -> Result<Audit, ProbeError> {
    let mut audit = Audit::default();
    audit.summary.journal_verified = verified;
    audit.summary.units_conserved = true;
    let shops = probe.shops().await?;
    let figures = figures(probe, &shops).await?;
    let (names, withheld) = (Names::of(&figures.stock), Withheld::ask(probe).await?);
    let mut outside = Outside::default();
    let mut truths = Vec::new();
    for shop in &shops {
        let truth = probe.truth(&shop.name).await?;
        let channel = format!("channel={}&", shop.name);
        let orders = probe.ledger(&format!("orders?{channel}")).await?;
        compare_orders(&mut audit, shop, &truth.orders, &orders);
        compare_slots(&mut audit, shop, &truth.levels, &figures.numbers);
        compare_routes(&mut audit, shop, &truth.orders, &orders);
        if !is_guarded && !withheld.by_rules {
            let sold_from = |place: &str| figures.sells_from(&shop.name, place);
            let available = available(&figures.stock, sold_from);
            let book = (&available, orders.as_slice());
            compare_available(&mut audit, (shop, &truth), book, (&names, &withheld));
        }
        let listings = probe.ledger(&format!("listings?{channel}")).await?;
        let mapped = listings
            .iter()
            .filter(|row| !row["parts"].is_null())
            .count();
        audit.summary.listings += u64::try_from(mapped).unwrap_or(u64::MAX);
        outside.add((shop, &truth), &orders, &names);
        let counters = &truth.counters;
        audit.summary.oversold_units += truth.oversold_units;
        audit.summary.throttled_by_limit +=
            counters.throttled_by_limit + counters.refused_too_costly;
        audit.summary.throttled_injected += counters.throttled_injected;
        truths.push((shop, truth));
    }
    outside.conserve(&mut audit, &figures.stock);
    if is_guarded {
        let everywhere = available(&figures.stock, |_| true);
        sold_once(&mut audit, &truths, (&names, &everywhere));
    }
    audit.moved = figures != self::figures(probe, &shops).await?;
    audit.summary.order_to_push_ms = order_to_push(&truths);
    audit.summary.webhook_ack_ms = acks(&truths);
    Ok(audit)
}

/// What the ledger says is there, and the least and the most that each slot may show.
#[derive(PartialEq)]
struct Figures {
    stock: Vec<Value>,
    numbers: BTreeMap<SlotKey, (Value, Value)>,
    /// Shops, each with a location of ours that it sells from.
    sold_from: BTreeSet<(String, String)>,
}

impl Figures {
    fn sells_from(&self, shop: &str, location: &str) -> bool {
        let pair = (shop.to_owned(), location.to_owned());
        self.sold_from.contains(&pair)
    }
}

/// A shop, and an item and a place of it.
type SlotKey = (String, String, String);

async fn figures(probe: &Probe, shops: &[ShopInfo]) -> Result<Figures, ProbeError> {
    let (mut numbers, mut sold_from) = (BTreeMap::new(), BTreeSet::new());
    for shop in shops {
        let items = probe
            .ledger(&format!("slots?channel={}&", shop.name))
            .await?;
        for item in items {
            for slot in item["slots"].as_array().into_iter().flatten() {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let (item, place) = (text(&item["item"]), text(&slot["channel_location"]));
                sold_from.insert((shop.name.clone(), text(&slot["location"])));
                let bounds = (&slot["number"], &slot["number_if_unrouted_here"]);
                let bounds = (bounds.0.clone(), bounds.1.clone());
                numbers.insert((shop.name.clone(), item, place), bounds);
            }
        }
    }
    let stock = probe.ledger("stock?").await?;
    Ok(Figures {
        stock,
        numbers,
        sold_from,
    })
}

fn units(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

/// What leaves with one of each variant.
type Pieces<'a> = BTreeMap<u64, Vec<(&'a str, u32)>>;

fn pieces(shop: &ShopInfo) -> Pieces<'_> {
    let variants = shop.variants.iter();
    variants.map(|one| (one.id, one.pieces())).collect()
}

/// SKUs and units that leave with one unit of a line.
fn sold<'a>(pieces: &'a Pieces<'_>, line: &LineTruth) -> &'a [(&'a str, u32)] {
    let variant = line.variant.filter(|_| line.counted);
    let found = variant.and_then(|variant| pieces.get(&variant));
    found.map(Vec::as_slice).unwrap_or_default()
}

fn compare_orders(audit: &mut Audit, shop: &ShopInfo, truth: &[OrderTruth], ledger: &[Value]) {
    let mut known: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for row in ledger {
        known
            .entry(row["order"].as_str().unwrap_or_default())
            .or_default()
            .push(row);
    }
    for order in truth.iter().filter(|order| !order.test) {
        audit.summary.orders_placed += 1;
        match known.remove(order.id.to_string().as_str()).as_deref() {
            Some([row]) => match difference(order, row) {
                None => audit.summary.orders_booked += 1,
                Some(why) => {
                    audit.summary.orders_missing += 1;
                    audit.find(format!("{} {}: {why}", shop.name, order.name));
                }
            },
            Some(rows) => {
                audit.summary.orders_doubled += 1;
                audit.find(format!(
                    "{} {} is booked {} times",
                    shop.name,
                    order.name,
                    rows.len()
                ));
            }
            None => {
                audit.summary.orders_missing += 1;
                audit.find(format!("{} {} is not in the ledger", shop.name, order.name));
            }
        }
    }
    let tests: Vec<String> = truth
        .iter()
        .filter(|order| order.test)
        .map(|order| order.id.to_string())
        .collect();
    for (order, _) in known.iter().filter(|(order, rows)| {
        let booked = rows
            .iter()
            .any(|row| row["lines"].as_array().is_some_and(|l| !l.is_empty()));
        booked || !tests.iter().any(|test| test == *order)
    }) {
        audit.summary.orders_doubled += 1;
        audit.find(format!(
            "{} {order} is in the ledger and not in the shop",
            shop.name
        ));
    }
}

fn difference(order: &OrderTruth, row: &Value) -> Option<String> {
    let empty = Vec::new();
    let lines = row["lines"].as_array().unwrap_or(&empty);
    for line in order.lines.iter().filter(|line| line.counted) {
        let id = line.id.to_string();
        let Some(known) = lines.iter().find(|row| row["line"] == id.as_str()) else {
            return Some(format!("line {id} is not in the ledger"));
        };
        for (what, true_units) in [
            ("ordered", line.ordered),
            ("open", line.open),
            ("fulfilled", line.fulfilled),
            ("restocked", line.returned),
        ] {
            let booked = units(&known[what]);
            if booked != true_units {
                return Some(format!(
                    "line {id}: {what} {true_units}, the ledger says {booked}"
                ));
            }
        }
    }
    None
}

/// What each level holds against the number the ledger computes for its slot.
fn compare_slots(
    audit: &mut Audit,
    shop: &ShopInfo,
    levels: &[LevelTruth],
    numbers: &BTreeMap<SlotKey, (Value, Value)>,
) {
    for level in levels.iter().filter(|level| level.active && level.tracked) {
        let (item, place) = (level.item.to_string(), level.location.to_string());
        let key = (shop.name.clone(), item, place.clone());
        let Some((low, high)) = numbers.get(&key) else {
            continue;
        };
        if low.is_null() {
            continue;
        }
        if !(units(low)..=units(high)).contains(&level.on_hand) {
            audit.summary.slots_wrong_at_rest += 1;
            audit.find(format!(
                "{} {} at {place}: on hand {}, the ledger's number is {low}",
                shop.name, level.sku, level.on_hand
            ));
        }
    }
}

/// Where the shop holds open units against where the ledger believes it does. Not a fault by itself:
/// it says why a number is wrong.
fn compare_routes(audit: &mut Audit, shop: &ShopInfo, truth: &[OrderTruth], ledger: &[Value]) {
    let rows: BTreeMap<&str, &Value> = ledger
        .iter()
        .map(|row| (row["order"].as_str().unwrap_or_default(), row))
        .collect();
    for order in truth.iter().filter(|order| !order.test) {
        let Some(row) = rows.get(order.id.to_string().as_str()) else {
            continue;
        };
        for line in order
            .lines
            .iter()
            .filter(|line| line.counted && line.open > 0)
        {
            let id = line.id.to_string();
            let lines = row["lines"].as_array().into_iter().flatten();
            let known = lines.into_iter().find(|row| row["line"] == id.as_str());
            let routes = known.map(|known| &known["routes"]);
            let held: Vec<_> = line
                .open_at
                .iter()
                .map(|(place, units)| (place.to_string(), *units))
                .collect();
            let believed = routes.and_then(Value::as_array).into_iter().flatten();
            let believed: Vec<_> = believed
                .map(|route| {
                    (
                        route[0].as_str().unwrap_or_default().to_owned(),
                        units(&route[1]),
                    )
                })
                .collect();
            if held != believed {
                audit.find(format!(
                    "{} {} {}: open at {held:?}, believed at {believed:?}",
                    shop.name, order.name, line.sku
                ));
            }
        }
    }
}
