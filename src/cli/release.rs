//! `release`: a channel that is held because too much would change at once goes on.

use serde_json::{Value, json};

use super::client::query;
use super::failure::{Exit, Failure};
use super::session::{List, Session};
use super::status::{self, interlocked};
use super::table::{Column, cell, count, elements, table};

/// Listings that are shown.
const SHOWN_MAX: usize = 10;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The channel
    channel: String,
    /// Let it go on, instead of showing what would change then
    #[arg(long)]
    yes: bool,
}

const LIST: List = List {
    columns: &[
        Column::Text("LISTING"),
        Column::Text("SKU"),
        Column::Number("SHOWS AT MOST"),
        Column::Number("WOULD SHOW"),
    ],
    lines: |row| {
        let keys = ["listing", "sku", "shows_at_most", "would_show"];
        vec![keys.iter().map(|key| cell(&row[*key])).collect()]
    },
    nothing: "it is not held",
};

pub(super) async fn run(args: &Args, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    session.channels(Some(&args.channel))?;
    if !args.yes {
        return show(&args.channel, session).await;
    }
    let order = json!({ "kind": "go_on", "channel": args.channel });
    let answer = session.order(&order).await?;
    if session.common.json {
        session.console.json(&answer)?;
    } else if answer["entry"].is_null() {
        session.console.print(LIST.nothing)?;
    } else {
        session
            .console
            .print(&format!("{} goes on", args.channel))?;
    }
    Ok(Exit::Ok)
}

async fn show(channel: &str, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let path = query(&session.path(&["held"])?, &[("channel", channel)]);
    let Some(held) = interlock(channel, session).await? else {
        session.list(&[path], &LIST).await?;
        return Ok(Exit::Ok);
    };
    if session.common.json {
        session.list(&[path], &LIST).await?;
        return Ok(Exit::Found);
    }
    let (mut changed, mut by_much) = (0, 0);
    let mut biggest: Vec<Value> = Vec::new();
    let each = |rows: Vec<Value>| {
        let rows = rows.into_iter().filter(|row| difference(row) > 0);
        for row in rows {
            changed += 1;
            by_much += u64::from(row["by_much"] == true);
            biggest.push(row);
        }
        biggest.sort_by_key(|row| std::cmp::Reverse(difference(row)));
        biggest.truncate(SHOWN_MAX);
        Ok(())
    };
    session.client().pages(&path, each).await?;
    let release = format!(
        "channelsync release --merchant {} {channel} --yes",
        session.merchant()?.id
    );
    let what = count(changed, "listing would change", "listings would change");
    let lines = biggest.iter().flat_map(|row| (LIST.lines)(row)).collect();
    session.console.print(&format!(
        "{}\nnow {what}, {by_much} of them by much; the biggest:\n\n{}\n\n\
         orders lower what it shows meanwhile; right what is wrong, or let it go on: {release}",
        interlocked(&held),
        table(LIST.columns, lines),
    ))?;
    Ok(Exit::Found)
}

/// The hold of a channel, as the status has it.
async fn interlock(channel: &str, session: &mut Session<'_, '_>) -> Result<Option<Value>, Failure> {
    let merchant = status::of_merchant(session).await?;
    let mut holds = elements(&merchant["interlocks"]).iter();
    Ok(holds.find(|held| held["channel"] == channel).cloned())
}

fn difference(row: &Value) -> u64 {
    let of = |key: &str| row[key].as_i64().unwrap_or_default();
    of("shows_at_most").abs_diff(of("would_show"))
}
