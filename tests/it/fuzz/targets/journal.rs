//! A directory of segments. The first byte says whether checksums are mended first, so that what they
//! protect is reached too, the next two where a second segment begins; the rest is segments.
//!
//! A journal that opens gives exactly the groups of its unbroken beginning, held against a reader of our
//! own that is written after the description of the format alone. What follows is told: as a torn
//! tail, or as damage where a whole frame stands behind it. What is appended then follows what was read.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use channelsync::bookkeeper::encode;
use channelsync::ledger::Entry;
use channelsync::ledger::{Command, Ledger, StockLine, decide, evolve};
use channelsync::store::disk::Disk;
use channelsync::store::journal_file::{JournalFile, JournalOptions, JournalReader};
use channelsync::store::{GROUP_BYTES_MAX, Group, Head, Journal as _, JournalError};
use channelsync_contract::{Timestamp, Units};

use super::scratch;

const HEAD_BYTES: usize = 64;
const FRAME_BYTES: usize = 56;
const MENDED: u8 = 1;

/// No input is about what a disk forgets.
struct Quick;

impl Disk for Quick {
    fn sync(&self, _: &fs::File) -> std::io::Result<()> {
        Ok(())
    }
}

pub(super) fn holds(bytes: &[u8]) {
    let [mode, low, high, rest @ ..] = bytes else {
        return;
    };
    let mut stored = rest.to_vec();
    if mode & MENDED > 0 {
        mend(&mut stored);
    }
    let dir = scratch();
    let split = usize::from(u16::from_le_bytes([*low, *high]));
    let (first, second) = match stored.split_at_checked(split) {
        Some((first, second)) if split > 0 => (first, Some(second)),
        _ => (&stored[..], None),
    };
    write(dir.path(), 1, first);
    if let Some(second) = second {
        let continues = u64_at(second, 16).unwrap_or(0);
        write(dir.path(), continues.saturating_add(1).max(2), second);
    }
    let options = JournalOptions::new(dir.path());
    let read = JournalReader::open(&options).map(|(journal, report)| {
        let groups = journal.read(1, usize::MAX).unwrap();
        is_chain(&groups, &journal.head());
        (groups, report.torn_bytes_cut, report.ignored_bytes)
    });
    if second.is_none() {
        is_as_described(first, &read);
    }
    goes_on(&options, read.ok().map(|(groups, _, _)| groups));
}

/// As the reader found it, so it opens; and what is appended follows.
fn goes_on(options: &JournalOptions, read: Option<Vec<Group>>) {
    let opened = JournalFile::open_on(options, Arc::new(Quick));
    let Some(mut groups) = read else {
        let refused = opened.err().expect("what cannot be read is not written to");
        return assert!(
            matches!(
                refused,
                JournalError::Damaged { .. } | JournalError::Newer { .. }
            ),
            "{refused}"
        );
    };
    let journal = opened.unwrap().journal;
    let Some(seq) = journal
        .head()
        .seq
        .checked_add(1)
        .filter(|seq| *seq < u64::MAX)
    else {
        return;
    };
    let group = Group {
        first: seq,
        last: seq,
        payload: Bytes::from_static(b"what comes next"),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(journal.append(group.clone())).unwrap();
    drop(journal);
    groups.push(group);
    let (journal, report) = JournalReader::open(options).unwrap();
    assert_eq!(journal.read(1, usize::MAX).unwrap(), groups);
    assert_eq!(report.torn_bytes_cut, 0, "it was cut when it was opened");
}

fn is_chain(groups: &[Group], head: &Head) {
    let mut last = 0;
    for group in groups {
        assert_eq!(group.first, last + 1, "no entry is missing");
        last = group.last;
    }
    assert_eq!(last, head.seq);
    assert!(groups.last().is_none_or(|group| group.head() == *head));
}

type Read = Result<(Vec<Group>, u64, u64), JournalError>;

fn is_as_described(bytes: &[u8], read: &Read) {
    let Some(mut head) = head(bytes) else {
        return assert!(read.is_err(), "a head that is none");
    };
    let (mut groups, mut at) = (Vec::new(), HEAD_BYTES);
    while let Some(group) = frame(&bytes[at..], &mut head) {
        at += FRAME_BYTES + group.payload.len();
        groups.push(group);
    }
    let rest = &bytes[at..];
    let whole =
        |from: usize| whole_frame(&rest[from..]).is_some_and(|group| is_near(&group, &head));
    // The one right here does not follow what stands before it.
    let strange = whole_frame(rest).is_some();
    let damaged = strange || (1..rest.len()).any(whole);
    match read {
        Ok((found, torn, ignored)) => {
            assert!(!damaged, "a whole frame is passed over");
            assert_eq!(*found, groups);
            assert_eq!((*torn, *ignored), (rest.len() as u64, 0));
        }
        Err(error) => assert!(damaged, "{error}"),
    }
}

/// The head that a segment of the first entry continues; none where it is no such segment.
fn head(bytes: &[u8]) -> Option<Head> {
    let bytes = bytes.get(..HEAD_BYTES)?;
    let whole = crc32c::crc32c(&bytes[..60]) == u32_at(bytes, 60)?;
    let known = &bytes[..8] == b"csyncseg" && u32_at(bytes, 8)? <= 1 && u64_at(bytes, 16)? == 0;
    let hash = bytes[24..56].try_into().ok()?;
    (whole && known).then_some(Head { seq: 0, hash })
}

/// A frame that follows `head`, which then moves behind it.
fn frame(bytes: &[u8], head: &mut Head) -> Option<Group> {
    let group = whole_frame(bytes)?;
    let follows = group.first == head.seq + 1 && bytes[24..56] == head.hash;
    follows.then(|| *head = group.head())?;
    Some(group)
}

/// Whether bytes may look like a frame that comes later.
fn is_near(group: &Group, head: &Head) -> bool {
    let ahead = group.first.checked_sub(head.seq + 1);
    ahead.is_some_and(|ahead| ahead < 1 << 32) && group.last - group.first < 1 << 32
}

/// A frame that is whole in itself.
fn whole_frame(bytes: &[u8]) -> Option<Group> {
    let length = usize::try_from(u32_at(bytes, 0)?).ok()?;
    let (first, last) = (u64_at(bytes, 8)?, u64_at(bytes, 16)?);
    let frame = bytes.get(..FRAME_BYTES.checked_add(length)?)?;
    let crc = crc32c::crc32c_append(crc32c::crc32c(&frame[..4]), &frame[8..]);
    let sound = (1..=GROUP_BYTES_MAX).contains(&length) && (1..=last).contains(&first);
    (sound && u32_at(bytes, 4)? == crc).then(|| Group {
        first,
        last,
        payload: Bytes::copy_from_slice(&frame[FRAME_BYTES..]),
    })
}

/// Gives the head and every frame on the way the checksum that fits.
fn mend(bytes: &mut [u8]) {
    let Some(head) = bytes.get_mut(..HEAD_BYTES) else {
        return;
    };
    let crc = crc32c::crc32c(&head[..60]);
    head[60..].copy_from_slice(&crc.to_le_bytes());
    let mut at = HEAD_BYTES;
    while let Some(length) = bytes.get(at..).and_then(|rest| u32_at(rest, 0)) {
        let end = at
            .saturating_add(FRAME_BYTES)
            .saturating_add(length as usize);
        let Some(frame) = bytes.get_mut(at..end) else {
            return;
        };
        let crc = crc32c::crc32c_append(crc32c::crc32c(&frame[..4]), &frame[8..]);
        frame[4..8].copy_from_slice(&crc.to_le_bytes());
        at = end;
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

fn write(dir: &Path, first: u64, bytes: &[u8]) {
    fs::write(dir.join(format!("{first:020}.seg")), bytes).unwrap();
}

/// Groups of one, two and three entries.
pub(super) fn payloads() -> Vec<Vec<u8>> {
    groups()
        .into_iter()
        .map(|group| group.payload.to_vec())
        .collect()
}

fn groups() -> Vec<Group> {
    let mut ledger = Ledger::default();
    let mut commands = super::book::beginning();
    let receipt = |number: u32| StockLine {
        id: format!("receipt-{number}"),
        sku: "MUG-RED".into(),
        location: "annex".into(),
        units: Units(number),
    };
    commands.extend((1..=3).map(|number| Command::Receive(receipt(number))));
    let mut entries = Vec::new();
    for command in &commands {
        let at = Timestamp(1_790_000_000_000_000);
        let draft = decide(&ledger, command, at).unwrap();
        let entry = Entry {
            seq: ledger.seq + 1,
            at,
            actor: "test".to_owned(),
            cause: "any bytes".to_owned(),
            movements: draft.movements,
            facts: draft.facts,
        };
        evolve(&mut ledger, &entry);
        entries.push(entry);
    }
    let group = |entries: &[Entry]| Group {
        first: entries[0].seq,
        last: entries[entries.len() - 1].seq,
        payload: encode(entries),
    };
    vec![
        group(&entries[..1]),
        group(&entries[1..3]),
        group(&entries[3..]),
    ]
}

/// Two segments of three groups: whole, the second alone, and each with bytes behind.
pub(super) fn made() -> Vec<Vec<u8>> {
    let dir = scratch();
    let mut options = JournalOptions::new(dir.path());
    options.segment_bytes_max = 3_000;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let journal = JournalFile::open_on(&options, Arc::new(Quick))
        .unwrap()
        .journal;
    for group in groups() {
        runtime.block_on(journal.append(group)).unwrap();
    }
    let read = |first: u64| fs::read(dir.path().join(format!("{first:020}.seg")));
    let firsts: Vec<u64> = journal.bounds().iter().map(|head| head.seq + 1).collect();
    let segments: Vec<Vec<u8>> = firsts.iter().map(|first| read(*first).unwrap()).collect();
    let all = segments.concat();
    let [low, high] = u16::try_from(segments[0].len()).unwrap().to_le_bytes();
    let mut made = Vec::new();
    for mode in [0, MENDED] {
        made.push([&[mode, 0, 0], &segments[0][..]].concat());
        made.push([&[mode, 0, 0], &segments[0][..], b"torn"].concat());
        made.push([&[mode, low, high], &all[..]].concat());
    }
    made
}
