//! `stock`: what is there, and what people book about it.

use std::path::PathBuf;

use channelsync_contract::Timestamp;
use serde_json::{Value, json};

use super::client::query;
use super::explain;
use super::failure::{Exit, Failure};
use super::import;
use super::movements;
use super::purchases;
use super::returns;
use super::session::{List, Session};
use super::table::{Column, cell, elements};

#[derive(clap::Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    /// Show only this SKU
    sku: Option<String>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Book goods that came in
    Receive(Line),
    /// Book what is physically there, committed units included; the difference is found or missing
    Count {
        #[command(flatten)]
        line: Line,
        /// It was there at this time (RFC 3339, at most 7 days ago); what moved since counts on top
        #[arg(long, value_name = "TIME", value_parser = explain::time)]
        as_of: Option<Timestamp>,
    },
    /// Book units found (+) or lost (-)
    Adjust {
        /// Which
        sku: String,
        /// How many, signed
        #[arg(allow_negative_numbers = true)]
        by: i64,
        /// The location
        #[arg(long, value_name = "LOCATION")]
        at: String,
        /// Book it once under this id [default: a fresh one]
        #[arg(long)]
        id: Option<String>,
    },
    /// Take units out of sale: damaged, or to be looked at
    #[command(visible_alias = "damage")]
    Hold(Line),
    /// Put held units on sale again
    Free(Line),
    /// Book held units as gone for good
    WriteOff(Line),
    /// Book units that leave for another location; `arrive` there, or `lose`, ends the journey
    Send {
        #[command(flatten)]
        line: Line,
        /// Where they go
        #[arg(long, value_name = "LOCATION")]
        to: String,
    },
    /// Book units on their way as come
    Arrive(Line),
    /// Book units on their way as lost
    Lose(Line),
    /// Show every movement of a SKU, newest first
    History(movements::Args),
    /// Give a SKU another name: its history, mappings, rules and open orders follow
    Rename {
        /// The name it has
        old: String,
        /// The name it gets
        new: String,
        /// Let it go into the SKU that has the name; both are one then, to be counted again
        #[arg(long)]
        merge: bool,
    },
    /// Purchase orders: what suppliers are to send
    Po {
        #[command(subcommand)]
        command: purchases::Command,
    },
    /// Look at what came back, and book what became of it
    Returns(returns::Args),
    /// Tell the barcodes of a SKU (GTIN: 8, 12, 13 or 14 digits); listings that carry one map by it
    Gtin {
        /// Which
        sku: String,
        /// The barcodes
        #[arg(required = true)]
        gtins: Vec<String>,
        /// It no longer has them
        #[arg(long)]
        remove: bool,
    },
    /// Book a CSV file with the header `sku,location,units`: all of it, and the same file only once;
    /// counts may have a column `as_of`, as `count --as-of`
    Import {
        /// The file
        file: PathBuf,
        #[command(flatten)]
        kind: Kind,
        /// Book a file that was booked before once more, under this name once
        #[arg(long, value_name = "NAME")]
        id: Option<String>,
    },
}

#[derive(clap::Args, Debug)]
struct Line {
    /// Which
    sku: String,
    /// How many
    units: u32,
    /// The location
    #[arg(long, value_name = "LOCATION")]
    at: String,
    /// Book it once under this id [default: a fresh one]
    #[arg(long)]
    id: Option<String>,
}

#[derive(clap::Args, Debug)]
#[group(required = true, multiple = false)]
struct Kind {
    /// Its rows are counts
    #[arg(long)]
    counts: bool,
    /// Its rows are receipts
    #[arg(long)]
    receipts: bool,
}

const LIST: List = List {
    columns: &[
        Column::Text("SKU"),
        Column::Text("LOCATION"),
        Column::Number("ON HAND"),
        Column::Number("AVAILABLE"),
        Column::Number("COMMITTED"),
        Column::Number("UNAVAILABLE"),
        Column::Number("IN TRANSIT"),
        Column::Text("COUNTED"),
        Column::Number("BACKORDERED"),
        Column::Number("INCOMING"),
        Column::Text("MASTER"),
    ],
    lines,
    nothing: "no stock was ever booked",
};

pub(super) async fn run(args: Args, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    match args.command {
        None => show(args.sku.as_deref(), session).await?,
        Some(Command::Receive(line)) => book("receive", line, session).await?,
        Some(Command::Count { line, as_of: None }) => book("count", line, session).await?,
        Some(Command::Count {
            line,
            as_of: Some(as_of),
        }) => {
            let id = session.id(line.id);
            let row = json!({
                "sku": line.sku, "location": line.at, "units": line.units,
                "as_of": as_of.to_string(),
            });
            let order = json!({ "kind": "count_as_of", "id": id, "rows": [row] });
            session.order_once(&order, &id).await?;
        }
        Some(Command::Adjust { sku, by, at, id }) => {
            let id = session.id(id);
            let order = json!({ "kind": "adjust", "id": id, "sku": sku, "location": at, "by": by });
            session.order_once(&order, &id).await?;
        }
        Some(Command::Hold(line)) => shift(json!("hold"), line, session).await?,
        Some(Command::Free(line)) => shift(json!("free"), line, session).await?,
        Some(Command::WriteOff(line)) => shift(json!("write_off"), line, session).await?,
        Some(Command::Send { line, to }) => shift(json!({ "send": to }), line, session).await?,
        Some(Command::Arrive(line)) => shift(json!("arrive"), line, session).await?,
        Some(Command::Lose(line)) => shift(json!("lose"), line, session).await?,
        Some(Command::History(args)) => movements::run(&args, session).await?,
        Some(Command::Rename { old, new, merge }) => {
            let order = json!({ "kind": "rename", "old": old, "new": new, "merge": merge });
            session.order_and_tell(&order).await?;
            if merge && !session.common.json {
                session.console.print(&format!(
                    "  do: where {new} was a SKU before, channelsync stock count {new} UNITS --at LOCATION; it is \
                     written nowhere until then"
                ))?;
            }
        }
        Some(Command::Po { command }) => purchases::run(command, session).await?,
        Some(Command::Returns(args)) => returns::run(args, session).await?,
        Some(Command::Gtin { sku, gtins, remove }) => {
            let order = json!({ "kind": "barcodes", "sku": sku, "gtins": gtins, "has": !remove });
            session.order_and_tell(&order).await?;
        }
        Some(Command::Import { file, kind, id }) => {
            import::run(&file, kind.counts, id.as_deref(), session).await?;
        }
    }
    Ok(Exit::Ok)
}

async fn show(sku: Option<&str>, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let all = session.path(&["stock"])?;
    let Some(sku) = sku else {
        return session.list(&[all], &LIST).await;
    };
    let path = query(&all, &[("sku", sku)]);
    let answer = session.client().get(&path).await?;
    if elements(&answer["rows"]).is_empty() {
        let error = format!("no stock was ever booked under SKU {sku}");
        return Err(Failure::usage(
            error,
            "`channelsync stock` lists all SKUs; case matters",
        ));
    }
    session.list(&[path], &LIST).await
}

async fn book(kind: &str, line: Line, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let Line { sku, units, at, id } = line;
    let id = session.id(id);
    let order = json!({ "kind": kind, "id": id, "sku": sku, "location": at, "units": units });
    session.order_once(&order, &id).await
}

async fn shift(what: Value, line: Line, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let Line { sku, units, at, id } = line;
    let id = session.id(id);
    let order = json!({
        "kind": "move", "what": what, "id": id, "sku": sku, "location": at, "units": units,
    });
    session.order_once(&order, &id).await
}

/// A line for each location; units owed and incoming stand in the first.
fn lines(row: &Value) -> Vec<Vec<String>> {
    let sku = cell(&row["sku"]);
    let none = [json!({})];
    let locations = match elements(&row["locations"]) {
        [] => &none,
        locations => locations,
    };
    let incoming = elements(&row["incoming"]).iter();
    let incoming: u64 = incoming.filter_map(|one| one["units"].as_u64()).sum();
    let line = |(at, here): (usize, &Value)| {
        let (owed, incoming) = if at == 0 {
            (cell(&row["backordered"]), incoming.to_string())
        } else {
            (String::new(), String::new())
        };
        vec![
            sku.clone(),
            cell(&here["location"]),
            cell(&here["on_hand"]),
            cell(&here["available"]),
            cell(&here["committed"]),
            cell(&here["unavailable"]),
            cell(&here["in_transit"]),
            cell(&here["counted"]),
            owed,
            incoming,
            cell(&here["master"]),
        ]
    };
    locations.iter().enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    #[test]
    fn stock_has_a_line_for_each_location() {
        let here = |location, available: u32, committed: u32, counted| {
            json!({
                "location": location, "available": available, "committed": committed,
                "unavailable": 0, "in_transit": 0, "on_hand": available + committed, "counted": counted,
                "master": "ledger",
            })
        };
        let rows = [
            json!({
                "sku": "MUG-RED", "backordered": 2,
                "incoming": [{ "location": "main", "units": 24 }],
                "locations": [here("main", 0, 3, true), here("annex", 12, 0, false)],
            }),
            json!({ "sku": "NEVER-SEEN", "backordered": 0, "locations": [] }),
        ];
        let lines = rows.iter().flat_map(lines).collect();
        assert_snapshot!(super::super::table::table(LIST.columns, lines), @r"
        SKU         LOCATION  ON HAND  AVAILABLE  COMMITTED  UNAVAILABLE  IN TRANSIT  COUNTED  BACKORDERED  INCOMING  MASTER
        MUG-RED     main            3          0          3            0           0  yes                2        24  ledger
        MUG-RED     annex          12         12          0            0           0  no                              ledger
        NEVER-SEEN  -               -          -          -            -           -  -                  0         0  -
        ");
    }
}
