//! `exposure`: what may be oversold, and by whom.

use serde_json::Value;

use super::client::query;
use super::failure::{Exit, Failure};
use super::session::{List, Session};
use super::table::{Column, cell, elements};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// This SKU alone, whether any of it may be oversold or not
    sku: Option<String>,
}

const LIST: List = List {
    columns: &[
        Column::Text("SKU"),
        Column::Number("EXPOSURE"),
        Column::Number("AVAILABLE"),
        Column::Number("OWED"),
        Column::Text("MAY BE SOLD UNSEEN"),
    ],
    lines: |row| {
        let sellers: Vec<String> = elements(&row["sellers"]).iter().map(seller).collect();
        let exposure = match &row["exposure"] {
            Value::Null => "?".to_owned(),
            units => cell(units),
        };
        vec![vec![
            cell(&row["sku"]),
            exposure,
            cell(&row["available"]),
            cell(&row["owed"]),
            sellers.join(", "),
        ]]
    },
    nothing: "no unit can be oversold: the channels may sell no more than is there",
};

fn seller(seller: &Value) -> String {
    let channel = cell(&seller["channel"]);
    let Some(listings) = seller["may_sell_unseen"].as_i64() else {
        return format!("{channel}: {}", cell(&seller["why"]));
    };
    match seller["units_per_listing"].as_i64() {
        Some(1) | None => format!("{channel}: {listings}"),
        Some(per) => format!("{channel}: {listings} × {per}"),
    }
}

pub(super) async fn run(args: &Args, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let path = session.path(&["exposures"])?;
    let path = match &args.sku {
        Some(sku) => query(&path, &[("sku", sku)]),
        None => path,
    };
    session.list(&[path], &LIST).await?;
    Ok(Exit::Ok)
}
