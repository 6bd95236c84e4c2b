//! `stock import`: a CSV file of counts or receipts.
//!
//! The whole file is read and checked first; nothing of a file with a fault is booked, and all
//! faults are told. Then it goes out in chunks, each under an id made of the file's hash: a file
//! that broke off halfway is simply imported again, and the same file twice books nothing, unless a
//! person gives it another name.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};
use sha2::Digest as _;

use super::failure::{Exit, Failure};
use super::session::Session;
use super::status;
use super::table::{cell, count, elements, printable};

/// Rows of one entry; the daemon takes no more.
pub(super) const CHUNK_ROWS_MAX: usize = 500;
pub(super) const FILE_BYTES_MAX: u64 = 256 << 20;
const SKU_BYTES_MAX: usize = 255;
/// The ledger takes no more for one SKU at one location.
const UNITS_MAX: u32 = 1_000_000_000;
/// Faults that are printed; the others are counted.
const FAULTS_TOLD_MAX: usize = 50;
const HEADER: [&str; 3] = ["sku", "location", "units"];
const HEADER_AS_OF: [&str; 4] = ["sku", "location", "units", "as_of"];

/// A row that can be booked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Row {
    sku: String,
    location: String,
    units: u32,
    /// Counts only: when they were there, where it was not now.
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of: Option<String>,
}

/// A place in the file that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    line: u64,
    column: &'static str,
    why: String,
    help: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}", self.line)?;
        if !self.column.is_empty() {
            write!(out, ", column {}", self.column)?;
        }
        write!(out, ": {}\n  help: {}", printable(&self.why), self.help)
    }
}

/// Reads, checks and books a file.
pub(super) async fn run(
    file: &Path,
    counts: bool,
    again: Option<&str>,
    session: &mut Session<'_, '_>,
) -> Result<(), Failure> {
    let bytes = read(file, FILE_BYTES_MAX)?;
    let merchant = session.merchant()?;
    let locations: Vec<&str> = merchant.locations.iter().map(|id| id.as_str()).collect();
    let rows = parse(&bytes, &locations, counts).map_err(|faults| told(file, &faults))?;
    let sha256 = hex(&sha2::Sha256::digest(&bytes));
    let kind = if counts { "counts" } else { "receipts" };
    let (mut booked, mut known, mut new) = (0_u64, 0_u64, Vec::new());
    let bar = session.console.bar("rows", to_u64(rows.len()));
    for (number, chunk) in (1..).zip(rows.chunks(CHUNK_ROWS_MAX)) {
        let id = chunk_id(&sha256, kind, number, again);
        let is_as_of = chunk.iter().any(|row| row.as_of.is_some());
        let order = if is_as_of {
            json!({ "kind": "count_as_of", "id": id, "rows": chunk })
        } else {
            json!({ "kind": "import", "id": id, "counts": counts, "rows": chunk })
        };
        let answer = session.order(&order).await;
        let answer = answer.map_err(|failure| halfway(failure, booked, rows.len()))?;
        let rows_here = to_u64(chunk.len());
        match &answer["entry"] {
            Value::Null => known += rows_here,
            _ => booked += rows_here,
        }
        new.extend(elements(&answer["new_skus"]).iter().map(cell));
        bar.inc(rows_here);
    }
    bar.finish_and_clear();
    let held = holds(session).await?;
    if session.common.json {
        let held = held
            .iter()
            .map(|(what, remedy)| json!({ "what": what, "do": remedy }));
        let summary = json!({
            "booked_rows": booked, "known_rows": known, "sha256": sha256, "new_skus": new,
            "held": held.collect::<Vec<_>>(),
        });
        return session.console.json(&summary);
    }
    session.console.print(&summary(booked, known))?;
    session.tell_new(&new)?;
    for (what, remedy) in held {
        let what = printable(&what);
        session.console.print(&format!("{what}\n  do: {remedy}"))?;
    }
    Ok(())
}

/// Channels that do not follow what was booked until somebody or something lets them.
async fn holds(session: &Session<'_, '_>) -> Result<Vec<(String, String)>, Failure> {
    let status = status::fetch(session).await?;
    let id = session.merchant()?.id.as_str();
    let mut merchants = elements(&status["merchants"]).iter();
    let merchant = merchants.find(|known| known["merchant"] == id);
    Ok(merchant.map(status::holds).unwrap_or_default())
}

/// Counts and receipts of one file are different things, so the kind is part of the chunk's name; and
/// so is the name under which a person has it booked once more.
fn chunk_id(sha256: &str, kind: &str, number: u32, again: Option<&str>) -> String {
    let id = format!("import-{sha256}-{kind}-{number}");
    again.map_or(id.clone(), |again| format!("{id}-{again}"))
}

fn summary(booked: u64, known: u64) -> String {
    let mut text = format!("{} booked", count(booked, "row", "rows"));
    if known > 0 {
        let rows = count(known, "row of this file was", "rows of this file were");
        text.push_str(&format!(
            ", {rows} booked before or changed nothing; what was booked since stands. To book it once \
             more: --id NAME"
        ));
    }
    text
}

/// What is left after a failure in the middle.
fn halfway(failure: Failure, booked: u64, rows: usize) -> Failure {
    let Failure::Told { exit, error, help } = failure else {
        return failure;
    };
    let error = format!("{error} ({booked} of {rows} rows were booked now)");
    if booked == 0 {
        return Failure::advised(exit, error, help);
    }
    let again = "import the very same file again: what is booked already is not booked twice";
    let help = match help {
        Some(help) if exit == Exit::TryAgain => format!("{help}; then {again}"),
        Some(_) | None => again.to_owned(),
    };
    Failure::new(exit, error, help)
}

/// A file's bytes; one of more than `bytes_max` is refused.
pub(super) fn read(file: &Path, bytes_max: u64) -> Result<Vec<u8>, Failure> {
    let failed = |error: std::io::Error| {
        let error = format!("cannot read {}: {error}", file.display());
        Failure::usage(error, "name a CSV file that this user may read")
    };
    let length = std::fs::metadata(file).map_err(failed)?.len();
    if length > bytes_max {
        let error = format!("{} has {length} bytes", file.display());
        let help = format!("split it into files of at most {bytes_max} bytes");
        return Err(Failure::usage(error, help));
    }
    std::fs::read(file).map_err(failed)
}

pub(super) fn told(file: &Path, faults: &[Fault]) -> Failure {
    let found = count(to_u64(faults.len()), "fault", "faults");
    let mut error = format!("nothing was booked: {} has {found}", file.display());
    for fault in faults.iter().take(FAULTS_TOLD_MAX) {
        error.push_str(&format!("\n{fault}"));
    }
    if faults.len() > FAULTS_TOLD_MAX {
        error.push_str(&format!(
            "\n... and {} more",
            faults.len() - FAULTS_TOLD_MAX
        ));
    }
    Failure::advised(Exit::Usage, error, None)
}

/// All rows, or everything that is wrong with them.
fn parse(bytes: &[u8], locations: &[&str], counts: bool) -> Result<Vec<Row>, Vec<Fault>> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(bytes);
    let places = match reader.byte_headers() {
        Ok(header) if counts && has_as_of(header) => {
            places(header, HEADER_AS_OF).map(|places| places.to_vec())
        }
        Ok(header) => places(header, HEADER).map(|places| places.to_vec()),
        Err(error) => return Err(vec![of_csv(&error)]),
    };
    let places = places.map_err(|fault| vec![fault])?;
    let width = reader.byte_headers().map_or(0, csv::ByteRecord::len);
    let (mut rows, mut faults) = (Vec::new(), Vec::new());
    let mut counted: BTreeMap<(String, String), u64> = BTreeMap::new();
    for record in reader.byte_records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                faults.push(of_csv(&error));
                continue;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        match row(&record, line, width, &places, (locations, counts)) {
            Ok(row) if counts => {
                let place = (row.sku.clone(), row.location.clone());
                match counted.insert(place, line) {
                    Some(first) => faults.push(twice(line, first)),
                    None => rows.push(row),
                }
            }
            Ok(row) => rows.push(row),
            Err(wrong) => faults.extend(wrong),
        }
    }
    if rows.is_empty() && faults.is_empty() {
        let why = "there is no row below the header";
        faults.push(fault(2, "", why, "add the rows that are to be booked"));
    }
    if faults.is_empty() {
        Ok(rows)
    } else {
        Err(faults)
    }
}

fn has_as_of(header: &csv::ByteRecord) -> bool {
    header
        .iter()
        .any(|name| name.eq_ignore_ascii_case(b"as_of"))
}

/// Where each column of the header is.
pub(super) fn places<const N: usize>(
    header: &csv::ByteRecord,
    wanted: [&'static str; N],
) -> Result<[usize; N], Fault> {
    let help = format!("the first line is `{}`", wanted.join(","));
    let names: Vec<String> = header
        .iter()
        .map(|name| String::from_utf8_lossy(name).to_lowercase())
        .collect();
    if names.iter().all(String::is_empty) {
        return Err(fault(1, "", "the file is empty", help));
    }
    if let Some(name) = names.iter().find(|name| !wanted.contains(&name.as_str())) {
        let why = format!("unknown column {name:?}");
        return Err(fault(1, "", why, help));
    }
    let mut places = [0; N];
    for (place, wanted) in places.iter_mut().zip(wanted) {
        let mut found = names.iter().enumerate().filter(|(_, name)| *name == wanted);
        match (found.next(), found.next()) {
            (Some((at, _)), None) => *place = at,
            (Some(_), Some(_)) => {
                return Err(fault(1, wanted, "the header has it twice", help));
            }
            (None, _) => return Err(fault(1, wanted, "the header lacks it", help)),
        }
    }
    Ok(places)
}

/// One row, or everything that is wrong with it.
fn row(
    record: &csv::ByteRecord,
    line: u64,
    width: usize,
    places: &[usize],
    (locations, counts): (&[&str], bool),
) -> Result<Row, Vec<Fault>> {
    if record.len() != width {
        let why = format!("{} values where the header has {width}", record.len());
        let help = "quote values that hold a comma: \"a,b\"";
        return Err(vec![fault(line, "", why, help)]);
    }
    let text = |at: usize| {
        let value = places.get(at).and_then(|place| record.get(*place));
        std::str::from_utf8(value.unwrap_or_default()).ok()
    };
    let mut faults = Vec::new();
    let mut keep = |read: Result<_, (String, String)>, column| match read {
        Ok(value) => Some(value),
        Err((why, help)) => {
            faults.push(fault(line, column, why, help));
            None
        }
    };
    let sku = keep(sku(text(0)).map(|sku| (sku.to_owned(), 0)), "sku");
    let location = location(text(1), locations).map(|location| (location.to_owned(), 0));
    let location = keep(location, "location");
    let units = units(text(2), counts).map(|units| (String::new(), units));
    let units = keep(units, "units");
    let as_of = match places.get(3) {
        Some(_) => keep(as_of(text(3)).map(|time| (time, 0)), "as_of").map(|(time, _)| Some(time)),
        None => Some(None),
    };
    match (sku, location, units, as_of) {
        (Some((sku, _)), Some((location, _)), Some((_, units)), Some(as_of)) => Ok(Row {
            sku,
            location,
            units,
            as_of,
        }),
        _ => Err(faults),
    }
}

pub(super) type Wrong = (String, String);

pub(super) fn sku(text: Option<&str>) -> Result<&str, Wrong> {
    let wrong = |why: &str, help: &str| Err((why.to_owned(), help.to_owned()));
    match text {
        None => wrong("it is not UTF-8", "save the file as UTF-8"),
        Some("") => wrong("the SKU is missing", "fill it in, or remove the row"),
        Some(text)
            if text
                .chars()
                .any(|letter| letter.is_control() || turns(letter)) =>
        {
            wrong("the SKU holds unprintable characters", "remove them")
        }
        Some(text) if text.len() > SKU_BYTES_MAX => wrong(
            "the SKU is longer than 255 bytes",
            "check the row's commas and quotes",
        ),
        Some(text) => Ok(text),
    }
}

/// Letters that make a text look like another.
fn turns(letter: char) -> bool {
    matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn location<'a>(text: Option<&'a str>, known: &[&str]) -> Result<&'a str, Wrong> {
    let text = text.unwrap_or("\u{fffd}");
    if known.contains(&text) {
        return Ok(text);
    }
    let why = if text.is_empty() {
        "the location is missing".to_owned()
    } else {
        format!("unknown location {text}")
    };
    Err((
        why,
        format!("the merchant's file has: {}", known.join(", ")),
    ))
}

fn units(text: Option<&str>, counts: bool) -> Result<u32, Wrong> {
    let text = text.unwrap_or("\u{fffd}");
    let is_whole = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let least = u32::from(!counts);
    let why = match text.parse() {
        Ok(units) if is_whole && (least..=UNITS_MAX).contains(&units) => return Ok(units),
        Ok(0) => "a receipt of 0 units".to_owned(),
        _ if text.is_empty() => "the units are missing".to_owned(),
        _ if is_whole => format!("{text} units are too many"),
        _ => format!("{text} is no number of units"),
    };
    Err((
        why,
        format!("units are whole numbers from {least} to {UNITS_MAX}"),
    ))
}

fn as_of(text: Option<&str>) -> Result<String, Wrong> {
    let time = super::explain::time(text.unwrap_or_default());
    let help = "write when it was counted, such as 2026-11-20T09:00:00Z";
    time.map(|time| time.to_string())
        .map_err(|why| (why, help.to_owned()))
}

pub(super) fn fault(
    line: u64,
    column: &'static str,
    why: impl Into<String>,
    help: impl Into<String>,
) -> Fault {
    let (why, help) = (why.into(), help.into());
    Fault {
        line,
        column,
        why,
        help,
    }
}

fn twice(line: u64, first: u64) -> Fault {
    let why = format!("this SKU and location were counted in line {first} already");
    fault(line, "", why, "keep the one row that is right")
}

pub(super) fn of_csv(error: &csv::Error) -> Fault {
    let line = error.position().map_or(1, csv::Position::line);
    fault(
        line,
        "",
        error.to_string(),
        "check the file's quotes and commas",
    )
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn to_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
