//! `backup`: the books in a directory of their own, checked after writing; a daemon goes on meanwhile.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::failure::{Exit, Failure};
use super::session::Session;
use super::table::{cell, count, elements};
use super::{status, verify};
use crate::daemon;
use crate::store::backup::{self, BackupError, BookCopy};
use crate::store::journal_file::{JournalOptions, JournalReader};
use crate::store::lock::DirLock;
use crate::store::{Head, disk};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// A directory that is not there yet
    #[arg(value_name = "DIR")]
    to: PathBuf,
}

pub(super) async fn run(args: &Args, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    if args.to.exists() {
        let error = format!("{} is there already", args.to.display());
        return Err(Failure::usage(error, "name a directory that is not"));
    }
    let to = std::path::absolute(&args.to).unwrap_or_else(|_| args.to.clone());
    let state = std::path::absolute(&session.config.state_dir);
    if state.is_ok_and(|state| to.starts_with(state)) {
        let error = format!("{} is within the state directory", args.to.display());
        let help =
            "name one outside of it, best on another disk: each backup would hold those before it";
        return Err(Failure::usage(error, help));
    }
    let unfinished = args.to.with_added_extension("unfinished");
    remove(&unfinished)?;
    let made = make(&unfinished, session).await;
    let done = made.and_then(|report| {
        std::fs::rename(&unfinished, &args.to)
            .and_then(|()| disk::sync_dir(disk::parent(&args.to)))
            .map_err(|source| {
                failed(&BackupError::Failed {
                    what: "rename to",
                    path: args.to.clone(),
                    source,
                })
            })?;
        Ok(report)
    });
    let mut report = match done {
        Ok(report) => report,
        Err(failure) => {
            remove(&unfinished)?;
            return Err(failure);
        }
    };
    report["path"] = json!(args.to);
    if session.common.json {
        session.console.json(&report)?;
    } else {
        session.console.print(&text(&report))?;
    }
    Ok(Exit::Ok)
}

/// What an earlier attempt left behind.
fn remove(unfinished: &Path) -> Result<(), Failure> {
    match std::fs::remove_dir_all(unfinished) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            let error = format!("cannot remove {}: {error}", unfinished.display());
            Err(Failure::new(Exit::Unavailable, error, "remove it by hand"))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

pub(super) fn failed(error: &BackupError) -> Failure {
    let help = error.help().map(ToOwned::to_owned);
    Failure::advised(Exit::Unavailable, error, help)
}

async fn make(dir: &Path, session: &mut Session<'_, '_>) -> Result<Value, Failure> {
    let merchants = session.merchants()?.into_iter();
    let merchants: Vec<String> = merchants.map(|known| known.id.to_string()).collect();
    let mut books = Vec::new();
    for merchant in merchants {
        let from = session.config.state_dir.join(&merchant);
        let to = dir.join(&merchant);
        // Twice: what is released after the head was asked for is needed by it all the same.
        backup::copy_others(&from, &to).map_err(|error| failed(&error))?;
        let (head, _lock) = durable_head(&merchant, &from, session).await?;
        backup::copy_book(&from, &to, &head).map_err(|error| failed(&error))?;
        backup::copy_others(&from, &to).map_err(|error| failed(&error))?;
        let last_at = verify::proved(&to, &head, session.console)?;
        books.push(BookCopy {
            merchant,
            head,
            last_at,
        });
    }
    let made_at = session.console.clock.now().to_string();
    let manifest = backup::seal(dir, made_at, books).map_err(|error| failed(&error))?;
    backup::check(dir).map_err(|error| failed(&error))?;
    let bytes: u64 = manifest.files.iter().map(|file| file.bytes).sum();
    let merchants = manifest.merchants.iter().map(|book| {
        json!({ "merchant": book.merchant, "entry": book.head.seq, "head": book.head.to_string(),
                "last_at": book.last_at })
    });
    Ok(json!({ "files": manifest.files.len(), "bytes": bytes,
               "merchants": merchants.collect::<Vec<_>>() }))
}

/// The end of what is surely durable: as the daemon says, or as the files say while none can run.
async fn durable_head(
    merchant: &str,
    dir: &Path,
    session: &Session<'_, '_>,
) -> Result<(Head, Option<DirLock>), Failure> {
    match status::fetch(session).await {
        Ok(status) => {
            let mut known = elements(&status["merchants"]).iter();
            let known = known.find(|known| known["merchant"] == merchant);
            let head = known.and_then(|known| known["head"].as_str()?.parse().ok());
            let head = head.ok_or_else(|| {
                let error = format!("the daemon knows no merchant {merchant}");
                Failure::new(Exit::TryAgain, error, "restart it with this configuration")
            })?;
            Ok((head, None))
        }
        Err(silent) if silent.exit() == Exit::Unavailable => {
            let lock = daemon::hold(&session.config).map_err(|_| silent)?;
            let mut options = JournalOptions::new(dir.join("journal"));
            options.check_from_seq = u64::MAX;
            let opened = JournalReader::open(&options);
            let (reader, _) = opened.map_err(|error| failed(&error.into()))?;
            Ok((reader.head(), Some(lock)))
        }
        Err(failure) => Err(failure),
    }
}

fn text(report: &Value) -> String {
    let mut text = String::new();
    for book in elements(&report["merchants"]) {
        text.push_str(&format!(
            "{}: to entry {} of {}\n{}: head {}\n",
            cell(&book["merchant"]),
            cell(&book["entry"]),
            cell(&book["last_at"]),
            cell(&book["merchant"]),
            cell(&book["head"]),
        ));
    }
    let files = count(report["files"].as_u64().unwrap_or(0), "file", "files");
    let (path, bytes) = (cell(&report["path"]), cell(&report["bytes"]));
    text.push_str(&format!("{path}: {files}, {bytes} bytes, verified"));
    text
}
