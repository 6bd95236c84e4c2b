//! From files to a ledger: the newest good snapshot, then the journal's tail.

use channelsync_contract::Timestamp;

use super::code::{Unreadable, decode};
use crate::ledger::{Entry, Ledger, evolve};
use crate::store::{Journal, JournalError};

/// Bytes of the journal held in memory at once while replaying.
const READ_BYTES_MAX: usize = 4 << 20;

/// Why a book cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// It holds an entry that this version cannot read.
    #[error(transparent)]
    Entry(#[from] Unreadable),
    /// Snapshot and journal do not fit together.
    #[error("snapshot is at entry {snapshot}, the journal ends at entry {journal}")]
    Ahead {
        /// Where the snapshot was taken.
        snapshot: u64,
        /// Where the journal ends.
        journal: u64,
    },
}

/// Replays what follows `ledger` in the journal.
///
/// # Errors
/// [`OpenError`].
pub fn replay(journal: &dyn Journal, ledger: Ledger) -> Result<Ledger, OpenError> {
    replay_until(journal, ledger, |_| true)
}

/// As [`replay`], and checks that the journal does not end before the ledger does.
///
/// # Errors
/// [`OpenError`].
pub fn open(journal: &dyn Journal, ledger: Ledger) -> Result<Ledger, OpenError> {
    let end = journal.head().seq;
    if ledger.seq > end {
        return Err(OpenError::Ahead { snapshot: ledger.seq, journal: end });
    }
    replay(journal, ledger)
}

/// Replays entries as long as `take` wants them.
///
/// # Errors
/// [`OpenError`].
pub fn replay_until(
    journal: &dyn Journal,
    mut ledger: Ledger,
    mut take: impl FnMut(&Entry) -> bool,
) -> Result<Ledger, OpenError> {
    loop {
        let groups = journal.read(ledger.seq + 1, READ_BYTES_MAX)?;
        if groups.is_empty() {
            return Ok(ledger);
        }
        for group in groups {
            for entry in decode(&group.payload, group.first)? {
                if entry.seq <= ledger.seq {
                    continue;
                }
                if !take(&entry) {
                    return Ok(ledger);
                }
                evolve(&mut ledger, &entry);
            }
        }
    }
}

impl OpenError {
    /// What a person can try next.
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::Journal(error) => error.help(),
            Self::Entry(_) => Some("a newer version may have written it: install that one again"),
            Self::Ahead { .. } => Some(
                "the end of the journal is lost; restore a backup, or move `snapshots` aside to go \
                 on with what is left",
            ),
        }
    }
}

/// Keeps a time readable where only its number is at hand.
pub(super) fn is_due(at: Timestamp, entry: &Entry) -> bool {
    entry.at <= at
}
