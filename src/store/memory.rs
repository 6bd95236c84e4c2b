//! Journal and records in memory, for the simulator: no thread, no clock, faults on demand.
//!
//! A [`MemoryDisk`] is what survives a crash. A crash is a future that is dropped: an append gives way
//! before its write, between write and durability, and after the commit, so that it can be dropped in
//! each of these states; [`MemoryDisk::crash`] then says what became of a write not yet durable.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::{fmt, io};

use async_trait::async_trait;

use super::{
    Change, Group, Head, Journal, JournalError, OpenReport, Record, Records, RecordsError,
    check_sizes,
};

/// How the next append fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is written.
    Write,
    /// All is written, but the sync fails: a crash before the retry may or may not keep it.
    Sync,
}

/// What a crash makes of a group that was written but not durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It never reached the disk.
    Forgotten,
    /// A part of it did: the next open cuts it away and reports it.
    Torn,
    /// All of it did.
    Kept,
}

type Hook = Arc<dyn Fn(Head) + Send + Sync>;

/// The part of a simulated machine that a crash leaves. Clones are the same disk.
#[derive(Clone, Default)]
pub struct MemoryDisk(Arc<Mutex<Stored>>);

#[derive(Default)]
struct Stored {
    groups: Vec<Group>,
    mark: Head,
    /// Written, not durable.
    pending: Option<Group>,
    torn_bytes: u64,
    faults: VecDeque<Fault>,
    full: bool,
    hook: Option<Hook>,
    /// The one journal that may use the disk; earlier ones are closed.
    holder: u64,
}

/// A journal on a [`MemoryDisk`].
#[derive(Debug)]
pub struct MemoryJournal {
    disk: MemoryDisk,
    holder: u64,
}

impl MemoryDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens the journal. One opened before is closed by it.
    ///
    /// # Errors
    /// `Damaged` when the journal ends before its mark.
    pub fn open(&self) -> Result<(MemoryJournal, OpenReport), JournalError> {
        let mut stored = self.lock();
        stored.pending = None;
        stored.holder += 1;
        let (head, mark) = (stored.head(), stored.mark);
        if mark.seq > head.seq {
            return Err(JournalError::Damaged {
                file: "memory".into(),
                offset: 0,
                seq: head.seq + 1,
                what: format!("entry {} was durable", mark.seq),
                help: "a simulated disk lost its tail",
            });
        }
        let torn_bytes_cut = std::mem::take(&mut stored.torn_bytes);
        let report = OpenReport {
            segments: 1,
            torn_bytes_cut,
            ..OpenReport::default()
        };
        Ok((
            MemoryJournal {
                disk: self.clone(),
                holder: stored.holder,
            },
            report,
        ))
    }

    /// The process ended; `fate` is what became of a write in hand.
    pub fn crash(&self, fate: Fate) {
        let mut stored = self.lock();
        stored.holder += 1;
        let Some(group) = stored.pending.take() else {
            return;
        };
        match fate {
            Fate::Forgotten => {}
            Fate::Torn => stored.torn_bytes = u64::try_from(group.payload.len()).unwrap_or(1),
            Fate::Kept => stored.groups.push(group),
        }
    }

    /// Removes all but the first `groups` groups, durable or not, as a broken machine would.
    pub fn lose_tail(&self, groups: usize) {
        self.lock().groups.truncate(groups);
    }

    /// Fails one append after the other, in this order.
    pub fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.lock().faults.extend(faults);
    }

    /// While full every append fails with `Full`.
    pub fn set_full(&self, full: bool) {
        self.lock().full = full;
    }

    /// Calls `hook` after each commit, before the caller of the append hears of it.
    pub fn on_commit(&self, hook: impl Fn(Head) + Send + Sync + 'static) {
        self.lock().hook = Some(Arc::new(hook));
    }

    fn lock(&self) -> MutexGuard<'_, Stored> {
        // A crash may be played by a panic; the disk survives it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stored {
    fn head(&self) -> Head {
        self.groups.last().map(Group::head).unwrap_or_default()
    }

    fn check_holder(&self, journal: &MemoryJournal) -> Result<(), JournalError> {
        if self.holder == journal.holder {
            Ok(())
        } else {
            Err(JournalError::Closed)
        }
    }
}

impl MemoryJournal {
    fn lock(&self) -> Result<MutexGuard<'_, Stored>, JournalError> {
        let stored = self.disk.lock();
        stored.check_holder(self)?;
        Ok(stored)
    }

    fn write(&self, group: Group) -> Result<(), JournalError> {
        let mut stored = self.lock()?;
        group.check_continues(&stored.head())?;
        if stored.full {
            return Err(JournalError::io(
                "write",
                "memory".as_ref(),
                io::ErrorKind::StorageFull.into(),
            ));
        }
        if stored
            .faults
            .pop_front_if(|fault| *fault == Fault::Write)
            .is_some()
        {
            return Err(failed("write"));
        }
        // After a failed sync the retry takes the place of what was written before.
        stored.pending = Some(group);
        Ok(())
    }

    fn sync(&self) -> Result<(Head, Option<Hook>), JournalError> {
        let mut stored = self.lock()?;
        if stored
            .faults
            .pop_front_if(|fault| *fault == Fault::Sync)
            .is_some()
        {
            return Err(failed("sync"));
        }
        let pending = stored.pending.take();
        stored.groups.extend(pending);
        Ok((stored.head(), stored.hook.clone()))
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    fn head(&self) -> Head {
        self.disk.lock().head()
    }

    async fn append(&self, group: Group) -> Result<Head, JournalError> {
        GiveWay::once().await;
        self.write(group)?;
        GiveWay::once().await;
        let (head, hook) = self.sync()?;
        if let Some(hook) = hook {
            hook(head);
        }
        GiveWay::once().await;
        Ok(head)
    }

    fn read(&self, from_seq: u64, limit_bytes: usize) -> Result<Vec<Group>, JournalError> {
        let stored = self.disk.lock();
        let start = stored.groups.partition_point(|group| group.last < from_seq);
        let (mut groups, mut bytes) = (Vec::new(), 0);
        for group in &stored.groups[start..] {
            if bytes >= limit_bytes && !groups.is_empty() {
                break;
            }
            bytes += group.payload.len();
            groups.push(group.clone());
        }
        Ok(groups)
    }

    async fn mark(&self) -> Result<(), JournalError> {
        let mut stored = self.lock()?;
        stored.mark = stored.head();
        Ok(())
    }

    async fn close(&self) -> Result<(), JournalError> {
        self.mark().await?;
        self.lock()?.holder += 1;
        Ok(())
    }
}

impl fmt::Debug for MemoryDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryDisk")
            .field("head", &self.lock().head())
            .finish()
    }
}

fn failed(what: &'static str) -> JournalError {
    JournalError::io(what, "memory".as_ref(), io::Error::other("simulated"))
}

/// Pending once, ready the next time.
struct GiveWay(bool);

impl GiveWay {
    fn once() -> Self {
        Self(false)
    }
}

impl Future for GiveWay {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Records in memory. Clones are the same records, which survive a crash.
#[derive(Clone, Debug, Default)]
pub struct MemoryRecords(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    values: BTreeMap<Vec<u8>, Vec<u8>>,
    applied_seq: u64,
    failing: bool,
}

impl MemoryRecords {
    /// No records.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// While failing every call gives `Failed`.
    pub fn set_failing(&self, failing: bool) {
        self.lock().failing = failing;
    }

    /// All is gone without an error, as a power cut can leave it.
    pub fn lose_all(&self) {
        *self.lock() = Table::default();
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn table(&self, what: &'static str) -> Result<MutexGuard<'_, Table>, RecordsError> {
        let table = self.lock();
        if table.failing {
            let source = io::Error::other("simulated");
            return Err(RecordsError::Failed {
                what,
                path: "memory".into(),
                source,
            });
        }
        Ok(table)
    }
}

impl Records for MemoryRecords {
    fn write(&self, changes: &[Change], seq: u64) -> Result<(), RecordsError> {
        check_sizes(changes)?;
        let mut table = self.table("write")?;
        for (key, value) in changes {
            match value {
                Some(value) => table.values.insert(key.clone(), value.clone()),
                None => table.values.remove(key),
            };
        }
        table.applied_seq = table.applied_seq.max(seq);
        Ok(())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, RecordsError> {
        Ok(self.table("read")?.values.get(key).cloned())
    }

    fn range(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Record>, RecordsError> {
        let table = self.table("read")?;
        let from = match after.filter(|after| *after >= prefix) {
            Some(after) => Bound::Excluded(after),
            None => Bound::Included(prefix),
        };
        let rows = table.values.range::<[u8], _>((from, Bound::Unbounded));
        let rows = rows
            .take_while(|(key, _)| key.starts_with(prefix))
            .take(limit);
        Ok(rows
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect())
    }

    fn wipe(&self) -> Result<(), RecordsError> {
        *self.table("wipe")? = Table::default();
        Ok(())
    }

    fn applied_seq(&self) -> Result<u64, RecordsError> {
        Ok(self.table("read")?.applied_seq)
    }
}

#[cfg(test)]
mod tests;
