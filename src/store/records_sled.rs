//! Records in sled, which is distrusted: only what the journal can rebuild is in it.
//!
//! What was measured and the rule that follows from it: `flush` does not sync, so `db` is opened a
//! second time and synced after each flush; what is written between two syncs stays far below 1 MB;
//! a snapshot half-written by a kill bricks the store, so it is deleted before the open; damage shows
//! as a panic or a hang as well as an error, so every call is fenced, and a store that failed once is
//! moved aside and begun empty. `flush_async` deadlocks and is never used. One lock orders all writes.
//!
//! The directory holds `lock`, `format`, `sled/`, and after damage `sled.aside/`.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use self::open::Trouble;
use super::lock::DirLock;
use super::{Change, Record, Records, RecordsError, change_bytes, check_sizes, disk};

mod open;
#[doc(hidden)]
pub mod value;

#[cfg(test)]
mod tests;

const BATCH_KEYS_MAX: usize = 500;
const BATCH_BYTES_MAX: usize = 256 << 10;
const CACHE_BYTES: u64 = 64 << 20;
/// Key parts after the merchant.
const META: u8 = 0;
const VALUE: u8 = 1;
const APPLIED: &[u8] = b"applied";

/// The sled store of all merchants, held by this process alone. Clones are the same store.
#[derive(Clone)]
pub struct SledStore(Arc<Inner>);

struct Inner {
    db: sled::Db,
    /// `sled/db` once more: sled itself never syncs it.
    raw: File,
    dir: PathBuf,
    /// A call failed in a way that only a new start mends.
    failed: AtomicBool,
    /// Held from a batch to its sync. Files in `sled/blobs` that are durable.
    blobs: Mutex<BTreeSet<OsString>>,
    _lock: DirLock,
}

/// What was found while opening.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordsReport {
    /// Why the old store was moved to `sled.aside` and an empty one begun.
    pub moved_aside: Option<String>,
    /// Half-written sled snapshots that were deleted.
    pub unfinished_removed: usize,
}

/// One merchant's records.
#[derive(Clone)]
pub struct SledRecords {
    store: SledStore,
    prefix: Vec<u8>,
}

impl SledStore {
    /// Opens the store in `dir`; a damaged one is moved aside and begun empty. Blocks, at most for
    /// about `limit`.
    ///
    /// # Errors
    /// `Locked`, `Newer` (nothing was touched), `TimedOut`, `Failed`.
    pub fn open(dir: &Path, limit: Duration) -> Result<(Self, RecordsReport), RecordsError> {
        open::open(dir, limit)
    }

    /// The records of one merchant.
    ///
    /// # Panics
    /// When the name is empty or beyond 255 bytes, which settings refuse.
    #[must_use]
    pub fn records(&self, merchant: &str) -> SledRecords {
        let length = u8::try_from(merchant.len())
            .ok()
            .filter(|length| *length > 0);
        let length = length.expect("a merchant's name has 1 to 255 bytes");
        // The length first, so that no name is the beginning of another.
        let prefix = [&[length], merchant.as_bytes()].concat();
        SledRecords {
            store: self.clone(),
            prefix,
        }
    }

    /// Runs one call of sled. A panic or an error that speaks of damage closes the store, and the
    /// next open begins empty.
    fn fenced<T>(
        &self,
        what: &'static str,
        call: impl FnOnce(&Inner) -> sled::Result<T>,
    ) -> Result<T, RecordsError> {
        let inner = &*self.0;
        if inner.failed.load(Ordering::Acquire) {
            return Err(RecordsError::Damaged(
                "sled failed before; start again".to_owned(),
            ));
        }
        let why = match catch_unwind(AssertUnwindSafe(|| call(inner))) {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => match open::judge(error) {
                Trouble::System(source) => {
                    return Err(RecordsError::Failed {
                        what,
                        path: inner.dir.clone(),
                        source,
                    });
                }
                Trouble::Damage(why) => why,
            },
            Err(panic) => open::panic_text(&*panic),
        };
        inner.failed.store(true, Ordering::Release);
        open::distrust(&inner.dir, &why);
        Err(RecordsError::Damaged(format!("sled cannot {what}: {why}")))
    }

    /// Applies the batch and makes it durable.
    fn apply(&self, batch: sled::Batch) -> Result<(), RecordsError> {
        self.fenced("write", |inner| {
            // sled may have panicked under the lock; the names are whole all the same.
            let mut blobs = inner.blobs.lock().unwrap_or_else(PoisonError::into_inner);
            inner.db.apply_batch(batch)?;
            inner.db.flush()?;
            inner.sync_blobs(&mut blobs)?;
            Ok(inner.raw.sync_data()?)
        })
    }
}

impl Inner {
    /// A page of large records becomes a file of its own, which sled does not sync either. There are
    /// hardly ever any.
    fn sync_blobs(&self, durable: &mut BTreeSet<OsString>) -> io::Result<()> {
        let dir = self.dir.join("sled/blobs");
        let names = std::fs::read_dir(&dir)?.map(|file| Ok(file?.file_name()));
        let names = names.collect::<io::Result<BTreeSet<_>>>()?;
        for name in names.difference(durable) {
            match File::open(dir.join(name)).and_then(|file| file.sync_all()) {
                // sled has removed it in the meantime.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                synced => synced?,
            }
        }
        if !names.is_subset(durable) {
            disk::sync_dir(&dir)?;
        }
        *durable = names;
        Ok(())
    }
}

impl SledRecords {
    fn key(&self, part: u8, key: &[u8]) -> Vec<u8> {
        [&*self.prefix, &[part], key].concat()
    }

    /// Up to `limit` stored keys with values after `after`.
    fn scan(
        &self,
        prefix: &[u8],
        after: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<Vec<(sled::IVec, sled::IVec)>, RecordsError> {
        use std::ops::Bound;
        let from = match after.filter(|after| **after >= *prefix) {
            Some(after) => Bound::Excluded(after),
            None => Bound::Included(prefix.to_owned()),
        };
        self.store.fenced("read", |inner| {
            let rows = inner.db.range::<Vec<u8>, _>((from, Bound::Unbounded));
            rows.take(limit)
                .take_while(|row| {
                    row.as_ref()
                        .map_or(true, |(key, _)| key.starts_with(prefix))
                })
                .collect()
        })
    }
}

impl Records for SledRecords {
    fn write(&self, changes: &[Change], seq: u64) -> Result<(), RecordsError> {
        check_sizes(changes)?;
        let applied = self.applied_seq()?.max(seq);
        let (mut batch, mut keys, mut bytes) = (sled::Batch::default(), 0, 0);
        for change in changes {
            // One key of the batch is kept for the seq.
            if keys + 1 == BATCH_KEYS_MAX || bytes + change_bytes(change) > BATCH_BYTES_MAX {
                self.store.apply(std::mem::take(&mut batch))?;
                (keys, bytes) = (0, 0);
            }
            (keys, bytes) = (keys + 1, bytes + change_bytes(change));
            let key = self.key(VALUE, &change.0);
            match &change.1 {
                Some(value) => batch.insert(&*key, value::encode(&key, seq, value)),
                None => batch.remove(key),
            }
        }
        let key = self.key(META, APPLIED);
        batch.insert(&*key, value::encode(&key, applied, b""));
        self.store.apply(batch)
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, RecordsError> {
        let key = self.key(VALUE, key);
        let Some(stored) = self.store.fenced("read", |inner| inner.db.get(&key))? else {
            return Ok(None);
        };
        value::decode(&key, &stored).map(|(_seq, value)| Some(value.to_vec()))
    }

    fn range(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Record>, RecordsError> {
        let after = after.map(|after| self.key(VALUE, after));
        let own = self.prefix.len() + 1;
        let rows = self.scan(&self.key(VALUE, prefix), after, limit)?;
        let decode = |(key, stored): &(sled::IVec, sled::IVec)| {
            let (_seq, value) = value::decode(key, stored)?;
            Ok((key[own..].to_vec(), value.to_vec()))
        };
        rows.iter().map(decode).collect()
    }

    fn wipe(&self) -> Result<(), RecordsError> {
        // The seq goes first: a wipe cut short leaves records that are rebuilt from the beginning.
        let mut batch = sled::Batch::default();
        batch.remove(self.key(META, APPLIED));
        loop {
            self.store.apply(batch)?;
            let rows = self.scan(&self.prefix, None, BATCH_KEYS_MAX)?;
            if rows.is_empty() {
                return Ok(());
            }
            batch = sled::Batch::default();
            rows.into_iter().for_each(|(key, _)| batch.remove(key));
        }
    }

    fn applied_seq(&self) -> Result<u64, RecordsError> {
        let key = self.key(META, APPLIED);
        match self.store.fenced("read", |inner| inner.db.get(&key))? {
            Some(stored) => value::decode(&key, &stored).map(|(seq, _)| seq),
            None => Ok(0),
        }
    }
}
