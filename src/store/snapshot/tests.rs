use super::*;

fn head(seq: u64) -> Head {
    Head {
        seq,
        hash: [u8::try_from(seq % 251).unwrap(); 32],
    }
}

/// About 300 KB that depend on `seq`.
fn payload(seq: u64) -> Vec<u8> {
    (0..40_000)
        .flat_map(|n: u64| (n * seq).to_le_bytes())
        .collect()
}

fn take(dir: &Path, seq: u64) {
    let bytes = write(dir, &head(seq), |into| {
        payload(seq)
            .chunks(777)
            .try_for_each(|chunk| into.write_all(chunk))
    });
    assert_eq!(bytes.unwrap(), to_u64(payload(seq).len()));
}

#[track_caller]
fn assert_newest(dir: &Path, seq: u64, skipped: &[&str]) {
    let (found, passed_over) = newest_good(dir).unwrap();
    let mut found = found.unwrap();
    let mut bytes = Vec::new();
    found.payload.read_to_end(&mut bytes).unwrap();
    assert_eq!(
        (found.head, found.payload_bytes),
        (head(seq), to_u64(bytes.len()))
    );
    assert!(bytes == payload(seq));
    assert_eq!(
        passed_over
            .iter()
            .map(|skipped| &*skipped.why)
            .collect::<Vec<_>>(),
        skipped
    );
}

fn names(dir: &Path) -> Vec<u64> {
    assert!(
        dir.read_dir()
            .unwrap()
            .all(|f| f.unwrap().path().extension().unwrap() == "snap")
    );
    list(dir).unwrap().0
}

fn flip(path: &Path, byte: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[byte] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn the_newest_is_found_and_two_are_kept() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("snapshots");
    let (none, skipped) = newest_good(&dir).unwrap();
    assert!(none.is_none() && skipped.is_empty());
    for seq in [5, 90, 1_000, 1_001] {
        take(&dir, seq);
        assert_newest(&dir, seq, &[]);
    }
    assert_eq!(names(&dir), [1_000, 1_001]);
    std::fs::write(dir.join("00000000000000001001.snap.new"), "half").unwrap();
    std::fs::write(dir.join("00000000000000000009.snap.new"), "half").unwrap();
    take(&dir, 1_001);
    assert_newest(&dir, 1_001, &[]);
    assert_eq!(names(&dir), [1_000, 1_001]);
}

#[test]
fn a_bad_snapshot_is_passed_over_and_never_kept_instead_of_a_good_one() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    take(dir, 10);
    take(dir, 20);
    flip(&path_in(dir, 20), 200_000);
    assert_newest(dir, 10, &["the payload's checksum does not match"]);
    take(dir, 30);
    assert_eq!(names(dir), [10, 30]);
    flip(&path_in(dir, 30), 20);
    assert_newest(dir, 10, &["the header's checksum does not match"]);
    std::fs::rename(path_in(dir, 10), path_in(dir, 11)).unwrap();
    let (none, skipped) = newest_good(dir).unwrap();
    assert!(none.is_none());
    assert_eq!(skipped[1].why, "the header and the file name disagree");
}

#[test]
fn a_snapshot_cut_anywhere_is_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    write(dir, &head(3), |into| into.write_all(b"a short payload")).unwrap();
    let whole = std::fs::read(path_in(dir, 3)).unwrap();
    for len in 0..whole.len() {
        std::fs::write(path_in(dir, 3), &whole[..len]).unwrap();
        let (none, skipped) = newest_good(dir).unwrap();
        assert!(none.is_none() && skipped.len() == 1, "cut to {len}");
    }
}

#[test]
fn a_writer_that_fails_leaves_the_older_snapshots() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    take(dir, 10);
    let error = write(dir, &head(20), |into| {
        into.write_all(&payload(1))?;
        Err(io::ErrorKind::StorageFull.into())
    });
    let text = error.unwrap_err().to_string();
    assert!(
        text.starts_with("cannot write ") && text.contains("20.snap: "),
        "{text}"
    );
    assert_eq!(names(dir), [10]);
    assert_newest(dir, 10, &[]);
}

#[test]
fn a_newer_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    take(dir, 10);
    take(dir, 20);
    let mut bytes = std::fs::read(path_in(dir, 20)).unwrap();
    bytes[8] = 2;
    let crc = crc32c::crc32c(&bytes[..76]);
    bytes[76..80].copy_from_slice(&crc.to_le_bytes());
    std::fs::write(path_in(dir, 20), bytes).unwrap();
    let error = newest_good(dir).unwrap_err();
    assert!(
        matches!(
            error,
            SnapshotError::Newer {
                found: 2,
                known: 1,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.help().starts_with("install the newer version"));
    assert_eq!(names(dir), [10, 20]);
}
