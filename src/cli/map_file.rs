//! `map export` and `map import`: a CSV file of what listings stand for, several rows for a kit.
//!
//! A file is read and checked whole, in itself and against the daemon; nothing of one with a fault is
//! booked. Only what differs is then booked, so a file that broke off is simply imported again.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};

use super::client::query;
use super::failure::Failure;
use super::import::{CHUNK_ROWS_MAX, FILE_BYTES_MAX, read, to_u64, told};
use super::listings::stands_for_all;
use super::session::Session;
use super::table::{Column, cell, count, elements, table};
use crate::sheet::{Fault, Wrong, fault, of_csv, places, sku};

const HEADER: [&str; 4] = ["channel", "listing", "sku", "units"];
const NONE_HELP: &str = "leave sku and units both empty to let the listing map by itself";

/// What a file says of one listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Mapped {
    channel: String,
    listing: String,
    parts: Vec<(String, u32)>,
    /// Where it says so first.
    #[serde(skip)]
    line: u64,
}

/// Writes all listings that the channels have, to a file or to the terminal.
pub(super) async fn export(
    output: Option<&Path>,
    session: &mut Session<'_, '_>,
) -> Result<(), Failure> {
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
    let Some(output) = output else {
        return session.console.bytes(&bytes);
    };
    std::fs::write(output, bytes).map_err(|error| {
        let error = format!("cannot write {}: {error}", output.display());
        Failure::usage(error, "name a file that this user may write")
    })?;
    let (listings, file) = (count(listings, "listing", "listings"), output.display());
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
    let rows =
        parse(&read(file, FILE_BYTES_MAX)?, &channels).map_err(|faults| told(file, &faults))?;
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

/// All listings of a file, or everything that is wrong with it.
fn parse(bytes: &[u8], channels: &[String]) -> Result<Vec<Mapped>, Vec<Fault>> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(bytes);
    let places = match reader.byte_headers() {
        Ok(header) => places(header, &HEADER).map_err(|fault| vec![fault])?,
        Err(error) => return Err(vec![of_csv(&error)]),
    };
    let (mut found, mut faults) = (Vec::<Mapped>::new(), Vec::new());
    let mut known: BTreeMap<(String, String), usize> = BTreeMap::new();
    for record in reader.byte_records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                faults.push(of_csv(&error));
                continue;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        let field =
            |place: &usize| std::str::from_utf8(record.get(*place).unwrap_or_default()).ok();
        let fields: Vec<Option<&str>> = places.iter().map(field).collect();
        let part = match row(&fields, channels) {
            Ok((channel, listing, part)) => {
                let key = (channel.to_owned(), listing.to_owned());
                let at = *known.entry(key.clone()).or_insert_with(|| {
                    found.push(Mapped {
                        channel: key.0,
                        listing: key.1,
                        parts: Vec::new(),
                        line,
                    });
                    found.len() - 1
                });
                found.get_mut(at).map(|listing| (listing, part))
            }
            Err((column, (why, help))) => {
                faults.push(fault(line, column, why, help));
                continue;
            }
        };
        let Some((listing, part)) = part else {
            continue;
        };
        let first = listing.line == line;
        match part {
            None if first => {}
            Some((sku, units)) if first || is_another(listing, sku) => {
                listing.parts.push((sku.to_owned(), units));
            }
            None | Some(_) => {
                let why = format!("line {} says something else of this listing", listing.line);
                faults.push(fault(line, "", why, NONE_HELP));
            }
        }
    }
    if found.is_empty() && faults.is_empty() {
        let why = "there is no row below the header";
        faults.push(fault(2, "", why, "add the listings that are to be mapped"));
    }
    if faults.is_empty() {
        Ok(found)
    } else {
        Err(faults)
    }
}

/// Whether a SKU is a further part of a kit.
fn is_another(listing: &Mapped, sku: &str) -> bool {
    let parts = &listing.parts;
    !parts.is_empty() && parts.iter().all(|(known, _)| known != sku)
}

type RowRead<'a> = (&'a str, &'a str, Option<(&'a str, u32)>);

/// One row: channel, listing, and a part unless the listing is to map by itself.
fn row<'a>(
    fields: &[Option<&'a str>],
    channels: &[String],
) -> Result<RowRead<'a>, (&'static str, Wrong)> {
    let wrong = |column, why: String, help: String| Err((column, (why, help)));
    let [Some(channel), Some(listing), Some(sku_text), Some(units)] = fields else {
        return wrong(
            "",
            "it is not UTF-8".to_owned(),
            "save the file as UTF-8".to_owned(),
        );
    };
    if !channels.iter().any(|known| known == channel) {
        let help = format!("the merchant's file has: {}", channels.join(", "));
        return wrong("channel", format!("unknown channel {channel}"), help);
    }
    if listing.is_empty() {
        let help = "`channelsync map export` writes all listings".to_owned();
        return wrong("listing", "the listing is missing".to_owned(), help);
    }
    if sku_text.is_empty() && units.is_empty() {
        return Ok((channel, listing, None));
    }
    let sku = sku(Some(sku_text)).map_err(|wrong| ("sku", wrong))?;
    let is_whole = !units.is_empty() && units.bytes().all(|byte| byte.is_ascii_digit());
    match units.parse() {
        Ok(units) if is_whole && units > 0 => Ok((channel, listing, Some((sku, units)))),
        _ => {
            let help = "units are whole numbers from 1 to 4294967295".to_owned();
            wrong("units", format!("{units:?} is no number of units"), help)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    fn parsed(text: &str) -> String {
        match parse(text.as_bytes(), &["us".to_owned(), "eu".to_owned()]) {
            Ok(rows) => {
                let rows = rows.iter().map(|row| serde_json::to_string(row).unwrap());
                rows.collect::<Vec<_>>().join("\n")
            }
            Err(faults) => {
                let faults = faults.iter().map(ToString::to_string);
                faults.collect::<Vec<_>>().join("\n")
            }
        }
    }

    #[test]
    fn rows_of_one_listing_make_a_kit_and_an_empty_one_returns_it_to_itself() {
        assert_snapshot!(parsed("channel,listing,sku,units\nus,1,MUG,2\nus,2,,\neu,1,CUP,1\nus,1,CUP,1\n"), @r#"
        {"channel":"us","listing":"1","parts":[["MUG",2],["CUP",1]]}
        {"channel":"us","listing":"2","parts":[]}
        {"channel":"eu","listing":"1","parts":[["CUP",1]]}
        "#);
    }

    #[test]
    fn every_bad_row_is_told_with_its_line() {
        assert_snapshot!(parsed("sku,channel,units,listing\nMUG,uk,1,1\nMUG,us,1,\nMUG,us,0,1\n,us,1,2\nMUG,us,1,3\nMUG,us,2,3\n,us,,3\nMUG,us,1\n"), @r#"
        line 2, column channel: unknown channel uk
          help: the merchant's file has: us, eu
        line 3, column listing: the listing is missing
          help: `channelsync map export` writes all listings
        line 4, column units: "0" is no number of units
          help: units are whole numbers from 1 to 4294967295
        line 5, column sku: the SKU is missing
          help: fill it in, or remove the row
        line 7: line 6 says something else of this listing
          help: leave sku and units both empty to let the listing map by itself
        line 8: line 6 says something else of this listing
          help: leave sku and units both empty to let the listing map by itself
        line 9: CSV error: record 8 (line: 9, byte: 95): found record with 3 fields, but the previous record has 4 fields
          help: check the file's quotes and commas
        "#);
        assert_snapshot!(parsed("channel,listing,sku\n"), @r"
        line 1, column units: the header lacks it
          help: the first line is `channel,listing,sku,units`
        ");
    }

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
