//! `channels`: the sales channels, and how one ends.

use serde_json::{Value, json};

use super::client::path;
use super::failure::{Exit, Failure};
use super::session::Session;
use super::status;
use super::table::{cell, elements, printable};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// End a channel: its slots show none, and then it is neither polled nor written
    Retire(Retire),
    /// Let a retired channel go on; a reload starts it where it had come to its end
    Revive {
        /// Which
        channel: String,
    },
}

#[derive(clap::Args, Debug)]
struct Retire {
    /// Which
    channel: String,
    /// Its open orders keep their units, and can be shipped
    #[arg(long, conflicts_with = "release_orders")]
    keep_orders: bool,
    /// Its open orders are let go: their units are free
    #[arg(long)]
    release_orders: bool,
}

pub(super) async fn run(args: Args, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    match args.command {
        None => list(session).await,
        Some(Command::Retire(args)) => retire(&args, session).await,
        Some(Command::Revive { channel }) => {
            let order = json!({ "kind": "revive", "channel": channel });
            session.order_and_tell(&order).await?;
            if !session.common.json {
                let next = "`channelsync reload` starts it where it had come to its end";
                session.console.print(next)?;
            }
            Ok(Exit::Ok)
        }
    }
}

/// Orders are let go a part at a time, so it goes on until nothing follows.
async fn retire(args: &Retire, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let orders = match (args.keep_orders, args.release_orders) {
        (true, _) => json!("keep"),
        (false, true) => json!("release"),
        (false, false) => Value::Null,
    };
    let order = json!({ "kind": "retire", "channel": args.channel, "orders": orders });
    let mut entries = Vec::new();
    while let Some(entry) = session.order(&order).await?["entry"].as_u64() {
        entries.push(entry);
    }
    if session.common.json {
        session.console.json(&json!({ "entries": entries }))?;
        return Ok(Exit::Ok);
    }
    let channel = &args.channel;
    let told = match entries.first() {
        None => format!("{channel} is retired already"),
        Some(first) => format!("{channel} is retired by entry {first}"),
    };
    session.console.print(&format!(
        "{told}; `channelsync channels` tells what is left to do, then it may go from the files"
    ))?;
    Ok(Exit::Ok)
}

async fn list(session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let status = status::fetch(session).await?;
    let merchants = elements(&status["merchants"]);
    let channels = channels(merchants, session).await?;
    if session.common.json {
        session.console.json(&Value::Array(channels))?;
        return Ok(Exit::Ok);
    }
    session.console.print(&status::channel_table(merchants))?;
    for channel in &channels {
        let (merchant, name) = (cell(&channel["merchant"]), cell(&channel["channel"]));
        for what in [status::found_out(channel), left(channel)]
            .into_iter()
            .flatten()
        {
            let what = format!("{merchant}/{name}: {what}");
            session.console.print(&what)?;
        }
    }
    for merchant in merchants {
        let id = cell(&merchant["merchant"]);
        let frozen = elements(&merchant["freezes"]).iter();
        // What is frozen of single SKUs is no state of a channel.
        let frozen = frozen.filter(|freeze| freeze["scope"]["sku"].is_null());
        let frozen = frozen.map(|freeze| (status::frozen(freeze), cell(&freeze["undo"])));
        for (what, help) in status::holds(merchant).into_iter().chain(frozen) {
            let what = format!("{id}: {}\n  do: {help}", printable(&what));
            session.console.print(&what)?;
        }
    }
    Ok(Exit::Ok)
}

/// All channels, each with its merchant, and with what is left of it where it ended.
async fn channels(merchants: &[Value], session: &Session<'_, '_>) -> Result<Vec<Value>, Failure> {
    let mut all = Vec::new();
    for merchant in merchants {
        let path = path(&[&cell(&merchant["merchant"]), "names"]);
        let names = session.client().get(&path).await?;
        for channel in elements(&merchant["channels"]) {
            let mut known = elements(&names["channels"]).iter();
            let known = known.find(|known| known["channel"] == channel["channel"]);
            let mut channel = channel.clone();
            channel["merchant"] = merchant["merchant"].clone();
            channel["left"] = known.map_or(Value::Null, |known| known["left"].clone());
            all.push(channel);
        }
    }
    Ok(all)
}

/// What keeps a channel that ended in the files.
fn left(channel: &Value) -> Option<String> {
    let left = &channel["left"];
    let (orders, slots) = (
        left["open_orders"].as_u64()?,
        left["stocked_slots"].as_u64()?,
    );
    Some(match (orders, slots) {
        (0, 0) => "retired and at its end: it may go from the files".to_owned(),
        _ => format!(
            "retired; open orders {orders}, slots that still show stock {slots}: once both are none \
             it may go from the files"
        ),
    })
}
