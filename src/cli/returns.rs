//! `stock returns`: what came back and waits for a person, and what became of it.

use serde_json::{Value, json};

use super::client::query;
use super::failure::Failure;
use super::session::{List, Session};
use super::ship::{OrderArgs, find, line};
use super::table::{Column, cell, elements};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List what a channel says came back, and nobody has received yet
    List {
        /// Of this channel only
        #[arg(long, value_name = "CHANNEL")]
        channel: Option<String>,
    },
    /// Book units that came back and were looked at
    Receive(Receive),
}

#[derive(clap::Args, Debug)]
struct Receive {
    #[command(flatten)]
    order: OrderArgs,
    /// What came back [default: everything that waits to be received]
    #[arg(long = "line", value_name = "LINE=UNITS", value_parser = line)]
    lines: Vec<(String, u32)>,
    /// What became of it
    #[arg(long = "as", value_name = "FATE", value_enum, default_value_t = Fate::Restock)]
    fate: Fate,
    /// Where it is [default: where the channel says]
    #[arg(long, value_name = "LOCATION")]
    at: Option<String>,
    /// Book it once under this id [default: a fresh one]
    #[arg(long)]
    id: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Fate {
    /// For sale again
    Restock,
    /// Out of sale, until `stock free` or `stock write-off`
    Hold,
    /// Gone for good
    WriteOff,
}

const LIST: List = List {
    columns: &[
        Column::Text("CHANNEL"),
        Column::Text("ORDER"),
        Column::Text("NAME"),
        Column::Text("LINE"),
        Column::Text("LISTING"),
        Column::Text("SKU"),
        Column::Number("TO RECEIVE"),
        Column::Text("THE CHANNEL SAYS"),
    ],
    lines: |row| vec![told(row)],
    nothing: "nothing waits to be received",
};

pub(super) async fn run(args: Args, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    match args.command {
        Command::List { channel } => {
            let all = session.path(&["returns"])?;
            let channels = session.booked_channels(channel.as_deref()).await?;
            let paths = channels
                .iter()
                .map(|channel| query(&all, &[("channel", channel)]));
            session.list(&paths.collect::<Vec<_>>(), &LIST).await
        }
        Command::Receive(args) => receive(args, session).await,
    }
}

async fn receive(args: Receive, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let id = session.id(args.id);
    let found = find(&args.order, session).await;
    let (channel, order) = found.map_err(|failure| failure.repeatable(&id))?;
    let fate = match args.fate {
        Fate::Restock => "restock",
        Fate::Hold => "hold",
        Fate::WriteOff => "write_off",
    };
    let command = json!({
        "kind": "take_back",
        "id": id,
        "channel": channel,
        "order": order,
        "lines": args.lines,
        "fate": fate,
        "location": args.at,
    });
    session.order_once(&command, &id).await
}

fn told(row: &Value) -> Vec<String> {
    let told = elements(&row["told"]).iter().map(|told| {
        let place = match told["channel_location"].as_str() {
            Some(place) => format!("at {place}"),
            None => "elsewhere".to_owned(),
        };
        let inspect = match told["to_inspect"].as_bool() {
            Some(true) => ", to be looked at",
            _ => "",
        };
        format!("{} {place}{inspect}", cell(&told["units"]))
    });
    vec![
        cell(&row["channel"]),
        cell(&row["order"]),
        cell(&row["name"]),
        cell(&row["line"]),
        cell(&row["listing"]),
        cell(&row["sku"]),
        cell(&row["awaiting_receipt"]),
        told.collect::<Vec<_>>().join("; "),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::table::table;
    use super::*;
    use insta::assert_snapshot;

    #[test]
    fn what_waits_says_where_the_channel_has_it() {
        let told = |place: Value, inspect, units| json!({ "channel_location": place, "to_inspect": inspect, "units": units });
        let row = json!({
            "channel": "shopify-us", "order": "450", "name": "#1001", "line": "7", "listing": "101",
            "sku": "MUG-RED",
            "unmapped": false, "awaiting_receipt": 2, "entry": 9,
            "told": [told(json!("62"), true, 1), told(json!(null), false, 1)],
        });
        assert_snapshot!(table(LIST.columns, (LIST.lines)(&row)), @r"
        CHANNEL     ORDER  NAME   LINE  LISTING  SKU      TO RECEIVE  THE CHANNEL SAYS
        shopify-us  450    #1001  7     101      MUG-RED           2  1 at 62, to be looked at; 1 elsewhere
        ");
    }
}
