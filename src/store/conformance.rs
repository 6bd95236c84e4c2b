//! One suite for every implementation of [`Journal`] and of [`Records`].

use bytes::Bytes;

use super::{Group, Head, Journal, JournalError, Records, RecordsError};

/// Opens the same journal again; the one before is gone by then.
pub(crate) type Reopen<'a> = &'a mut dyn FnMut() -> Box<dyn Journal>;

pub(crate) fn group(first: u64, last: u64, payload: &[u8]) -> Group {
    Group {
        first,
        last,
        payload: Bytes::copy_from_slice(payload),
    }
}

/// Group `n` of a test history, beginning at entry 1: sizes differ, some groups hold several entries.
pub(crate) fn history(groups: u64) -> Vec<Group> {
    let mut first = 1;
    let make = |n: u64| {
        let last = first + n % 3;
        let payload = format!("group {n} ").repeat(usize::try_from(n % 7 + 1).unwrap());
        let group = group(first, last, payload.as_bytes());
        first = last + 1;
        group
    };
    (0..groups).map(make).collect()
}

pub(crate) async fn journal_suite(reopen: Reopen<'_>) {
    empty(reopen).await;
    round_trip(reopen).await;
    conflict(reopen).await;
    large(reopen).await;
    closed(reopen).await;
}

async fn empty(reopen: Reopen<'_>) {
    let journal = reopen();
    assert_eq!(journal.head(), Head::default());
    assert_eq!(journal.read(0, usize::MAX).unwrap(), []);
    assert_eq!(journal.read(7, usize::MAX).unwrap(), []);
    journal.mark().await.unwrap();
}

async fn round_trip(reopen: Reopen<'_>) {
    let groups = history(60);
    let (before, after) = groups.split_at(20);
    let journal = reopen();
    for group in before {
        assert_eq!(journal.append(group.clone()).await.unwrap(), group.head());
        assert_eq!(journal.head(), group.head());
    }
    drop(journal);
    let journal = reopen();
    assert_eq!(journal.head(), before[19].head());
    assert_eq!(journal.read(1, usize::MAX).unwrap(), before);
    journal.mark().await.unwrap();
    for group in after {
        journal.append(group.clone()).await.unwrap();
    }
    assert_eq!(journal.read(0, usize::MAX).unwrap(), groups);
    for seq in 1..=groups[59].last {
        let at = groups.iter().position(|group| group.last >= seq).unwrap();
        assert_eq!(
            journal.read(seq, usize::MAX).unwrap(),
            groups[at..],
            "from {seq}"
        );
        assert_eq!(
            journal.read(seq, 0).unwrap(),
            groups[at..=at],
            "one from {seq}"
        );
    }
    let (mut paged, mut next) = (Vec::new(), 1);
    loop {
        let page = journal.read(next, 100).unwrap();
        let Some(last) = page.last() else { break };
        assert!(
            page[..page.len() - 1]
                .iter()
                .map(|group| group.payload.len())
                .sum::<usize>()
                < 100
        );
        next = last.last + 1;
        paged.extend(page);
    }
    assert_eq!(paged, groups);
    assert_eq!(journal.read(next, usize::MAX).unwrap(), []);
}

async fn conflict(reopen: Reopen<'_>) {
    let journal = reopen();
    let head = journal.head();
    for first in [1, head.seq, head.seq + 2] {
        match journal
            .append(group(first, first + 3, b"x"))
            .await
            .unwrap_err()
        {
            JournalError::Conflict { expected, found } => {
                assert_eq!((expected, found), (head.seq + 1, first));
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!(journal.head(), head);
}

async fn large(reopen: Reopen<'_>) {
    let journal = reopen();
    let next = journal.head().seq + 1;
    let large = group(next, next + 499, &vec![0xa5; 3 << 20]);
    let head = journal.append(large.clone()).await.unwrap();
    let small = group(next + 500, next + 500, b"small");
    journal.append(small.clone()).await.unwrap();
    drop(journal);
    let journal = reopen();
    assert_eq!(journal.read(next + 77, 1).unwrap(), [large]);
    assert_eq!(journal.read(head.seq + 1, 1).unwrap(), [small]);
    let too_large = group(next + 501, next + 501, &vec![0; super::GROUP_BYTES_MAX + 1]);
    let error = journal.append(too_large).await.unwrap_err();
    assert!(matches!(error, JournalError::TooLarge { .. }), "{error}");
}

async fn closed(reopen: Reopen<'_>) {
    let journal = reopen();
    let head = journal.head();
    journal.close().await.unwrap();
    let error = journal
        .append(group(head.seq + 1, head.seq + 1, b"x"))
        .await
        .unwrap_err();
    assert!(matches!(error, JournalError::Closed), "{error}");
    assert!(matches!(journal.mark().await, Err(JournalError::Closed)));
    // The directory is free although the closed journal still lives.
    assert_eq!(reopen().head(), head);
}

/// `other` belongs to another merchant and must notice nothing.
pub(crate) fn records_suite(records: &dyn Records, other: &dyn Records) {
    let put = |key: &str, value: &str| (key.as_bytes().to_vec(), Some(value.as_bytes().to_vec()));
    assert_eq!(records.applied_seq().unwrap(), 0);
    assert_eq!(records.get(b"a").unwrap(), None);
    other.write(&[put("o/2", "theirs")], 3).unwrap();

    let changes = [
        put("o/1", "one"),
        put("o/2", "two"),
        put("o/3", "three"),
        put("p/1", ""),
    ];
    records.write(&changes, 40).unwrap();
    assert_eq!(records.applied_seq().unwrap(), 40);
    assert_eq!(records.get(b"o/2").unwrap().unwrap(), b"two");
    assert_eq!(records.get(b"p/1").unwrap().unwrap(), b"");
    let keys = |prefix: &[u8], after: Option<&[u8]>, limit| -> Vec<String> {
        let rows = records.range(prefix, after, limit).unwrap();
        rows.into_iter()
            .map(|(key, _)| String::from_utf8(key).unwrap())
            .collect()
    };
    assert_eq!(keys(b"o/", None, 9), ["o/1", "o/2", "o/3"]);
    assert_eq!(keys(b"o/", Some(b"o/1"), 1), ["o/2"]);
    assert_eq!(keys(b"o/", Some(b"o/3"), 9), [""; 0]);
    assert_eq!(keys(b"", None, 9).len(), 4);

    records
        .write(&[(b"o/2".to_vec(), None), put("o/1", "uno")], 41)
        .unwrap();
    assert_eq!(records.get(b"o/2").unwrap(), None);
    assert_eq!(
        records.range(b"o/1", None, 1).unwrap(),
        [(b"o/1".to_vec(), b"uno".to_vec())]
    );
    records.write(&[], 42).unwrap();
    assert_eq!(records.applied_seq().unwrap(), 42);

    let large = put("large", &"v".repeat(super::RECORD_BYTES_MAX));
    let error = records.write(&[put("small", "v"), large], 43).unwrap_err();
    assert!(matches!(error, RecordsError::TooLarge { .. }), "{error}");
    assert_eq!(
        (
            records.get(b"small").unwrap(),
            records.applied_seq().unwrap()
        ),
        (None, 42)
    );

    let many: Vec<_> = (0..1_700)
        .map(|n| put(&format!("m/{n:05}"), &"v".repeat(300)))
        .collect();
    records.write(&many, 2_000).unwrap();
    assert_eq!(records.range(b"m/", None, 5_000).unwrap().len(), 1_700);

    records.wipe().unwrap();
    assert_eq!(records.applied_seq().unwrap(), 0);
    assert_eq!(keys(b"", None, 9), [""; 0]);
    assert_eq!(other.get(b"o/2").unwrap().unwrap(), b"theirs");
    assert_eq!(other.applied_seq().unwrap(), 3);
}
