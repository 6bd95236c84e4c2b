//! Files of parcels that left.
//!
//! In: the bytes of a file. Out: all of its parcels, or every row that is wrong. Rows of one order,
//! location and number are one parcel; a row without a number says nothing of what left, unless it is
//! said that the file's parcels have none.

use std::collections::BTreeMap;

use super::rows::{Rows, width};
use super::{Fault, fault};

/// The columns; a file needs `channel`, `order`, `units`, and `line` or `listing` in each row.
pub const COLUMNS: [&str; 13] = [
    "ship_by",
    "acknowledge_by",
    "placed_at",
    "channel",
    "order",
    "name",
    "line",
    "listing",
    "sku",
    "location",
    "units",
    "tracking",
    "carrier",
];

/// What rows of one parcel have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label {
    /// Where it was ordered.
    pub channel: String,
    /// The channel's id of the order.
    pub order: String,
    /// Where it left; empty where its units are committed.
    pub location: String,
    /// The carrier's number; may be empty.
    pub tracking: String,
    /// The carrier; may be empty.
    pub carrier: String,
}

/// A row of a parcel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Its line in the file, the header being line 1.
    pub at: u64,
    /// The line of the order, or its listing.
    pub line: String,
    /// What the channel calls the SKU; may be empty.
    pub sku: String,
    /// Listing units.
    pub units: u32,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parcels {
    /// By their labels.
    pub parcels: BTreeMap<Label, Vec<Packed>>,
    /// Rows without a carrier's number, which nobody filled in.
    pub left_out: u64,
}

/// All parcels of a file; `untracked` ones, too, where its rows without a number are meant to be such.
///
/// # Errors
/// Every row that is wrong, with its line.
pub fn read(bytes: &[u8], untracked: bool) -> Result<Parcels, Vec<String>> {
    let told = |fault: Fault| format!("line {}: {}", fault.line, fault.why);
    let (mut rows, header) = Rows::of(bytes).map_err(|fault| vec![told(fault)])?;
    let names: Vec<String> = header
        .iter()
        .map(|name| String::from_utf8_lossy(name).to_lowercase())
        .collect();
    let place = |name: &str| names.iter().position(|known| known == name);
    if let Some(name) = names.iter().find(|name| !COLUMNS.contains(&name.as_str())) {
        let known = COLUMNS.join(",");
        return Err(vec![format!(
            "line 1: unknown column {name:?}; columns are {known}"
        )]);
    }
    for name in ["channel", "order", "units"] {
        if place(name).is_none() {
            return Err(vec![format!("line 1: the header lacks {name}")]);
        }
    }
    let twice = |name: &&&str| names.iter().filter(|known| known == name).count() > 1;
    if let Some(name) = COLUMNS.iter().find(twice) {
        return Err(vec![format!("line 1: the header has {name} twice")]);
    }
    let (mut read, mut faults) = (Parcels::default(), Vec::new());
    let mut record = csv::ByteRecord::new();
    while let Some(next) = rows.next(&mut record) {
        let whole = next.and_then(|(line, _)| {
            width(&record, header.len(), line)?;
            let utf8 = csv::StringRecord::from_byte_record(record.clone());
            let values = utf8.map_err(|_| fault(line, "", "it is not UTF-8", ""))?;
            Ok((line, values))
        });
        let (line, values) = match whole {
            Ok(row) => row,
            Err(fault) => {
                faults.push(told(fault));
                continue;
            }
        };
        let text = |name: &str| {
            place(name)
                .and_then(|place| values.get(place))
                .unwrap_or("")
        };
        match row(&text, line) {
            Ok((label, _)) if label.tracking.is_empty() && !untracked => read.left_out += 1,
            Ok((label, packed)) => read.parcels.entry(label).or_default().push(packed),
            Err(why) => faults.push(format!("line {line}: {why}")),
        }
    }
    if faults.is_empty() {
        Ok(read)
    } else {
        Err(faults)
    }
}

fn row<'t>(text: &impl Fn(&str) -> &'t str, at: u64) -> Result<(Label, Packed), String> {
    let need = |name: &str| match text(name) {
        "" => Err(format!("{name} is missing")),
        value => Ok(value.to_owned()),
    };
    let line = match (text("line"), text("listing")) {
        ("", "") => return Err("line or listing is missing".to_owned()),
        ("", listing) => listing,
        (line, _) => line,
    };
    let is_whole = text("units").bytes().all(|byte| byte.is_ascii_digit());
    let units = match text("units").parse() {
        Ok(units) if is_whole && units > 0 => units,
        _ => {
            return Err(format!(
                "{:?} is no number of units from 1 on",
                text("units")
            ));
        }
    };
    if text("tracking").is_empty() && !text("carrier").is_empty() {
        return Err("a carrier without a tracking number".to_owned());
    }
    let label = Label {
        channel: need("channel")?,
        order: need("order")?,
        location: text("location").to_owned(),
        tracking: text("tracking").to_owned(),
        carrier: text("carrier").to_owned(),
    };
    let packed = Packed {
        at,
        line: line.to_owned(),
        sku: text("sku").to_owned(),
        units,
    };
    Ok((label, packed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_one_order_and_number_are_one_parcel_and_every_bad_row_is_told() {
        let good = "channel,order,line,units,tracking,carrier\n\
                    us,1,a,2,T1,UPS\nus,1,b,1,T1,UPS\nus,1,a,1,T2,\n\nus,2,c,1,,\nus,1,b,1,,\n";
        let told = |untracked| {
            let read = read(good.as_bytes(), untracked).unwrap();
            let told = read.parcels.iter().map(|(label, rows)| {
                let rows = rows.iter();
                let rows = rows.map(|row| format!(" {}:{}={}", row.at, row.line, row.units));
                let (order, number) = (&label.order, &label.tracking);
                format!("{order} {number}{}", rows.collect::<String>())
            });
            (told.collect::<Vec<_>>(), read.left_out)
        };
        let numbered = ["1 T1 2:a=2 3:b=1", "1 T2 4:a=1"];
        assert_eq!(told(false), (numbered.map(String::from).to_vec(), 2));
        let all = ["1  7:b=1", numbered[0], numbered[1], "2  6:c=1"];
        assert_eq!(told(true), (all.map(String::from).to_vec(), 0));
        let bad = "channel,order,listing,units,tracking,carrier\n\
                   us,,a,2,,\nus,1,,1,,\nus,1,a,0,,\nus,1,a,x,,\nus,1,a,1,,UPS\nus,1\n";
        let faults = read(bad.as_bytes(), false).unwrap_err();
        let lines: Vec<_> = faults
            .iter()
            .map(|fault| fault.split(':').next().unwrap())
            .collect();
        assert_eq!(
            lines[..5],
            ["line 2", "line 3", "line 4", "line 5", "line 6"]
        );
        assert_eq!(faults.len(), 6);
        for text in [
            "",
            "order,units\n",
            "channel,order,units,colour\n",
            "channel,order,units,line,units\nus,1,1,a,2\n",
        ] {
            assert_eq!(read(text.as_bytes(), false).unwrap_err().len(), 1, "{text}");
        }
        // Nothing was to ship.
        let none = read(b"channel,order,units\n", false);
        assert_eq!(none, Ok(Parcels::default()));
    }
}
