//! `orders short`: lines that cannot be filled, and what can be done about each.

use serde_json::Value;

use super::client::query;
use super::failure::Failure;
use super::session::{List, Session};
use super::table::{Column, cell, elements};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Of this channel only
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
}

const LIST: List = List {
    columns: &[
        Column::Text("CHANNEL"),
        Column::Text("ORDER"),
        Column::Text("SKU"),
        Column::Number("SHORT"),
        Column::Text("PLACED"),
        Column::Text("SHIP BY"),
        Column::Text("CHOICES"),
    ],
    lines: |row| {
        vec![vec![
            cell(&row["channel"]),
            cell(&row["name"]),
            cell(&row["sku"]),
            cell(&row["short"]),
            cell(&row["placed_at"]),
            cell(&row["ship_by"]),
            choices(row),
        ]]
    },
    nothing: "no line is short: every open unit is committed",
};

/// What can be done about a line, what costs least first.
fn choices(row: &Value) -> String {
    let mut choices: Vec<String> = elements(&row["wait"]).iter().map(wait).collect();
    for there in elements(&row["transfer"]) {
        let (units, location) = (cell(&there["units"]), cell(&there["location"]));
        choices.push(format!("transfer: {units} at {location}"));
    }
    if row["cancel"].as_u64().is_some_and(|units| units > 0) {
        let (units, channel) = (cell(&row["cancel"]), cell(&row["channel"]));
        choices.push(format!("cancel {units} on {channel}"));
    }
    choices.join("; ")
}

fn wait(row: &Value) -> String {
    let (units, purchase) = (cell(&row["units"]), cell(&row["purchase"]));
    let late = if row["too_late"] == true {
        ", too late"
    } else {
        ""
    };
    let expected = cell(&row["expected"]);
    format!("wait: {units} of {purchase} on {expected}{late}")
}

pub(super) async fn run(args: &Args, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let path = session.path(&["shorts"])?;
    let path = match &args.channel {
        Some(channel) => {
            session.booked_channels(Some(channel)).await?;
            query(&path, &[("channel", channel)])
        }
        None => path,
    };
    session.list(&[path], &LIST).await
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::super::table::table;
    use super::*;

    #[test]
    fn a_short_line_shows_what_can_be_done() {
        let row = json!({
            "channel": "shopify-us", "name": "#1001", "sku": "MUG", "short": 3, "cancel": 2,
            "placed_at": "2026-11-20T09:00:00Z", "ship_by": "2026-11-22T00:00:00Z",
            "wait": [
                { "purchase": "PO-7", "expected": "2026-11-21", "units": 1, "too_late": false },
                { "purchase": "PO-9", "expected": "2026-12-01", "units": 2, "too_late": true },
            ],
            "transfer": [{ "location": "depot", "units": 9 }],
        });
        let nothing = json!({
            "channel": "shopify-us", "name": "#1002", "sku": "CUP", "short": 1, "cancel": 1,
            "placed_at": "2026-11-20T09:00:00Z", "ship_by": null, "wait": [], "transfer": [],
        });
        let lines = [row, nothing];
        let lines = lines.iter().flat_map(|row| (LIST.lines)(row));
        assert_snapshot!(table(LIST.columns, lines.collect()), @r"
        CHANNEL     ORDER  SKU  SHORT  PLACED                SHIP BY               CHOICES
        shopify-us  #1001  MUG      3  2026-11-20T09:00:00Z  2026-11-22T00:00:00Z  wait: 1 of PO-7 on 2026-11-21; wait: 2 of PO-9 on 2026-12-01, too late; transfer: 9 at depot; cancel 2 on shopify-us
        shopify-us  #1002  CUP      1  2026-11-20T09:00:00Z  -                     cancel 1 on shopify-us
        ");
    }
}
