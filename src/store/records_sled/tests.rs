use super::*;
use crate::store::RECORD_BYTES_MAX;
use crate::store::conformance::records_suite;

const LIMIT: Duration = Duration::from_secs(60);

fn open(dir: &Path) -> (SledRecords, RecordsReport) {
    let (store, report) = SledStore::open(dir, LIMIT).unwrap();
    (store.records("acme"), report)
}

fn rows(from: u32, to: u32) -> Vec<Change> {
    let row = |n: u32| {
        (
            n.to_be_bytes().to_vec(),
            Some(format!("{{\"order\":{n}}}").into_bytes()),
        )
    };
    (from..to).map(row).collect()
}

fn refusal(dir: &Path) -> RecordsError {
    let Err(error) = SledStore::open(dir, LIMIT) else {
        panic!("opened")
    };
    error
}

#[test]
fn the_suite_passes() {
    let dir = tempfile::tempdir().unwrap();
    let (store, report) = SledStore::open(dir.path(), LIMIT).unwrap();
    assert_eq!(report, RecordsReport::default());
    // A name that begins with the other's.
    records_suite(&store.records("acme"), &store.records("acme-2"));
}

#[test]
fn records_are_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).0.write(&rows(0, 1_200), 77).unwrap();
    let (records, report) = open(dir.path());
    assert_eq!(report, RecordsReport::default());
    assert_eq!(records.applied_seq().unwrap(), 77);
    assert_eq!(records.range(b"", None, 9_999).unwrap().len(), 1_200);
    records.write(&[], 12).unwrap();
    assert_eq!(records.applied_seq().unwrap(), 77, "never backwards");
}

#[test]
fn the_largest_records_are_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let largest = |n: u32| {
        (
            n.to_be_bytes().to_vec(),
            Some(vec![7; RECORD_BYTES_MAX - 4]),
        )
    };
    let (records, _) = open(dir.path());
    records
        .write(&(0..40).map(largest).collect::<Vec<_>>(), 5)
        .unwrap();
    records
        .write(&(20..60).map(largest).collect::<Vec<_>>(), 6)
        .unwrap();
    drop(records);
    let (records, report) = open(dir.path());
    assert_eq!(report, RecordsReport::default());
    assert_eq!(records.range(b"", None, 99).unwrap().len(), 60);
    records.write(&rows(0, 1), 7).unwrap();
}

#[test]
fn an_unfinished_snapshot_is_deleted_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).0.write(&rows(0, 100), 7).unwrap();
    std::fs::write(
        dir.path().join("sled/snap.0000000000000ABC.generating"),
        b"half",
    )
    .unwrap();
    let (records, report) = open(dir.path());
    assert_eq!(
        report,
        RecordsReport {
            unfinished_removed: 1,
            moved_aside: None
        }
    );
    assert_eq!(records.range(b"", None, 999).unwrap().len(), 100);
}

/// R65
#[test]
fn a_garbage_store_is_moved_aside_reported_and_begun_empty() {
    for file in ["db", "conf", "snap.0000000000000ABC"] {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path()).0.write(&rows(0, 1_000), 7).unwrap();
        std::fs::write(dir.path().join("sled").join(file), b"garbage ".repeat(700)).unwrap();
        let (records, report) = open(dir.path());
        let seq = records.applied_seq().unwrap();
        // sled may also open garbage as an empty store, which asks for the same rebuild.
        assert!(
            seq == 0 || report == RecordsReport::default(),
            "{file}: {report:?}"
        );
        assert_eq!(
            report.moved_aside.is_some(),
            dir.path().join("sled.aside").exists(),
            "{file}"
        );
        records.wipe().unwrap();
        records.write(&rows(0, 10), 7).unwrap();
        drop(records);
        let (records, report) = open(dir.path());
        assert_eq!(report, RecordsReport::default(), "{file}");
        assert_eq!(records.range(b"", None, 99).unwrap().len(), 10);
    }
}

#[test]
fn a_store_noted_as_distrusted_is_begun_empty_and_one_old_store_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    for why in ["first", "second"] {
        open(dir.path()).0.write(&rows(0, 10), 7).unwrap();
        open::distrust(dir.path(), why);
        let (records, report) = open(dir.path());
        assert_eq!(report.moved_aside.as_deref(), Some(why));
        assert_eq!(records.applied_seq().unwrap(), 0);
    }
    drop(open(dir.path()));
    let mut names: Vec<_> = dir
        .path()
        .read_dir()
        .unwrap()
        .map(|file| file.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["format", "lock", "sled", "sled.aside"]);
}

/// Whatever a flipped bit does to sled: a value is right, missing, or an error, never wrong; and a
/// wipe or a restart leads back to a working store.
#[test]
fn flipped_bits_never_give_a_wrong_value() {
    for case in 0..10_usize {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path()).0.write(&rows(0, 400), 7).unwrap();
        let db = dir.path().join("sled/db");
        let mut bytes = std::fs::read(&db).unwrap();
        let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
        bytes[used / 11 * (case + 1)] ^= 1 << (case % 8);
        std::fs::write(&db, bytes).unwrap();
        let (records, _) = open(dir.path());
        let mut damaged = false;
        for (key, value) in rows(0, 400) {
            match records.get(&key) {
                Ok(found) => assert!(found.is_none() || found == value),
                Err(RecordsError::Damaged(_)) => damaged = true,
                Err(other) => panic!("{other}"),
            }
        }
        if damaged && records.wipe().is_err() {
            drop(records);
            let (records, report) = open(dir.path());
            assert!(report.moved_aside.is_some());
            assert_eq!(records.applied_seq().unwrap(), 0);
        }
    }
}

#[test]
fn a_newer_store_and_a_second_daemon_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (records, _) = open(dir.path());
    assert!(matches!(refusal(dir.path()), RecordsError::Locked(_)));
    drop(records);
    std::fs::write(dir.path().join("format"), "2\n").unwrap();
    let error = refusal(dir.path());
    assert!(
        matches!(error, RecordsError::Newer { found: 2, known: 1 }),
        "{error}"
    );
    std::fs::write(dir.path().join("format"), "?").unwrap();
    assert!(open(dir.path()).1.moved_aside.is_some());
}

#[test]
fn an_open_that_takes_too_long_is_an_error_and_the_next_start_begins_empty() {
    let dir = tempfile::tempdir().unwrap();
    let Err(error) = SledStore::open(dir.path(), Duration::ZERO) else {
        panic!("opened in no time")
    };
    assert!(matches!(error, RecordsError::TimedOut { .. }), "{error}");
    assert!(dir.path().join("distrusted").exists());
}

#[test]
fn an_unusable_directory_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = refusal(&file.join("records")).to_string();
    assert!(
        error.starts_with("cannot create ") && error.contains("file/records"),
        "{error}"
    );
}
