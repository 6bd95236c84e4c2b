//! A disk that fails where a test says.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Mutex;

use super::disk::{Disk, SystemDisk};

/// The operation that fails, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Create,
    /// Only so many bytes are written.
    ShortWrite(usize),
    /// Only so many bytes are written: the disk is full.
    Full(usize),
    Truncate,
    /// The bytes stay in the file, as they may.
    Sync,
    Rename,
}

/// Runs each operation on the system until it is the one that the next fault waits for.
#[derive(Default)]
pub(crate) struct FaultyDisk {
    faults: Mutex<VecDeque<Fault>>,
    done: Mutex<Vec<&'static str>>,
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

    fn note(&self, what: &'static str) {
        self.done.lock().unwrap().push(what);
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
}

impl Disk for FaultyDisk {
    fn create(&self, path: &Path) -> io::Result<File> {
        self.note("create");
        self.check(Fault::Create)?;
        SystemDisk.create(path)
    }

    fn write_at(&self, file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.note("write");
        match self.due(|due| matches!(due, Fault::ShortWrite(_) | Fault::Full(_))) {
            Some(Fault::Full(written)) => {
                file.write_all_at(&bytes[..written.min(bytes.len())], offset)?;
                Err(io::ErrorKind::StorageFull.into())
            }
            Some(Fault::ShortWrite(written)) => {
                file.write_all_at(&bytes[..written.min(bytes.len())], offset)?;
                Err(io::Error::other("ShortWrite"))
            }
            _ => SystemDisk.write_at(file, offset, bytes),
        }
    }

    fn truncate(&self, file: &File, len: u64) -> io::Result<()> {
        self.note("truncate");
        self.check(Fault::Truncate)?;
        SystemDisk.truncate(file, len)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.note("sync");
        self.check(Fault::Sync)?;
        SystemDisk.sync(file)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.note("rename");
        self.check(Fault::Rename)?;
        SystemDisk.rename(from, to)
    }
}
