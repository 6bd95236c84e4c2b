//! Appends groups to segments: one write and one sync a group, each durable before the next.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use super::frame;
use super::mark;
use super::recover::Scan;
use super::segment::Segment;
use super::view::View;
use crate::store::disk::{self, Disk};
use crate::store::lock::DirLock;
use crate::store::{Group, Head, JournalError, to_u64};

pub(crate) struct Writer {
    dir: PathBuf,
    disk: Arc<dyn Disk>,
    segment_bytes_max: u64,
    view: Arc<View>,
    /// The segment that may be appended to. None after a failure, and then for ever for that file.
    current: Option<Current>,
    frame: Vec<u8>,
    _lock: DirLock,
}

struct Current {
    file: File,
    path: PathBuf,
    /// The durable length.
    len: u64,
}

impl Writer {
    /// Repairs what the scan found: removes unfinished segments, cuts the torn tail, and makes the
    /// last frame surely durable.
    pub(crate) fn open(
        dir: PathBuf,
        lock: DirLock,
        disk: Arc<dyn Disk>,
        segment_bytes_max: u64,
        scan: &Scan,
        view: Arc<View>,
    ) -> Result<Self, JournalError> {
        for path in &scan.unfinished {
            std::fs::remove_file(path).map_err(|e| JournalError::io("remove", path, e))?;
        }
        let current = match scan.segments.last() {
            Some(segment) => Some(settle(disk.as_ref(), segment, scan)?),
            None => None,
        };
        let frame = Vec::new();
        Ok(Self {
            dir,
            disk,
            segment_bytes_max,
            view,
            current,
            frame,
            _lock: lock,
        })
    }

    /// On any error the head stands and the group can be appended again.
    pub(crate) fn append(&mut self, group: &Group) -> Result<Head, JournalError> {
        let head = self.view.head();
        group.check_continues(&head)?;
        frame::encode(&head.hash, group, &mut self.frame);
        // Taken out while the outcome is unknown: whatever fails below closes the segment for ever,
        // unless the bytes are surely gone again.
        let mut current = match self.current.take() {
            Some(current) if current.len < self.segment_bytes_max => current,
            _ => self.begin(&head)?,
        };
        if let Err(error) = self.disk.write_at(&current.file, current.len, &self.frame) {
            let error = JournalError::io("write", &current.path, error);
            let cut = self.disk.truncate(&current.file, current.len);
            if cut.and_then(|()| self.disk.sync(&current.file)).is_ok() {
                self.current = Some(current);
            }
            return Err(error);
        }
        self.disk
            .sync(&current.file)
            .map_err(|e| JournalError::io("sync", &current.path, e))?;
        let is_first = current.len == to_u64(frame::HEAD_BYTES);
        current.len += to_u64(self.frame.len());
        self.current = Some(current);
        let head = group.head();
        self.view.advance(head);
        if is_first {
            // So that a segment that is gone is missed. The group is durable without it.
            let _marked: Result<(), JournalError> = self.mark();
        }
        Ok(head)
    }

    pub(crate) fn mark(&self) -> Result<(), JournalError> {
        mark::write(&self.dir, &self.view.head())
    }

    /// Deletes whole segments up to a bound, the oldest first, and never the last.
    pub(crate) fn cut(&self, bound: &Head) -> Result<(), JournalError> {
        let segments = self.view.segments();
        let pairs = segments.iter().zip(segments.iter().skip(1));
        for (old, next) in pairs {
            if next.continues.seq > bound.seq {
                break;
            }
            let removed = match std::fs::remove_file(&old.path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
                removed => removed,
            };
            removed
                .and_then(|()| disk::sync_dir(&self.dir))
                .map_err(|error| JournalError::io("remove", &old.path, error))?;
            self.view.drop_first();
        }
        Ok(())
    }

    /// A new segment, durable under its name before anything goes into it. It may replace one of the
    /// same name: that one began at the same entry, so nothing in it was ever acknowledged.
    fn begin(&self, head: &Head) -> Result<Current, JournalError> {
        let path = Segment::path_in(&self.dir, head.seq + 1);
        let unfinished = path.with_added_extension("new");
        let header = frame::encode_head(frame::SEGMENT, head);
        let create = || {
            let file = self.disk.create(&unfinished)?;
            self.disk.write_at(&file, 0, &header)?;
            self.disk.sync(&file)?;
            self.disk.rename(&unfinished, &path)?;
            Ok(file)
        };
        match create() {
            Ok(file) => {
                self.view.begin(Segment {
                    path: path.clone(),
                    continues: *head,
                });
                Ok(Current {
                    file,
                    path,
                    len: to_u64(header.len()),
                })
            }
            Err(error) => {
                // It would only take up space; the next attempt overwrites it anyway.
                let _gone: std::io::Result<()> = std::fs::remove_file(&unfinished);
                Err(JournalError::io("create", &path, error))
            }
        }
    }
}

/// Cuts the torn tail and writes the last frame once more in its place: a process that ended after
/// a failed sync may have left it in memory only, where it reads well and is never written again.
fn settle(disk: &dyn Disk, segment: &Segment, scan: &Scan) -> Result<Current, JournalError> {
    use std::os::unix::fs::FileExt as _;
    let path = segment.path.clone();
    let (start, len) = (scan.last_frame.start, scan.last_frame.end);
    let settle = || {
        let file = File::options().read(true).write(true).open(&path)?;
        if scan.torn_bytes > 0 {
            disk.truncate(&file, len)?;
        }
        let mut last = vec![0; usize::try_from(len - start).unwrap_or(0)];
        file.read_exact_at(&mut last, start)?;
        disk.write_at(&file, start, &last)?;
        disk.sync(&file)?;
        disk::sync_dir(disk::parent(&path))?;
        Ok(file)
    };
    let file = settle().map_err(|e| JournalError::io("settle", &path, e))?;
    Ok(Current { file, path, len })
}
