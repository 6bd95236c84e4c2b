//! CSV files, as people and programs write them: of stock here, of mappings and parcels below.
//!
//! In: the bytes of a file and what it is of. Out: the rows that can be booked, and what is wrong with
//! the others, each with its place. Nothing of any ledger is known here.

mod rows;
pub mod mapping;
pub mod parcels;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use channelsync_contract::Timestamp;

use self::rows::{Rows, width};

const SKU_BYTES_MAX: usize = 255;
/// The ledger takes no more for one SKU at one location.
const UNITS_MAX: u32 = 1_000_000_000;

/// What a file is of.
#[derive(Clone, Copy, Debug)]
pub enum Of<'a> {
    /// Units that came, at one of these locations: `sku,location,units`.
    Receipts(&'a [&'a str]),
    /// Units that lie at one of these locations: `sku,location,units`, and `as_of` if not now.
    Counts(&'a [&'a str]),
    /// Units that lay at this location: `sku,units,as_of`.
    CountsAt(&'a str),
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sheet {
    /// The bytes of the header.
    pub header: Range<usize>,
    /// What can be booked, in the order of the file.
    pub rows: Vec<Row>,
    /// What is wrong with the other rows.
    pub faults: Vec<Fault>,
}

/// A row that can be booked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where it begins, the header being line 1.
    pub line: u64,
    /// Its bytes.
    pub at: Range<usize>,
    /// What.
    pub sku: String,
    /// Where.
    pub location: String,
    /// How many.
    pub units: u32,
    /// Counts only: when they were there, where it was not now.
    pub as_of: Option<Timestamp>,
}

/// A place in the file that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line of its row, the header being line 1.
    pub line: u64,
    /// The bytes of its row; none where the caller does not look at them.
    pub at: Range<usize>,
    /// The row's values but its time: the same in every file that repeats the row.
    pub about: String,
    /// The column; empty where it is the row as a whole.
    pub column: &'static str,
    /// What is wrong.
    pub why: String,
    /// What to do.
    pub help: String,
}

/// Why a value is wrong, and what to do.
pub type Wrong = (String, String);

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}", self.line)?;
        if !self.column.is_empty() {
            write!(out, ", column {}", self.column)?;
        }
        write!(out, ": {}\n  help: {}", printable(&self.why), self.help)
    }
}

/// A text without letters that would move a terminal's cursor.
pub fn printable(text: &str) -> String {
    let shown = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().map(shown).collect()
}

impl Of<'_> {
    fn is_counts(self) -> bool {
        !matches!(self, Self::Receipts(_))
    }

    /// The columns of a header, in whatever order they stand there.
    fn columns(self, header: &csv::ByteRecord) -> &'static [&'static str] {
        let has_as_of = || {
            let mut names = header.iter();
            names.any(|name| name.eq_ignore_ascii_case(b"as_of"))
        };
        match self {
            Self::CountsAt(_) => &["sku", "units", "as_of"],
            Self::Counts(_) if has_as_of() => &["sku", "location", "units", "as_of"],
            Self::Counts(_) | Self::Receipts(_) => &["sku", "location", "units"],
        }
    }
}

/// Reads a file.
///
/// # Errors
/// When its header is wrong or nothing stands below it, so that no row can be told.
pub fn read(bytes: &[u8], of: Of<'_>) -> Result<Sheet, Fault> {
    let (mut rows, header) = Rows::of(bytes)?;
    let columns = of.columns(&header);
    let places = places(&header, columns)?;
    let columns: Vec<(&'static str, usize)> = columns.iter().copied().zip(places).collect();
    let mut sheet = Sheet {
        header: rows.header(),
        ..Sheet::default()
    };
    let mut record = csv::ByteRecord::new();
    while let Some(row) = rows.next(&mut record) {
        let (line, at) = match row {
            Ok(row) => row,
            Err(fault) => {
                sheet.faults.push(fault);
                break;
            }
        };
        let cells = Cells {
            record: &record,
            columns: &columns,
            width: header.len(),
        };
        match cells.row(line, of) {
            Ok(row) => sheet.rows.push(Row { at, ..row }),
            Err(faults) => {
                let about = cells.about();
                let here = |fault| Fault {
                    at: at.clone(),
                    about: about.clone(),
                    ..fault
                };
                sheet.faults.extend(faults.into_iter().map(here));
            }
        }
    }
    if sheet.rows.is_empty() && sheet.faults.is_empty() {
        let why = "there is no row below the header";
        return Err(fault(2, "", why, "add the rows that are to be booked"));
    }
    if of.is_counts() {
        sheet.tell_twice();
    }
    Ok(sheet)
}

impl Sheet {
    /// Of two counts of one SKU at one location nobody knows which is right.
    fn tell_twice(&mut self) {
        let mut first: BTreeMap<(&str, &str), &Row> = BTreeMap::new();
        let (mut faults, mut doubled) = (Vec::new(), BTreeSet::new());
        for row in &self.rows {
            let before = first.entry((&row.sku, &row.location)).or_insert(row);
            if before.line == row.line {
                continue;
            }
            for (one, other) in [(*before, row), (row, *before)] {
                if doubled.insert(one.line) {
                    faults.push(one.wrong(
                        format!(
                            "this SKU and location are counted in line {} too",
                            other.line
                        ),
                        "keep the one row that is right".to_owned(),
                    ));
                }
            }
        }
        self.rows.retain(|row| !doubled.contains(&row.line));
        self.faults.extend(faults);
        self.faults.sort_by_key(|fault| fault.line);
    }
}

impl Row {
    /// What is wrong with the row as a whole.
    pub fn wrong(&self, why: String, help: String) -> Fault {
        Fault {
            line: self.line,
            at: self.at.clone(),
            about: format!("{},{}", self.sku, self.units),
            column: "",
            why,
            help,
        }
    }
}

/// Where each column of the header is.
///
/// # Errors
/// The column that is unknown, missing or there twice.
pub fn places(header: &csv::ByteRecord, wanted: &[&'static str]) -> Result<Vec<usize>, Fault> {
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
    let place = |wanted: &&'static str| {
        let mut found = names.iter().enumerate().filter(|(_, name)| *name == wanted);
        match (found.next(), found.next()) {
            (Some((at, _)), None) => Ok(at),
            (Some(_), Some(_)) => Err(fault(1, wanted, "the header has it twice", help.clone())),
            (None, _) => Err(fault(1, wanted, "the header lacks it", help.clone())),
        }
    };
    wanted.iter().map(place).collect()
}

/// One row as it stands in the file.
struct Cells<'a> {
    record: &'a csv::ByteRecord,
    columns: &'a [(&'static str, usize)],
    width: usize,
}

impl Cells<'_> {
    /// The row, or everything that is wrong with it.
    fn row(&self, line: u64, of: Of<'_>) -> Result<Row, Vec<Fault>> {
        width(self.record, self.width, line).map_err(|fault| vec![fault])?;
        let mut faults = Vec::new();
        let sku = self.cell("sku", line, &mut faults, sku);
        let location = match of {
            Of::CountsAt(location) => Some(location),
            Of::Receipts(known) | Of::Counts(known) => {
                self.cell("location", line, &mut faults, |text| location(text, known))
            }
        };
        let least = u32::from(!of.is_counts());
        let units = self.cell("units", line, &mut faults, |text| units(text, least));
        let as_of = match self.columns.iter().any(|(name, _)| *name == "as_of") {
            true => self.cell("as_of", line, &mut faults, as_of).map(Some),
            false => Some(None),
        };
        match (sku, location, units, as_of) {
            (Some(sku), Some(location), Some(units), Some(as_of)) => Ok(Row {
                line,
                at: 0..0,
                sku: sku.to_owned(),
                location: location.to_owned(),
                units,
                as_of,
            }),
            _ => Err(faults),
        }
    }

    fn about(&self) -> String {
        let is_time = |at: usize| self.columns.contains(&("as_of", at));
        let values = self.record.iter().enumerate();
        let values = values.filter(|(at, _)| !is_time(*at));
        let values: Vec<_> = values
            .map(|(_, value)| String::from_utf8_lossy(value))
            .collect();
        values.join(",")
    }

    /// The value of a column; what is wrong with it goes to the faults.
    fn cell<'a, T>(
        &'a self,
        column: &'static str,
        line: u64,
        faults: &mut Vec<Fault>,
        read: impl FnOnce(Option<&'a str>) -> Result<T, Wrong>,
    ) -> Option<T> {
        let place = self.columns.iter().find(|(name, _)| *name == column);
        let value = place.and_then(|(_, place)| self.record.get(*place));
        let text = std::str::from_utf8(value.unwrap_or_default()).ok();
        let read = read(text).map_err(|(why, help)| faults.push(fault(line, column, why, help)));
        read.ok()
    }
}

/// A SKU, as the ledger takes it; none where it is no UTF-8.
///
/// # Errors
/// What is wrong with it.
pub fn sku(text: Option<&str>) -> Result<&str, Wrong> {
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

fn units(text: Option<&str>, least: u32) -> Result<u32, Wrong> {
    let text = text.unwrap_or("\u{fffd}");
    let is_whole = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
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

fn as_of(text: Option<&str>) -> Result<Timestamp, Wrong> {
    let time = Timestamp::parse(text.unwrap_or_default());
    time.ok_or_else(|| {
        let why = "it is no time like 2026-11-20T09:00:00Z or 2026-11-20T04:00:00-05:00";
        (why.to_owned(), "write when it was counted".to_owned())
    })
}

/// What is wrong in a line.
pub fn fault(
    line: u64,
    column: &'static str,
    why: impl Into<String>,
    help: impl Into<String>,
) -> Fault {
    Fault {
        line,
        at: 0..0,
        about: String::new(),
        column,
        why: why.into(),
        help: help.into(),
    }
}

fn to_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
