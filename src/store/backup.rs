//! Backups: a merchant's files up to one entry in another directory, with the checksum of each.
//!
//! `manifest.json` beside one directory a merchant. The journal is copied up to a head that is durable,
//! snapshots as far as they are not beyond it, everything else as it is. A daemon goes on meanwhile.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::disk;
use super::journal_file::{JournalOptions, JournalReader, copy_file};
use super::{FAILED_HELP, Head, JournalError, NEWER_HELP, snapshot};

/// The newest format known here.
const FORMAT: u32 = 1;
const MANIFEST: &str = "manifest.json";
const MANIFEST_BYTES_MAX: u64 = 256 << 20;
const BUFFER_BYTES: usize = 1 << 20;

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Of this file and the directory around it.
    pub format: u32,
    /// The version that made it.
    pub version: String,
    /// When.
    pub made_at: String,
    /// Whose books.
    pub merchants: Vec<BookCopy>,
    /// Every file but this one.
    pub files: Vec<FileSum>,
}

/// A book as far as the backup holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookCopy {
    /// Whose; the name of its directory.
    pub merchant: String,
    /// Its last entry's number and group hash.
    #[serde(with = "head_text")]
    pub head: Head,
    /// That entry's time.
    pub last_at: String,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSum {
    /// Below the backup's directory.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

mod head_text {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::store::Head;

    pub(super) fn serialize<S: Serializer>(head: &Head, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(head)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Head, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// Why a backup cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
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
    /// The journal cannot be copied.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A newer version made it: nothing was touched.
    #[error(
        "{} was made by version {version} (format {found}, this version knows {FORMAT})",
        path.display()
    )]
    Newer {
        /// The manifest.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// Who made it.
        version: String,
    },
    /// It is not what was written.
    #[error("{} is damaged: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How it shows.
        why: String,
    },
}

impl BackupError {
    /// What a person can try next.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::Failed { .. } => Some(FAILED_HELP),
            Self::Journal(error) => error.help(),
            Self::Newer { .. } => Some(NEWER_HELP),
            Self::Damaged { .. } => Some("use another backup"),
        }
    }
}

fn failed(what: &'static str, path: &Path) -> impl Fn(io::Error) -> BackupError {
    move |source| BackupError::Failed {
        what,
        path: path.to_owned(),
        source,
    }
}

/// Copies journal and snapshots of a merchant up to `until`.
///
/// # Errors
/// `Failed` and `Journal`; what was copied so far is of no use.
pub fn copy_book(from: &Path, to: &Path, until: &Head) -> Result<(), BackupError> {
    let mut options = JournalOptions::new(from.join("journal"));
    // Copying checks every frame as it passes.
    options.check_from_seq = until.seq;
    let (reader, _) = JournalReader::open(&options)?;
    reader.copy_to(&to.join("journal"), until)?;
    for dir in [
        snapshot::DIR.into(),
        Path::new(snapshot::DIR).join(snapshot::BASES),
    ] {
        copy_snapshots(&from.join(&dir), &to.join(&dir), until)?;
    }
    Ok(())
}

fn copy_snapshots(from: &Path, to: &Path, until: &Head) -> Result<(), BackupError> {
    let (seqs, _) = match snapshot::list(from) {
        Ok(listed) => listed,
        Err(snapshot::SnapshotError::Failed { what, path, source }) => {
            return Err(BackupError::Failed { what, path, source });
        }
        Err(snapshot::SnapshotError::Newer { .. }) => (Vec::new(), Vec::new()),
    };
    for seq in seqs.into_iter().filter(|seq| *seq <= until.seq) {
        copy_one(&snapshot::path_in(from, seq), &snapshot::path_in(to, seq))?;
    }
    Ok(())
}

/// Copies what a merchant's directory holds beside journal and snapshots and is not there yet.
///
/// # Errors
/// `Failed`.
pub fn copy_others(from: &Path, to: &Path) -> Result<(), BackupError> {
    for path in files(from).map_err(failed("read", from))? {
        let first = path.components().next();
        let of_book = ["journal", "snapshots"].map(|name| Component::Normal(name.as_ref()));
        let is_book = first.is_some_and(|first| of_book.contains(&first));
        let passing = path.ends_with("lock") || path.extension().is_some_and(|ext| ext == "new");
        if !is_book && !passing && !to.join(&path).exists() {
            copy_one(&from.join(&path), &to.join(&path))?;
        }
    }
    Ok(())
}

/// A file that may be gone by now: what is released or replaced meanwhile is not missed.
fn copy_one(from: &Path, to: &Path) -> Result<(), BackupError> {
    let dir = disk::parent(to);
    disk::create_dir(dir).map_err(failed("create", dir))?;
    match copy_file(from, to, None) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed("copy", from)(error)),
        Ok(_) => disk::sync_dir(dir).map_err(failed("sync", dir)),
    }
}

/// Checksums of all files, by path.
///
/// # Errors
/// `Failed`.
pub fn sums(dir: &Path) -> Result<Vec<FileSum>, BackupError> {
    let paths = files(dir).map_err(failed("read", dir))?;
    let of_files = paths.into_iter().filter(|path| path != Path::new(MANIFEST));
    of_files.map(|path| sum(dir, path)).collect()
}

/// Writes the manifest: the last file of a backup.
///
/// # Errors
/// `Failed`.
pub fn seal(
    dir: &Path,
    made_at: String,
    merchants: Vec<BookCopy>,
) -> Result<Manifest, BackupError> {
    let manifest = Manifest {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        made_at,
        merchants,
        files: sums(dir)?,
    };
    let path = dir.join(MANIFEST);
    let bytes = serde_json::to_vec_pretty(&manifest).map_err(io::Error::other);
    let written = bytes.and_then(|bytes| disk::replace(&path, &bytes));
    written.map_err(failed("write", &path))?;
    Ok(manifest)
}

/// Reads the manifest and proves that every file is as it was written.
///
/// # Errors
/// `Newer` and `Damaged`; `Failed`.
pub fn check(dir: &Path) -> Result<Manifest, BackupError> {
    let path = dir.join(MANIFEST);
    let mut bytes = Vec::new();
    File::open(&path)
        .and_then(|file| file.take(MANIFEST_BYTES_MAX).read_to_end(&mut bytes))
        .map_err(failed("read", &path))?;
    let damaged = |path: &Path, why: String| BackupError::Damaged {
        path: path.to_owned(),
        why,
    };
    /// What every format says of itself.
    #[derive(Deserialize)]
    struct Made {
        format: u32,
        version: String,
    }
    let made: Made = serde_json::from_slice(&bytes).map_err(|e| damaged(&path, e.to_string()))?;
    if made.format > FORMAT {
        let (found, version) = (made.format, made.version);
        return Err(BackupError::Newer {
            path,
            found,
            version,
        });
    }
    let manifest: Manifest =
        serde_json::from_slice(&bytes).map_err(|e| damaged(&path, e.to_string()))?;
    for file in &manifest.files {
        let inside = |part: Component<'_>| matches!(part, Component::Normal(_));
        if !file.path.components().all(inside) {
            let why = format!("it names {}", file.path.display());
            return Err(damaged(&path, why));
        }
        let found = sum(dir, file.path.clone())?;
        if found != *file {
            let why = "its checksum is not the manifest's".to_owned();
            return Err(damaged(&dir.join(&file.path), why));
        }
    }
    Ok(manifest)
}

/// Copies the files of one merchant that a checked manifest names.
///
/// # Errors
/// `Failed`.
pub fn take_out(
    dir: &Path,
    manifest: &Manifest,
    merchant: &str,
    to: &Path,
) -> Result<(), BackupError> {
    // A book without an entry has no file in it.
    let journal = to.join("journal");
    disk::create_dir(&journal).map_err(failed("create", &journal))?;
    for file in &manifest.files {
        if let Ok(inside) = file.path.strip_prefix(merchant) {
            copy_one(&dir.join(&file.path), &to.join(inside))?;
        }
    }
    Ok(())
}

fn sum(dir: &Path, path: PathBuf) -> Result<FileSum, BackupError> {
    let whole = dir.join(&path);
    let (mut digest, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; BUFFER_BYTES]);
    let mut file = File::open(&whole).map_err(failed("read", &whole))?;
    loop {
        let read = file.read(&mut buffer).map_err(failed("read", &whole))?;
        if read == 0 {
            break;
        }
        digest.update(buffer.get(..read).unwrap_or_default());
        bytes += super::to_u64(read);
    }
    let sha256 = digest.finalize();
    let sha256 = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(FileSum {
        path,
        bytes,
        sha256,
    })
}

/// Regular files below a directory, sorted; links are passed over.
fn files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let (mut found, mut dirs) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(below) = dirs.pop() {
        for entry in std::fs::read_dir(dir.join(&below))? {
            let entry = entry?;
            let (path, kind) = (below.join(entry.file_name()), entry.file_type()?);
            if kind.is_dir() {
                dirs.push(path);
            } else if kind.is_file() {
                found.push(path);
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}

#[cfg(test)]
mod tests;
