//! `stock history`: every movement of a SKU, newest first.

use serde_json::{Value, json};

use super::failure::Failure;
use super::session::Session;
use super::table::{Column, cell, elements, table};

const COLUMNS: [Column; 8] = [
    Column::Number("ENTRY"),
    Column::Text("TIME"),
    Column::Text("ACTOR"),
    Column::Text("CAUSE"),
    Column::Text("WHAT"),
    Column::Number("UNITS"),
    Column::Text("FROM"),
    Column::Text("TO"),
];

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Which
    sku: String,
    /// Nothing older than this time
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only what came to this location or left it
    #[arg(long)]
    location: Option<String>,
    /// How many movements at most
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

pub(super) async fn run(args: &Args, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let path = session.path(&["stock", "history"])?;
    let client = session.client();
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let (mut rows, mut go_on) = (Vec::new(), Value::Null);
    loop {
        let left = limit - rows.len();
        let wanted = json!({
            "sku": args.sku, "since": args.since, "location": args.location, "limit": left,
            "go_on": go_on,
        });
        let mut page = client.post(&path, &wanted).await?;
        rows.extend(elements(&page["rows"]).iter().cloned());
        go_on = page["go_on"].take();
        if go_on.is_null() || rows.len() >= limit {
            break;
        }
    }
    rows.truncate(limit);
    if session.common.json {
        return session.console.json(&json!(rows));
    }
    if rows.is_empty() {
        return session.console.print("nothing moved");
    }
    let mut text = table(&COLUMNS, rows.iter().map(line).collect());
    if !go_on.is_null() {
        text.push_str("\nthere is more: `--limit` shows it");
    }
    session.console.print(&text)
}

fn line(row: &Value) -> Vec<String> {
    vec![
        cell(&row["entry"]),
        cell(&row["at"]),
        cell(&row["actor"]),
        cell(&row["cause"]),
        cell(&row["what"]),
        cell(&row["units"]),
        side(&row["from"]),
        side(&row["to"]),
    ]
}

/// `main/available 7 → 5`; outside parties keep no figure.
fn side(side: &Value) -> String {
    match (side["before"].as_i64(), side["after"].as_i64()) {
        (Some(before), Some(after)) => format!("{} {before} → {after}", cell(&side["place"])),
        _ => cell(&side["place"]),
    }
}
