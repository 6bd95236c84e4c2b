//! `slots`: of each number that a channel shows, what it should be, what was sent, confirmed and read.

use std::time::Duration;

use channelsync_contract::Timestamp;
use serde_json::Value;

use super::client::query;
use super::failure::{Exit, Failure};
use super::session::Session;
use super::table::{Column, cell, elements, table};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Of this channel only
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// Of this listing only
    #[arg(long, value_name = "LISTING")]
    listing: Option<String>,
    /// Only those that are not known to show their number
    #[arg(long)]
    differ: bool,
}

const COLUMNS: [Column; 8] = [
    Column::Text("CHANNEL"),
    Column::Text("LISTING"),
    Column::Text("LOCATION"),
    Column::Text("TARGET"),
    Column::Text("SENT"),
    Column::Text("CONFIRMED"),
    Column::Text("READ BACK"),
    Column::Text("STATE"),
];

pub(super) async fn run(args: &Args, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let (path, client) = (session.path(&["slots"])?, session.client());
    let mut rows = Vec::new();
    for channel in session.booked_channels(args.channel.as_deref()).await? {
        let each = |page: Vec<Value>| {
            rows.extend(page.into_iter().filter_map(|row| wanted(args, row)));
            Ok(())
        };
        let of_channel = query(&path, &[("channel", &channel)]);
        client.pages(&of_channel, each).await?;
    }
    if session.common.json {
        session.console.json(&Value::Array(rows))?;
        return Ok(Exit::Ok);
    }
    let now = session.console.clock.now();
    let lines: Vec<_> = rows.iter().flat_map(|row| lines(row, now)).collect();
    let text = match (lines.is_empty(), args.differ) {
        (true, true) => "every slot shows its number, as far as is known".to_owned(),
        (true, false) => "no slots".to_owned(),
        (false, _) => table(&COLUMNS, lines),
    };
    session.console.print(&text)?;
    Ok(Exit::Ok)
}

/// An item with those of its slots that are asked for; none without any.
fn wanted(args: &Args, mut row: Value) -> Option<Value> {
    let is_it = |listing: &String| {
        let mut listings = elements(&row["listings"]).iter();
        listings.any(|own| own == listing.as_str())
    };
    if !args.listing.as_ref().is_none_or(is_it) {
        return None;
    }
    let has_number = row["no_number"].is_null();
    if let Some(slots) = row["slots"].as_array_mut().filter(|_| args.differ) {
        slots.retain(|slot| has_number && !is_held(slot));
    }
    (!elements(&row["slots"]).is_empty()).then_some(row)
}

/// Whether a slot is known to hold its number.
fn is_held(slot: &Value) -> bool {
    let (low, high) = (&slot["number"], &slot["number_if_unrouted_here"]);
    let (Some(low), Some(high)) = (low.as_i64(), high.as_i64()) else {
        return true;
    };
    let held = slot["expected"].as_i64();
    slot["state"] == "free" && held.is_some_and(|held| (low..=high).contains(&held))
}

fn lines(row: &Value, now: Timestamp) -> Vec<Vec<String>> {
    let listings: Vec<String> = elements(&row["listings"]).iter().map(cell).collect();
    let line = |slot: &Value| {
        let state = match &row["no_number"] {
            Value::String(why) => format!("no number: {why}"),
            _ if slot["to_read"] == true => format!("{}, to be read", cell(&slot["state"])),
            _ => cell(&slot["state"]),
        };
        vec![
            cell(&row["channel"]),
            listings.join(", "),
            cell(&slot["location"]),
            cell(&slot["number"]),
            aged(slot, "sent", now),
            aged(slot, "confirmed", now),
            aged(slot, "shown", now),
            state,
        ]
    };
    elements(&row["slots"]).iter().map(line).collect()
}

/// A figure with its age.
fn aged(slot: &Value, key: &str, now: Timestamp) -> String {
    let at = slot[format!("{key}_at")]
        .as_str()
        .and_then(Timestamp::parse);
    match at {
        Some(at) => format!("{}, {} ago", cell(&slot[key]), ago(now.since(at))),
        None => cell(&slot[key]),
    }
}

/// In the largest unit of which there are two.
fn ago(age: Duration) -> String {
    let secs = age.as_secs();
    let (units, name) = match secs {
        0..120 => (secs, "s"),
        120..7_200 => (secs.div_euclid(60), "min"),
        7_200..172_800 => (secs.div_euclid(3_600), "h"),
        172_800.. => (secs.div_euclid(86_400), "d"),
    };
    format!("{units} {name}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(expected: &Value, state: &str) -> Value {
        json!({
            "channel": "shopify-us", "listings": ["101"], "no_number": null,
            "slots": [{
                "location": "main", "number": 4, "number_if_unrouted_here": 6, "expected": expected,
                "sent": null, "sent_at": null, "confirmed": 4, "confirmed_at": "2026-11-20T09:00:00Z",
                "shown": 5, "shown_at": "2026-11-20T09:58:00Z", "state": state, "to_read": false,
            }],
        })
    }

    #[test]
    fn figures_have_their_age() {
        let now = Timestamp::parse("2026-11-20T10:00:30Z").unwrap();
        let lines = lines(&row(&json!(5), "free"), now);
        insta::assert_snapshot!(table(&COLUMNS, lines), @r"
        CHANNEL     LISTING  LOCATION  TARGET  SENT  CONFIRMED      READ BACK     STATE
        shopify-us  101      main      4       -     4, 60 min ago  5, 2 min ago  free
        ");
    }

    #[test]
    fn a_slot_differs_where_it_is_not_known_to_hold_its_number() {
        let args = Args {
            channel: None,
            listing: Some("101".to_owned()),
            differ: true,
        };
        for (expected, state, differs) in [
            (json!(4), "free", false),
            (json!(6), "free", false),
            (json!(7), "free", true),
            (json!(null), "free", true),
            (json!(5), "in doubt, call 7", true),
        ] {
            let found = wanted(&args, row(&expected, state));
            assert_eq!(found.is_some(), differs, "{expected} {state}");
        }
        let other = Args {
            listing: Some("102".to_owned()),
            ..args
        };
        assert_eq!(wanted(&other, row(&json!(7), "free")), None);
    }
}
