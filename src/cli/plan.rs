//! `plan`: which published numbers and open orders a file would change, before it is in force.
//!
//! The book is replayed from its files beside the daemon; the change is booked on that copy alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::explain::newest;
use super::failure::{Exit, Failure};
use super::import::{FILE_BYTES_MAX, read, told};
use super::session::Session;
use super::table::{Column, cell, count, table};
use crate::ats::{SlotNumber, number};
use crate::bookkeeper::Origin;
use crate::channels;
use crate::ledger::{Channel, Command, Ledger, Line, MapRow, decide, evolve};
use crate::settings::load_instead;
use crate::sheet::mapping;

/// Rows that are shown to people; `--json` gives all.
const ROWS_TOLD_MAX: usize = 200;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The merchant's file as it would be (`.toml`), or mappings as `map export` writes them (`.csv`)
    file: PathBuf,
}

pub(super) fn run(args: &Args, dir: &Path, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let command = command(&args.file, dir, session)?;
    let before = newest(session)?;
    let after = booked(&before, &command)?;
    let (numbers, orders) = (numbers(&before, &after), orders(&before, &after));
    let exit = match numbers.is_empty() && orders.is_empty() {
        true => Exit::Ok,
        false => Exit::Found,
    };
    if session.common.json {
        let plan = json!({ "entry": before.seq, "numbers": numbers, "orders": orders });
        session.console.json(&plan)?;
    } else {
        let text = text(before.seq, (&numbers, &orders));
        session.console.print(&text)?;
    }
    Ok(exit)
}

/// What a file would have booked.
fn command(file: &Path, dir: &Path, session: &Session<'_, '_>) -> Result<Command, Failure> {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => {
            let channels = session.channels(None)?;
            let rows = mapping::read(&read(file, FILE_BYTES_MAX)?, &channels);
            let rows = rows.map_err(|faults| told(file, &faults))?;
            let row = |row: mapping::Mapped| MapRow {
                channel: row.channel.as_str().into(),
                listing: row.listing.as_str().into(),
                parts: row
                    .parts
                    .iter()
                    .map(|(sku, units)| (sku.as_str().into(), *units))
                    .collect(),
            };
            Ok(Command::Map(rows.into_iter().map(row).collect()))
        }
        Some("toml") => {
            let merchant = session.merchant()?.id.clone();
            let config = load_instead(dir, &session.console.env, merchant.as_str(), file)?;
            let mut merchants = config.merchants.iter();
            let planned = merchants.find(|known| known.id == merchant);
            let planned = planned.expect("files without faults hold their merchants");
            let channels = planned.channels.iter();
            let abilities = channels
                .map(|channel| (channel.id.as_str(), channels::capabilities(channel)))
                .collect();
            let setup = channels::setup(planned, &abilities);
            Ok(Command::Configure(Box::new(setup)))
        }
        Some(_) | None => {
            let error = format!("{} is neither .toml nor .csv", file.display());
            let help =
                "give a merchant's file, or mappings as `channelsync map export` writes them";
            Err(Failure::usage(error, help))
        }
    }
}

/// The book with one more entry.
fn booked(ledger: &Ledger, command: &Command) -> Result<Ledger, Failure> {
    let draft = decide(ledger, command, ledger.at).map_err(|refusal| {
        let help = "correct the file; nothing was booked";
        Failure::usage(refusal.to_string(), help)
    })?;
    let entry = Origin::new("plan", "plan").entry(ledger, draft, ledger.at);
    let mut after = ledger.clone();
    evolve(&mut after, &entry);
    Ok(after)
}

/// What is written to the slots of an item, by the channel's name of the place; or why nothing.
type Slots = Result<BTreeMap<String, u32>, String>;

fn slots(ledger: &Ledger, channel: u16, item: u32) -> Slots {
    let known = ledger.channel(channel);
    if !known.setup.as_ref().is_some_and(|setup| setup.live) {
        return Err("its channel is not live".to_owned());
    }
    let found = number(ledger, channel, item).map_err(|why| why.to_string())?;
    let place = |slot: &SlotNumber| {
        let place = slot.place.map(|place| known.place_id(place).to_string());
        (place.unwrap_or_default(), slot.low.0)
    };
    Ok(found.slots.iter().map(place).collect())
}

/// Slots whose number would be another one.
fn numbers(before: &Ledger, after: &Ledger) -> Vec<Value> {
    let mut rows = Vec::new();
    for (channel, known) in (0_u16..).zip(&before.channels) {
        for item in 0..known.items.len() {
            let (now, then) = (slots(before, channel, item), slots(after, channel, item));
            if now != then {
                rows.extend(differing(known, item, (&now, &then)));
            }
        }
    }
    rows
}

fn differing(known: &Channel, item: u32, (now, then): (&Slots, &Slots)) -> Vec<Value> {
    let listing = known.items.at(item).listings.first();
    let listing = listing.map(|listing| known.listings.key(*listing));
    let sku = listing.and_then(|id| known.listings.get(id.as_str()));
    let sku = sku.map(|listing| &listing.sku);
    let none = BTreeMap::new();
    let (here, there) = (
        now.as_ref().unwrap_or(&none),
        then.as_ref().unwrap_or(&none),
    );
    let mut places: Vec<&String> = here.keys().chain(there.keys()).collect();
    places.sort_unstable();
    places.dedup();
    let row = |place: &str, shown: [Option<u32>; 2]| {
        let why = then.as_ref().err();
        json!({
            "channel": known.id, "listing": listing, "sku": sku, "location": place,
            "now": shown[0], "then": shown[1], "no_number_then": why,
        })
    };
    if places.is_empty() {
        return vec![row("", [None, None])];
    }
    let rows = places.into_iter().map(|place| {
        let shown = [here.get(place).copied(), there.get(place).copied()];
        (place, shown)
    });
    let rows = rows.filter(|(_, shown)| shown[0] != shown[1]);
    rows.map(|(place, shown)| row(place, shown)).collect()
}

/// Open lines whose units would be others.
fn orders(before: &Ledger, after: &Ledger) -> Vec<Value> {
    let mut rows = Vec::new();
    for (number, known) in (0_u16..).zip(&before.channels) {
        for (order, id, now) in known.orders.iter() {
            let then = after.channel(number).orders.at(order);
            for (line, line_then) in now.lines.iter().zip(&then.lines) {
                let (here, there) = (units(before, line), units(after, line_then));
                if here != there {
                    rows.push(json!({
                        "channel": known.id, "order": id, "name": now.name, "line": line.id,
                        "listing": line.listing, "now": here, "then": there,
                    }));
                }
            }
        }
    }
    rows
}

/// What a line takes, and what of it it has.
fn units(ledger: &Ledger, line: &Line) -> Value {
    let parts = line.parts.as_ref().map(|parts| {
        let part = |part: &crate::catalog::Part| {
            json!({
                "sku": ledger.sku_id(part.sku),
                "units": line.needed(part),
                "committed": line.held_of(part.sku),
            })
        };
        parts.iter().map(part).collect::<Vec<_>>()
    });
    json!(parts)
}

fn text(entry: u64, (numbers, orders): (&[Value], &[Value])) -> String {
    let mut text = format!("as of entry {entry}: ");
    if numbers.is_empty() && orders.is_empty() {
        text.push_str("no published number and no open order would change");
        return text;
    }
    let told = [
        count(
            super::import::to_u64(numbers.len()),
            "published number",
            "published numbers",
        ),
        count(
            super::import::to_u64(orders.len()),
            "order line",
            "order lines",
        ),
    ];
    text.push_str(&format!("{} would change\n", told.join(" and ")));
    if !numbers.is_empty() {
        let columns = [
            Column::Text("CHANNEL"),
            Column::Text("LISTING"),
            Column::Text("SKU"),
            Column::Text("LOCATION"),
            Column::Number("NOW"),
            Column::Number("THEN"),
            Column::Text("WHY NONE"),
        ];
        let keys = [
            "channel",
            "listing",
            "sku",
            "location",
            "now",
            "then",
            "no_number_then",
        ];
        text.push_str(&rows(&columns, &keys, numbers));
    }
    if !orders.is_empty() {
        let columns = [
            Column::Text("CHANNEL"),
            Column::Text("ORDER"),
            Column::Text("LISTING"),
            Column::Text("TAKES NOW"),
            Column::Text("TAKES THEN"),
        ];
        let told: Vec<Value> = orders.iter().map(order_told).collect();
        let keys = ["channel", "name", "listing", "now", "then"];
        text.push_str(&rows(&columns, &keys, &told));
    }
    text.trim_end().to_owned()
}

fn rows(columns: &[Column], keys: &[&str], values: &[Value]) -> String {
    let line = |row: &Value| keys.iter().map(|key| cell(&row[*key])).collect();
    let shown = values.iter().take(ROWS_TOLD_MAX).map(line);
    let mut text = format!("\n{}\n", table(columns, shown.collect()));
    if let Some(more) = values
        .len()
        .checked_sub(ROWS_TOLD_MAX)
        .filter(|more| *more > 0)
    {
        text.push_str(&format!("... and {more} more; `--json` gives all\n"));
    }
    text
}

/// An order's row with what it takes in words.
fn order_told(row: &Value) -> Value {
    let mut told = row.clone();
    for key in ["now", "then"] {
        let parts = row[key].as_array().map(|parts| {
            let part = |part: &Value| {
                let (sku, units) = (cell(&part["sku"]), cell(&part["units"]));
                format!("{units} {sku}, {} committed", cell(&part["committed"]))
            };
            parts.iter().map(part).collect::<Vec<_>>().join("; ")
        });
        told[key] = json!(parts.unwrap_or_else(|| "unmapped".to_owned()));
    }
    told
}
