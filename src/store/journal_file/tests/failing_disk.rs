//! Writes and syncs that fail: nothing acknowledged is lost, nothing is there twice.

use proptest::prelude::*;

use super::*;
use crate::store::conformance::group;
use crate::store::faulty::{Fault, FaultyDisk};
use crate::store::to_u64;

struct Failing {
    dir: Dir,
    disk: Arc<FaultyDisk>,
    journal: JournalFile,
    runtime: tokio::runtime::Runtime,
}

impl Failing {
    /// A journal that holds `groups`.
    fn new(dir: Dir, groups: &[Group]) -> Self {
        let disk = Arc::new(FaultyDisk::default());
        let journal = JournalFile::open_on(&dir.options(), disk.clone())
            .unwrap()
            .journal;
        append(&journal, groups);
        disk.take_done();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        Self {
            dir,
            disk,
            journal,
            runtime,
        }
    }

    fn append(&self, group: &Group) -> Result<Head, JournalError> {
        self.runtime.block_on(self.journal.append(group.clone()))
    }

    /// Fails the append of `group` by `faults`.
    #[track_caller]
    fn fail(&self, group: &Group, faults: &[Fault]) -> JournalError {
        self.disk.fail(faults.iter().copied());
        let head = self.journal.head();
        let error = self.append(group).unwrap_err();
        assert!(error.retryable(), "{error}");
        assert_eq!(self.journal.head(), head, "not acknowledged");
        error
    }

    /// Appends the rest, and finds everything exactly once, now and after a restart.
    #[track_caller]
    fn finish(self, groups: &[Group]) -> OpenReport {
        let head = self.journal.head();
        for group in groups.iter().filter(|group| group.first > head.seq) {
            self.append(group).unwrap();
        }
        assert_eq!(all(&self.journal), groups);
        drop(self.journal);
        let opened = self.dir.try_open().unwrap();
        assert_eq!(all(&opened.journal), groups);
        assert_eq!(opened.report.torn_bytes_cut, 0);
        opened.report
    }
}

/// R65
#[test]
fn after_a_failed_sync_a_new_segment_takes_the_group_and_the_old_tail_is_ignored() {
    let groups = history(8);
    let failing = Failing::new(Dir::new(), &groups[..4]);
    failing.fail(&groups[4], &[Fault::Sync]);
    assert_eq!(failing.dir.segments().len(), 1);
    failing.append(&groups[4]).unwrap();
    assert_eq!(failing.dir.segments().len(), 2);
    let report = failing.finish(&groups);
    let frame = to_u64(frame::FRAME_HEADER_BYTES + groups[4].payload.len());
    assert_eq!((report.segments, report.ignored_bytes), (2, frame));
}

#[test]
fn the_retry_may_carry_another_group_than_the_failed_sync_left_behind() {
    let groups = history(8);
    let failing = Failing::new(Dir::new(), &groups[..4]);
    let next = groups[4].first;
    failing.fail(
        &group(next, next + 40, b"cut smaller for the retry"),
        &[Fault::Sync],
    );
    let report = failing.finish(&groups);
    assert_eq!(report.segments, 2);
}

#[test]
fn failed_syncs_in_a_row_replace_the_segment_that_holds_nothing() {
    let groups = history(8);
    let failing = Failing::new(Dir::new(), &groups[..4]);
    failing.fail(&groups[4], &[Fault::Sync]);
    // Now the new segment: its header, its name, its first group.
    failing.fail(&groups[4], &[Fault::Create]);
    failing.fail(&groups[4], &[Fault::ShortWrite(10)]);
    failing.fail(&groups[4], &[Fault::Rename]);
    failing.disk.take_done();
    failing.append(&groups[4]).unwrap();
    assert_eq!(
        failing.disk.take_done(),
        ["create", "write", "sync", "rename", "write", "sync"]
    );
    assert_eq!(failing.finish(&groups).segments, 2);

    let failing = Failing::new(Dir::new(), &[]);
    failing.disk.fail([Fault::Sync]);
    failing.append(&groups[0]).unwrap_err();
    assert_eq!(failing.finish(&groups).segments, 1);
}

#[test]
fn a_group_whose_sync_failed_before_the_process_ended_counts_once() {
    let groups = history(8);
    let failing = Failing::new(Dir::new(), &groups[..4]);
    failing.fail(&groups[4], &[Fault::Sync]);
    let Failing {
        dir,
        disk,
        journal,
        runtime,
    } = failing;
    drop(journal);
    disk.take_done();
    let journal = JournalFile::open_on(&dir.options(), disk.clone())
        .unwrap()
        .journal;
    // What was read back is written and synced once more: the failed sync may have left it in
    // memory only.
    assert_eq!(disk.take_done(), ["write", "sync"]);
    assert_eq!(journal.head(), groups[4].head());
    let error = runtime
        .block_on(journal.append(groups[4].clone()))
        .unwrap_err();
    assert!(matches!(error, JournalError::Conflict { .. }));
    Failing {
        dir,
        disk,
        journal,
        runtime,
    }
    .finish(&groups);
}

#[test]
fn a_short_write_is_cut_and_the_cut_is_durable_before_the_retry() {
    let groups = history(8);
    let failing = Failing::new(Dir::new(), &groups[..4]);
    failing.fail(&groups[4], &[Fault::ShortWrite(30)]);
    assert_eq!(failing.disk.take_done(), ["write", "truncate", "sync"]);
    let report = failing.finish(&groups);
    assert_eq!((report.segments, report.ignored_bytes), (1, 0));
}

#[test]
fn a_short_write_that_cannot_be_cut_begins_a_new_segment() {
    let groups = history(8);
    for fault in [Fault::Truncate, Fault::Sync] {
        let failing = Failing::new(Dir::new(), &groups[..4]);
        failing.fail(&groups[4], &[Fault::ShortWrite(70), fault]);
        let report = failing.finish(&groups);
        let left = if fault == Fault::Truncate { 70 } else { 0 };
        assert_eq!((report.segments, report.ignored_bytes), (2, left));
    }
}

/// R65
#[test]
fn a_full_disk_is_told_apart_and_loses_nothing() {
    let groups = history(40);
    let failing = Failing::new(Dir::of_small_segments(), &groups[..10]);
    for group in &groups[10..30] {
        for written in [0, 9, 70] {
            // Where a new segment is due, its header does not fit.
            let error = failing.fail(group, &[Fault::Full(written)]);
            assert!(matches!(error, JournalError::Full { .. }), "{error}");
            assert!(
                error.to_string().starts_with("disk is full: cannot "),
                "{error}"
            );
        }
        failing.append(group).unwrap();
    }
    let unfinished = files(&failing.dir.path()).into_keys();
    assert!(
        unfinished
            .filter(|path| path.extension().is_some_and(|e| e == "new"))
            .count()
            == 0
    );
    failing.finish(&groups);
}

#[test]
fn an_unfinished_segment_is_removed_at_the_next_open() {
    let groups = history(8);
    let failing = Failing::new(Dir::new(), &groups);
    let path = failing.dir.path().join("00000000000000000009.seg.new");
    std::fs::write(&path, "half a header").unwrap();
    let report = failing.finish(&groups);
    assert_eq!(report.unfinished_removed, 1);
    assert!(!path.exists());
}

#[test]
fn each_group_is_synced_before_the_next_is_written() {
    let failing = Failing::new(Dir::new(), &[]);
    for group in &history(3) {
        failing.append(group).unwrap();
    }
    let once = ["create", "write", "sync", "rename"];
    assert_eq!(
        failing.disk.take_done(),
        [&once[..], &["write", "sync"].repeat(3)].concat()
    );
}

/// How a run of the process ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// The system lives on, and with it what was only in its memory.
    Process,
    /// Of a write that was not durable so many bytes are left.
    Power(usize),
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        1 => Just(Fault::Create),
        1 => (0usize..200).prop_map(Fault::ShortWrite),
        1 => (0usize..200).prop_map(Fault::Full),
        1 => Just(Fault::Truncate),
        4 => Just(Fault::Sync),
        1 => Just(Fault::Rename),
        1 => Just(Fault::RenameSync),
    ]
}

fn end() -> impl Strategy<Value = Option<End>> {
    prop_oneof![
        3 => Just(None),
        1 => Just(Some(End::Process)),
        1 => (0usize..300).prop_map(|torn_bytes| Some(End::Power(torn_bytes))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// R65
    ///
    /// Any faults, with the end of the process or of the power after any step: what was acknowledged
    /// is there once and in order, and at most the one group in hand besides.
    #[test]
    fn acknowledged_groups_survive_any_faults(
        steps in prop::collection::vec((prop::collection::vec(fault(), 0..4), end()), 1..25),
    ) {
        let groups = history(steps.len() as u64 + 1);
        let mut failing = Failing::new(Dir::of_small_segments(), &[]);
        let mut acknowledged = 0;
        for (faults, end) in steps {
            failing.disk.fail(faults);
            match failing.append(&groups[acknowledged]) {
                Ok(_) => acknowledged += 1,
                Err(error) => prop_assert!(error.retryable(), "{}", error),
            }
            let Some(end) = end else { continue };
            let Failing { dir, disk, journal, runtime } = failing;
            drop(journal);
            disk.heal();
            if let End::Power(torn_bytes) = end {
                disk.cut_power(&dir.segments(), torn_bytes);
            }
            let journal = JournalFile::open_on(&dir.options(), disk.clone()).unwrap().journal;
            let stored = all(&journal);
            prop_assert!(stored.len() == acknowledged || stored.len() == acknowledged + 1);
            prop_assert_eq!(&stored[..], &groups[..stored.len()]);
            acknowledged = stored.len();
            failing = Failing { dir, disk, journal, runtime };
        }
        failing.disk.heal();
        failing.finish(&groups);
    }
}
