//! The journal's files under restart, failing disks and damage.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::store::conformance::{history, journal_suite};

mod damage;
mod failing_disk;

/// A journal's directory that lives as long as the test.
struct Dir {
    root: tempfile::TempDir,
    segment_bytes_max: u64,
}

impl Dir {
    fn new() -> Self {
        Self {
            root: tempfile::tempdir().unwrap(),
            segment_bytes_max: 64 << 20,
        }
    }

    /// Segments of about 1 KB, so that a short history has several.
    fn of_small_segments() -> Self {
        Self {
            segment_bytes_max: 1_000,
            ..Self::new()
        }
    }

    fn options(&self) -> JournalOptions {
        let mut options = JournalOptions::new(self.root.path().join("acme/journal"));
        options.segment_bytes_max = self.segment_bytes_max;
        options
    }

    fn path(&self) -> PathBuf {
        self.options().dir
    }

    fn try_open(&self) -> Result<Opened, JournalError> {
        JournalFile::open(&self.options())
    }

    fn open(&self) -> JournalFile {
        self.try_open().unwrap().journal
    }

    fn segments(&self) -> Vec<PathBuf> {
        files(&self.path())
            .into_keys()
            .filter(|p| p.extension().is_some_and(|e| e == "seg"))
            .collect()
    }
}

fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let path = |file: std::io::Result<std::fs::DirEntry>| file.unwrap().path();
    let read = |path: PathBuf| (path.clone(), std::fs::read(&path).unwrap());
    std::fs::read_dir(dir)
        .unwrap()
        .map(path)
        .map(read)
        .collect()
}

fn all(journal: &JournalFile) -> Vec<Group> {
    journal.read(0, usize::MAX).unwrap()
}

fn append(journal: &JournalFile, groups: &[Group]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    for group in groups {
        runtime.block_on(journal.append(group.clone())).unwrap();
    }
}

#[tokio::test]
async fn the_suite_passes_in_one_segment() {
    let dir = Dir::new();
    journal_suite(&mut || Box::new(dir.open())).await;
}

#[tokio::test]
async fn the_suite_passes_across_segments() {
    let dir = Dir::of_small_segments();
    journal_suite(&mut || Box::new(dir.open())).await;
    assert!(dir.segments().len() > 5);
}

#[test]
fn a_clean_restart_reports_nothing_and_names_segments_by_their_first_entry() {
    let dir = Dir::of_small_segments();
    append(&dir.open(), &history(30));
    let opened = dir.try_open().unwrap();
    let segments = dir.segments();
    let clean = OpenReport {
        segments: segments.len(),
        ..OpenReport::default()
    };
    assert_eq!(opened.report, clean);
    assert!(
        segments[0].ends_with("00000000000000000001.seg"),
        "{segments:?}"
    );
}

#[test]
fn a_second_daemon_is_refused_while_a_reader_is_not() {
    let dir = Dir::new();
    let journal = dir.open();
    append(&journal, &history(5));
    let Err(error) = dir.try_open() else {
        panic!("opened twice")
    };
    assert!(
        error.to_string().starts_with("another daemon holds "),
        "{error}"
    );
    assert!(
        error
            .help()
            .is_some_and(|help| help.starts_with("stop the other daemon"))
    );
    let (reader, report) = JournalReader::open(&dir.options()).unwrap();
    assert_eq!((reader.head(), report.segments), (journal.head(), 1));
    assert_eq!(reader.read(0, usize::MAX).unwrap(), history(5));
}

#[test]
fn early_segments_can_be_skipped_and_may_be_gone() {
    let dir = Dir::of_small_segments();
    let groups = history(40);
    append(&dir.open(), &groups);
    let first = dir.segments()[0].clone();
    let mut bytes = std::fs::read(&first).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&first, bytes).unwrap();
    assert!(matches!(dir.try_open(), Err(JournalError::Damaged { .. })));

    let late = JournalOptions {
        check_from_seq: groups[35].first,
        ..dir.options()
    };
    let journal = JournalFile::open(&late).unwrap().journal;
    assert_eq!(
        journal.read(groups[35].first, usize::MAX).unwrap(),
        groups[35..]
    );
    assert!(matches!(
        journal.read(1, 1),
        Err(JournalError::Damaged { .. })
    ));
    drop(journal);

    std::fs::remove_file(first).unwrap();
    let journal = dir.open();
    let Err(JournalError::Gone { asked: 1, first }) = journal.read(1, 1) else {
        panic!("entry 1 is gone")
    };
    assert_eq!(journal.read(first, 1).unwrap()[0].first, first);
}

#[test]
fn an_unusable_directory_is_named() {
    let dir = Dir::new();
    std::fs::write(dir.root.path().join("acme"), "a file").unwrap();
    let Err(error) = dir.try_open() else {
        panic!("opened below a file")
    };
    assert!(error.to_string().starts_with("cannot create "), "{error}");
    assert!(error.to_string().contains("acme/journal: "), "{error}");
    let Err(error) = JournalReader::open(&dir.options()) else {
        panic!("read below a file")
    };
    assert!(error.to_string().starts_with("cannot read "), "{error}");
}

#[tokio::test]
async fn an_append_whose_future_is_dropped_leaves_the_journal_in_order() {
    let dir = Dir::new();
    let groups = history(3);
    let journal = dir.open();
    let mut dropped = journal.append(groups[0].clone());
    assert!(futures_util::poll!(&mut dropped).is_pending());
    drop(dropped);
    // Whichever of the two the disk sees first: the group is stored once.
    let again = journal.append(groups[0].clone()).await;
    assert!(matches!(again, Ok(_) | Err(JournalError::Conflict { .. })));
    journal.append(groups[1].clone()).await.unwrap();
    assert_eq!(all(&journal), groups[..2]);
}
