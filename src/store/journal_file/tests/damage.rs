//! Files cut, flipped, zeroed, missing, or of another version.

use super::*;
use crate::store::to_u64;

/// Byte offsets at which the frames of a segment begin, and its end.
fn boundaries(groups: &[Group]) -> Vec<u64> {
    let mut at = to_u64(frame::HEAD_BYTES);
    let mut boundaries = vec![at];
    for group in groups {
        at += to_u64(frame::FRAME_HEADER_BYTES + group.payload.len());
        boundaries.push(at);
    }
    boundaries
}

fn cut(path: &Path, len: u64) {
    std::fs::File::options()
        .write(true)
        .open(path)
        .unwrap()
        .set_len(len)
        .unwrap();
}

fn patch(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

#[track_caller]
fn damage(result: Result<Opened, JournalError>) -> (PathBuf, u64, u64, String) {
    match result {
        Err(JournalError::Damaged {
            file,
            offset,
            seq,
            what,
            ..
        }) => (file, offset, seq, what),
        Err(other) => panic!("not damage: {other}"),
        Ok(_) => panic!("damage went unseen"),
    }
}

/// R65
#[test]
fn a_journal_cut_after_any_byte_opens_to_a_clean_prefix_and_goes_on() {
    let dir = Dir::new();
    let groups = history(12);
    append(&dir.open(), &groups);
    let path = dir.segments().remove(0);
    let whole = std::fs::read(&path).unwrap();
    let boundaries = boundaries(&groups);
    assert_eq!(boundaries.last(), Some(&to_u64(whole.len())));
    for len in boundaries[0]..=boundaries[12] {
        std::fs::write(&path, &whole).unwrap();
        cut(&path, len);
        // With it, a first frame that is gone is a loss that is noticed.
        drop(std::fs::remove_file(mark::path_in(&dir.path())));
        let kept = boundaries.partition_point(|end| *end <= len) - 1;

        let (reader, report) = JournalReader::open(&dir.options()).unwrap();
        assert_eq!(
            report.torn_bytes_cut,
            len - boundaries[kept],
            "cut to {len}"
        );
        assert_eq!(reader.read(0, usize::MAX).unwrap(), groups[..kept]);
        assert_eq!(
            std::fs::metadata(&path).unwrap().len(),
            len,
            "a reader cuts nothing"
        );

        let opened = dir.try_open().unwrap();
        assert_eq!(opened.report, report);
        assert_eq!(std::fs::metadata(&path).unwrap().len(), boundaries[kept]);
        if len % 16 == 0 {
            append(&opened.journal, &groups[kept..]);
            assert_eq!(all(&opened.journal), groups);
            assert_eq!(std::fs::read(&path).unwrap(), whole);
        }
    }
}

#[test]
fn a_torn_tail_of_garbage_or_zeros_is_cut() {
    for tail in [vec![0; 4096], vec![0xff; 5000], b"00000001".repeat(99)] {
        let dir = Dir::new();
        append(&dir.open(), &history(4));
        patch(&dir.segments()[0], |bytes| bytes.extend(&tail));
        let opened = dir.try_open().unwrap();
        assert_eq!(opened.report.torn_bytes_cut, to_u64(tail.len()));
        assert_eq!(all(&opened.journal), history(4));
    }
}

/// R65
#[test]
fn a_bit_flipped_before_the_last_frame_is_damage_with_file_offset_and_entry() {
    let dir = Dir::new();
    let groups = history(6);
    append(&dir.open(), &groups);
    let path = dir.segments().remove(0);
    let boundaries = boundaries(&groups);
    let whole = std::fs::read(&path).unwrap();
    for at in boundaries[2]..boundaries[3] {
        patch(&path, |bytes| bytes[usize::try_from(at).unwrap()] ^= 0x10);
        let before = files(&dir.path());
        let (file, offset, seq, what) = damage(dir.try_open());
        assert_eq!(
            (&file, offset, seq),
            (&path, boundaries[2], groups[2].first),
            "byte {at}"
        );
        assert!(what.contains("a valid frame follows at byte"), "{what}");
        assert_eq!(files(&dir.path()), before, "nothing was touched");
        std::fs::write(&path, &whole).unwrap();
    }
}

#[test]
fn zeros_in_the_middle_are_damage_and_the_error_says_what_to_do() {
    let dir = Dir::new();
    let groups = history(200);
    append(&dir.open(), &groups);
    let boundaries = boundaries(&groups);
    let hit = boundaries.partition_point(|end| *end <= 8192) - 1;
    patch(&dir.segments()[0], |bytes| bytes[8192..12288].fill(0));
    let error = dir.try_open().err().unwrap();
    assert!(error.help().is_some_and(|help| help.contains("restore")));
    let text = error.to_string();
    assert!(text.starts_with("journal is damaged: "), "{text}");
    let place = format!(
        ".seg at byte {}, entry {}: ",
        boundaries[hit], groups[hit].first
    );
    assert!(text.contains(&place), "{text}");
}

#[test]
fn damage_of_a_segment_that_another_continues_is_never_taken_for_a_torn_tail() {
    let dir = Dir::of_small_segments();
    append(&dir.open(), &history(30));
    let segments = dir.segments();
    let whole = std::fs::read(&segments[1]).unwrap();
    for len in 0..whole.len() {
        cut(&segments[1], to_u64(len));
        let (file, ..) = damage(dir.try_open());
        assert_eq!(file, segments[1], "cut to {len}");
        std::fs::write(&segments[1], &whole).unwrap();
    }
    std::fs::remove_file(&segments[1]).unwrap();
    let (file, _, _, what) = damage(dir.try_open());
    assert_eq!(
        (file, &*what),
        (segments[0].clone(), "the segment ends too early")
    );
}

#[test]
fn a_valid_frame_in_the_wrong_place_is_damage() {
    let dir = Dir::new();
    let groups = history(3);
    append(&dir.open(), &groups);
    let path = dir.segments().remove(0);
    for (seq, previous) in [
        (groups[2].last + 1, [1; 32]),
        (1, [0; 32]),
        (99, groups[2].head().hash),
    ] {
        let strange = Group {
            first: seq,
            last: seq,
            payload: "strange".into(),
        };
        let mut bytes = Vec::new();
        frame::encode(&previous, &strange, &mut bytes);
        let whole = std::fs::read(&path).unwrap();
        patch(&path, |file| file.extend(bytes));
        let (_, offset, ..) = damage(dir.try_open());
        assert_eq!(offset, to_u64(whole.len()));
        std::fs::write(&path, whole).unwrap();
    }
}

#[test]
fn a_lost_tail_is_noticed_by_the_mark() {
    let dir = Dir::of_small_segments();
    let groups = history(30);
    let journal = dir.open();
    append(&journal, &groups[..20]);
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(journal.mark())
        .unwrap();
    append(&journal, &groups[20..]);
    drop(journal);
    // A segment begun since then is marked, too.
    let marked = mark::read(&dir.path()).unwrap().unwrap().seq;
    assert!(marked >= groups[19].last);
    let lost_all = "the journal ends with entry 0, but entry ";

    let last = dir.segments().pop().unwrap();
    cut(&last, std::fs::metadata(&last).unwrap().len() - 1);
    assert_eq!(
        dir.open().head(),
        groups[28].head(),
        "after the mark a tail may be torn"
    );

    for segment in dir.segments().into_iter().skip(1) {
        std::fs::remove_file(segment).unwrap();
    }
    let before = files(&dir.path());
    let (_, _, seq, what) = damage(dir.try_open());
    assert!(seq <= marked && what.ends_with(&format!("but entry {marked} was durable")));
    assert_eq!(files(&dir.path()), before);
    assert!(matches!(
        JournalReader::open(&dir.options()),
        Err(JournalError::Damaged { .. })
    ));

    dir.segments()
        .iter()
        .for_each(|segment| std::fs::remove_file(segment).unwrap());
    let (.., what) = damage(dir.try_open());
    assert!(what.starts_with(lost_all), "{what}");
}

/// R65
#[test]
fn a_segment_that_is_gone_is_missed_although_nobody_asked_for_a_mark() {
    let dir = Dir::of_small_segments();
    append(&dir.open(), &history(30));
    let segments = dir.segments();
    assert!(segments.len() > 2);
    for segment in segments.into_iter().skip(1) {
        let whole = std::fs::read(&segment).unwrap();
        std::fs::remove_file(&segment).unwrap();
        assert!(dir.try_open().is_err(), "{}", segment.display());
        std::fs::write(&segment, whole).unwrap();
    }
}

#[test]
fn a_mark_of_another_history_or_unreadable_is_damage() {
    let dir = Dir::new();
    append(&dir.open(), &history(5));
    let head = Head {
        seq: history(5)[2].last,
        hash: [9; 32],
    };
    mark::write(&dir.path(), &head).unwrap();
    let (.., what) = damage(dir.try_open());
    assert!(
        what.contains("not the one that the high-water mark names"),
        "{what}"
    );
    patch(&mark::path_in(&dir.path()), |bytes| bytes.truncate(10));
    let (file, ..) = damage(dir.try_open());
    assert_eq!(file, mark::path_in(&dir.path()));
}

#[test]
fn state_of_a_newer_version_is_refused_untouched() {
    let dir = Dir::of_small_segments();
    append(&dir.open(), &history(30));
    let last = dir.segments().pop().unwrap();
    patch(&last, |bytes| {
        bytes[8] = 3;
        let crc = crc32c::crc32c(&bytes[..60]);
        bytes[60..64].copy_from_slice(&crc.to_le_bytes());
    });
    // Whatever else is wrong, the version is what a person must hear of.
    patch(&dir.segments()[0], |bytes| bytes[3] = 0);
    let before = files(&dir.path());
    let error = dir.try_open().err().unwrap();
    let text = error.to_string();
    assert!(
        text.ends_with("written by a newer version (format 3, this version knows 1)"),
        "{text}"
    );
    assert!(
        error
            .help()
            .is_some_and(|help| help.starts_with("install the newer version"))
    );
    assert_eq!(files(&dir.path()), before);
}
