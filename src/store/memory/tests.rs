use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{FutureExt as _, poll};

use super::*;
use crate::store::conformance::{history, journal_suite, records_suite};

fn open(disk: &MemoryDisk) -> MemoryJournal {
    disk.open().unwrap().0
}

/// Polls an append so many times, then drops it.
async fn begin_append(journal: &MemoryJournal, group: &Group, polls: usize) {
    let mut append = journal.append(group.clone());
    for _ in 0..polls {
        assert!(poll!(&mut append).is_pending());
    }
}

#[tokio::test]
async fn the_journal_suite_passes() {
    let disk = MemoryDisk::new();
    journal_suite(&mut || Box::new(open(&disk))).await;
}

#[test]
fn the_records_suite_passes() {
    records_suite(&MemoryRecords::new(), &MemoryRecords::new());
}

#[tokio::test]
async fn a_crash_before_durability_ends_either_way() {
    let groups = history(3);
    for (fate, polls, kept, torn) in [
        (Fate::Kept, 1, 1, 0),
        (Fate::Forgotten, 2, 1, 0),
        (Fate::Torn, 2, 1, groups[1].payload.len()),
        (Fate::Kept, 2, 2, 0),
        (Fate::Forgotten, 3, 2, 0),
    ] {
        let disk = MemoryDisk::new();
        let journal = open(&disk);
        journal.append(groups[0].clone()).await.unwrap();
        begin_append(&journal, &groups[1], polls).await;
        disk.crash(fate);
        assert!(matches!(
            journal.append(groups[1].clone()).await,
            Err(JournalError::Closed)
        ));
        let (journal, report) = disk.open().unwrap();
        assert_eq!(report.torn_bytes_cut, u64::try_from(torn).unwrap());
        assert_eq!(
            journal.read(0, usize::MAX).unwrap(),
            groups[..kept],
            "{fate:?} {polls}"
        );
        for group in &groups[kept..] {
            journal.append(group.clone()).await.unwrap();
        }
        assert_eq!(journal.read(0, usize::MAX).unwrap(), groups);
    }
}

#[tokio::test]
async fn faults_fail_one_append_each_and_a_full_disk_all() {
    let groups = history(2);
    let disk = MemoryDisk::new();
    let journal = open(&disk);
    disk.set_full(true);
    let full = journal.append(groups[0].clone()).await;
    assert!(matches!(full, Err(JournalError::Full { .. })));
    disk.set_full(false);
    disk.fail([Fault::Write, Fault::Sync]);
    for _ in 0..2 {
        let failed = journal.append(groups[0].clone()).await;
        assert!(matches!(failed, Err(JournalError::Failed { .. })));
    }
    assert_eq!(journal.head(), Head::default());
    journal.append(groups[0].clone()).await.unwrap();

    disk.fail([Fault::Sync]);
    journal.append(groups[1].clone()).await.unwrap_err();
    disk.crash(Fate::Kept);
    assert_eq!(open(&disk).head(), groups[1].head());
}

#[tokio::test]
async fn the_hook_hears_of_a_commit_before_the_caller() {
    let groups = history(1);
    let (disk, heard) = (MemoryDisk::new(), Arc::new(AtomicU64::new(0)));
    let hears = heard.clone();
    disk.on_commit(move |head| hears.store(head.seq, Ordering::SeqCst));
    let journal = open(&disk);
    let mut append = journal.append(groups[0].clone());
    while heard.load(Ordering::SeqCst) == 0 {
        assert!((&mut append).now_or_never().is_none());
    }
    assert_eq!(journal.head(), groups[0].head());
}

#[tokio::test]
async fn a_tail_lost_behind_the_mark_is_damage() {
    let disk = MemoryDisk::new();
    let journal = open(&disk);
    for group in history(4) {
        journal.append(group).await.unwrap();
    }
    journal.close().await.unwrap();
    disk.lose_tail(2);
    assert!(matches!(disk.open(), Err(JournalError::Damaged { .. })));
}
