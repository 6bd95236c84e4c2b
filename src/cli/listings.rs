//! `listings`: what the channels sell, and what it stands for.

use serde_json::Value;

use super::client::query;
use super::failure::{Exit, Failure};
use super::session::{List, Session};
use super::table::{Column, cell, elements};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Of this channel only
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// Only those that stand for no SKU
    #[arg(long)]
    unmapped: bool,
}

const LIST: List = List {
    columns: &[
        Column::Text("CHANNEL"),
        Column::Text("LISTING"),
        Column::Text("SKU ON CHANNEL"),
        Column::Text("STANDS FOR"),
        Column::Text("MAPPED BY"),
        Column::Text("REMARKS"),
    ],
    lines: |row| vec![line(row)],
    nothing: "no listings; those of a channel are read within seconds or minutes after it starts, \
              `channelsync status` tells what hinders it",
};

const UNMAPPED: List = List {
    nothing: "every listing that was read stands for something",
    ..LIST
};

pub(super) async fn run(args: &Args, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let list = session.path(&["listings"])?;
    let channels = session.channels(args.channel.as_deref())?;
    let unmapped = if args.unmapped { "true" } else { "false" };
    let paths = channels
        .iter()
        .map(|channel| query(&list, &[("channel", channel), ("unmapped", unmapped)]));
    let list = match args.unmapped {
        true => &UNMAPPED,
        false => &LIST,
    };
    session.list(&paths.collect::<Vec<_>>(), list).await?;
    Ok(Exit::Ok)
}

fn line(row: &Value) -> Vec<String> {
    let mut remarks: Vec<String> = row["unmapped"]
        .as_str()
        .map(str::to_owned)
        .into_iter()
        .collect();
    for (flag, remark) in [
        ("unpushable", "takes no quantity"),
        ("sells_without_limit", "sells without limit"),
        ("gone", "no longer listed"),
    ] {
        if row[flag] == true {
            remarks.push(remark.to_owned());
        }
    }
    vec![
        cell(&row["channel"]),
        cell(&row["listing"]),
        cell(&row["sku_on_channel"]),
        stands_for_all(&row["parts"]),
        cell(&row["mapped_by"]),
        remarks.join(", "),
    ]
}

/// `2 × MUG + CUP`, or a dash for nothing.
pub(super) fn stands_for_all(parts: &Value) -> String {
    let parts = elements(parts).iter();
    let parts: Vec<String> = parts.map(|part| stands_for(&part[0], &part[1])).collect();
    if parts.is_empty() {
        "-".to_owned()
    } else {
        parts.join(" + ")
    }
}

fn stands_for(sku: &Value, units: &Value) -> String {
    if units.as_u64() == Some(1) {
        cell(sku)
    } else {
        format!("{} × {}", cell(units), cell(sku))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;
    use serde_json::json;

    #[test]
    fn listings_say_what_they_stand_for_and_why_not() {
        let row = |listing, parts: Value, by: Value, why: Value| {
            json!({
                "channel": "shopify-us", "listing": listing, "sku_on_channel": "MUG-RED",
                "parts": parts, "mapped_by": by, "unmapped": why, "gone": listing == "103",
                "unpushable": false, "sells_without_limit": listing == "103",
            })
        };
        let rows = [
            row("101", json!([["MUG-RED", 1]]), json!("sku"), json!(null)),
            row(
                "102",
                json!([["MUG-RED", 2], ["BOX", 1]]),
                json!("person"),
                json!(null),
            ),
            row(
                "103",
                json!(null),
                json!(null),
                json!("no SKU MUG-RED was ever booked"),
            ),
        ];
        let lines = rows.iter().flat_map(|row| (LIST.lines)(row));
        assert_snapshot!(super::super::table::table(LIST.columns, lines.collect()), @r"
        CHANNEL     LISTING  SKU ON CHANNEL  STANDS FOR         MAPPED BY  REMARKS
        shopify-us  101      MUG-RED         MUG-RED            sku
        shopify-us  102      MUG-RED         2 × MUG-RED + BOX  person
        shopify-us  103      MUG-RED         -                  -          no SKU MUG-RED was ever booked, sells without limit, no longer listed
        ");
    }
}
