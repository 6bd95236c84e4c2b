//! From files to a ledger: the newest good snapshot, then the journal's tail.

use channelsync_contract::Timestamp;

use super::code::{Unreadable, decode, encode};
use super::handle::Origin;
use crate::ledger::{Command, Entry, Ledger, decide, evolve};
use crate::store::{Group, Head, JournalError};

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

/// Reads groups from an entry on, so many bytes at once; a journal's `read`.
pub type ReadGroups<'a> = &'a dyn Fn(u64, usize) -> Result<Vec<Group>, JournalError>;

/// Replays what follows `ledger` in the journal that ends at `head`.
///
/// # Errors
/// [`OpenError`].
pub fn open(read: ReadGroups<'_>, head: Head, ledger: Ledger) -> Result<Ledger, OpenError> {
    if ledger.seq > head.seq {
        return Err(OpenError::Ahead {
            snapshot: ledger.seq,
            journal: head.seq,
        });
    }
    Ok(replay(read, ledger, |_, _| true)?.0)
}

/// Replays entries as long as `take` wants them. Gives the head of the last whole group taken, if any.
///
/// # Errors
/// [`OpenError`].
pub fn replay(
    read: ReadGroups<'_>,
    mut ledger: Ledger,
    mut take: impl FnMut(&Ledger, &Entry) -> bool,
) -> Result<(Ledger, Option<Head>), OpenError> {
    let mut head = None;
    loop {
        let groups = read(ledger.seq + 1, READ_BYTES_MAX)?;
        if groups.is_empty() {
            return Ok((ledger, head));
        }
        for group in groups {
            for entry in decode(&group.payload, group.first)? {
                if entry.seq <= ledger.seq {
                    continue;
                }
                if !take(&ledger, &entry) {
                    return Ok((ledger, head));
                }
                evolve(&mut ledger, &entry);
            }
            head = Some(group.head());
        }
    }
}

/// What the journal of a restored backup goes on with: from here on every channel is held until it
/// was looked at whole.
///
/// # Panics
/// Never: restoring is refused by no ledger.
pub fn restored(ledger: &Ledger, now: Timestamp, origin: Origin) -> Group {
    let at = now.max(ledger.at);
    let draft = decide(ledger, &Command::Restore, at).expect("a ledger can always be restored");
    let entry = origin.entry(ledger, draft, at);
    Group {
        first: entry.seq,
        last: entry.seq,
        payload: encode(&[entry]),
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
