//! `verify`: proves the files of a merchant, with or without a daemon, and changes nothing.
//!
//! The journal's hash chain, the sums of the ledger that a replay from the first entry gives, the
//! newest snapshot against that replay, and parked bytes against what the journal says of them.

use std::io::{self, Read, Write};
use std::path::Path;

use serde_json::{Value, json};
use sha2::Digest as _;

use super::console::Console;
use super::failure::{Exit, Failure};
use super::session::Session;
use super::table::{cell, count, elements};
use crate::bookkeeper::{OpenError, load_base, replay, write_piece};
use crate::ledger::{self, Entry, Fact, Ledger};
use crate::settings::Config;
use crate::store::Head;
use crate::store::journal_file::{JournalOptions, JournalReader};
use crate::store::snapshot::{self, Snapshot};

pub(super) fn run(session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let mut reports = Vec::new();
    for merchant in session.merchants()? {
        let dir = session.config.state_dir.join(merchant.id.as_str());
        let mut report = Report::default();
        // Damage ends the reading; it is one more thing that was found.
        if let Err(error) = verify(&dir, &mut report, session.console) {
            report.broken(&error, error.help());
        }
        reports.push(report.json(merchant.id.as_str()));
    }
    let all_well = reports.iter().all(|report| report["ok"] == true);
    if session.common.json {
        let all = json!({ "ok": all_well, "merchants": reports });
        session.console.json(&all)?;
    } else {
        for report in &reports {
            session.console.print(&text(report))?;
        }
    }
    Ok(if all_well { Exit::Ok } else { Exit::Found })
}

/// Whether the files of all merchants are proved; what is broken is told.
pub(super) fn is_whole(config: &Config, console: &mut Console<'_>) -> bool {
    config.merchants.iter().all(|merchant| {
        let dir = config.state_dir.join(merchant.id.as_str());
        let mut report = Report::default();
        if let Err(error) = verify(&dir, &mut report, console) {
            report.broken(&error, error.help());
        }
        for broken in &report.broken {
            console.tell(format_args!("verify: {}\n", cell(&broken["what"])));
        }
        report.broken.is_empty()
    })
}

/// Proves a copy of a merchant's files that must end at `head`; the time of its last entry.
pub(super) fn proved(dir: &Path, head: &Head, console: &Console<'_>) -> Result<String, Failure> {
    let mut report = Report::default();
    if let Err(error) = verify(dir, &mut report, console) {
        report.broken(&error, error.help());
    }
    if report.broken.is_empty() && report.head != head.to_string() {
        report.broken(&format!("it ends at {}, not at {head}", report.head), None);
    }
    match report.broken.first() {
        None => Ok(report.last_at),
        Some(broken) => {
            let error = format!("{} is not whole: {}", dir.display(), cell(&broken["what"]));
            let help = "try again; where that fails too, `channelsync verify` proves the source";
            Err(Failure::new(Exit::Unavailable, error, help))
        }
    }
}

/// What was found.
#[derive(Default)]
struct Report {
    head: String,
    entries: u64,
    last_at: String,
    snapshot: Option<u64>,
    notes: Vec<String>,
    broken: Vec<Value>,
}

impl Report {
    fn broken(&mut self, what: &dyn std::fmt::Display, help: Option<&str>) {
        self.broken
            .push(json!({ "what": what.to_string(), "help": help }));
    }

    fn json(self, merchant: &str) -> Value {
        json!({
            "merchant": merchant,
            "ok": self.broken.is_empty(),
            "head": self.head,
            "entries": self.entries,
            "snapshot": self.snapshot,
            "notes": self.notes,
            "broken": self.broken,
        })
    }
}

fn text(report: &Value) -> String {
    let merchant = cell(&report["merchant"]);
    let mut text = String::new();
    for broken in elements(&report["broken"]) {
        text.push_str(&format!("{merchant}: BROKEN: {}\n", cell(&broken["what"])));
        if let Some(help) = broken["help"].as_str() {
            text.push_str(&format!("  help: {help}\n"));
        }
    }
    for note in elements(&report["notes"]) {
        text.push_str(&format!("{merchant}: {}\n", cell(note)));
    }
    let entries = count(report["entries"].as_u64().unwrap_or(0), "entry", "entries");
    let snapshot = match report["snapshot"].as_u64() {
        Some(seq) => format!("snapshot of entry {seq}"),
        None => "no snapshot".to_owned(),
    };
    let verdict = if report["ok"] == true { "ok" } else { "not ok" };
    text.push_str(&format!(
        "{merchant}: {verdict}, {entries} replayed, {snapshot}\n"
    ));
    text.push_str(&format!("{merchant}: head {}", cell(&report["head"])));
    text
}

fn verify(dir: &Path, report: &mut Report, console: &Console<'_>) -> Result<(), OpenError> {
    // Before the journal, which a daemon may carry on meanwhile; the file stays open.
    let snapshot = newest_snapshot(&dir.join("snapshots"), report);
    let (reader, opened) = JournalReader::open(&JournalOptions::new(dir.join("journal")))?;
    report.head = reader.head().to_string();
    if opened.torn_bytes_cut > 0 {
        let torn = opened.torn_bytes_cut;
        report.notes.push(format!(
            "{torn} bytes at the end are of a write not finished; none of it was acknowledged"
        ));
    }
    let bar = console.bar("entries", reader.head().seq);
    let mut erased = 0;
    let mut look = |entry: &Entry| {
        bar.set_position(entry.seq);
        let is_erasure = |fact: &&Fact| matches!(fact, Fact::Erased(_));
        erased += entry.facts.iter().filter(is_erasure).count();
    };
    let read = |from, bytes| reader.read(from, bytes);
    let mut ledger = base(&dir.join("snapshots"), &reader, report)?;
    let mut bounds = reader.bounds().into_iter();
    let begins = bounds.rfind(|bound| bound.seq == ledger.seq);
    if let Some(snapshot) = snapshot {
        let seq = snapshot.head.seq;
        let (then, head) = replay(&read, ledger, |_, entry| {
            let is_before = entry.seq <= seq;
            if is_before {
                look(entry);
            }
            is_before
        })?;
        let of_this = head.or(begins) == Some(snapshot.head);
        let (then, is_same) = compare(then, snapshot);
        if !of_this {
            let what = format!("the snapshot of entry {seq} is of another journal");
            report.broken(&what, Some(SNAPSHOT_HELP));
        } else if !is_same {
            let what = format!("the snapshot of entry {seq} differs from a replay to that entry");
            report.broken(&what, Some(SNAPSHOT_HELP));
        }
        ledger = then;
    }
    let (ledger, _) = replay(&read, ledger, |_, entry| {
        look(entry);
        true
    })?;
    bar.finish_and_clear();
    if erased > 0 {
        let erased = count(
            u64::try_from(erased).unwrap_or(u64::MAX),
            "delivery",
            "deliveries",
        );
        report.notes.push(format!(
            "parked and erased, on a privacy request or by age: {erased}"
        ));
    }
    report.entries = ledger.seq;
    report.last_at = ledger.at.to_string();
    if ledger.seq != reader.head().seq {
        let what = format!("the replay ends at entry {}", ledger.seq);
        report.broken(&what, None);
    }
    for broken in ledger::verify(&ledger) {
        report.broken(&broken, None);
    }
    verify_parked(&dir.join("parked"), &ledger, report);
    Ok(())
}

/// Where the replay begins: at nothing, or at the state that was kept when older entries left by age.
fn base(dir: &Path, reader: &JournalReader, report: &mut Report) -> Result<Ledger, OpenError> {
    let begins = reader.bounds().first().copied().unwrap_or_default();
    let loaded = match load_base(dir, &begins) {
        Ok(loaded) => loaded,
        Err(error) => {
            report.broken(&error, Some(error.help()));
            return Ok(Ledger::default());
        }
    };
    for skipped in loaded.skipped {
        report.broken(&skipped, Some("restore a backup"));
    }
    if loaded.ledger.seq > 0 {
        let seq = loaded.ledger.seq;
        let note =
            format!("entries up to {seq} left by age; the replay begins at the state they left");
        report.notes.push(note);
    }
    Ok(loaded.ledger)
}

const SNAPSHOT_HELP: &str =
    "stop the daemon and move `snapshots` aside: the journal alone is enough to start";

fn newest_snapshot(dir: &Path, report: &mut Report) -> Option<Snapshot> {
    match snapshot::newest_good(dir) {
        Ok((newest, skipped)) => {
            for skipped in skipped {
                let what = format!("snapshot {}: {}", skipped.path.display(), skipped.why);
                report.broken(&what, Some("the daemon starts without it"));
            }
            report.snapshot = newest.as_ref().map(|newest| newest.head.seq);
            newest
        }
        Err(error) => {
            report.broken(&error, Some(error.help()));
            None
        }
    }
}

/// Takes what is written and compares it with what is read.
struct Comparing<R> {
    stored: R,
    same: bool,
}

impl<R: Read> Write for Comparing<R> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut stored = vec![0; bytes.len()];
        self.same &= self.stored.read_exact(&mut stored).is_ok() && stored == bytes;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The ledger again, and whether the snapshot holds it.
fn compare(ledger: Ledger, snapshot: Snapshot) -> (Ledger, bool) {
    let mut comparing = Comparing {
        stored: snapshot.payload,
        same: true,
    };
    let mut again = Ledger::default();
    for piece in ledger.into_pieces() {
        comparing.same &= write_piece(&piece, &mut comparing).is_ok();
        again.add(piece).expect("pieces of one ledger");
    }
    let at_end = matches!(comparing.stored.read(&mut [0]), Ok(0));
    (again, comparing.same && at_end)
}

fn verify_parked(dir: &Path, ledger: &Ledger, report: &mut Report) {
    for parked in ledger.parked.values().map(|row| &row.bytes) {
        let path = dir.join(&parked.id);
        let why = match std::fs::read(&path) {
            Err(error) => format!("cannot be read: {error}"),
            Ok(bytes) => {
                let digest = sha2::Sha256::digest(&bytes);
                let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
                if hex == parked.sha256 {
                    continue;
                }
                "is not what was sealed".to_owned()
            }
        };
        let what = format!("parked {} {why}", path.display());
        report.broken(&what, Some("restore the file from a backup, or release it"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    #[test]
    fn every_broken_thing_is_listed_with_its_help() {
        let mut report = Report {
            head: "3:00ff".to_owned(),
            entries: 3,
            snapshot: Some(2),
            ..Report::default()
        };
        report
            .notes
            .push("12 bytes at the end are unfinished".to_owned());
        assert_snapshot!(text(&report.json("acme")), @r"
        acme: 12 bytes at the end are unfinished
        acme: ok, 3 entries replayed, snapshot of entry 2
        acme: head 3:00ff
        ");
        let mut report = Report::default();
        report.broken(&"MUG: units over all places sum to 1, not zero", None);
        report.broken(&"a snapshot differs", Some(SNAPSHOT_HELP));
        assert_snapshot!(text(&report.json("acme")), @r"
        acme: BROKEN: MUG: units over all places sum to 1, not zero
        acme: BROKEN: a snapshot differs
          help: stop the daemon and move `snapshots` aside: the journal alone is enough to start
        acme: not ok, 0 entries replayed, no snapshot
        acme: head
        ");
    }

    #[test]
    fn a_longer_or_shorter_file_is_not_the_same() {
        let compare = |stored: &[u8]| {
            let mut comparing = Comparing { stored, same: true };
            comparing.write_all(b"abc").unwrap();
            comparing.same && comparing.stored.is_empty()
        };
        assert!(compare(b"abc"));
        assert!(!compare(b"abx"));
        assert!(!compare(b"ab"));
        assert!(!compare(b"abcd"));
    }
}
