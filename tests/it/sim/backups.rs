//! Backups of a machine's disk: a copy takes the place of a lost one.

use std::time::Duration;

use channelsync::bookkeeper::{self, Origin};
use channelsync::ledger::Ledger;
use channelsync::store::Journal;
use channelsync_contract::Clock;

use super::machine::Machine;

/// What became of restored backups.
#[derive(Default)]
pub(super) struct Restored {
    times: u64,
    /// Commands that were answered and are not in the book any more, and that nobody entered again.
    lost: Vec<String>,
}

impl Machine {
    /// How many groups the disk holds now: what a copy made now would hold; none while the daemon is
    /// down.
    pub(super) fn groups(&self) -> Option<usize> {
        let daemon = self.daemon()?;
        let merchant = daemon.merchants.values().next()?;
        Some(merchant.journal.read(1, usize::MAX).unwrap().len())
    }

    /// How many backups were restored, the one that is about to be included.
    pub(super) fn restores(&self) -> u64 {
        let coming = self.now.lock().unwrap().copied.is_some();
        self.restored.lock().unwrap().times + u64::from(coming)
    }

    /// Whether a backup is about to be restored.
    pub(super) fn is_lost(&self) -> bool {
        self.now.lock().unwrap().copied.is_some()
    }

    /// The first command that a restored book does not know and nobody took for entering it again.
    pub(super) fn next_lost(&self) -> Option<String> {
        self.restored.lock().unwrap().lost.pop()
    }

    /// The machine is lost, and a copy of its disk with so many groups takes its place.
    pub(super) fn restore(&self, groups: usize) {
        self.now.lock().unwrap().copied = Some(groups);
        self.accepted.lock().unwrap().clear();
        *self.net.arrived.lock().unwrap() = Some(Vec::new());
        self.kill();
    }

    /// What `restore` does with files.
    pub(super) async fn take_copy(&self) {
        let Some(groups) = self.now.lock().unwrap().copied.take() else {
            return;
        };
        self.disk.lose_tail(groups);
        self.disk.set_full(false);
        let seq = loop {
            let (journal, _) = self.disk.open().unwrap();
            let read = |from, bytes| journal.read(from, bytes);
            let ledger = bookkeeper::open(&read, journal.head(), Ledger::default()).unwrap();
            let origin = Origin::new("cli", "restore");
            let group = bookkeeper::restored(&ledger, self.clock.now(), origin);
            if journal.append(group).await.is_ok() {
                break ledger.seq;
            }
            self.clock.sleep(Duration::from_millis(300)).await;
        };
        self.forget_promises(seq);
        let snapshots = self.dir.path().join("snapshots");
        // Where none was taken there is nothing to remove.
        let _none: std::io::Result<()> = std::fs::remove_dir_all(snapshots);
    }

    /// What was answered with a later entry is no longer in the book.
    fn forget_promises(&self, seq: u64) {
        let mut promised = self.promised.lock().unwrap();
        let mut restored = self.restored.lock().unwrap();
        restored.times += 1;
        let mut lost: Vec<(u64, String)> = Vec::new();
        promised.retain(|id, at| {
            let is_kept = *at <= seq;
            if !is_kept {
                lost.push((*at, id.clone()));
            }
            is_kept
        });
        lost.sort();
        // The last one is taken first.
        let lost = lost.into_iter().rev().map(|(_, id)| id);
        restored.lost.extend(lost);
    }
}
