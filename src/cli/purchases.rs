//! `stock po`: what was ordered from suppliers and what of it came.

use serde_json::{Value, json};

use super::client::query;
use super::failure::Failure;
use super::session::{List, Session};
use super::table::{Column, cell, elements};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Book goods as ordered from a supplier: they are incoming, and never available before they came
    Add {
        /// What people call it; booked once
        purchase: String,
        /// From whom
        #[arg(long)]
        supplier: String,
        /// The day by whose end (UTC) it should be there
        #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
        expected: String,
        /// Where to [default: the merchant's first location]
        #[arg(long, visible_alias = "at")]
        location: Option<String>,
        /// What
        #[arg(long = "line", value_name = "SKU=UNITS", required = true, value_parser = line)]
        lines: Vec<(String, u32)>,
    },
    /// Book goods of a purchase order that came, at its location
    Receive {
        /// The purchase order
        purchase: String,
        /// What came [default: all that is still expected]
        #[arg(long = "line", value_name = "SKU=UNITS", value_parser = line)]
        lines: Vec<(String, u32)>,
        /// Book it once under this id [default: a fresh one]
        #[arg(long)]
        id: Option<String>,
    },
    /// List purchase orders
    List {
        /// Only those that should be there already, with the open orders that wait for them
        #[arg(long)]
        late: bool,
    },
    /// Expect nothing more of a purchase order
    Cancel {
        /// The purchase order
        purchase: String,
    },
}

const LIST: List = List {
    columns: &[
        Column::Text("PURCHASE"),
        Column::Text("SUPPLIER"),
        Column::Text("EXPECTED"),
        Column::Text("LOCATION"),
        Column::Text("STATE"),
        Column::Text("SKU"),
        Column::Number("ORDERED"),
        Column::Number("RECEIVED"),
        Column::Number("BACKORDERED"),
        Column::Text("WAITING ORDERS"),
    ],
    lines,
    nothing: "no purchase orders",
};

pub(super) async fn run(command: Command, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    match command {
        Command::Add {
            purchase,
            supplier,
            expected,
            location,
            lines,
        } => {
            let first = session
                .merchant()?
                .locations
                .first()
                .map(ToString::to_string);
            session
                .order_and_tell(&json!({
                    "kind": "purchase", "id": purchase, "supplier": supplier,
                    "expected": format!("{expected}T00:00:00Z"),
                    "location": location.or(first), "lines": lines,
                }))
                .await
        }
        Command::Receive {
            purchase,
            lines,
            id,
        } => {
            let id = session.id(id);
            let order = json!({
                "kind": "purchase_arrived", "id": id, "purchase": purchase, "lines": lines,
            });
            session.order_once(&order, &id).await
        }
        Command::List { late } => {
            let late = if late { "true" } else { "false" };
            let path = query(&session.path(&["purchases"])?, &[("late", late)]);
            session.list(&[path], &LIST).await
        }
        Command::Cancel { purchase } => {
            let order = json!({ "kind": "purchase_cancelled", "id": purchase });
            session.order_and_tell(&order).await
        }
    }
}

fn lines(row: &Value) -> Vec<Vec<String>> {
    let state = if row["late"] == true {
        "late"
    } else if row["open"] == true {
        "open"
    } else if row["cancelled"] == true {
        "cancelled"
    } else {
        "received"
    };
    let line = |line: &Value| {
        let orders = elements(&line["orders"]).iter();
        let orders: Vec<String> = orders.map(cell).collect();
        let more = line["orders_waiting"].as_u64().unwrap_or(0);
        let more = more.saturating_sub(super::import::to_u64(orders.len()));
        let mut waiting = orders.join(", ");
        if more > 0 {
            waiting.push_str(&format!(" and {more} more"));
        }
        vec![
            cell(&row["purchase"]),
            cell(&row["supplier"]),
            cell(&row["expected"]),
            cell(&row["location"]),
            state.to_owned(),
            cell(&line["sku"]),
            cell(&line["ordered"]),
            cell(&line["received"]),
            cell(&line["backordered"]),
            waiting,
        ]
    };
    elements(&row["lines"]).iter().map(line).collect()
}

fn line(text: &str) -> Result<(String, u32), String> {
    let (sku, units) = text.rsplit_once('=').ok_or("write it as SKU=UNITS")?;
    let units = units.parse().ok().filter(|units| *units > 0);
    match units {
        Some(units) if !sku.is_empty() => Ok((sku.to_owned(), units)),
        _ => Err("write it as SKU=UNITS, at least one unit".to_owned()),
    }
}

fn day(text: &str) -> Result<String, String> {
    let is_day = text.len() == 10
        && channelsync_contract::Timestamp::parse(&format!("{text}T00:00:00Z")).is_some();
    if is_day {
        Ok(text.to_owned())
    } else {
        Err("a day is written 2026-12-24".to_owned())
    }
}
