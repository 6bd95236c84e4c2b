//! A disk that fails where a test says, and knows what a power cut would leave.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Mutex;

use super::disk::{Disk, SystemDisk, sync_dir};

/// The operation that fails, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Create,
    /// Only so many bytes are written.
    ShortWrite(usize),
    /// Only so many bytes are written: the disk is full.
    Full(usize),
    Truncate,
    /// What was written since the last sync reads well but never reaches the disk.
    Sync,
    Rename,
    /// The new name is there, but may not be durable.
    RenameSync,
}

/// Runs each operation on the system until it is the one that the next fault waits for.
#[derive(Default)]
pub(crate) struct FaultyDisk {
    faults: Mutex<VecDeque<Fault>>,
    done: Mutex<Vec<&'static str>>,
    images: Mutex<BTreeMap<u64, Image>>,
}

/// A file as the disk has it, by inode, and what is on its way there.
#[derive(Default)]
struct Image {
    durable: Vec<u8>,
    dirty: Vec<Change>,
}

enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

impl FaultyDisk {
    pub(crate) fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.faults.lock().unwrap().extend(faults);
    }

    /// Drops faults that never came due.
    pub(crate) fn heal(&self) {
        self.faults.lock().unwrap().clear();
    }

    /// What was done since the last call.
    pub(crate) fn take_done(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.done.lock().unwrap())
    }

    /// Leaves of each file what is durable, and of the first write besides so many bytes.
    pub(crate) fn cut_power(&self, files: &[std::path::PathBuf], torn_bytes: usize) {
        let mut images = self.images.lock().unwrap();
        for path in files {
            let inode = std::fs::metadata(path).unwrap().ino();
            let image = images.get_mut(&inode).unwrap();
            let dirty = std::mem::take(&mut image.dirty);
            if let Some(Change::Write(at, bytes)) = dirty.into_iter().next() {
                let torn = bytes[..torn_bytes.min(bytes.len())].to_vec();
                image.apply(Change::Write(at, torn));
            }
            std::fs::write(path, &image.durable).unwrap();
        }
    }

    fn due(&self, wanted: impl Fn(Fault) -> bool) -> Option<Fault> {
        self.faults
            .lock()
            .unwrap()
            .pop_front_if(|fault| wanted(*fault))
    }

    fn check(&self, fault: Fault) -> io::Result<()> {
        match self.due(|due| due == fault) {
            Some(fault) => Err(io::Error::other(format!("{fault:?}"))),
            None => Ok(()),
        }
    }

    fn note(&self, what: &'static str) {
        self.done.lock().unwrap().push(what);
    }

    fn image<T>(&self, file: &File, work: impl FnOnce(&mut Image) -> T) -> T {
        work(
            self.images
                .lock()
                .unwrap()
                .entry(file.metadata().unwrap().ino())
                .or_default(),
        )
    }
}

impl Image {
    fn apply(&mut self, change: Change) {
        match change {
            Change::Truncate(len) => self.durable.truncate(len),
            Change::Write(at, bytes) => {
                let end = at + bytes.len();
                self.durable.resize(self.durable.len().max(end), 0);
                self.durable[at..end].copy_from_slice(&bytes);
            }
        }
    }
}

impl Disk for FaultyDisk {
    fn create(&self, path: &Path) -> io::Result<File> {
        self.note("create");
        self.check(Fault::Create)?;
        let file = SystemDisk.create(path)?;
        self.image(&file, |image| *image = Image::default());
        Ok(file)
    }

    fn write_at(&self, file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.note("write");
        let short = self.due(|due| matches!(due, Fault::ShortWrite(_) | Fault::Full(_)));
        let written = match short {
            Some(Fault::ShortWrite(written) | Fault::Full(written)) => written.min(bytes.len()),
            _ => bytes.len(),
        };
        SystemDisk.write_at(file, offset, &bytes[..written])?;
        let change = Change::Write(usize::try_from(offset).unwrap(), bytes[..written].to_vec());
        self.image(file, |image| image.dirty.push(change));
        match short {
            Some(Fault::Full(_)) => Err(io::ErrorKind::StorageFull.into()),
            Some(_) => Err(io::Error::other("ShortWrite")),
            None => Ok(()),
        }
    }

    fn truncate(&self, file: &File, len: u64) -> io::Result<()> {
        self.note("truncate");
        self.check(Fault::Truncate)?;
        SystemDisk.truncate(file, len)?;
        let change = Change::Truncate(usize::try_from(len).unwrap());
        self.image(file, |image| image.dirty.push(change));
        Ok(())
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.note("sync");
        // Either way nothing is on its way any more.
        let failed = self.check(Fault::Sync);
        self.image(file, |image| {
            let dirty = std::mem::take(&mut image.dirty);
            if failed.is_ok() {
                dirty.into_iter().for_each(|change| image.apply(change));
            }
        });
        failed
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.note("rename");
        self.check(Fault::Rename)?;
        std::fs::rename(from, to)?;
        self.check(Fault::RenameSync)?;
        sync_dir(super::disk::parent(to))
    }
}
