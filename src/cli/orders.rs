//! `orders`: what buyers bought, and what became of it.

use serde_json::{Value, json};

use super::client::query;
use super::failure::{Exit, Failure};
use super::parcels;
use super::session::{List, Session};
use super::ship;
use super::shorts;
use super::table::{Column, cell, elements, table};

#[derive(clap::Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    /// Of this channel only
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// Only those with units left to ship
    #[arg(long)]
    open: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show one order with its lines
    Show {
        /// The channel
        channel: String,
        /// The channel's id of the order, or its name such as `#1001`
        order: String,
    },
    /// List lines that cannot be filled, the most pressing first, with what can be done
    Short(shorts::Args),
    /// Record that a parcel left, or the parcels of a file; the channel is told of it
    Ship(ship::Args),
    /// Set the carrier's number of a parcel; the channel is told of it
    Tracking(ship::TrackArgs),
    /// Report a parked parcel again, or take it back
    Report(ship::ReportArgs),
    /// Hold an order back: it keeps its units and does not leave
    Hold(ship::HoldArgs),
    /// Let a held order go
    Release(ship::OrderArgs),
    /// Say that an order, parked because it is too old to be booked, was dealt with
    Dismiss {
        /// The channel
        channel: String,
        /// The channel's id of the order
        order: String,
    },
    /// Write a list for the warehouse
    Export(parcels::Export),
}

const LIST: List = List {
    columns: &[
        Column::Text("CHANNEL"),
        Column::Text("ORDER"),
        Column::Text("NAME"),
        Column::Text("PLACED"),
        Column::Text("STATE"),
        Column::Number("ORDERED"),
        Column::Number("OPEN"),
        Column::Number("COMMITTED"),
        Column::Number("BACKORDERED"),
    ],
    lines: |row| vec![line(row)],
    nothing: "no orders",
};

pub(super) async fn run(args: Args, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    match args.command {
        None => {
            let list = session.path(&["orders"])?;
            let channels = session.booked_channels(args.channel.as_deref()).await?;
            let open = if args.open { "true" } else { "false" };
            let paths = channels
                .iter()
                .map(|channel| query(&list, &[("channel", channel), ("open", open)]));
            session.list(&paths.collect::<Vec<_>>(), &LIST).await?;
        }
        Some(Command::Show { channel, order }) => {
            session.booked_channels(Some(&channel)).await?;
            let path = session.path(&["orders", &channel, &order])?;
            let order = session.client().get(&path).await?;
            if session.common.json {
                session.console.json(&order)?;
            } else {
                session.console.print(&text(&order))?;
            }
        }
        Some(Command::Short(args)) => shorts::run(&args, session).await?,
        Some(Command::Ship(args)) => return ship::run(args, session).await,
        Some(Command::Tracking(args)) => ship::track(args, session).await?,
        Some(Command::Report(args)) => ship::report(args, session).await?,
        Some(Command::Dismiss { channel, order }) => {
            let dismiss = json!({ "kind": "dismiss", "channel": channel, "order": order });
            session.order_and_tell(&dismiss).await?;
        }
        Some(Command::Hold(args)) => ship::hold(args, session).await?,
        Some(Command::Release(args)) => ship::release(args, session).await?,
        Some(Command::Export(args)) => parcels::export(args, session).await?,
    }
    Ok(Exit::Ok)
}

fn sum(order: &Value, key: &str) -> String {
    let lines = elements(&order["lines"]).iter();
    let units = lines.filter_map(|line| line[key].as_u64());
    units.fold(0, u64::saturating_add).to_string()
}

fn state(order: &Value) -> String {
    let is = |key: &str| order[key] == true;
    let unmapped = elements(&order["lines"])
        .iter()
        .any(|line| line["unmapped"] == true);
    let open = if is("open") { "open" } else { "closed" };
    let hold = order["hold"].as_str().map(|why| format!("held: {why}"));
    let on_hold = elements(&order["lines"])
        .iter()
        .any(|line| line["on_hold"].as_u64().is_some_and(|units| units > 0));
    let words = [
        (true, open),
        (hold.is_some(), hold.as_deref().unwrap_or_default()),
        (on_hold, "held by the channel"),
        (is("test"), "test, never booked"),
        (is("cancelled"), "cancelled"),
        (unmapped, "parked: a listing is unmapped"),
        (is("fetch_wanted"), "to be read again"),
    ];
    let said = words.into_iter().filter(|(said, _)| *said);
    said.map(|(_, word)| word).collect::<Vec<_>>().join(", ")
}

fn line(order: &Value) -> Vec<String> {
    vec![
        cell(&order["channel"]),
        cell(&order["order"]),
        cell(&order["name"]),
        cell(&order["placed_at"]),
        state(order),
        sum(order, "ordered"),
        sum(order, "open"),
        sum(order, "committed"),
        sum(order, "backordered_units"),
    ]
}

/// One order for people.
fn text(order: &Value) -> String {
    let columns = [
        Column::Text("LINE"),
        Column::Text("LISTING"),
        Column::Number("ORDERED"),
        Column::Number("OPEN"),
        Column::Number("COMMITTED"),
        Column::Number("BACKORDERED"),
        Column::Number("SHIPPED BY US"),
        Column::Number("FULFILLED"),
        Column::Number("RESTOCKED"),
        Column::Number("ENTRY"),
    ];
    let lines = elements(&order["lines"]).iter().map(|line| {
        vec![
            cell(&line["line"]),
            cell(&line["listing"]),
            cell(&line["ordered"]),
            cell(&line["open"]),
            cell(&line["committed"]),
            cell(&line["backordered_units"]),
            cell(&line["shipped_by_us"]),
            cell(&line["fulfilled"]),
            cell(&line["restocked"]),
            cell(&line["entry"]),
        ]
    });
    let parcels = parcels_text(order);
    format!(
        "order {} ({}) on {}\nplaced {}, version {}, entry {}\n{}\n\n{}{parcels}",
        cell(&order["name"]),
        cell(&order["order"]),
        cell(&order["channel"]),
        cell(&order["placed_at"]),
        cell(&order["version"]),
        cell(&order["entry"]),
        state(order),
        table(&columns, lines.collect()),
    )
}

/// The parcels of ours below the lines; nothing where there is none.
fn parcels_text(order: &Value) -> String {
    let parcels = elements(&order["shipments"]);
    if parcels.is_empty() {
        return String::new();
    }
    let columns = [
        Column::Text("SHIPMENT"),
        Column::Text("FROM"),
        Column::Text("HOLDS"),
        Column::Text("NUMBER"),
        Column::Text("REPORT"),
    ];
    let rows = parcels.iter().map(|parcel| {
        let lines = elements(&parcel["lines"]).iter();
        let lines = lines.filter(|line| line["units"] != 0);
        let lines = lines.map(|line| format!("{}={}", cell(&line["line"]), cell(&line["units"])));
        let state = match parcel["why"].as_str() {
            Some(why) => format!("{}: {why}", cell(&parcel["state"])),
            None => cell(&parcel["state"]),
        };
        vec![
            cell(&parcel["shipment"]),
            cell(&parcel["from"]),
            lines.collect::<Vec<_>>().join(" "),
            cell(&parcel["tracking"]),
            state,
        ]
    });
    format!("\n{}", table(&columns, rows.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;
    use serde_json::json;

    fn order() -> Value {
        let line = |line, listing: Value, ordered: u32, committed: u32, owed: u32| {
            json!({
                "line": line, "listing": listing, "unmapped": false, "ordered": ordered,
                "open": ordered, "fulfilled": 0, "shipped_by_us": 0, "restocked": 0,
                "committed": committed, "backordered_units": owed, "entry": 7,
            })
        };
        json!({
            "channel": "shopify-us", "order": "450", "name": "#1001", "test": false,
            "placed_at": "2026-11-20T09:00:00Z", "version": "2026-11-20T09:00:01Z",
            "cancelled": false, "open": true, "fetch_wanted": false, "entry": 7,
            "lines": [line("1", json!("101"), 3, 2, 1), line("2", json!(null), 1, 0, 0)],
        })
    }

    #[test]
    fn an_order_shows_its_lines() {
        assert_snapshot!(text(&order()), @r"
        order #1001 (450) on shopify-us
        placed 2026-11-20T09:00:00Z, version 2026-11-20T09:00:01Z, entry 7
        open

        LINE  LISTING  ORDERED  OPEN  COMMITTED  BACKORDERED  SHIPPED BY US  FULFILLED  RESTOCKED  ENTRY
        1     101            3     3          2            1              0          0          0      7
        2     -              1     1          0            0              0          0          0      7
        ");
    }

    #[test]
    fn orders_are_summed_up_in_a_line() {
        let mut closed = order();
        closed["open"] = json!(false);
        closed["cancelled"] = json!(true);
        let mut parked = order();
        parked["lines"][0]["unmapped"] = json!(true);
        parked["fetch_wanted"] = json!(true);
        let lines = [order(), closed, parked];
        let lines = lines.iter().flat_map(|row| (LIST.lines)(row));
        assert_snapshot!(table(LIST.columns, lines.collect()), @r"
        CHANNEL     ORDER  NAME   PLACED                STATE                                                  ORDERED  OPEN  COMMITTED  BACKORDERED
        shopify-us  450    #1001  2026-11-20T09:00:00Z  open                                                         4     4          2            1
        shopify-us  450    #1001  2026-11-20T09:00:00Z  closed, cancelled                                            4     4          2            1
        shopify-us  450    #1001  2026-11-20T09:00:00Z  open, parked: a listing is unmapped, to be read again        4     4          2            1
        ");
    }
}
