//! `map export` and `map import`: a CSV file of what listings stand for, several rows for a kit.
//!
//! A file is read and checked whole, in itself and against the daemon; nothing of one with a fault is
//! booked. Only what differs is then booked, so a file that broke off is simply imported again.

use std::path::Path;

use serde_json::{Value, json};

use super::client::query;
use super::failure::Failure;
use super::import::{CHUNK_ROWS_MAX, FILE_BYTES_MAX, read, to_u64, told};
use super::listings::stands_for_all;
use super::output::Output;
use super::session::Session;
use super::table::{Column, cell, count, elements, table};
use crate::sheet::fault;
use crate::sheet::mapping::{self, HEADER, Mapped};

/// Writes all listings that the channels have, to a file or to the terminal.
pub(super) async fn export(output: &Output, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    output.check()?;
    let list = session.path(&["listings"])?;
    let client = session.client();
    let mut file = csv::Writer::from_writer(Vec::new());
    let unwritable = |error: csv::Error| Failure::usage(error.to_string(), "this is a bug");
    file.write_record(HEADER).map_err(unwritable)?;
    let mut listings = 0_u64;
    for channel in session.channels(None)? {
        let path = query(&list, &[("channel", &channel)]);
        let each = |rows: Vec<Value>| {
            for row in rows.iter().filter(|row| row["gone"] != true) {
                let (channel, listing) = (cell(&row["channel"]), cell(&row["listing"]));
                listings += 1;
                for part in elements(&row["parts"]) {
                    let (sku, units) = (cell(&part[0]), cell(&part[1]));
                    let record = [&channel, &listing, &sku, &units];
                    file.write_record(record).map_err(unwritable)?;
                }
                if elements(&row["parts"]).is_empty() {
                    let record = [channel.as_str(), &listing, "", ""];
                    file.write_record(record).map_err(unwritable)?;
                }
            }
            Ok(())
        };
        client.pages(&path, each).await?;
    }
    let bytes = file.into_inner().unwrap_or_default();
    let Some(file) = output.write(&bytes, session.console)? else {
        return Ok(());
    };
    let (listings, file) = (count(listings, "listing", "listings"), file.display());
    session
        .console
        .print(&format!("{listings} written to {file}"))
}

/// Books what differs from a file, or tells what would be booked.
pub(super) async fn import(
    file: &Path,
    dry_run: bool,
    session: &mut Session<'_, '_>,
) -> Result<(), Failure> {
    let channels = session.channels(None)?;
    let rows = mapping::read(&read(file, FILE_BYTES_MAX)?, &channels)
        .map_err(|faults| told(file, &faults))?;
    let (mut faults, mut changes, mut then) = (Vec::new(), Vec::new(), Vec::new());
    let path = session.path(&["map", "plan"])?;
    for chunk in chunks(&rows) {
        let answer = session
            .client()
            .post(&path, &json!({ "rows": chunk }))
            .await?;
        for (row, planned) in chunk.iter().zip(elements(&answer["rows"])) {
            if let Some(why) = planned["error"].as_str() {
                let help = "`channelsync listings` and `channelsync stock` show what there is";
                faults.push(fault(row.line, "", why, help));
            } else if planned["changes"] == true {
                changes.push(change(row, planned));
                then.push(row.clone());
            }
        }
    }
    if !faults.is_empty() {
        return Err(told(file, &faults));
    }
    if dry_run {
        return show(&changes, rows.len(), session);
    }
    for chunk in chunks(&then) {
        let order = json!({ "kind": "map", "rows": chunk });
        session.order(&order).await?;
    }
    let (changed, same) = (to_u64(then.len()), to_u64(rows.len() - then.len()));
    if session.common.json {
        let summary = json!({ "changed": changed, "unchanged": same });
        return session.console.json(&summary);
    }
    let changed = count(changed, "listing", "listings");
    session
        .console
        .print(&format!("{changed} mapped, {same} were so before"))
}

fn change(row: &Mapped, planned: &Value) -> Value {
    json!({
        "line": row.line, "channel": row.channel, "listing": row.listing,
        "now": planned["now"], "then": row.parts,
        "orders_booked": planned["orders_booked"], "orders_kept": planned["orders_kept"],
    })
}

fn show(changes: &[Value], rows: usize, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    if session.common.json {
        return session.console.json(&json!(changes));
    }
    let columns = [
        Column::Number("LINE"),
        Column::Text("CHANNEL"),
        Column::Text("LISTING"),
        Column::Text("NOW"),
        Column::Text("THEN"),
        Column::Number("WAITING ORDERS BOOKED"),
        Column::Number("OPEN ORDERS KEPT"),
    ];
    let line = |change: &Value| {
        let then = match stands_for_all(&change["then"]) {
            then if then == "-" => "by itself".to_owned(),
            then => then,
        };
        vec![
            cell(&change["line"]),
            cell(&change["channel"]),
            cell(&change["listing"]),
            stands_for_all(&change["now"]),
            then,
            cell(&change["orders_booked"]),
            cell(&change["orders_kept"]),
        ]
    };
    if !changes.is_empty() {
        let lines = changes.iter().map(line).collect();
        session.console.print(&table(&columns, lines))?;
    }
    let of = count(to_u64(rows), "listing", "listings");
    let would = count(to_u64(changes.len()), "would change", "would change");
    session.console.print(&format!(
        "nothing was booked: of {of} {would}; open orders keep what they were booked as until \
         `channelsync map --reapply`"
    ))
}

/// Listings together so that they make no more rows than one entry takes.
fn chunks(rows: &[Mapped]) -> Vec<Vec<Mapped>> {
    let mut chunks: Vec<Vec<Mapped>> = Vec::new();
    let mut left = 0;
    for row in rows {
        let needed = row.parts.len().max(1);
        match chunks.last_mut() {
            Some(last) if needed <= left => {
                last.push(row.clone());
                left -= needed;
            }
            _ => {
                chunks.push(vec![row.clone()]);
                left = CHUNK_ROWS_MAX.saturating_sub(needed);
            }
        }
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_takes_no_more_rows_than_it_may() {
        let kit = |number: usize, parts: usize| Mapped {
            channel: "us".to_owned(),
            listing: number.to_string(),
            parts: vec![("MUG".to_owned(), 1); parts],
            line: 0,
        };
        let rows: Vec<Mapped> = (0..400).map(|number| kit(number, number % 4)).collect();
        let chunks = chunks(&rows);
        let size = |chunk: &Vec<Mapped>| chunk.iter().map(|row| row.parts.len().max(1)).sum();
        let sizes: Vec<usize> = chunks.iter().map(size).collect();
        assert_eq!(sizes, [499, 201]);
        assert_eq!(chunks.concat(), rows);
    }
}
