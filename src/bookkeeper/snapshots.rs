//! The live state in a file, so that a restart replays only the journal's tail.
//!
//! A snapshot is made from the one before and the journal, never from the writer's own ledger: the
//! writer does not wait for it.

use std::io;
use std::path::Path;

use super::open::{OpenError, ReadGroups, replay};
use crate::ledger::Ledger;
use crate::store::snapshot::{self, SnapshotError};

const COPY_BYTES: usize = 64 << 10;

/// A ledger to replay from.
#[derive(Default)]
pub struct Loaded {
    /// The newest good one; an empty one where there is none.
    pub ledger: Ledger,
    /// Snapshots that were passed over, and why.
    pub skipped: Vec<String>,
}

/// Why no snapshot was taken.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// Journal or entries cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The file cannot be written.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

/// Loads the newest snapshot that is good in itself and readable by this version.
///
/// # Errors
/// [`SnapshotError`] when the directory cannot be read or a newer version wrote to it.
pub fn load_newest(dir: &Path) -> Result<Loaded, SnapshotError> {
    let (found, skipped) = snapshot::newest_good(dir)?;
    let mut loaded = Loaded::default();
    let tell = |skip: snapshot::Skipped| format!("{}: {}", skip.path.display(), skip.why);
    loaded.skipped = skipped.into_iter().map(tell).collect();
    if let Some(found) = found {
        let mut scratch = vec![0; COPY_BYTES];
        match postcard::from_io((found.payload, scratch.as_mut_slice())) {
            Ok((ledger, _)) => loaded.ledger = ledger,
            Err(error) => {
                let seq = found.head.seq;
                loaded
                    .skipped
                    .push(format!("snapshot of entry {seq}: {error}"));
            }
        }
    }
    Ok(loaded)
}

/// Writes a snapshot of the journal's present end. Gives its entry; none if there was nothing new.
///
/// Blocks for as long as a replay takes.
///
/// # Errors
/// [`TakeError`]; the snapshots that are there stand.
pub fn take_snapshot(dir: &Path, read: ReadGroups<'_>) -> Result<Option<u64>, TakeError> {
    let loaded = load_newest(dir)?;
    let (ledger, head) = replay(read, loaded.ledger, |_| true)?;
    let Some(head) = head else { return Ok(None) };
    snapshot::write(dir, &head, |file| {
        postcard::to_io(&ledger, file)
            .map(drop)
            .map_err(io::Error::other)
    })?;
    Ok(Some(head.seq))
}
