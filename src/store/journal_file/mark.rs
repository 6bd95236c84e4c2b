//! The high-water mark: the head in a second small file, to notice when the journal lost its tail.

use std::path::{Path, PathBuf};

use super::frame;
use super::segment::decode_head;
use crate::store::{Head, JournalError, disk};

pub(crate) fn path_in(dir: &Path) -> PathBuf {
    dir.join("mark")
}

pub(crate) fn write(dir: &Path, head: &Head) -> Result<(), JournalError> {
    let path = path_in(dir);
    disk::replace(&path, &frame::encode_head(frame::MARK, head))
        .map_err(|e| JournalError::io("write", &path, e))
}

/// None when no mark was ever written.
pub(crate) fn read(dir: &Path) -> Result<Option<Head>, JournalError> {
    let path = path_in(dir);
    match std::fs::read(&path) {
        Ok(bytes) => decode_head(frame::MARK, &bytes, &path, 0).map(Some),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(JournalError::io("read", &path, error)),
    }
}
