//! `restore`: the books of a backup in the place of lost ones. Works on files, with no daemon.
//!
//! Everything is proved before anything is put in place. The journal then goes on with an entry that
//! holds every channel until it was looked at whole.

use std::path::{Path, PathBuf};

use channelsync_contract::Timestamp;
use serde_json::{Value, json};

use super::backup::failed;
use super::failure::{Exit, Failure};
use super::session::Session;
use super::table::{cell, elements};
use super::verify;
use crate::bookkeeper::{self, Origin};
use crate::daemon;
use crate::store::backup::{self, BackupError, BookCopy, Manifest};
use crate::store::journal_file::{JournalFile, JournalOptions};
use crate::store::{Journal as _, disk};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The directory that `backup` wrote
    #[arg(value_name = "DIR")]
    from: PathBuf,
}

pub(super) async fn run(args: &Args, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let manifest = backup::check(&args.from).map_err(|error| failed(&error))?;
    let held = daemon::hold(&session.config);
    let _lock = held.map_err(|error| {
        let help = "stop the daemon first: `systemctl stop channelsync`".to_owned();
        Failure::new(Exit::TryAgain, &error, error.help.clone().unwrap_or(help))
    })?;
    let books = wanted(&manifest, session)?;
    for book in &books {
        check_free(&session.config.state_dir.join(&book.merchant), session)?;
    }
    let mut restored = Vec::new();
    for book in books {
        restored.push(put_back(args, &manifest, &book, session).await?);
    }
    // They would know of entries that are gone; the daemon makes them anew.
    let records = session.config.state_dir.join("records");
    match std::fs::remove_dir_all(&records) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            let error = format!("cannot remove {}: {error}", records.display());
            return Err(Failure::new(Exit::Unavailable, error, "remove it by hand"));
        }
        Ok(()) | Err(_) => {}
    }
    let report = json!({ "made_at": manifest.made_at, "merchants": restored });
    if session.common.json {
        session.console.json(&report)?;
    } else {
        session.console.print(&text(&report))?;
    }
    Ok(Exit::Ok)
}

/// The books of the backup whose merchants are meant.
fn wanted(manifest: &Manifest, session: &Session<'_, '_>) -> Result<Vec<BookCopy>, Failure> {
    let meant = session.merchants()?;
    let is_meant = |book: &&BookCopy| meant.iter().any(|known| known.id.as_str() == book.merchant);
    let books: Vec<BookCopy> = manifest
        .merchants
        .iter()
        .filter(is_meant)
        .cloned()
        .collect();
    if books.is_empty() {
        let held = manifest.merchants.iter().map(|book| book.merchant.as_str());
        let held = held.collect::<Vec<_>>().join(", ");
        let error = "the backup holds no book of a configured merchant";
        return Err(Failure::usage(error, format!("it holds: {held}")));
    }
    Ok(books)
}

/// A book that is there is never overwritten.
fn check_free(dir: &Path, session: &Session<'_, '_>) -> Result<(), Failure> {
    let is_empty = match std::fs::read_dir(dir) {
        Ok(mut files) => files.next().is_none(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(error) => {
            let error = format!("cannot read {}: {error}", dir.display());
            return Err(Failure::new(
                Exit::Unavailable,
                error,
                "check owner and mode",
            ));
        }
    };
    if is_empty {
        return Ok(());
    }
    let error = format!("{} holds a book already", dir.display());
    let now = session.console.clock.now().0;
    let help = format!("move it aside: mv {0} {0}.{now}", dir.display());
    Err(Failure::usage(error, help))
}

async fn put_back(
    args: &Args,
    manifest: &Manifest,
    book: &BookCopy,
    session: &mut Session<'_, '_>,
) -> Result<Value, Failure> {
    let state_dir = session.config.state_dir.clone();
    let target = state_dir.join(&book.merchant);
    let unfinished = state_dir.join(format!(".{}.restoring", book.merchant));
    let io = |what, path: &Path| {
        let path = path.to_owned();
        move |source| failed(&BackupError::Failed { what, path, source })
    };
    if unfinished.exists() {
        std::fs::remove_dir_all(&unfinished).map_err(io("remove", &unfinished))?;
    }
    backup::take_out(&args.from, manifest, &book.merchant, &unfinished)
        .map_err(|error| failed(&error))?;
    verify::proved(&unfinished, &book.head, session.console)?;
    let now = session.console.clock.now();
    hold_channels(&unfinished, now).await?;
    if target.exists() {
        std::fs::remove_dir(&target).map_err(io("remove", &target))?;
    }
    std::fs::rename(&unfinished, &target).map_err(io("rename to", &target))?;
    disk::sync_dir(&state_dir).map_err(io("sync", &state_dir))?;
    Ok(json!({
        "merchant": book.merchant,
        "entry": book.head.seq,
        "head": book.head.to_string(),
        "enter_again_from": book.last_at,
        "enter_again_to": now.to_string(),
    }))
}

/// Books that the journal was restored.
async fn hold_channels(dir: &Path, now: Timestamp) -> Result<(), Failure> {
    let told = |error: &dyn std::fmt::Display, help: Option<&str>| {
        Failure::advised(Exit::Unavailable, error, help.map(ToOwned::to_owned))
    };
    let loaded = bookkeeper::load_newest(&dir.join("snapshots"));
    let loaded = loaded.map_err(|error| told(&error, Some(error.help())))?;
    let opened = JournalFile::open(&JournalOptions::new(dir.join("journal")));
    let journal = opened.map_err(|error| told(&error, error.help()))?.journal;
    let read = |from, bytes| journal.read(from, bytes);
    let ledger = bookkeeper::open(&read, journal.head(), loaded.ledger);
    let ledger = ledger.map_err(|error| told(&error, error.help()))?;
    let group = bookkeeper::restored(&ledger, now, Origin::new("cli", "restore"));
    let written = journal.append(group).await;
    written.map_err(|error| told(&error, error.help()))?;
    let closed = journal.close().await;
    closed.map_err(|error| told(&error, error.help()))
}

fn text(report: &Value) -> String {
    let mut text = String::new();
    for book in elements(&report["merchants"]) {
        let merchant = cell(&book["merchant"]);
        text.push_str(&format!(
            "{merchant}: restored to entry {}\n{merchant}: head {}\n\
             {merchant}: enter again what was ordered by hand from {} to {}:\n  \
             receipts, counts, corrections, moves, parcels, mappings, releases\n",
            cell(&book["entry"]),
            cell(&book["head"]),
            cell(&book["enter_again_from"]),
            cell(&book["enter_again_to"]),
        ));
    }
    text.push_str(
        "start the daemon; it writes nothing to a channel before it knows the orders up to now and \
         has read every slot, `channelsync status` tells how far it is",
    );
    text
}
