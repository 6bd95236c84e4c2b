//! Parked bytes: what could not be read, exactly as received, until a person decides.
//!
//! One sealed file for each id, under a key of its own, which is sealed in a file beside: with the key
//! deleted, no copy of the file tells anything. In: an id that the caller has minted, and the bytes.
//! Out: length and hash of the sealed bytes, which go into the journal, once both files are durable.
//! All calls block.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::Digest as _;

use super::sealed::{SealError, SealKey, Vault};
use super::{disk, to_u64};

const ID_BYTES_MAX: usize = 128;
/// What a file is sealed as: parked bytes, or the key of such.
const BYTES: &str = "parked bytes";
const KEY: &str = "key of parked bytes";

/// The parked files of one merchant.
#[derive(Debug)]
pub struct ParkedFiles {
    dir: PathBuf,
    keys: PathBuf,
    vault: Vault,
    parked_bytes_max: u64,
    total_bytes: Mutex<u64>,
}

/// What the journal keeps of parked bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parked {
    /// How many bytes, sealed.
    pub bytes: u64,
    /// SHA-256 of the sealed bytes.
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
    /// They do not open.
    #[error("{}: {source}", path.display())]
    Sealed {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: SealError,
    },
    /// The key of these bytes is gone, and nothing opens them any more.
    #[error("{} is there, its key {} is gone", path.display(), key.display())]
    KeyGone {
        /// The file.
        path: PathBuf,
        /// Where its key was.
        key: PathBuf,
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

impl ParkedError {
    const fn is_other_key(&self) -> bool {
        let Self::Sealed { source, .. } = self else {
            return false;
        };
        matches!(source, SealError::OtherKey { .. })
    }

    /// What to do, where something can be done.
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::Sealed { .. } => Some(
                "bring back the key it was sealed with. If that is lost for good: move the merchant's \
                 `parked` and `parked-keys` aside, start, and release what `channelsync parked` lists",
            ),
            Self::KeyGone { .. } => Some(
                "bring the key file back from a backup, or let the bytes go with \
                 `channelsync parked release`",
            ),
            Self::Full { .. } => Some("let go what was dealt with, or raise `parked_bytes_max`"),
            Self::BadId { .. } | Self::Failed { .. } => None,
        }
    }
}

impl ParkedFiles {
    /// Opens the directory, created where missing; removes files that were never finished. The keys
    /// are in the directory `parked-keys` beside it.
    ///
    /// # Errors
    /// `Failed`, and `Sealed` when another key sealed what is there.
    pub fn open(dir: &Path, vault: Vault, parked_bytes_max: u64) -> Result<Self, ParkedError> {
        let files = Self {
            parked_bytes_max,
            ..Self::reader(dir, vault)
        };
        for dir in [&files.dir, &files.keys] {
            disk::create_dir(dir).map_err(failed("create", dir))?;
        }
        for id in files.ids(&files.keys)? {
            // A damaged one is told when its bytes are asked for.
            if let Err(error) = files.key(&id)
                && error.is_other_key()
            {
                return Err(error);
            }
        }
        let mut total = 0;
        for id in files.ids(dir)? {
            let path = dir.join(id);
            total += path.metadata().map_err(failed("read", &path))?.len();
        }
        *files.total() = total;
        Ok(files)
    }

    /// To be read from while a daemon has them open: nothing is looked at, nothing fits into it.
    pub fn reader(dir: &Path, vault: Vault) -> Self {
        Self {
            dir: dir.to_owned(),
            keys: dir.with_file_name("parked-keys"),
            vault,
            parked_bytes_max: 0,
            total_bytes: Mutex::new(0),
        }
    }

    /// An id for bytes from a channel: the same for the same bytes, and no help in guessing them.
    pub fn id(&self, channel: &str, bytes: &[u8]) -> String {
        format!("{channel}-{}", self.vault.key.mark(bytes))
    }

    /// Stores the bytes; durable on return. The same bytes under the same id are stored once.
    ///
    /// # Errors
    /// Any [`ParkedError`]; nothing is stored then.
    pub fn store(&self, id: &str, bytes: &[u8]) -> Result<Parked, ParkedError> {
        let path = self.path(id)?;
        // Held throughout: what is parked is rare, and the bound is exact this way.
        let mut total = self.total();
        if let Some(there) = read(&path)? {
            if self.unseal(id, &there)? != bytes {
                return Err(bad_id(id, "was used for other bytes"));
            }
            // Perhaps from an attempt whose last sync failed.
            disk::sync_dir(&self.dir).map_err(failed("sync", &self.dir))?;
            return Ok(Parked::of(&there));
        }
        let key = SealKey::generate(&*self.vault.rng);
        let label = self.vault.label(id, BYTES);
        let sealed = key.seal(label, bytes, &*self.vault.rng);
        let parked = Parked::of(&sealed);
        let max = self.parked_bytes_max;
        let after = total.saturating_add(parked.bytes);
        if after > max {
            return Err(ParkedError::Full {
                bytes: parked.bytes,
                max,
            });
        }
        let key_path = self.keys.join(id);
        let key = self.vault.seal(id, KEY, key.bytes());
        disk::replace(&key_path, &key).map_err(failed("write", &key_path))?;
        disk::replace(&path, &sealed).map_err(|error| {
            // The name may be there although its sync failed.
            if path.exists() {
                *total = after;
            }
            failed("write", &path)(error)
        })?;
        *total = after;
        Ok(parked)
    }

    /// The bytes as received, or none when the id is not there.
    ///
    /// # Errors
    /// `BadId`, `Sealed`, `KeyGone`, `Failed`.
    pub fn read(&self, id: &str) -> Result<Option<Vec<u8>>, ParkedError> {
        let sealed = read(&self.path(id)?)?;
        sealed.map(|sealed| self.unseal(id, &sealed)).transpose()
    }

    /// Whether a key is there that opens the bytes; they themselves are not read.
    ///
    /// # Errors
    /// `Sealed`, `KeyGone`, `Failed`.
    pub fn check(&self, id: &str) -> Result<(), ParkedError> {
        self.key(id).map(drop)
    }

    fn unseal(&self, id: &str, sealed: &[u8]) -> Result<Vec<u8>, ParkedError> {
        let key = self.key(id)?;
        let opened = key.open(self.vault.label(id, BYTES), sealed);
        opened.map_err(|source| ParkedError::Sealed {
            path: self.dir.join(id),
            source,
        })
    }

    /// The key of one file.
    fn key(&self, id: &str) -> Result<SealKey, ParkedError> {
        let path = self.keys.join(id);
        let Some(sealed) = read(&path)? else {
            return Err(ParkedError::KeyGone {
                path: self.dir.join(id),
                key: path,
            });
        };
        let opened = self.vault.open(id, KEY, &sealed);
        let opened = opened.and_then(|key| key.try_into().map_err(|_| SealError::Damaged));
        match opened {
            Ok(key) => Ok(SealKey::from_bytes(key)),
            Err(source) => Err(ParkedError::Sealed { path, source }),
        }
    }

    /// Deletes key and bytes durably, the key first; whether the bytes were there.
    ///
    /// # Errors
    /// `BadId`, `Failed`.
    pub fn delete(&self, id: &str) -> Result<bool, ParkedError> {
        let path = self.path(id)?;
        let mut total = self.total();
        remove(&self.keys, id)?;
        let bytes = match std::fs::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed("read", &path)(error)),
        };
        remove(&self.dir, id)?;
        *total = total.saturating_sub(bytes);
        Ok(true)
    }

    /// Deletes what nobody knows: its entry was never booked, so nobody was told that it is kept; or
    /// it was let go, and the end came before the file was deleted.
    ///
    /// # Errors
    /// `Failed`.
    pub fn retain(&self, is_known: impl Fn(&str) -> bool) -> Result<usize, ParkedError> {
        let mut deleted = 0;
        for dir in [&self.keys, &self.dir] {
            for id in self.ids(dir)? {
                if !is_known(&id) {
                    deleted += usize::from(self.delete(&id)?);
                }
            }
        }
        Ok(deleted)
    }

    /// The ids in a directory. What was never finished is removed.
    fn ids(&self, dir: &Path) -> Result<Vec<String>, ParkedError> {
        let mut ids = Vec::new();
        for file in std::fs::read_dir(dir).map_err(failed("read", dir))? {
            let path = file.map_err(failed("read", dir))?.path();
            let name = path.file_name().and_then(std::ffi::OsStr::to_str);
            if path.extension().is_some_and(|extension| extension == "new") {
                std::fs::remove_file(&path).map_err(failed("remove", &path))?;
            } else if let Some(id) = name.filter(|id| self.path(id).is_ok()) {
                ids.push(id.to_owned());
            }
        }
        Ok(ids)
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

impl Parked {
    fn of(sealed: &[u8]) -> Self {
        Self {
            bytes: to_u64(sealed.len()),
            sha256: sha2::Sha256::digest(sealed).into(),
        }
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, ParkedError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path)(error)),
    }
}

fn remove(dir: &Path, id: &str) -> Result<(), ParkedError> {
    let path = dir.join(id);
    match std::fs::remove_file(&path) {
        Ok(()) => disk::sync_dir(dir).map_err(failed("sync", dir)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed("delete", &path)(error)),
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
mod tests;
