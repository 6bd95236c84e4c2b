//! The hand-off to a warehouse: `orders export` writes what can leave, `orders ship FILE` takes back what
//! left.
//!
//! Both read and write the same columns, so the file that went out comes back with carrier and number
//! filled in; a row without a number is not said to have left. Rows of one order, location and number are one parcel, booked once by its content: a file
//! that broke off halfway is simply given again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use channelsync_contract::LocationId;
use serde_json::{Value, json};
use sha2::Digest as _;

use super::client::query;
use super::failure::{Exit, Failure};
use super::import::read;
use super::output::Output;
use super::session::Session;
use super::ship::tracking;
use super::table::{cell, count, printable};
use crate::sheet::parcels::{self, COLUMNS, Label, Packed, Parcels};

const FILE_BYTES_MAX: u64 = 64 << 20;
/// Faults that are printed; the others are counted.
const FAULTS_TOLD_MAX: usize = 50;
#[derive(clap::Args, Debug)]
pub(super) struct Export {
    /// Lines that can leave now: committed, and held back by nobody
    #[arg(long, required = true)]
    to_ship: bool,
    /// Of this channel only
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// From this location only
    #[arg(long, value_name = "LOCATION")]
    location: Option<String>,
    /// How it is written
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
    #[command(flatten)]
    output: Output,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// One row a line, ready to come back to `orders ship`
    Csv,
    /// A list of objects
    Json,
}

pub(super) async fn export(args: Export, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    args.output.check()?;
    if let Some(location) = &args.location {
        let known = session.merchant()?.locations.iter();
        let known: Vec<&str> = known.map(LocationId::as_str).collect();
        if !known.contains(&location.as_str()) {
            let error = format!("no location {location}");
            return Err(Failure::usage(
                error,
                format!("there are: {}", known.join(", ")),
            ));
        }
    }
    let path = session.path(&["to-ship"])?;
    let client = session.client();
    let mut rows: Vec<Value> = Vec::new();
    for channel in session.booked_channels(args.channel.as_deref()).await? {
        let each = |page: Vec<Value>| {
            rows.extend(page);
            Ok(())
        };
        client
            .pages(&query(&path, &[("channel", &channel)]), each)
            .await?;
    }
    if let Some(location) = &args.location {
        rows.retain(|row| row["location"] == location.as_str());
    }
    rows.sort_by_cached_key(place_in_line);
    let text = match args.format {
        Format::Csv => csv_text(&rows)?,
        Format::Json => {
            let text = serde_json::to_string_pretty(&rows).map_err(unwritable)?;
            format!("{text}\n").into_bytes()
        }
    };
    args.output.write(&text, session.console)?;
    Ok(())
}

/// By when it must leave, then by when the channel must hear of it, then who ordered first. Rows
/// without a time come last.
fn place_in_line(row: &Value) -> [String; 7] {
    let time = |key: &str| row[key].as_str().unwrap_or("~").to_owned();
    let text = |key: &str| cell(&row[key]);
    [
        time("ship_by"),
        time("acknowledge_by"),
        time("placed_at"),
        text("channel"),
        text("order"),
        text("line"),
        text("location"),
    ]
}

fn csv_text(rows: &[Value]) -> Result<Vec<u8>, Failure> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS).map_err(unwritable)?;
    for row in rows {
        let value = |key: &&str| match &row[*key] {
            Value::Null => String::new(),
            value => cell(value),
        };
        let values: Vec<String> = COLUMNS.iter().map(value).collect();
        writer.write_record(values).map_err(unwritable)?;
    }
    writer.into_inner().map_err(unwritable)
}

fn unwritable(error: impl std::fmt::Display) -> Failure {
    Failure::advised(
        Exit::Unavailable,
        format!("cannot write rows: {error}"),
        None,
    )
}

/// Books the parcels of a file.
pub(super) async fn ship_file(
    file: &Path,
    untracked: bool,
    session: &mut Session<'_, '_>,
) -> Result<Exit, Failure> {
    let bytes = read(file, FILE_BYTES_MAX)?;
    let Parcels { parcels, left_out } = parcels::read(&bytes, untracked)
        .map_err(|faults| told(file, &faults, "nothing was booked"))?;
    let (mut booked, mut known, mut faults) = (0_u64, 0_u64, Vec::<(Vec<u64>, String)>::new());
    for (label, rows) in &parcels {
        match ship(label, rows, session).await {
            Ok(Some(_)) => booked += 1,
            Ok(None) => known += 1,
            Err(failure) => match refusal(failure) {
                Ok(why) => faults.push((rows.iter().map(|row| row.at).collect(), why)),
                Err(failure) => return Err(halfway(failure, booked, parcels.len())),
            },
        }
    }
    if session.common.json {
        let faults = faults
            .iter()
            .map(|(lines, why)| json!({ "lines": lines, "why": why }));
        let told = json!({
            "booked": booked, "known": known, "left_out": left_out,
            "refused": faults.collect::<Vec<_>>(),
        });
        session.console.json(&told)?;
    } else {
        session.console.print(&summary(booked, known, left_out))?;
    }
    if faults.is_empty() {
        return Ok(Exit::Ok);
    }
    let faults: Vec<String> = faults
        .into_iter()
        .map(|(lines, why)| format!("{}: {why}", name(&lines)))
        .collect();
    Err(told(file, &faults, "all other parcels were booked"))
}

/// The rows of a parcel. It is booked whole or not, whichever of them is wrong.
fn name(lines: &[u64]) -> String {
    match lines {
        [line] => format!("line {line}"),
        lines => {
            let lines: Vec<String> = lines.iter().map(u64::to_string).collect();
            format!("lines {}, one parcel", lines.join(", "))
        }
    }
}

fn summary(booked: u64, known: u64, left_out: u64) -> String {
    let mut summary = format!("{} booked", count(booked, "parcel", "parcels"));
    if known > 0 {
        let known = count(known, "was", "were");
        summary.push_str(&format!(", {known} booked before"));
    }
    if left_out > 0 {
        let rows = count(left_out, "row has", "rows have");
        summary.push_str(&format!(
            "; {rows} no tracking number, nothing of it was booked: fill it in and give the file again, or \
             --untracked where they left without"
        ));
    }
    summary
}

/// Why a parcel was refused; any other failure ends the work.
fn refusal(failure: Failure) -> Result<String, Failure> {
    match failure {
        Failure::Told {
            exit: Exit::Usage,
            error,
            ..
        } => Ok(error),
        other => Err(other),
    }
}

async fn ship(
    label: &Label,
    rows: &[Packed],
    session: &mut Session<'_, '_>,
) -> Result<Option<u64>, Failure> {
    session.booked_channels(Some(&label.channel)).await?;
    let path = session.path(&["orders", &label.channel, &label.order])?;
    let order = session.client().find(&path).await?.ok_or_else(|| {
        let error = format!("{} knows no order {}", label.channel, label.order);
        Failure::usage(error, "`channelsync orders` lists the orders")
    })?;
    let mut lines: BTreeMap<String, u64> = BTreeMap::new();
    for row in rows {
        let line = line_of(&order, row)?;
        *lines.entry(line).or_default() += u64::from(row.units);
    }
    let order_id = order["order"].clone();
    let command = json!({
        "kind": "ship",
        "id": content_id(label, &lines),
        "channel": label.channel,
        "order": order_id,
        "lines": lines.into_iter().collect::<Vec<_>>(),
        "from": (!label.location.is_empty()).then_some(&label.location),
        "tracking": tracking(
            (!label.tracking.is_empty()).then_some(&label.tracking),
            (!label.carrier.is_empty()).then_some(&label.carrier),
        ),
    });
    let answer = session.order(&command).await?;
    Ok(answer["entry"].as_u64())
}

/// The line of an order by its id, or by its listing where only one line has that.
fn line_of(order: &Value, row: &Packed) -> Result<String, Failure> {
    let named = &row.line;
    let lines = super::table::elements(&order["lines"]);
    let by = |key: &str| {
        let fits = lines.iter().filter(|line| cell(&line[key]) == *named);
        fits.collect::<Vec<_>>()
    };
    let found = [by("line"), by("listing")];
    let found = found.iter().find(|found| !found.is_empty());
    let line = match found.map(Vec::as_slice) {
        Some([line]) => line,
        Some(_) => {
            let error = format!("several lines sell listing {named}");
            return Err(Failure::usage(error, "name the line"));
        }
        None => {
            let error = format!("the order has no line or listing {named}");
            return Err(Failure::usage(
                error,
                "`channelsync orders show` lists its lines",
            ));
        }
    };
    // A file of one's own may call it as the book does.
    let known = std::iter::once(&line["sku"]).chain(super::table::elements(&line["parts"]));
    let known: BTreeSet<&str> = known.filter_map(Value::as_str).collect();
    if !row.sku.is_empty() && !known.is_empty() && !known.contains(row.sku.as_str()) {
        let error = format!(
            "line {} sells {}, not {}",
            cell(&line["line"]),
            Vec::from_iter(known).join(" or "),
            row.sku
        );
        return Err(Failure::usage(
            error,
            "correct line or sku; sku may be empty",
        ));
    }
    Ok(cell(&line["line"]))
}

/// The same parcel always has the same id.
fn content_id(label: &Label, lines: &BTreeMap<String, u64>) -> String {
    let digest = sha2::Sha256::digest(format!("{label:?} {lines:?}"));
    let hex = digest.iter().take(16).map(|byte| format!("{byte:02x}"));
    format!("parcel-{}", hex.collect::<String>())
}

fn halfway(failure: Failure, booked: u64, parcels: usize) -> Failure {
    let Failure::Told { exit, error, help } = failure else {
        return failure;
    };
    let error = format!("{error} ({booked} of {parcels} parcels were booked now)");
    let again = "give the very same file again: what is booked already is not booked twice";
    let help = help.map_or_else(|| again.to_owned(), |help| format!("{help}; then {again}"));
    Failure::new(exit, error, help)
}

fn told(file: &Path, faults: &[String], rest: &str) -> Failure {
    let more = faults.len().saturating_sub(FAULTS_TOLD_MAX);
    let mut error = format!(
        "{} rows of {} are wrong, {rest}",
        faults.len(),
        file.display()
    );
    for fault in faults.iter().take(FAULTS_TOLD_MAX) {
        error.push_str(&format!("\n{}", printable(fault)));
    }
    if more > 0 {
        error.push_str(&format!("\n... and {more} more"));
    }
    let help = "correct these rows and give the file again: what is booked is not booked twice";
    Failure::new(Exit::Usage, error, help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_must_leave_first_stands_first_and_what_has_no_time_last() {
        let row = |ship_by: Value, placed: &str| json!({ "ship_by": ship_by, "placed_at": placed });
        let mut rows = [
            row(json!(null), "2026-01-01"),
            row(json!("2026-01-03"), "2026-01-02"),
            row(json!("2026-01-03"), "2026-01-01"),
            row(json!("2026-01-02"), "2026-01-02"),
        ];
        rows.sort_by_cached_key(place_in_line);
        let order = rows
            .iter()
            .map(|row| format!("{} {}", row["ship_by"], row["placed_at"]));
        assert_eq!(
            order.collect::<Vec<_>>(),
            [
                r#""2026-01-02" "2026-01-02""#,
                r#""2026-01-03" "2026-01-01""#,
                r#""2026-01-03" "2026-01-02""#,
                r#"null "2026-01-01""#,
            ]
        );
    }
}
