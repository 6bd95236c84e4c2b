//! `parked`: what was set aside for a person, and how to let it go.

use serde_json::{Value, json};

use super::fact;
use super::failure::{Exit, Failure};
use super::session::{List, Session};
use super::table::{Column, cell};
use crate::store::parked::{ParkedError, ParkedFiles};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List everything with its reason and the command that releases it (the default)
    List,
    /// List what happened that somebody should look at, newest first
    Exceptions,
    /// Say that the exceptions of an entry were looked at; `doctor` tells them no more
    Seen {
        /// The entry, as `parked exceptions` shows it
        entry: u64,
        /// And those of all entries before it
        #[arg(long)]
        and_before: bool,
    },
    /// Write parked bytes to standard output, exactly as received; they may hold buyers' data
    Show {
        /// The id of parked bytes
        id: String,
    },
    /// Let something go: bytes are deleted for good, a slot may be pushed again
    Release {
        /// The id of parked bytes, or CHANNEL/ITEM@LOCATION for a slot
        what: String,
    },
}

const LIST: List = List {
    columns: &[
        Column::Text("KIND"),
        Column::Text("CHANNEL"),
        Column::Text("WHAT"),
        Column::Text("WHY"),
        Column::Text("RELEASE"),
    ],
    lines: |row| vec![line(row)],
    nothing: "nothing is parked",
};

const EXCEPTIONS: List = List {
    columns: &[
        Column::Number("ENTRY"),
        Column::Text("WHAT"),
        Column::Text("OPEN"),
        Column::Text("DO"),
    ],
    lines: |row| {
        let (what, open) = (exceptional(&row["what"]), cell(&row["open"]));
        vec![vec![cell(&row["entry"]), what, open, cell(&row["do"])]]
    },
    nothing: "nothing out of the ordinary happened that was not looked at",
};

/// An exception in words.
pub(super) fn exceptional(what: &Value) -> String {
    match serde_json::from_value(what.clone()) {
        Ok(known) => fact::exception(&known),
        Err(_) => what.to_string(),
    }
}

pub(super) async fn run(args: Args, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    match args.command.unwrap_or(Command::List) {
        Command::List => {
            let path = session.path(&["parked"])?;
            session.list(&[path], &LIST).await?;
        }
        Command::Exceptions => {
            let path = session.path(&["exceptions"])?;
            session.list(&[path], &EXCEPTIONS).await?;
        }
        Command::Seen { entry, and_before } => {
            let from = if and_before { 0 } else { entry };
            let order = json!({ "kind": "seen", "from": from, "to": entry });
            let answer = session.order(&order).await?;
            if answer["entry"].is_null() && !session.common.json {
                let none = "nothing is noted there, or it was looked at before: `channelsync parked exceptions` lists what is";
                session.console.print(none)?;
            } else {
                session.tell_booked(&answer)?;
            }
        }
        Command::Show { id } => show(&id, session)?,
        Command::Release { what } => {
            let answer = session.order(&release(&what)?).await?;
            if session.common.json {
                session.console.json(&answer)?;
            } else {
                session.console.print(&format!("released {what}"))?;
            }
        }
    }
    Ok(Exit::Ok)
}

fn line(row: &Value) -> Vec<String> {
    let what = match row["kind"].as_str() {
        Some("bytes") => {
            let (what, length) = (cell(&row["what"]), cell(&row["length"]));
            format!("{what}, {length} bytes")
        }
        Some("unmapped") => {
            let (listing, orders) = (cell(&row["listing"]), cell(&row["orders"]));
            format!("listing {listing}, orders waiting: {orders}")
        }
        Some("shipment") => {
            let (order, shipment) = (cell(&row["order"]), cell(&row["shipment"]));
            format!("report of {shipment}, order {order}")
        }
        Some("order") => format!("order {}", cell(&row["order"])),
        _ => format!("slot {}", cell(&row["slot"])),
    };
    vec![
        cell(&row["kind"]),
        cell(&row["channel"]),
        what,
        cell(&row["why"]),
        cell(&row["release"]),
    ]
}

/// The command that lets it go.
fn release(what: &str) -> Result<Value, Failure> {
    let Some((channel, slot)) = what.split_once('/') else {
        return Ok(json!({ "kind": "unpark", "id": what }));
    };
    let (item, location) = match slot.rsplit_once('@') {
        Some((item, location)) => (item, Some(location)),
        None => (slot, None),
    };
    if channel.is_empty() || item.is_empty() || location == Some("") {
        let error = format!("{what} names neither parked bytes nor a slot");
        let help = "`channelsync parked` shows what to write: an id, or CHANNEL/ITEM@LOCATION";
        return Err(Failure::usage(error, help));
    }
    Ok(json!({ "kind": "release", "channel": channel, "item": item, "location": location }))
}

/// Writes the bytes from their file, unsealed; no daemon is needed.
fn show(id: &str, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if id.is_empty() || id.starts_with('.') || !id.chars().all(named) {
        let error = format!("{id:?} is no id of parked bytes");
        return Err(Failure::usage(error, "`channelsync parked` lists the ids"));
    }
    let dir = session.merchant_dir()?.join("parked");
    let vault = session.vault()?;
    let failed = |error: ParkedError| {
        let help = error.help().unwrap_or("use the daemon's user");
        Failure::new(Exit::Unavailable, &error, help)
    };
    let read = ParkedFiles::reader(&dir, vault).read(id);
    let Some(bytes) = read.map_err(failed)? else {
        let error = format!("no bytes are parked as {id}");
        return Err(Failure::usage(error, "`channelsync parked` lists the ids"));
    };
    session.console.bytes(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    #[test]
    fn a_slot_or_an_id_is_released() {
        let slot = |item, location: Value| {
            let channel = "shopify-us";
            json!({ "kind": "release", "channel": channel, "item": item, "location": location })
        };
        for (what, expected) in [
            ("d-1", json!({ "kind": "unpark", "id": "d-1" })),
            ("shopify-us/77@101", slot("77", json!("101"))),
            ("shopify-us/a/b@c@101", slot("a/b@c", json!("101"))),
            ("shopify-us/77", slot("77", json!(null))),
        ] {
            assert_eq!(release(what), Ok(expected), "{what}");
        }
        for what in ["/77@101", "shopify-us/", "shopify-us/77@"] {
            assert_eq!(release(what).unwrap_err().exit(), Exit::Usage, "{what}");
        }
    }

    #[test]
    fn each_row_says_how_to_let_it_go() {
        let rows = [
            json!({
                "kind": "bytes", "id": "d-1", "channel": "shopify-us", "what": "orders/create",
                "why": "no JSON", "length": 12, "release": "channelsync parked release d-1",
            }),
            json!({
                "kind": "unmapped", "channel": "shopify-us", "listing": "101", "orders": 2,
                "why": "no SKU MUG", "release": "channelsync map set shopify-us 101 SKU",
            }),
            json!({
                "kind": "slot", "channel": "shopify-us", "item": "77", "slot": "77@101",
                "why": "refused", "release": "channelsync parked release shopify-us/77@101",
            }),
        ];
        let lines = rows.iter().map(line).collect();
        assert_snapshot!(super::super::table::table(LIST.columns, lines), @r"
        KIND      CHANNEL     WHAT                            WHY         RELEASE
        bytes     shopify-us  orders/create, 12 bytes         no JSON     channelsync parked release d-1
        unmapped  shopify-us  listing 101, orders waiting: 2  no SKU MUG  channelsync map set shopify-us 101 SKU
        slot      shopify-us  slot 77@101                     refused     channelsync parked release shopify-us/77@101
        ");
    }
}
