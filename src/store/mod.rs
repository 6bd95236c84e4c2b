//! What survives: journal, records, snapshots and parked bytes, as bytes.
//!
//! In: payloads that the caller has encoded, in groups. Out: the same bytes, in order, once, or an
//! error that says which file, which byte and what to do. Never here: what an entry means, a clock,
//! a decision about the book.

use std::path::PathBuf;
use std::str::FromStr;
use std::{fmt, io};

use async_trait::async_trait;
use bytes::Bytes;

pub mod backup;
pub mod disk;
pub mod journal_file;
pub mod lock;
pub mod memory;
pub mod parked;
pub mod records_sled;
pub mod sealed;
pub mod snapshot;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod faulty;

/// The end of a journal, or of a part of it: what the next group must continue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The last entry's number; 0 before the first.
    pub seq: u64,
    /// SHA-256 of the last group's payload; zeros before the first.
    pub hash: [u8; 32],
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.seq)?;
        self.hash
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Head {
    type Err = NoHead;

    /// Reads what `Display` writes.
    fn from_str(text: &str) -> Result<Self, NoHead> {
        let (seq, hex) = text.split_once(':').ok_or(NoHead)?;
        let mut head = Self {
            seq: seq.parse().map_err(|_| NoHead)?,
            hash: [0; 32],
        };
        if hex.len() != 64 || !hex.is_ascii() {
            return Err(NoHead);
        }
        for (byte, at) in head.hash.iter_mut().zip((0..).step_by(2)) {
            let digits = hex.get(at..at + 2).ok_or(NoHead)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| NoHead)?;
        }
        Ok(head)
    }
}

/// A text that is no head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an entry's number and 64 hexadecimal digits")]
pub struct NoHead;

/// Entries that are stored together: all of them or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The first entry's number, from 1.
    pub first: u64,
    /// The last entry's number, at least `first`.
    pub last: u64,
    /// The entries as the caller encoded them; never empty.
    pub payload: Bytes,
}

impl Group {
    /// The head after this group.
    #[must_use]
    pub fn head(&self) -> Head {
        use sha2::Digest;
        Head {
            seq: self.last,
            hash: sha2::Sha256::digest(&self.payload).into(),
        }
    }

    /// Whether the group may be appended after `head`.
    pub(crate) fn check_continues(&self, head: &Head) -> Result<(), JournalError> {
        let (expected, bytes) = (head.seq + 1, self.payload.len());
        assert!(bytes > 0 && self.first <= self.last, "a group has entries");
        if self.first != expected {
            return Err(JournalError::Conflict {
                expected,
                found: self.first,
            });
        }
        if bytes > GROUP_BYTES_MAX {
            return Err(JournalError::TooLarge { bytes });
        }
        Ok(())
    }
}

/// The most bytes one group's payload may have.
pub const GROUP_BYTES_MAX: usize = 64 << 20;

/// The append-only truth of one merchant. One writer at a time.
#[async_trait]
pub trait Journal: Send + Sync {
    /// The end of what is durable.
    fn head(&self) -> Head;

    /// Appends one group and returns when it is durable. It must continue the head.
    ///
    /// After an error nothing is acknowledged, and the same group may be tried again. A future that
    /// is dropped leaves it open whether the group is stored; only a restart tells.
    ///
    /// # Errors
    /// `Full` and `Failed` (try again), `Conflict`, `TooLarge`, `Closed`.
    async fn append(&self, group: Group) -> Result<Head, JournalError>;

    /// Whole groups in order, beginning with the one that holds `from_seq`; at least one if there is
    /// one, then as many as fit into `limit_bytes`. Empty past the head. Blocks on a file.
    ///
    /// # Errors
    /// `Gone`, `Damaged`, `Failed`.
    fn read(&self, from_seq: u64, limit_bytes: usize) -> Result<Vec<Group>, JournalError>;

    /// The heads after which a new file begins, oldest first; the first is where the journal begins.
    fn bounds(&self) -> Vec<Head> {
        vec![Head::default()]
    }

    /// Deletes files whose every entry is at or before `bound`, one of [`Journal::bounds`].
    ///
    /// # Errors
    /// `Failed` (the oldest are gone first: what is left is whole), `Closed`.
    async fn cut(&self, _bound: &Head) -> Result<(), JournalError> {
        Ok(())
    }

    /// Writes the present head into a second place, so that a lost tail is noticed at the next open.
    /// For snapshots; `close` does it too.
    ///
    /// # Errors
    /// `Full` and `Failed` (harmless: the old mark stands), `Closed`.
    async fn mark(&self) -> Result<(), JournalError>;

    /// The clean stop: marks the head and lets go of the directory. Later appends get `Closed`.
    ///
    /// # Errors
    /// As [`Journal::mark`]; closed all the same.
    async fn close(&self) -> Result<(), JournalError>;
}

/// Why the journal could not do it, cut by what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// No space: try the same group again until there is.
    #[error("disk is full: cannot {what} {}: {source}", path.display())]
    Full {
        /// What was tried.
        what: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused: try the same group again; it goes where the failure cannot hurt it.
    #[error("cannot {what} {}: {source}", path.display())]
    Failed {
        /// What was tried.
        what: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The group does not continue the head: another writer was first. Step down.
    #[error("journal conflict: entry {expected} comes next, not {found}")]
    Conflict {
        /// The number that continues the head.
        expected: u64,
        /// The group's first number.
        found: u64,
    },
    /// The group is beyond [`GROUP_BYTES_MAX`]: cut it.
    #[error("group of {bytes} bytes exceeds the maximum of {GROUP_BYTES_MAX}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The asked entries are older than what is kept: begin with a snapshot.
    #[error("entry {asked} is no longer in the journal, which begins with entry {first}")]
    Gone {
        /// The entry asked for.
        asked: u64,
        /// The oldest entry kept.
        first: u64,
    },
    /// What is stored cannot be trusted: refuse to start; a person decides.
    #[error("journal is damaged: {} at byte {offset}, entry {seq}: {what}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// Where in the file.
        offset: u64,
        /// The entry that should be there.
        seq: u64,
        /// What was found.
        what: String,
        /// What to do.
        help: &'static str,
    },
    /// A newer version wrote it: nothing was touched.
    #[error(
        "{} was written by a newer version (format {found}, this version knows {known})",
        file.display()
    )]
    Newer {
        /// The file.
        file: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// Another process has it open.
    #[error(transparent)]
    Locked(#[from] lock::LockError),
    /// It was closed, or opened again elsewhere.
    #[error("journal is closed")]
    Closed,
}

impl JournalError {
    /// What a person can try next.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::Full { .. } => Some("make space; the daemon goes on by itself"),
            Self::Failed { .. } => Some(FAILED_HELP),
            Self::Damaged { help, .. } => Some(help),
            Self::Newer { .. } => Some(NEWER_HELP),
            Self::Locked(error) => Some(error.help()),
            Self::Conflict { .. } | Self::TooLarge { .. } | Self::Gone { .. } | Self::Closed => {
                None
            }
        }
    }

    /// Whether the same group may be appended again as it is.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::Failed { .. })
    }

    pub(crate) fn io(what: &'static str, path: &std::path::Path, source: io::Error) -> Self {
        let path = path.to_owned();
        if disk::is_full(&source) {
            Self::Full { what, path, source }
        } else {
            Self::Failed { what, path, source }
        }
    }
}

pub(crate) const FAILED_HELP: &str =
    "check the directory's owner, mode and mount, and the system log for the disk";
pub(crate) const NEWER_HELP: &str =
    "install the newer version again, or restore a backup that this version made";

/// What was found and repaired while opening a journal; all zero on a clean start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// Segment files present.
    pub segments: usize,
    /// Bytes of a last write that was never acknowledged; cut away unless opened to read only.
    pub torn_bytes_cut: u64,
    /// Bytes after the point where a later segment took over from a failed one; left as they are.
    pub ignored_bytes: u64,
    /// Unfinished new segments that were removed.
    pub unfinished_removed: usize,
}

/// The most bytes of one record, key and value.
pub const RECORD_BYTES_MAX: usize = 64 << 10;

/// One change of a record: key, and the new value or none to remove it.
pub type Change = (Vec<u8>, Option<Vec<u8>>);

/// A key and its value.
pub type Record = (Vec<u8>, Vec<u8>);

/// Rarely read values, written behind the journal and always possible to rebuild from it.
pub trait Records: Send + Sync {
    /// Applies the changes and notes that they reach up to entry `seq`; durable on return. A large
    /// set is not atomic, but `seq` is noted with its last part, so it can simply be repeated.
    ///
    /// # Errors
    /// [`RecordsError`].
    fn write(&self, changes: &[Change], seq: u64) -> Result<(), RecordsError>;

    /// The value of `key`.
    ///
    /// # Errors
    /// [`RecordsError`].
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, RecordsError>;

    /// Up to `limit` keys that begin with `prefix` and come after `after`, in byte order, with values.
    ///
    /// # Errors
    /// [`RecordsError`].
    fn range(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Record>, RecordsError>;

    /// Removes everything of this merchant; then [`Records::applied_seq`] is 0.
    ///
    /// # Errors
    /// [`RecordsError`].
    fn wipe(&self) -> Result<(), RecordsError>;

    /// The highest entry whose changes are all here; 0 when empty, and then everything is rebuilt.
    ///
    /// # Errors
    /// [`RecordsError`].
    fn applied_seq(&self) -> Result<u64, RecordsError>;
}

/// Why the records could not do it, cut by what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    /// Try again later: the disk is full or refused.
    #[error("cannot {what} {}: {source}", path.display())]
    Failed {
        /// What was tried.
        what: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Wipe and rebuild; where that fails too, restart: the next open begins empty.
    #[error("records are damaged: {0}")]
    Damaged(String),
    /// Opening took too long. The next open begins empty.
    #[error("records in {} did not open within {limit_secs} s", path.display())]
    TimedOut {
        /// The directory.
        path: PathBuf,
        /// The limit.
        limit_secs: u64,
    },
    /// Nothing was written: a record is beyond [`RECORD_BYTES_MAX`].
    #[error("record of {bytes} bytes exceeds the maximum of {RECORD_BYTES_MAX}")]
    TooLarge {
        /// Key and value.
        bytes: usize,
    },
    /// A newer version wrote it: nothing was touched.
    #[error("records were written by a newer version (format {found}, this version knows {known})")]
    Newer {
        /// Their format.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// Another process has them open.
    #[error(transparent)]
    Locked(#[from] lock::LockError),
}

impl RecordsError {
    /// What a person can try next.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::Failed { .. } => Some(FAILED_HELP),
            Self::Damaged(_) | Self::TimedOut { .. } => {
                Some("start again: records are then rebuilt from the journal")
            }
            Self::Newer { .. } => Some(NEWER_HELP),
            Self::Locked(error) => Some(error.help()),
            Self::TooLarge { .. } => None,
        }
    }
}

/// Refuses a change that is too large, before any is applied.
pub(crate) fn check_sizes(changes: &[Change]) -> Result<(), RecordsError> {
    let too_large = changes
        .iter()
        .map(change_bytes)
        .find(|bytes| *bytes > RECORD_BYTES_MAX);
    too_large.map_or(Ok(()), |bytes| Err(RecordsError::TooLarge { bytes }))
}

/// Size of a change.
pub(crate) fn change_bytes((key, value): &Change) -> usize {
    key.len() + value.as_ref().map_or(0, Vec::len)
}

/// Lengths in memory as lengths in files.
pub(crate) fn to_u64(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
