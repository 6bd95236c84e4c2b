//! `explain`: why a listing shows what it shows, now or at an earlier time; `explain order` is in `race`.

use channelsync_contract::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::account::account;
use super::client::query;
use super::failure::{Exit, Failure};
use super::journal::open_reader;
use super::race;
use super::session::Session;
use super::table::{cell, elements};
use crate::ats;
use crate::bookkeeper::{OpenError, load_newest, replay};
use crate::ledger::{Entry, Ledger};

/// Listings that are named where a SKU was given.
const SOLD_TOLD_MAX: usize = 5;

#[derive(clap::Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Args {
    /// The channel's own id of the listing, as `channelsync listings` shows it
    #[arg(required = true)]
    listing: Option<String>,
    /// Where it is, if several channels have a listing of that id
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// As it was then (RFC 3339, such as 2026-11-20T09:00:00Z), replayed from the journal's files
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<Timestamp>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show why lines of an order could not be filled: who sold what when, and what would have prevented it
    Order(race::Args),
}

pub(super) async fn run(args: &Args, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    if let Some(Command::Order(args)) = &args.command {
        return race::run(args, session);
    }
    let listing = args.listing.as_deref().unwrap_or_default();
    let channels = session.channels(args.channel.as_deref())?;
    let mut found = match args.at {
        None => of_now(listing, &channels, session).await?,
        Some(at) => of_then(listing, &channels, at, session)?,
    };
    let many = found.len() > 1;
    let Some(explained) = found.pop().filter(|_| !many) else {
        let sold = if many || args.at.is_some() {
            Vec::new()
        } else {
            of_sku(listing, &channels, session).await?
        };
        return Err(not_one(listing, many, &sold));
    };
    if session.common.json {
        session.console.json(&explained)?;
    } else {
        session.console.print(&account(&explained))?;
    }
    Ok(Exit::Ok)
}

fn not_one(listing: &str, many: bool, sold: &[String]) -> Failure {
    if many {
        let error = format!("several channels have a listing {listing}");
        return Failure::usage(error, "say which with --channel");
    }
    let error = format!("no channel has a listing {listing}");
    let help = match sold {
        [] => "`channelsync listings` lists them".to_owned(),
        sold => format!("SKU {listing} is sold by: {}", sold.join("; ")),
    };
    Failure::usage(error, help)
}

/// Commands that explain listings of a SKU, where somebody gave that instead.
async fn of_sku(
    sku: &str,
    channels: &[String],
    session: &Session<'_, '_>,
) -> Result<Vec<String>, Failure> {
    let (client, path) = (session.client(), session.path(&["listings"])?);
    let mut sold = Vec::new();
    let sells = |row: &&Value| {
        let mut parts = elements(&row["parts"]).iter();
        row["sku_on_channel"] == sku || parts.any(|part| part[0] == sku)
    };
    for channel in channels {
        let each = |rows: Vec<Value>| {
            let of_sku = rows.iter().filter(sells).map(|row| {
                let listing = cell(&row["listing"]);
                format!("channelsync explain {listing} --channel {channel}")
            });
            let room = SOLD_TOLD_MAX.saturating_sub(sold.len());
            sold.extend(of_sku.take(room));
            Ok(())
        };
        let of_channel = query(&path, &[("channel", channel)]);
        client.pages(&of_channel, each).await?;
    }
    Ok(sold)
}

async fn of_now(
    listing: &str,
    channels: &[String],
    session: &Session<'_, '_>,
) -> Result<Vec<Value>, Failure> {
    let (client, path) = (session.client(), session.path(&["explain"])?);
    let mut found = Vec::new();
    for channel in channels {
        let path = query(&path, &[("channel", channel), ("listing", listing)]);
        found.extend(client.find(&path).await?);
    }
    Ok(found)
}

fn of_then(
    listing: &str,
    channels: &[String],
    at: Timestamp,
    session: &Session<'_, '_>,
) -> Result<Vec<Value>, Failure> {
    let ledger = ledger_at(at, session)?;
    let explained = channels
        .iter()
        .filter_map(|channel| ats::explain(&ledger, channel, listing));
    explained.map(value).collect()
}

/// An account as `--json` gives it.
pub(super) fn value(account: impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(account).map_err(|error| {
        let error = format!("the account cannot be written: {error}");
        Failure::new(Exit::Unavailable, error, "this is a bug in channelsync")
    })
}

/// The book as it is now, by its files.
pub(super) fn newest(session: &Session<'_, '_>) -> Result<Ledger, Failure> {
    ledger_at(Timestamp(i64::MAX), session)
}

/// Replays the whole journal. Each entry is seen with the book before it; gives the book after all.
pub(super) fn replayed(
    session: &Session<'_, '_>,
    mut see: impl FnMut(&Ledger, &Entry),
) -> Result<Ledger, Failure> {
    let reader = open_reader(&session.merchant_dir()?, 1)?;
    let bar = session.console.bar("entries", reader.head().seq);
    let read = |from, bytes| reader.read(from, bytes);
    let replayed = replay(&read, Ledger::default(), |ledger, entry| {
        bar.set_position(entry.seq);
        see(ledger, entry);
        true
    });
    bar.finish_and_clear();
    replayed
        .map(|(ledger, _)| ledger)
        .map_err(|error| damaged(&error))
}

/// The book as of a time: from a snapshot that is not later, else from the first entry.
fn ledger_at(at: Timestamp, session: &Session<'_, '_>) -> Result<Ledger, Failure> {
    let dir = session.merchant_dir()?;
    // A snapshot only saves time here: one that cannot be read is no reason to give up.
    let newest = load_newest(&dir.join("snapshots")).unwrap_or_default();
    let start = if newest.ledger.at <= at {
        newest.ledger
    } else {
        Ledger::default()
    };
    let reader = open_reader(&dir, start.seq + 1)?;
    let bar = session.console.bar("entries", reader.head().seq);
    let read = |from, bytes| reader.read(from, bytes);
    let replayed = replay(&read, start, |_, entry| {
        bar.set_position(entry.seq);
        entry.at <= at
    });
    bar.finish_and_clear();
    let (ledger, _) = replayed.map_err(|error| damaged(&error))?;
    if ledger.seq == 0 {
        let error = format!("the book has no entry of {at} or before");
        return Err(Failure::usage(
            error,
            "`channelsync journal --from 1` tells when it begins",
        ));
    }
    Ok(ledger)
}

/// A journal that cannot be replayed.
pub(super) fn damaged(error: &OpenError) -> Failure {
    Failure::advised(Exit::Found, error, error.help().map(ToOwned::to_owned))
}

pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    let help = "it is no time like 2026-11-20T09:00:00Z or 2026-11-20T04:00:00-05:00";
    Timestamp::parse(text).ok_or_else(|| help.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_an_offset() {
        assert_eq!(
            time("2026-11-20T04:00:00-05:00"),
            time("2026-11-20T09:00:00Z")
        );
        assert!(time("2026-11-20").is_err());
    }

    #[test]
    fn none_and_several_are_told_apart() {
        assert!(
            not_one("101", false, &[])
                .to_string()
                .contains("no channel has")
        );
        assert!(not_one("101", true, &[]).to_string().contains("--channel"));
    }
}
