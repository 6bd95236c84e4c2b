//! `shadow`: what would be written to a channel, against what it shows.

use serde_json::Value;

mod report;

use super::client::query;
use super::explain::{replayed, value};
use super::failure::{Exit, Failure};
use super::import::to_u64;
use super::session::Session;
use super::status;
use super::table::{Column, cell, count, elements, table};

#[derive(clap::Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(flatten)]
    of: Of,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(clap::Args, Debug)]
struct Of {
    /// The channel [default: all in shadow mode]
    channel: Option<String>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Tell what the numbers would have changed for the orders that came since: oversells avoided and
    /// caused, and buyers turned away
    Report(Of),
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
    let of = match &args.command {
        None => &args.of,
        Some(Command::Report(of)) => return tell(of, session).await,
    };
    let (all, live) = channels(of, session).await?;
    let path = session.path(&["differences"])?;
    let listings = session.path(&["listings"])?;
    let client = session.client();
    let (mut rows, mut left_out) = (Vec::new(), LeftOut::default());
    for channel in &all {
        let of_channel = query(&listings, &[("channel", channel), ("unmapped", "true")]);
        let each = |page: Vec<Value>| {
            left_out.unmapped = left_out.unmapped.saturating_add(to_u64(page.len()));
            Ok(())
        };
        client.pages(&of_channel, each).await?;
        let each = |page: Vec<Value>| {
            let (uncounted, differ): (Vec<Value>, Vec<Value>) = page
                .into_iter()
                .partition(|row| row["never_counted"] == true);
            left_out.uncounted = left_out.uncounted.saturating_add(to_u64(uncounted.len()));
            rows.extend(differ);
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
        session.console.print(&text(&all, live, &rows, &left_out))?;
    }
    Ok(exit)
}

/// What became of the orders since the channels are in shadow mode, by the whole journal.
async fn tell(of: &Of, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let (all, live) = channels(of, session).await?;
    if live {
        let help = "`channelsync explain order` tells why an order of it could not be filled";
        return Err(Failure::usage(format!("{} is live", all.join(", ")), help));
    }
    let mut watch = report::Watch::new(&all);
    let ledger = replayed(session, |ledger, entry| {
        watch.look(ledger);
        watch.enter(ledger, entry);
    })?;
    watch.look(&ledger);
    let reports = watch.reports();
    if session.common.json {
        session.console.json(&value(reports)?)?;
        return Ok(Exit::Ok);
    }
    for report in &reports {
        session.console.print(&report.text())?;
    }
    if reports.is_empty() {
        session.console.print("no channel is in shadow mode")?;
    }
    Ok(Exit::Ok)
}

/// The channels that are meant, and whether all of them are live already.
async fn channels(of: &Of, session: &Session<'_, '_>) -> Result<(Vec<String>, bool), Failure> {
    let known = session.channels(of.channel.as_deref())?;
    let merchant = status::of_merchant(session).await?;
    let rows = elements(&merchant["channels"]);
    let is_shadow = |name: &String| {
        let mut rows = rows.iter();
        rows.any(|row| row["channel"] == name.as_str() && row["mode"] == "shadow")
    };
    let (shadow, live): (Vec<String>, Vec<String>) = known.into_iter().partition(is_shadow);
    Ok(match (of.channel.is_some(), shadow.is_empty()) {
        (true, true) => (live, true),
        _ => (shadow, false),
    })
}

/// What nothing is written for, and so nothing is compared.
#[derive(Default)]
struct LeftOut {
    /// Listings.
    unmapped: u64,
    /// Items of SKUs that nobody counted.
    uncounted: u64,
}

impl LeftOut {
    /// One line for each kind.
    fn told(&self) -> String {
        let mut told = String::new();
        if self.unmapped > 0 {
            let unmapped = count(self.unmapped, "listing stands", "listings stand");
            told.push_str(&format!(
                "not compared: {unmapped} for nothing, see `channelsync listings --unmapped`\n"
            ));
        }
        if self.uncounted > 0 {
            let uncounted = count(self.uncounted, "item was", "items were");
            told.push_str(&format!(
                "not compared: {uncounted} never counted, `channelsync adopt CHANNEL` proposes counts\n"
            ));
        }
        told
    }
}

fn text(channels: &[String], live: bool, rows: &[Value], left_out: &LeftOut) -> String {
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
    let left_out = left_out.told();
    let go = format!("{left_out}{go}");
    let lines: Vec<Vec<String>> = rows.iter().flat_map(lines).collect();
    if lines.is_empty() {
        let compared = if left_out.is_empty() {
            ""
        } else {
            " that is compared"
        };
        return format!("{names}: every slot{compared} shows its number\n{go}");
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
        let all = text(&channels, false, &[], &LeftOut::default());
        assert!(all.starts_with("shop: every slot shows its number\nto write"));
        let left_out = LeftOut {
            unmapped: 2,
            uncounted: 1,
        };
        let none = text(&channels, false, &[], &left_out);
        let said = "not compared: 2 listings stand for nothing";
        assert!(none.contains(said), "{none}");
        let said = "not compared: 1 item was never counted";
        assert!(none.contains(said), "{none}");
    }
}
