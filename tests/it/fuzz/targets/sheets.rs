//! CSV files, read as each kind that people hand in.
//!
//! No row is lost: each is taken or told with its line. A row that is taken says the same by itself, and
//! what is read of a file is read again from a file that is written of it.

use std::collections::BTreeSet;

use channelsync::sheet::{self, Of, Sheet, mapping, parcels};

const LOCATIONS: &[&str] = &["main", "annex"];
const UNITS_MAX: u32 = 1_000_000_000;

pub(super) fn holds(bytes: &[u8]) {
    for of in [
        Of::Receipts(LOCATIONS),
        Of::Counts(LOCATIONS),
        Of::CountsAt("main"),
    ] {
        stock(bytes, of);
    }
    map_file(bytes);
    parcel_file(bytes);
}

fn stock(bytes: &[u8], of: Of<'_>) {
    let read = sheet::read(bytes, of);
    assert_eq!(read, sheet::read(bytes, of));
    let sheet = match read {
        Ok(sheet) => sheet,
        Err(fault) => return is_told(&fault),
    };
    sheet.faults.iter().for_each(is_told);
    no_row_is_lost(bytes, &sheet);
    let places = sheet.rows.iter().map(|row| (row.line, &row.at));
    let mut end = sheet.header.end;
    for (line, at) in places {
        assert!(
            end <= at.start && at.start < at.end && at.end <= bytes.len(),
            "line {line}"
        );
        end = at.end;
    }
    for row in &sheet.rows {
        assert!(LOCATIONS.contains(&row.location.as_str()) && row.units <= UNITS_MAX);
        assert_eq!(sheet::sku(Some(&row.sku)), Ok(row.sku.as_str()));
    }
    for row in sheet.rows.iter().take(4) {
        let header = &bytes[sheet.header.clone()];
        let alone = [header, b"\n", &bytes[row.at.clone()]].concat();
        let alone = sheet::read(&alone, of).unwrap();
        let [same] = alone.rows.as_slice() else {
            panic!("{row:?} alone is {alone:?}");
        };
        assert_eq!(
            (&same.sku, &same.location, same.units, same.as_of),
            (&row.sku, &row.location, row.units, row.as_of)
        );
    }
}

/// Counted by the reader of CSV alone; where it gives up in the middle, the rest is told as one fault.
fn no_row_is_lost(bytes: &[u8], sheet: &Sheet) {
    let taken: BTreeSet<u64> = sheet.rows.iter().map(|row| row.line).collect();
    let told: BTreeSet<u64> = sheet.faults.iter().map(|fault| fault.line).collect();
    assert_eq!(taken.len(), sheet.rows.len(), "one row a line");
    assert!(taken.is_disjoint(&told), "taken and told: {sheet:?}");
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    let rows = reader.byte_records().filter(Result::is_ok).count();
    assert_eq!(taken.len() + told.len(), rows, "{sheet:?}");
}

/// It says where, and moves no cursor of a terminal.
fn is_told(fault: &sheet::Fault) {
    assert!(
        fault.line > 0 && !fault.why.is_empty() && !fault.help.is_empty(),
        "{fault:?}"
    );
    let text = fault.to_string();
    assert!(
        !text.chars().any(|c| c.is_control() && c != '\n'),
        "{text:?}"
    );
}

fn map_file(bytes: &[u8]) {
    let channels = ["us".to_owned(), "eu".to_owned()];
    let read = mapping::read(bytes, &channels);
    assert_eq!(read, mapping::read(bytes, &channels));
    let listings = match read {
        Ok(listings) => listings,
        Err(faults) => {
            assert!(!faults.is_empty());
            return faults.iter().for_each(is_told);
        }
    };
    let mut file = csv::Writer::from_writer(Vec::new());
    file.write_record(mapping::HEADER).unwrap();
    for listing in &listings {
        let named = [listing.channel.as_str(), &listing.listing];
        for (sku, units) in &listing.parts {
            assert!(*units > 0, "{listing:?}");
            let units = units.to_string();
            file.write_record(named.into_iter().chain([sku.as_str(), &units]))
                .unwrap();
        }
        if listing.parts.is_empty() {
            file.write_record(named.into_iter().chain(["", ""]))
                .unwrap();
        }
    }
    let without_lines = |mut listings: Vec<mapping::Mapped>| {
        listings.iter_mut().for_each(|listing| listing.line = 0);
        listings
    };
    let again = mapping::read(&file.into_inner().unwrap(), &channels).unwrap();
    assert_eq!(without_lines(again), without_lines(listings));
}

fn parcel_file(bytes: &[u8]) {
    let read = parcels::read(bytes, true);
    assert_eq!(read, parcels::read(bytes, true));
    let parcels = match read {
        Ok(read) => read.parcels,
        Err(faults) => return assert!(!faults.is_empty() && !faults.contains(&String::new())),
    };
    let mut file = csv::Writer::from_writer(Vec::new());
    file.write_record([
        "channel", "order", "location", "tracking", "carrier", "line", "units",
    ])
    .unwrap();
    for (label, rows) in &parcels {
        for row in rows {
            let label = [
                &label.channel,
                &label.order,
                &label.location,
                &label.tracking,
                &label.carrier,
            ];
            let units = row.units.to_string();
            file.write_record(label.into_iter().chain([&row.line, &units]))
                .unwrap();
        }
    }
    let numbered = parcels
        .iter()
        .filter(|(label, _)| !label.tracking.is_empty());
    let stated = parcels::read(bytes, false).unwrap();
    assert!(stated.parcels.iter().eq(numbered), "{stated:?} {parcels:?}");
    let again = parcels::read(&file.into_inner().unwrap(), true).unwrap();
    let again = again.parcels;
    assert!(again.keys().eq(parcels.keys()), "{again:?} {parcels:?}");
    for (again, rows) in again.values().zip(parcels.values()) {
        let without_lines = |rows: &[parcels::Packed]| -> Vec<(String, u32)> {
            rows.iter()
                .map(|row| (row.line.clone(), row.units))
                .collect()
        };
        assert_eq!(without_lines(again), without_lines(rows));
    }
}
