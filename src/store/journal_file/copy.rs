//! A journal up to one head, in a directory of its own: for backups.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::mark;
use super::segment::{Position, Segment, SegmentReader, damaged};
use super::view::durable_group;
use crate::store::disk::{self, Disk as _, SystemDisk};
use crate::store::{Head, JournalError};

/// Writes the segments that lead to `until` into `dir`, each only as far as it counts, and the mark.
/// A daemon may append meanwhile.
pub(crate) fn copy(segments: &[Segment], dir: &Path, until: &Head) -> Result<(), JournalError> {
    disk::create_dir(dir).map_err(|error| JournalError::io("create", dir, error))?;
    let mut reached = segments
        .first()
        .map_or_else(Head::default, |first| first.continues);
    for (index, segment) in segments.iter().enumerate() {
        if segment.continues.seq >= until.seq {
            break;
        }
        let next = segments.get(index + 1).map(|next| next.continues.seq);
        let limit = next.map_or(until.seq, |next| next.min(until.seq));
        let mut reader = SegmentReader::open(segment, Position::start(segment))?;
        while reader.position().head.seq < limit {
            durable_group(&mut reader)?;
        }
        reached = reader.position().head;
        let path = Segment::path_in(dir, segment.continues.seq + 1);
        copy_file(&segment.path, &path, Some(reader.position().offset))
            .map_err(|error| JournalError::io("copy", &segment.path, error))?;
    }
    if reached != *until {
        let what = format!("no group ends as entry {} did", until.seq);
        return Err(damaged(dir, 0, reached.seq + 1, what));
    }
    if until.seq > 0 {
        mark::write(dir, until)?;
    }
    disk::sync_dir(dir).map_err(|error| JournalError::io("sync", dir, error))
}

/// A file under a new name, so many bytes of it, synced.
pub(crate) fn copy_file(from: &Path, to: &Path, bytes: Option<u64>) -> io::Result<u64> {
    let mut source = File::open(from)?.take(bytes.unwrap_or(u64::MAX));
    let mut target = SystemDisk.create(to)?;
    let copied = io::copy(&mut source, &mut target)?;
    target.sync_all()?;
    Ok(copied)
}
