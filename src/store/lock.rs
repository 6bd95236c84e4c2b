//! One process per directory.
//!
//! A lock file that the kernel releases when its holder ends, however it ends. Its content, the
//! holder's process id, serves the error message only.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

const PID_BYTES_MAX: u64 = 32;

/// Holds a directory until dropped.
#[derive(Debug)]
pub struct DirLock {
    _file: File,
}

/// Why the directory could not be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else has it.
    #[error("another daemon holds {} (process {pid})", path.display())]
    Held {
        /// The lock file.
        path: PathBuf,
        /// What the lock file says, or "unknown".
        pid: String,
    },
    /// The lock file cannot be used.
    #[error("cannot lock {}: {source}", path.display())]
    Failed {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl LockError {
    /// What a person can try next.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::Held { .. } => "stop the other daemon, or give this one another state directory",
            Self::Failed { .. } => super::FAILED_HELP,
        }
    }
}

impl DirLock {
    /// Takes the lock file `lock` in `dir`, which must exist.
    ///
    /// # Errors
    /// `Held` at once when another process has it; `Failed` when the file cannot be used.
    pub fn take(dir: &Path) -> Result<Self, LockError> {
        let path = dir.join("lock");
        let failed = |source| LockError::Failed {
            path: path.clone(),
            source,
        };
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let read = (&mut file).take(PID_BYTES_MAX).read_to_string(&mut pid);
                if read.is_err() || pid.trim().is_empty() {
                    pid = "unknown".to_owned();
                }
                return Err(LockError::Held {
                    path,
                    pid: pid.trim().to_owned(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        // On a full disk the id may be missing; the lock itself holds.
        let _written: io::Result<()> = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(format!("{}\n", std::process::id()).as_bytes()));
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_taker_is_told_who_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        let held = DirLock::take(dir.path()).unwrap();
        let error = DirLock::take(dir.path()).unwrap_err().to_string();
        assert!(error.starts_with("another daemon holds "), "{error}");
        assert!(
            error.ends_with(&format!("(process {})", std::process::id())),
            "{error}"
        );
        drop(held);
        DirLock::take(dir.path()).unwrap();
    }

    #[test]
    fn a_path_that_is_no_directory_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = DirLock::take(&file).unwrap_err().to_string();
        assert!(error.contains(&*file.to_string_lossy()), "{error}");
    }
}
