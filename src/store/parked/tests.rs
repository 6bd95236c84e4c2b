use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use channelsync_contract::Rng;

use super::super::sealed::OVERHEAD_BYTES;
use super::*;

/// Other numbers at each call.
struct Numbers(AtomicU64);

impl Rng for Numbers {
    fn next_u64(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

fn vault(key: u8) -> Vault {
    Vault {
        merchant: "acme".to_owned(),
        key: Arc::new(SealKey::from_bytes([key; 32])),
        rng: Arc::new(Numbers(AtomicU64::new(7))),
    }
}

/// Room for so many bytes in so many files.
fn open(root: &tempfile::TempDir) -> ParkedFiles {
    let max = 100 + 2 * OVERHEAD_BYTES;
    ParkedFiles::open(&root.path().join("parked"), vault(1), to_u64(max)).unwrap()
}

fn sealed(bytes: usize) -> u64 {
    to_u64(bytes + OVERHEAD_BYTES)
}

#[test]
fn what_nobody_knows_is_deleted_and_counts_no_longer() {
    let root = tempfile::tempdir().unwrap();
    let files = open(&root);
    files.store("known", b"12345").unwrap();
    files.store("unbooked", b"1234567").unwrap();
    assert_eq!(files.retain(|id| id == "known").unwrap(), 1);
    assert_eq!(files.total_bytes(), sealed(5));
    assert_eq!(files.read("unbooked").unwrap(), None);
    assert!(files.read("known").unwrap().is_some());
    // The end came between a key and its file.
    std::fs::remove_file(root.path().join("parked/known")).unwrap();
    assert_eq!(files.retain(|_| false).unwrap(), 0);
    assert!(!root.path().join("parked-keys/known").exists());
}

#[test]
fn bytes_come_back_after_a_restart_and_are_sealed() {
    let root = tempfile::tempdir().unwrap();
    let bytes = b"what a channel sent";
    let parked = open(&root).store("0191-a_B", bytes).unwrap();
    assert_eq!(parked.bytes, sealed(bytes.len()));
    let files = open(&root);
    assert_eq!(files.read("0191-a_B").unwrap().unwrap(), bytes);
    assert_eq!(files.read("other").unwrap(), None);
    for path in ["parked/0191-a_B", "parked-keys/0191-a_B"] {
        let path = root.path().join(path);
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let kept = std::fs::read(&path).unwrap();
        assert!(!kept.windows(4).any(|part| part == b"what"));
    }
    let kept = std::fs::read(root.path().join("parked/0191-a_B")).unwrap();
    assert_eq!(parked.sha256[..], sha2::Sha256::digest(kept)[..]);
}

/// R68
#[test]
fn with_its_key_deleted_a_copy_of_the_file_tells_nothing() {
    let root = tempfile::tempdir().unwrap();
    let files = open(&root);
    files.store("a", b"a buyer's address").unwrap();
    let path = root.path().join("parked/a");
    let copy = std::fs::read(&path).unwrap();
    assert!(files.delete("a").unwrap());
    assert!(!path.exists() && !root.path().join("parked-keys/a").exists());
    // From a backup, and under the key of other bytes.
    std::fs::write(&path, &copy).unwrap();
    let error = files.read("a").unwrap_err();
    assert!(matches!(error, ParkedError::KeyGone { .. }), "{error}");
    files.store("b", b"something else").unwrap();
    let key = root.path().join("parked-keys");
    std::fs::copy(key.join("b"), key.join("a")).unwrap();
    let error = files.read("a").unwrap_err();
    assert!(matches!(error, ParkedError::Sealed { .. }), "{error}");
}

#[test]
fn a_swapped_or_changed_file_is_seen_and_another_key_refused_at_once() {
    let root = tempfile::tempdir().unwrap();
    let files = open(&root);
    files.store("a", b"one").unwrap();
    files.store("b", b"two").unwrap();
    let dir = root.path().join("parked");
    std::fs::copy(dir.join("b"), dir.join("a")).unwrap();
    let error = files.read("a").unwrap_err();
    assert!(
        matches!(
            error,
            ParkedError::Sealed {
                source: SealError::OtherKey { .. },
                ..
            }
        ),
        "{error}"
    );
    let error = ParkedFiles::open(&dir, vault(2), 100).unwrap_err();
    assert!(error.to_string().contains("sealed with key"), "{error}");
    assert!(error.help().is_some());
}

#[test]
fn the_bound_holds_across_restarts_and_deleting_makes_room() {
    let root = tempfile::tempdir().unwrap();
    open(&root).store("a", &[1; 60]).unwrap();
    let files = open(&root);
    assert_eq!(files.total_bytes(), sealed(60));
    let error = files.store("b", &[2; 41]).unwrap_err();
    assert!(matches!(error, ParkedError::Full { .. }), "{error}");
    assert_eq!(files.read("b").unwrap(), None);
    files.store("b", &[2; 40]).unwrap();
    assert!(files.delete("a").unwrap());
    assert!(!files.delete("a").unwrap());
    assert_eq!(files.total_bytes(), sealed(40));
    files.store("c", &[3; 60]).unwrap();
}

#[test]
fn the_same_id_takes_the_same_bytes_only() {
    let root = tempfile::tempdir().unwrap();
    let files = open(&root);
    let first = files.store("a", b"one").unwrap();
    assert_eq!(files.store("a", b"one").unwrap(), first);
    assert_eq!(files.total_bytes(), sealed(3));
    let error = files.store("a", b"two").unwrap_err();
    assert_eq!(
        error.to_string(),
        "parked id \"a\" was used for other bytes"
    );
    for id in ["", "../a", "a/b", "a.new", ".", &"x".repeat(129)] {
        assert!(
            matches!(files.read(id), Err(ParkedError::BadId { .. })),
            "{id}"
        );
    }
    assert_eq!(files.id("eu", b"x"), files.id("eu", b"x"));
    assert_ne!(files.id("eu", b"x"), files.id("eu", b"y"));
}

#[test]
fn an_unfinished_file_is_removed_and_not_counted() {
    let root = tempfile::tempdir().unwrap();
    drop(open(&root));
    let unfinished = root.path().join("parked/a.new");
    std::fs::write(&unfinished, b"half").unwrap();
    assert_eq!(open(&root).total_bytes(), 0);
    assert!(!unfinished.exists());
}
