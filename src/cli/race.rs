//! `explain order`: why a line of an order could not be filled, by the journal's own entries.
//!
//! The journal is replayed beside the daemon. Watched are the SKUs of the order: what each channel let
//! buyers buy, what our number was meanwhile, and which orders took the units.

mod tell;
mod watch;

use channelsync_contract::Timestamp;

use self::tell::story;
use self::watch::Watch;
use super::explain::{newest, replayed, value};
use super::failure::{Exit, Failure};
use super::session::Session;
use crate::ledger::Ledger;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The channel's id of the order, or its name such as `#1001`
    order: String,
    /// Where it is, if several channels have such an order
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
}

pub(super) fn run(args: &Args, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let channels = session.channels(args.channel.as_deref())?;
    let now = newest(session)?;
    let mut found = channels
        .iter()
        .filter_map(|channel| find(&now, channel, &args.order));
    let (Some((channel, order)), None) = (found.next(), found.next()) else {
        return Err(not_one(&args.order, &now, &channels));
    };
    let watch = watched(Watch::new(&now, channel, order), session)?;
    let story = story(&now, &watch);
    if session.common.json {
        session.console.json(&value(story)?)?;
    } else {
        session.console.print(&story.text())?;
    }
    Ok(Exit::Ok)
}

/// An order by its id or its name: numbers of its channel and of itself.
fn find(ledger: &Ledger, channel: &str, order: &str) -> Option<(u16, u32)> {
    let channel = ledger.channel_ix(channel)?;
    Some((channel, ledger.channel(channel).order_called(order)?))
}

fn not_one(order: &str, now: &Ledger, channels: &[String]) -> Failure {
    let has = |channel: &&String| find(now, channel, order).is_some();
    let having: Vec<&str> = channels.iter().filter(has).map(String::as_str).collect();
    if having.is_empty() {
        let help = "`channelsync orders` lists the orders";
        return Failure::usage(format!("no channel has an order {order}"), help);
    }
    let error = format!("{} have an order {order}", having.join(" and "));
    Failure::usage(error, "say which with --channel")
}

/// Replays the whole journal under the eyes of a watch.
fn watched(mut watch: Watch, session: &Session<'_, '_>) -> Result<Watch, Failure> {
    let ledger = replayed(session, |ledger, entry| {
        watch.look(ledger);
        watch.enter(ledger, entry);
    })?;
    watch.look(&ledger);
    Ok(watch)
}

/// Seconds between two times, in words.
fn after(earlier: Timestamp, later: Timestamp) -> String {
    let took = later.since(earlier);
    if took.as_secs() < 10 {
        format!("{:.1} s", took.as_secs_f64())
    } else {
        format!("{} s", took.as_secs())
    }
}
