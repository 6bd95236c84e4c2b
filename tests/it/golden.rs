//! The state directory that this version writes, kept as it was written: every later one opens it.
//!
//! `GOLDEN=write cargo test --test it golden` writes it anew: for a new release, beside the old one,
//! or while none is released.

use std::fs;
use std::path::{Path, PathBuf};

use channelsync::bookkeeper;
use channelsync::cli::Exit;
use channelsync::ledger::Ledger;
use channelsync::store::Journal as _;
use channelsync::store::journal_file::{JournalFile, JournalOptions};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::cli::{Daemon, configure};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/0.1.0")
}

/// Units of every SKU at every location.
fn balances(ledger: &Ledger) -> Value {
    let mut rows = Vec::new();
    for (_, sku, row) in ledger.skus.iter() {
        for stock in &row.stocks {
            let balance = stock.balance;
            rows.push(json!({
                "sku": sku, "location": ledger.location_id(stock.location),
                "available": balance.available, "committed": balance.committed,
                "unavailable": balance.unavailable, "in_transit": balance.in_transit,
            }));
        }
    }
    json!({ "entry": ledger.seq, "balances": rows })
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let (path, target) = (
            file.as_ref().unwrap().path(),
            to.join(file.unwrap().file_name()),
        );
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// A day's work: catalog, stock, orders, a parcel, a count, two snapshots and a tail.
async fn write() {
    let daemon = Daemon::start().await;
    daemon.ok("stock count MUG-RED 20 --at main").await;
    daemon.ok("stock count GIFT 3 --at annex").await;
    daemon.list_mugs().await;
    daemon.buy("shopify-us", "1", "#1001", 2).await;
    daemon.buy("shopify-eu", "1", "#2001", 5).await;
    daemon.snapshot();
    daemon.ok("orders ship #1001 --tracking 1Z99").await;
    daemon.ok("stock hold MUG-RED 1 --at main").await;
    daemon.ok("stock send MUG-RED 4 --at main --to annex").await;
    daemon.snapshot();
    daemon.ok("stock receive MUG-BLUE 7 --at annex").await;
    daemon.ok("stock adjust GIFT -1 --at annex").await;
    let to = golden();
    if to.exists() {
        fs::remove_dir_all(&to).unwrap();
    }
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    daemon.ok(&format!("backup {}", to.display())).await;
    let recorded = balances(&daemon.ledger().await);
    let text = serde_json::to_string_pretty(&recorded).unwrap();
    fs::write(to.join("balances.json"), text).unwrap();
}

/// What a start finds in a copy of the directory after a change to it, and where its snapshot ends.
fn opened(change: impl FnOnce(&Path)) -> (Ledger, u64) {
    let dir = TempDir::new().unwrap();
    copy(&golden().join("acme"), dir.path());
    change(dir.path());
    let loaded = bookkeeper::load_newest(&dir.path().join("snapshots")).unwrap();
    let seq = loaded.ledger.seq;
    let options = JournalOptions::new(dir.path().join("journal"));
    let journal = JournalFile::open(&options).unwrap().journal;
    let read = |from, bytes| journal.read(from, bytes);
    let ledger = bookkeeper::open(&read, journal.head(), loaded.ledger);
    (ledger.unwrap(), seq)
}

fn snapshots(book: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(book.join("snapshots")).unwrap();
    let mut paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    paths.sort_unstable();
    paths
}

#[tokio::test]
async fn the_golden_state_directory_replays_to_its_recorded_balances() {
    if std::env::var_os("GOLDEN").is_some() {
        write().await;
    }
    let text = fs::read_to_string(golden().join("balances.json")).unwrap();
    let recorded: Value = serde_json::from_str(&text).unwrap();
    let again = "the format has changed: see the head of tests/it/golden.rs";
    let (whole, none) = opened(|book| fs::remove_dir_all(book.join("snapshots")).unwrap());
    assert_eq!((balances(&whole), none), (recorded.clone(), 0), "{again}");
    let (newest, from_newest) = opened(|_| {});
    assert_eq!(balances(&newest), recorded, "{again}");
    // Two are kept: where the newest is bad, the one before it serves.
    let (older, from_older) = opened(|book| {
        let kept = snapshots(book);
        assert_eq!(kept.len(), 2, "{kept:?}");
        let mut bytes = fs::read(&kept[1]).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(&kept[1], bytes).unwrap();
    });
    assert_eq!(balances(&older), recorded);
    assert!(
        0 < from_older && from_older < from_newest,
        "{from_older} {from_newest}"
    );
    assert!(from_newest < newest.seq, "a tail is replayed");
}

#[tokio::test]
async fn the_golden_state_directory_is_a_backup_that_can_be_restored() {
    if std::env::var_os("GOLDEN").is_some() {
        // It is being written.
        return;
    }
    let daemon = Daemon::start().await;
    let aside = configure();
    // Without what stands beside the backup.
    let backup = aside.path().join("backup");
    copy(&golden(), &backup);
    let line = format!("restore {}", backup.display());
    let (exit, out, err) = daemon.run_in(aside.path(), &line).await;
    assert_eq!((exit, err.as_str()), (Exit::Ok, ""), "{out}");
    let (exit, out, _) = daemon.run_in(aside.path(), "verify").await;
    assert_eq!(exit, Exit::Ok, "{out}");
}
