//! Parked bytes: what could not be read, exactly as received, until a person decides.
//!
//! One file of mode 0600 for each id. In: an id that the caller has minted, and the bytes. Out: their
//! length and hash, which go into the journal, once the file is durable. All calls block.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::Digest as _;

use super::{disk, to_u64};

const ID_BYTES_MAX: usize = 128;

/// The parked files of one merchant.
#[derive(Debug)]
pub struct ParkedFiles {
    dir: PathBuf,
    parked_bytes_max: u64,
    total_bytes: Mutex<u64>,
}

/// What the journal keeps of parked bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parked {
    /// How many bytes.
    pub bytes: u64,
    /// Their SHA-256.
    pub sha256: [u8; 32],
}

/// Why bytes could not be parked or found, cut by what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum ParkedError {
    /// The bound is reached: answer 503, leave the message unsettled.
    #[error("parked bytes are full: {bytes} more exceed the maximum of {max}")]
    Full {
        /// Size of what was to be parked.
        bytes: u64,
        /// The bound, `parked_bytes_max`.
        max: u64,
    },
    /// The id was used for other bytes, or cannot name a file.
    #[error("parked id {id:?} {why}")]
    BadId {
        /// The id.
        id: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The system refused, or the disk is full.
    #[error("cannot {what} {}: {source}", path.display())]
    Failed {
        /// What was tried.
        what: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl ParkedFiles {
    /// Opens the directory, created where missing; removes files that were never finished.
    ///
    /// # Errors
    /// `Failed`.
    pub fn open(dir: &Path, parked_bytes_max: u64) -> Result<Self, ParkedError> {
        disk::create_dir(dir).map_err(failed("create", dir))?;
        let mut total = 0;
        for file in std::fs::read_dir(dir).map_err(failed("read", dir))? {
            let file = file.map_err(failed("read", dir))?;
            let path = file.path();
            if path.extension().is_some_and(|extension| extension == "new") {
                std::fs::remove_file(&path).map_err(failed("remove", &path))?;
            } else {
                total += file.metadata().map_err(failed("read", &path))?.len();
            }
        }
        Ok(Self {
            dir: dir.to_owned(),
            parked_bytes_max,
            total_bytes: Mutex::new(total),
        })
    }

    /// Stores the bytes; durable on return. The same bytes under the same id are stored once.
    ///
    /// # Errors
    /// `Full`, `BadId`, `Failed`; nothing is stored then.
    pub fn store(&self, id: &str, bytes: &[u8]) -> Result<Parked, ParkedError> {
        let path = self.path(id)?;
        let parked = Parked {
            bytes: to_u64(bytes.len()),
            sha256: sha2::Sha256::digest(bytes).into(),
        };
        // Held throughout: what is parked is rare, and the bound is exact this way.
        let mut total = self.total();
        match std::fs::read(&path) {
            Ok(there) if there == bytes => {
                // Perhaps from an attempt whose last sync failed.
                disk::sync_dir(&self.dir).map_err(failed("sync", &self.dir))?;
                return Ok(parked);
            }
            Ok(_) => return Err(bad_id(id, "was used for other bytes")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed("read", &path)(error)),
        }
        let max = self.parked_bytes_max;
        let after = total.saturating_add(parked.bytes);
        if after > max {
            return Err(ParkedError::Full {
                bytes: parked.bytes,
                max,
            });
        }
        disk::replace(&path, bytes).map_err(|error| {
            // The name may be there although its sync failed.
            if path.exists() {
                *total = after;
            }
            failed("write", &path)(error)
        })?;
        *total = after;
        Ok(parked)
    }

    /// The bytes, or none when the id is not there.
    ///
    /// # Errors
    /// `BadId`, `Failed`.
    pub fn read(&self, id: &str) -> Result<Option<Vec<u8>>, ParkedError> {
        let path = self.path(id)?;
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("read", &path)(error)),
        }
    }

    /// Deletes the bytes durably; whether they were there.
    ///
    /// # Errors
    /// `BadId`, `Failed`.
    pub fn delete(&self, id: &str) -> Result<bool, ParkedError> {
        let path = self.path(id)?;
        let mut total = self.total();
        let bytes = match std::fs::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed("read", &path)(error)),
        };
        std::fs::remove_file(&path).map_err(failed("delete", &path))?;
        *total = total.saturating_sub(bytes);
        disk::sync_dir(&self.dir).map_err(failed("sync", &self.dir))?;
        Ok(true)
    }

    /// Deletes what nobody knows: its entry was never booked, so nobody was told that it is kept.
    ///
    /// # Errors
    /// `Failed`.
    pub fn retain(&self, is_known: impl Fn(&str) -> bool) -> Result<usize, ParkedError> {
        let files = std::fs::read_dir(&self.dir).map_err(failed("read", &self.dir))?;
        let mut deleted = 0;
        for file in files {
            let name = file.map_err(failed("read", &self.dir))?.file_name();
            let Some(id) = name.to_str().filter(|id| !is_known(id)) else {
                continue;
            };
            deleted += usize::from(self.delete(id)?);
        }
        Ok(deleted)
    }

    /// Bytes of all files together.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        *self.total()
    }

    fn total(&self) -> MutexGuard<'_, u64> {
        self.total_bytes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, id: &str) -> Result<PathBuf, ParkedError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if id.is_empty() || id.len() > ID_BYTES_MAX || !id.bytes().all(plain) {
            return Err(bad_id(id, "is not 1 to 128 letters, digits, - or _"));
        }
        Ok(self.dir.join(id))
    }
}

fn bad_id(id: &str, why: &'static str) -> ParkedError {
    ParkedError::BadId {
        id: id.to_owned(),
        why,
    }
}

fn failed(what: &'static str, path: &Path) -> impl Fn(io::Error) -> ParkedError {
    move |source| ParkedError::Failed {
        what,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn open(root: &tempfile::TempDir) -> ParkedFiles {
        ParkedFiles::open(&root.path().join("parked"), 100).unwrap()
    }

    #[test]
    fn what_nobody_knows_is_deleted_and_counts_no_longer() {
        let root = tempfile::tempdir().unwrap();
        let files = open(&root);
        files.store("known", b"12345").unwrap();
        files.store("unbooked", b"1234567").unwrap();
        assert_eq!(files.retain(|id| id == "known").unwrap(), 1);
        assert_eq!(files.total_bytes(), 5);
        assert_eq!(files.read("unbooked").unwrap(), None);
        assert!(files.read("known").unwrap().is_some());
    }

    #[test]
    fn bytes_come_back_after_a_restart_and_are_private() {
        let root = tempfile::tempdir().unwrap();
        let parked = open(&root)
            .store("0191-a_B", b"what a channel sent")
            .unwrap();
        assert_eq!(parked.bytes, 19);
        assert_eq!(
            parked.sha256[..],
            sha2::Sha256::digest(b"what a channel sent")[..]
        );
        let files = open(&root);
        assert_eq!(
            files.read("0191-a_B").unwrap().unwrap(),
            b"what a channel sent"
        );
        assert_eq!(files.read("other").unwrap(), None);
        let metadata = root.path().join("parked/0191-a_B").metadata().unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn the_bound_holds_across_restarts_and_deleting_makes_room() {
        let root = tempfile::tempdir().unwrap();
        open(&root).store("a", &[1; 60]).unwrap();
        let files = open(&root);
        assert_eq!(files.total_bytes(), 60);
        let error = files.store("b", &[2; 41]).unwrap_err();
        assert!(
            matches!(
                error,
                ParkedError::Full {
                    bytes: 41,
                    max: 100
                }
            ),
            "{error}"
        );
        assert_eq!(files.read("b").unwrap(), None);
        files.store("b", &[2; 40]).unwrap();
        assert!(files.delete("a").unwrap());
        assert!(!files.delete("a").unwrap());
        assert_eq!(files.total_bytes(), 40);
        files.store("c", &[3; 60]).unwrap();
    }

    #[test]
    fn the_same_id_takes_the_same_bytes_only() {
        let root = tempfile::tempdir().unwrap();
        let files = open(&root);
        let first = files.store("a", b"one").unwrap();
        assert_eq!(files.store("a", b"one").unwrap(), first);
        assert_eq!(files.total_bytes(), 3);
        let error = files.store("a", b"two").unwrap_err();
        assert_eq!(
            error.to_string(),
            "parked id \"a\" was used for other bytes"
        );
        for id in ["", "../a", "a/b", "a.new", ".", &"x".repeat(129)] {
            assert!(
                matches!(files.read(id), Err(ParkedError::BadId { .. })),
                "{id}"
            );
        }
    }

    #[test]
    fn an_unfinished_file_is_removed_and_not_counted() {
        let root = tempfile::tempdir().unwrap();
        drop(open(&root));
        let unfinished = root.path().join("parked/a.new");
        std::fs::write(&unfinished, b"half").unwrap();
        assert_eq!(open(&root).total_bytes(), 0);
        assert!(!unfinished.exists());
    }
}
