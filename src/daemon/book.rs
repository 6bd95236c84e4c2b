//! Opens a merchant's book from its directory.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use channelsync_contract::MerchantId;

use crate::bookkeeper::{self, OpenError, rebuild_records};
use crate::ledger::Ledger;
use crate::settings::Config;
use crate::store::journal_file::{JournalFile, JournalOptions};
use crate::store::parked::{ParkedError, ParkedFiles};
use crate::store::records_sled::SledStore;
use crate::store::sealed::Vault;
use crate::store::{Journal, JournalError, Records};

/// sled recovers by reading its log; longer than this it is set aside and rebuilt.
const RECORDS_OPEN_MAX: Duration = Duration::from_secs(60);

/// Why the daemon cannot start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct StartError {
    /// What failed, where and why.
    pub what: String,
    /// What to do.
    pub help: Option<String>,
}

impl StartError {
    /// From an error with advice.
    pub fn new(error: &dyn std::fmt::Display, help: Option<&str>) -> Self {
        Self {
            what: error.to_string(),
            help: help.map(ToOwned::to_owned),
        }
    }
}

/// A merchant's book, replayed.
pub struct Book {
    /// The state.
    pub ledger: Ledger,
    /// The truth.
    pub journal: Arc<dyn Journal>,
    /// What is looked up rarely.
    pub records: Option<Arc<dyn Records>>,
    /// Bytes that could not be read.
    pub parked: Arc<ParkedFiles>,
    /// Where snapshots are kept; none keeps none.
    pub snapshots: Option<std::path::PathBuf>,
}

/// Opens the records that all merchants share; a store that cannot be opened is done without.
pub fn open_records(config: &Config) -> Option<SledStore> {
    let dir = config.state_dir.join("records");
    match SledStore::open(&dir, RECORDS_OPEN_MAX) {
        Ok((store, report)) => {
            if let Some(aside) = &report.moved_aside {
                tracing::warn!(aside = ?aside, "records were damaged, set aside and rebuilt");
            }
            Some(store)
        }
        Err(error) => {
            tracing::warn!(%error, help = error.help(), "going on without records");
            None
        }
    }
}

/// Opens one merchant's book: the newest good snapshot, then the journal's tail.
///
/// # Errors
/// [`StartError`]: damage, another daemon, a newer version, a directory that cannot be used.
pub fn open_book(
    config: &Config,
    merchant: &MerchantId,
    records: Option<&SledStore>,
    vault: Vault,
) -> Result<Book, StartError> {
    let dir = config.state_dir.join(merchant.as_str());
    let snapshots = dir.join("snapshots");
    check_journal_is_there(&dir)?;
    let loaded = bookkeeper::load_newest(&snapshots);
    let loaded = loaded.map_err(|error| StartError::new(&error, Some(error.help())))?;
    for skipped in &loaded.skipped {
        tracing::warn!(merchant = %merchant, skipped, "a snapshot was passed over");
    }
    let mut options = JournalOptions::new(dir.join("journal"));
    options.segment_bytes_max = config.limits.segment_bytes_max;
    options.check_from_seq = loaded.ledger.seq;
    let opened = JournalFile::open(&options);
    let opened = opened.map_err(|error| StartError::new(&error, error.help()))?;
    let (torn, ignored) = (opened.report.torn_bytes_cut, opened.report.ignored_bytes);
    if torn > 0 {
        tracing::warn!(merchant = %merchant, bytes = torn, "cut the end of a write never acknowledged");
    }
    if ignored > 0 {
        tracing::warn!(merchant = %merchant, bytes = ignored, "ignored what follows a failed sync");
    }
    let journal: Arc<dyn Journal> = Arc::new(opened.journal);
    let read = |from, bytes| journal.read(from, bytes);
    let ledger = bookkeeper::open(&read, journal.head(), loaded.ledger);
    let ledger = ledger.map_err(|error| unopened(&error, &options.dir))?;
    let parked = open_parked(&dir, config, &ledger, vault)?;
    let records =
        records.map(|store| Arc::new(store.records(merchant.as_str())) as Arc<dyn Records>);
    if let Some(Ok(seq)) = records.as_ref().map(|records| records.applied_seq())
        && seq > ledger.seq
    {
        tracing::warn!(
            merchant = %merchant, entry = ledger.seq, durable = seq,
            "the journal ends before entries that were durable: unless a backup was restored they are lost"
        );
    }
    let records = records.filter(|records| match rebuild_records(&ledger, records.as_ref()) {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(merchant = %merchant, %error, "going on without records");
            false
        }
    });
    Ok(Book {
        ledger,
        journal,
        records,
        parked,
        snapshots: Some(snapshots),
    })
}

fn unopened(error: &OpenError, journal: &Path) -> StartError {
    if !matches!(error, OpenError::Journal(JournalError::Gone { .. })) {
        return StartError::new(error, error.help());
    }
    let help = "a file of it is missing: bring it back from a copy, or restore a backup";
    StartError {
        what: format!("{}: {error}", journal.display()),
        help: Some(help.to_owned()),
    }
}

fn open_parked(
    dir: &Path,
    config: &Config,
    ledger: &Ledger,
    vault: Vault,
) -> Result<Arc<ParkedFiles>, StartError> {
    let failed = |error: ParkedError| StartError::new(&error, error.help());
    let opened = ParkedFiles::open(&dir.join("parked"), vault, config.limits.parked_bytes_max);
    let parked = opened.map_err(failed)?;
    let is_known = |id: &str| ledger.parked.contains_key(id);
    match parked.retain(is_known).map_err(failed)? {
        0 => {}
        files => tracing::info!(files, "deleted parked bytes that were never booked"),
    }
    for id in ledger.parked.keys() {
        if let Err(error) = parked.check(id) {
            tracing::warn!(%error, help = error.help(), "parked bytes cannot be opened");
        }
    }
    Ok(Arc::new(parked))
}

/// A book that was kept and whose journal is gone must not begin anew as if nothing had been.
fn check_journal_is_there(dir: &Path) -> Result<(), StartError> {
    let journal = dir.join("journal");
    let others = ["snapshots", "parked"].map(|name| dir.join(name));
    let Some(left) = others.iter().find(|left| left.exists()) else {
        return Ok(());
    };
    if journal.exists() {
        return Ok(());
    }
    Err(StartError {
        what: format!("{} is gone, {} is there", journal.display(), left.display()),
        help: Some(format!(
            "bring the journal back from a copy; to begin with an empty book move {} aside",
            dir.display()
        )),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_book_without_its_journal_does_not_begin_anew() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(check_journal_is_there(dir.path()), Ok(()));
        std::fs::create_dir(dir.path().join("journal")).unwrap();
        std::fs::create_dir(dir.path().join("parked")).unwrap();
        assert_eq!(check_journal_is_there(dir.path()), Ok(()));
        std::fs::remove_dir(dir.path().join("journal")).unwrap();
        let error = check_journal_is_there(dir.path()).unwrap_err();
        assert!(error.what.contains("journal is gone"), "{error:?}");
    }

    #[test]
    fn a_missing_file_of_the_journal_is_told_with_its_place_and_what_to_do() {
        let gone = OpenError::from(JournalError::Gone {
            asked: 201,
            first: 259,
        });
        let error = unopened(&gone, Path::new("/var/lib/channelsync/acme/journal"));
        let what = "/var/lib/channelsync/acme/journal: entry 201 is no longer in the journal, which \
                    begins with entry 259";
        assert_eq!(error.what, what);
        assert!(error.help.unwrap().contains("bring it back from a copy"));
    }
}
