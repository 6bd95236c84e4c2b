//! `shadow`: what would be written to a channel, against what it shows.

use serde_json::Value;

use super::client::query;
use super::failure::{Exit, Failure};
use super::session::Session;
use super::status;
use super::table::{Column, cell, count, elements, table};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The channel [default: all in shadow mode]
    channel: Option<String>,
}

const COLUMNS: [Column; 7] = [
    Column::Text("CHANNEL"),
    Column::Text("LISTING"),
    Column::Text("SKU"),
    Column::Text("LOCATION"),
    Column::Number("SHOWN"),
    Column::Number("WOULD BE"),
    Column::Text("WHY"),
];

pub(super) async fn run(args: &Args, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let (all, live) = channels(args, session).await?;
    let path = session.path(&["differences"])?;
    let listings = session.path(&["listings"])?;
    let client = session.client();
    let (mut rows, mut unmapped) = (Vec::new(), 0_usize);
    for channel in &all {
        let of_channel = query(&listings, &[("channel", channel), ("unmapped", "true")]);
        let each = |page: Vec<Value>| {
            unmapped = unmapped.saturating_add(page.len());
            Ok(())
        };
        client.pages(&of_channel, each).await?;
        let each = |page| {
            rows.extend::<Vec<Value>>(page);
            Ok(())
        };
        let of_channel = query(&path, &[("channel", channel)]);
        client.pages(&of_channel, each).await?;
    }
    let exit = if rows.is_empty() {
        status::scanned(&all, session).await?;
        Exit::Ok
    } else {
        Exit::Found
    };
    if session.common.json {
        session.console.json(&Value::Array(rows))?;
    } else {
        session
            .console
            .print(&text(&all, live, (&rows, unmapped)))?;
    }
    Ok(exit)
}

/// The channels that are meant, and whether all of them are live already.
async fn channels(args: &Args, session: &Session<'_, '_>) -> Result<(Vec<String>, bool), Failure> {
    let known = session.channels(args.channel.as_deref())?;
    let merchant = status::of_merchant(session).await?;
    let rows = elements(&merchant["channels"]);
    let is_shadow = |name: &String| {
        let mut rows = rows.iter();
        rows.any(|row| row["channel"] == name.as_str() && row["mode"] == "shadow")
    };
    let (shadow, live): (Vec<String>, Vec<String>) = known.into_iter().partition(is_shadow);
    Ok(match (args.channel.is_some(), shadow.is_empty()) {
        (true, true) => (live, true),
        _ => (shadow, false),
    })
}

fn text(channels: &[String], live: bool, (rows, unmapped): (&[Value], usize)) -> String {
    let names = channels.join(", ");
    if channels.is_empty() {
        return "no channel is in shadow mode".to_owned();
    }
    let go = if live {
        format!("{names} is live: what differs is written as limits and orders allow")
    } else {
        format!(
            "to write them: `mode = \"live\"` for {names} in the merchant's file, then \
             `channelsync reload`"
        )
    };
    let go = match u64::try_from(unmapped).unwrap_or(u64::MAX) {
        0 => go,
        unmapped => {
            let unmapped = count(unmapped, "listing stands", "listings stand");
            format!(
                "not compared: {unmapped} for nothing, see `channelsync listings --unmapped`\n{go}"
            )
        }
    };
    let lines: Vec<Vec<String>> = rows.iter().flat_map(lines).collect();
    if lines.is_empty() {
        return format!("{names}: every slot shows its number\n{go}");
    }
    let slots = u64::try_from(lines.len()).unwrap_or(u64::MAX);
    let differ = count(slots, "slot differs", "slots differ");
    format!(
        "{}\n{differ}; `channelsync explain LISTING` tells every step\n{go}",
        table(&COLUMNS, lines)
    )
}

/// A line for each slot of an item.
fn lines(row: &Value) -> Vec<Vec<String>> {
    let listings: Vec<String> = elements(&row["listings"]).iter().map(cell).collect();
    let line = |slot: &Value| {
        vec![
            cell(&row["channel"]),
            listings.join(", "),
            cell(&row["sku"]),
            cell(&slot["location"]),
            cell(&slot["shown"]),
            cell(&slot["number"]),
            cell(&slot["why"]),
        ]
    };
    elements(&row["slots"]).iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_nothing_is_no_sign_that_all_is_well() {
        let channels = ["shop".to_owned()];
        let all = text(&channels, false, (&[], 0));
        assert!(all.starts_with("shop: every slot shows its number\nto write"));
        let none = text(&channels, false, (&[], 2));
        let said = "not compared: 2 listings stand for nothing";
        assert!(none.contains(said), "{none}");
    }
}
