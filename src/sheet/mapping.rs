//! Files of what listings stand for, several rows for a kit.
//!
//! In: the bytes of a file, and the channels there are. Out: all of its listings, or everything that is
//! wrong with it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::rows::{Rows, width};
use super::{Fault, Wrong, fault, places, sku};

/// The columns.
pub const HEADER: [&str; 4] = ["channel", "listing", "sku", "units"];
const NONE_HELP: &str = "leave sku and units both empty to let the listing map by itself";

/// What a file says of one listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mapped {
    /// Its channel.
    pub channel: String,
    /// The channel's id of it.
    pub listing: String,
    /// SKUs and units of each; none where it is to map by itself.
    pub parts: Vec<(String, u32)>,
    /// Where it says so first.
    #[serde(skip)]
    pub line: u64,
}

/// All listings of a file.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(bytes: &[u8], channels: &[String]) -> Result<Vec<Mapped>, Vec<Fault>> {
    let (mut rows, header) = Rows::of(bytes).map_err(|fault| vec![fault])?;
    let places = places(&header, &HEADER).map_err(|fault| vec![fault])?;
    let (mut found, mut faults) = (Vec::<Mapped>::new(), Vec::new());
    let mut known: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut record = csv::ByteRecord::new();
    while let Some(next) = rows.next(&mut record) {
        let whole = next.and_then(|(line, _)| {
            width(&record, header.len(), line)?;
            Ok(line)
        });
        let line = match whole {
            Ok(line) => line,
            Err(fault) => {
                faults.push(fault);
                continue;
            }
        };
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
        match read(text.as_bytes(), &["us".to_owned(), "eu".to_owned()]) {
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
        line 9: 3 values where the header has 4
          help: quote values that hold a comma: "a,b"
        "#);
        assert_snapshot!(parsed("channel,listing,sku,units\rus,1,MUG,2\r\rus,1,MUG,2\r"), @r"
        line 4: line 2 says something else of this listing
          help: leave sku and units both empty to let the listing map by itself
        ");
        assert_snapshot!(parsed("channel,listing,sku\n"), @r"
        line 1, column units: the header lacks it
          help: the first line is `channel,listing,sku,units`
        ");
    }
}
