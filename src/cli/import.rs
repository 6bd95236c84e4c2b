//! `stock import`: a CSV file of counts or receipts.
//!
//! The whole file is read and checked first; nothing of a file with a fault is booked, and all
//! faults are told. Then it goes out in chunks, each under an id made of the file's hash: a file
//! that broke off halfway is simply imported again, and the same file twice books nothing, unless a
//! person gives it another name.

use std::path::Path;

use serde_json::{Value, json};
use sha2::Digest as _;

use super::failure::{Exit, Failure};
use super::session::Session;
use super::status;
use super::table::{count, elements, printable};
use crate::sheet::{self, Fault, Of, Row};

/// Rows of one entry; the daemon takes no more.
pub(super) const CHUNK_ROWS_MAX: usize = 500;
pub(super) const FILE_BYTES_MAX: u64 = 256 << 20;
/// Faults that are printed; the others are counted.
const FAULTS_TOLD_MAX: usize = 50;

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
    let of = match counts {
        true => Of::Counts(&locations),
        false => Of::Receipts(&locations),
    };
    let rows = match sheet::read(&bytes, of) {
        Ok(sheet) if sheet.faults.is_empty() => sheet.rows,
        Ok(sheet) => return Err(told(file, &sheet.faults)),
        Err(fault) => return Err(told(file, &[fault])),
    };
    let sha256 = hex(&sha2::Sha256::digest(&bytes));
    let kind = if counts { "counts" } else { "receipts" };
    let (mut booked, mut known, mut new) = (0_u64, 0_u64, Vec::new());
    let bar = session.console.bar("rows", to_u64(rows.len()));
    for (number, chunk) in (1..).zip(rows.chunks(CHUNK_ROWS_MAX)) {
        let id = chunk_id(&sha256, kind, number, again);
        let is_as_of = chunk.iter().any(|row| row.as_of.is_some());
        let rows_now: Vec<Value> = chunk.iter().map(ordered).collect();
        let order = if is_as_of {
            json!({ "kind": "count_as_of", "id": id, "rows": rows_now })
        } else {
            json!({ "kind": "import", "id": id, "counts": counts, "rows": rows_now })
        };
        let answer = session.order(&order).await;
        let answer = answer.map_err(|failure| halfway(failure, booked, rows.len()))?;
        let rows_here = to_u64(chunk.len());
        match &answer["entry"] {
            Value::Null => known += rows_here,
            _ => booked += rows_here,
        }
        new.extend_from_slice(elements(&answer["new_skus"]));
        bar.inc(rows_here);
    }
    bar.finish_and_clear();
    let held = status::holds(&status::of_merchant(session).await?);
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

/// A row as the daemon takes it.
fn ordered(row: &Row) -> Value {
    let mut ordered = json!({ "sku": row.sku, "location": row.location, "units": row.units });
    if let Some(as_of) = row.as_of {
        ordered["as_of"] = json!(as_of.to_string());
    }
    ordered
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

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn to_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
