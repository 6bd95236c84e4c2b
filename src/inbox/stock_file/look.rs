//! What lies at the path, and when it is whole.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Bytes of a file that is taken.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// Files of a folder.
const FILES_MAX: usize = 1_000;

/// A file as it was seen: one that is being written looks different the next time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    length: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    inode: u64,
}

/// The file, or the files `*.csv` of the folder by name. Names that begin with a dot are not looked at.
///
/// # Errors
/// Why nothing can be told of the path.
pub fn look(path: &Path) -> Result<BTreeMap<PathBuf, Stamp>, String> {
    let failed = |error: io::Error| format!("cannot read {}: {error}", path.display());
    let known = std::fs::metadata(path).map_err(failed)?;
    if !known.is_dir() {
        let stamp = stamp(&known).ok_or_else(|| format!("{} is no file", path.display()))?;
        return Ok(BTreeMap::from([(path.to_owned(), stamp)]));
    }
    let mut files = BTreeMap::new();
    for file in std::fs::read_dir(path).map_err(failed)? {
        let file = file.map_err(failed)?.path();
        let Some(name) = file.file_name().and_then(std::ffi::OsStr::to_str) else {
            continue;
        };
        let is_csv = name.to_ascii_lowercase().ends_with(".csv");
        if !is_csv || name.starts_with('.') {
            continue;
        }
        // Gone since, or a folder of that name: there is nothing to take.
        if let Some(stamp) = std::fs::metadata(&file)
            .ok()
            .and_then(|known| stamp(&known))
        {
            files.insert(file, stamp);
        }
        if files.len() > FILES_MAX {
            return Err(format!(
                "{} holds more than {FILES_MAX} files: move those away that were taken",
                path.display()
            ));
        }
    }
    Ok(files)
}

fn stamp(known: &std::fs::Metadata) -> Option<Stamp> {
    known.is_file().then(|| Stamp {
        length: known.len(),
        modified: (known.mtime(), known.mtime_nsec()),
        inode: known.ino(),
    })
}

/// The bytes of a file; none where it is not any more what it was.
///
/// # Errors
/// Why it cannot be read.
pub fn read(path: &Path, seen: Stamp) -> Result<Option<Vec<u8>>, String> {
    let failed = |error: io::Error| format!("cannot read {}: {error}", path.display());
    if seen.length > FILE_BYTES_MAX {
        return Err(format!(
            "{} has {} bytes: split it into files of at most {FILE_BYTES_MAX} in a folder",
            path.display(),
            seen.length
        ));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    let is_same = |known: &std::fs::Metadata| stamp(known) == Some(seen);
    if !is_same(&file.metadata().map_err(failed)?) {
        return Ok(None);
    }
    let mut limited = (&file).take(FILE_BYTES_MAX);
    limited.read_to_end(&mut bytes).map_err(failed)?;
    let is_whole = is_same(&file.metadata().map_err(failed)?);
    Ok(Some(bytes).filter(|_| is_whole))
}
