//! `journal`: the entries as they are in the files, with or without a daemon.

use std::path::Path;

use serde_json::Value;

use super::explain::damaged;
use super::fact::fact;
use super::failure::{Exit, Failure};
use super::session::Session;
use super::table::printable;
use crate::bookkeeper::{OpenError, decode};
use crate::ledger::Entry;
use crate::store::journal_file::{JournalOptions, JournalReader};

const READ_BYTES_MAX: usize = 4 << 20;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Begin with this entry [default: show the newest]
    #[arg(long, value_name = "SEQ")]
    from: Option<u64>,
    /// Show so many entries at most
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u64,
}

pub(super) fn run(args: &Args, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let dir = session.merchant_dir()?;
    let reader = open_reader(&dir, args.from.unwrap_or(u64::MAX))?;
    let newest = reader.head().seq.saturating_add(1);
    let first = args
        .from
        .unwrap_or(newest.saturating_sub(args.limit))
        .max(1);
    let end = first.saturating_add(args.limit).min(newest);
    let json = session.common.json;
    let mut next = first;
    while next < end {
        let groups = reader.read(next, READ_BYTES_MAX).map_err(OpenError::from);
        for group in groups.map_err(|error| damaged(&error))? {
            let entries = decode(&group.payload, group.first).map_err(OpenError::from);
            let entries = entries.map_err(|error| damaged(&error))?;
            let wanted = entries
                .iter()
                .filter(|entry| (first..end).contains(&entry.seq));
            for entry in wanted {
                show(entry, json, entry.seq == first, session)?;
            }
            next = group.last.saturating_add(1);
        }
    }
    if json {
        session
            .console
            .print(if first < end { "]" } else { "[]" })?;
    } else if first >= end {
        let text = format!("no such entries; the journal ends at entry {}", newest - 1);
        session.console.print(&text)?;
    }
    Ok(Exit::Ok)
}

/// Every entry of the session's merchant that the files hold, oldest first.
pub(super) fn entries(
    session: &Session<'_, '_>,
    mut see: impl FnMut(&Entry),
) -> Result<(), Failure> {
    let reader = open_reader(&session.merchant_dir()?, u64::MAX)?;
    let bar = session.console.bar("entries", reader.head().seq);
    let kept = reader.bounds().first().map_or(0, |before| before.seq);
    let mut next = kept.saturating_add(1);
    loop {
        let groups = reader.read(next, READ_BYTES_MAX).map_err(OpenError::from);
        let groups = groups.map_err(|error| damaged(&error))?;
        if groups.is_empty() {
            bar.finish_and_clear();
            return Ok(());
        }
        for group in groups {
            let entries = decode(&group.payload, group.first).map_err(OpenError::from);
            entries
                .map_err(|error| damaged(&error))?
                .iter()
                .for_each(&mut see);
            next = group.last.saturating_add(1);
        }
        bar.set_position(next);
    }
}

/// A merchant's journal, checked from an entry on.
pub(super) fn open_reader(dir: &Path, check_from: u64) -> Result<JournalReader, Failure> {
    let mut options = JournalOptions::new(dir.join("journal"));
    options.check_from_seq = check_from;
    let opened = JournalReader::open(&options).map_err(OpenError::from);
    Ok(opened.map_err(|error| damaged(&error))?.0)
}

fn show(
    entry: &Entry,
    json: bool,
    is_first: bool,
    session: &mut Session<'_, '_>,
) -> Result<(), Failure> {
    if !json {
        return session.console.print(&text(entry));
    }
    let between = if is_first { "[" } else { ",\n" };
    session.console.bytes(between.as_bytes())?;
    let value = serde_json::to_value(entry).unwrap_or(Value::Null);
    session.console.bytes(value.to_string().as_bytes())
}

/// One entry for people.
fn text(entry: &Entry) -> String {
    let mut text = format!(
        "{}  {}  {}  {}",
        entry.seq,
        entry.at,
        printable(&entry.actor),
        printable(&entry.cause)
    );
    for movement in &entry.movements {
        let (units, sku) = (movement.units, printable(movement.sku.as_str()));
        let way = format!("{} -> {}", movement.from, movement.to);
        text.push_str(&format!("\n    {units} {sku}: {way}"));
    }
    for known in &entry.facts {
        text.push_str(&format!("\n    {}", printable(&fact(known))));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Bucket, Exception, Fact, Movement, Place};
    use channelsync_contract::{Timestamp, Units};
    use insta::assert_snapshot;

    #[test]
    fn an_entry_shows_what_moved_and_what_is_now_so() {
        let at = |bucket| Place::At("main".into(), bucket);
        let entry = Entry {
            seq: 42,
            at: Timestamp::parse("2026-11-20T09:00:00Z").unwrap(),
            actor: "webhook shopify-us".to_owned(),
            cause: "delivery-1".to_owned(),
            movements: vec![Movement {
                sku: "MUG-RED".into(),
                units: Units(3),
                from: at(Bucket::Available),
                to: at(Bucket::Committed),
            }],
            facts: vec![
                Fact::Counted("MUG-RED".into(), "main".into()),
                Fact::Exception(Exception::LateDiscovery {
                    order: "450".into(),
                    by: std::time::Duration::from_secs(240),
                }),
                Fact::Unparked("a\nb".to_owned()),
            ],
        };
        assert_snapshot!(text(&entry), @r"
        42  2026-11-20T09:00:00Z  webhook shopify-us  delivery-1
            3 MUG-RED: main/available -> main/committed
            MUG-RED was counted at main
            order 450 was found late: its channel hid it for 240 s or more
            a�b is no longer parked
        ");
    }
}
