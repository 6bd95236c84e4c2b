//! A copy is whole, or it is refused with the file that is not.

use bytes::Bytes;

use super::*;
use crate::store::journal_file::JournalFile;
use crate::store::{Group, Journal as _};

fn group(seq: u64) -> Group {
    Group {
        first: seq,
        last: seq,
        payload: Bytes::from(format!("entry {seq}\n")),
    }
}

/// A merchant's directory whose journal has ten entries in segments of two.
async fn book(dir: &Path) -> JournalFile {
    let mut options = JournalOptions::new(dir.join("journal"));
    options.segment_bytes_max = 250;
    let journal = JournalFile::open(&options).unwrap().journal;
    for seq in 1..=10 {
        journal.append(group(seq)).await.unwrap();
    }
    for (name, text) in [
        ("parked/d-1", "bytes"),
        ("hooks/shop", "token"),
        ("hooks/x.new", ""),
    ] {
        std::fs::create_dir_all(disk::parent(&dir.join(name))).unwrap();
        std::fs::write(dir.join(name), text).unwrap();
    }
    for seq in [3, 8] {
        let head = group(seq).head();
        snapshot::write(&dir.join("snapshots"), &head, |to| to.write_all(b"state")).unwrap();
    }
    journal
}

fn made(from: &Path, to: &Path, head: Head) -> Manifest {
    copy_others(from, &to.join("acme")).unwrap();
    copy_book(from, &to.join("acme"), &head).unwrap();
    let last_at = "2026-11-20T09:00:00Z".to_owned();
    let merchant = "acme".to_owned();
    let books = vec![BookCopy {
        merchant,
        head,
        last_at,
    }];
    seal(to, "2026-11-20T10:00:00Z".to_owned(), books).unwrap()
}

#[tokio::test]
async fn a_copy_ends_at_any_group_however_far_the_journal_went_on() {
    let dir = tempfile::tempdir().unwrap();
    let journal = book(dir.path()).await;
    for seq in 0..=10 {
        let to = tempfile::tempdir().unwrap();
        let head = match seq {
            0 => Head::default(),
            seq => group(seq).head(),
        };
        let manifest = made(dir.path(), to.path(), head);
        assert_eq!(check(to.path()).unwrap(), manifest);
        let out = to.path().join("out");
        take_out(to.path(), &manifest, "acme", &out).unwrap();
        let copied = JournalReader::open(&JournalOptions::new(out.join("journal")));
        let (copied, report) = copied.unwrap();
        assert_eq!((copied.head(), report.ignored_bytes), (head, 0));
        let read = |groups: Vec<Group>| groups.iter().map(|group| group.last).collect::<Vec<_>>();
        let whole = read(copied.read(1, usize::MAX).unwrap());
        assert_eq!(whole, (1..=seq).collect::<Vec<_>>());
        let snapshots = snapshot::list(&out.join("snapshots")).unwrap().0;
        assert_eq!(
            snapshots,
            Vec::from_iter([3, 8].into_iter().filter(|at| *at <= seq))
        );
        let others = ["parked/d-1", "hooks/shop"].map(|name| out.join(name).exists());
        assert_eq!(others, [true, true]);
        assert!(!out.join("hooks/x.new").exists() && !out.join("journal/lock").exists());
    }
    drop(journal);
}

#[tokio::test]
async fn a_head_that_the_journal_never_had_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let _journal = book(dir.path()).await;
    let strange = Head {
        seq: 5,
        hash: [7; 32],
    };
    let beyond = group(11).head();
    for (head, said) in [
        (strange, "no group ends as entry 5 did"),
        (beyond, "the file ends too early"),
    ] {
        let to = tempfile::tempdir().unwrap();
        let error = copy_book(dir.path(), to.path(), &head).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[tokio::test]
async fn a_bit_that_changed_a_file_that_is_gone_and_a_newer_format_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let _journal = book(dir.path()).await;
    let to = tempfile::tempdir().unwrap();
    let manifest = made(dir.path(), to.path(), group(10).head());
    for file in &manifest.files {
        let path = to.path().join(&file.path);
        let good = std::fs::read(&path).unwrap();
        let mut bad = good.clone();
        let middle = bad.len() / 2;
        bad[middle] ^= 1;
        std::fs::write(&path, bad).unwrap();
        let error = check(to.path()).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "{} is damaged: its checksum is not the manifest's",
                path.display()
            )
        );
        std::fs::remove_file(&path).unwrap();
        let error = check(to.path()).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("cannot read {}", path.display())),
            "{error}"
        );
        std::fs::write(&path, good).unwrap();
    }
    let path = to.path().join(MANIFEST);
    let newer = serde_json::json!({ "format": 2, "version": "9.0.0", "all": "new" });
    std::fs::write(&path, newer.to_string()).unwrap();
    let error = check(to.path()).unwrap_err();
    let said = "was made by version 9.0.0 (format 2, this version knows 1)";
    assert!(error.to_string().ends_with(said), "{error}");
    let mut outside = manifest;
    outside.files[0].path = "../outside".into();
    std::fs::write(&path, serde_json::to_vec(&outside).unwrap()).unwrap();
    let error = check(to.path()).unwrap_err().to_string();
    assert!(error.ends_with("it names ../outside"), "{error}");
}
