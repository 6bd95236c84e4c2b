//! Sealed and parked bytes: the length of an id, the id, the bytes.
//!
//! What is parked under an id comes back as it was, and under no other; an id names no file outside.
//! Bytes that were never sealed open as nothing.

use std::fs;
use std::sync::Arc;

use channelsync::ports::SeededRng;
use channelsync::store::parked::{ParkedError, ParkedFiles};
use channelsync::store::sealed::{OVERHEAD_BYTES, SealError, SealKey, Vault};

use super::scratch;

fn vault(key: u8) -> Vault {
    Vault {
        merchant: "acme".to_owned(),
        key: Arc::new(SealKey::from_bytes([key; 32])),
        rng: Arc::new(SeededRng::new(1)),
    }
}

pub(super) fn holds(bytes: &[u8]) {
    let Some((length, rest)) = bytes.split_first() else {
        return;
    };
    let (id, bytes) = rest.split_at(usize::from(*length).min(rest.len()));
    sealed(bytes);
    if let Ok(id) = std::str::from_utf8(id) {
        parked(id, bytes);
    }
}

fn sealed(bytes: &[u8]) {
    let vault = vault(7);
    if let Ok(plain) = vault.open("a", "b", bytes) {
        assert_eq!(plain.len() + OVERHEAD_BYTES, bytes.len());
    }
    let mut kept = vault.seal("a", "b", bytes);
    assert_eq!(vault.open("a", "b", &kept).as_deref(), Ok(bytes));
    assert_eq!(vault.open("ab", "", &kept), Err(SealError::Damaged));
    let other = self::vault(8).open("a", "b", &kept);
    assert!(
        matches!(other, Err(SealError::OtherKey { .. })),
        "{other:?}"
    );
    let at = bytes.first().map_or(0, |byte| usize::from(*byte)) % kept.len();
    kept[at] ^= 1;
    assert!(vault.open("a", "b", &kept).is_err(), "changed at {at}");
}

fn parked(id: &str, bytes: &[u8]) {
    let dir = scratch();
    let at = dir.path().join("parked");
    let files = ParkedFiles::open(&at, vault(7), 1 << 20).unwrap();
    let names = |dir: &std::path::Path| {
        let names = fs::read_dir(dir).unwrap();
        names
            .map(|file| file.unwrap().file_name())
            .collect::<Vec<_>>()
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_name = (1..=128).contains(&id.len()) && id.bytes().all(plain);
    let Ok(kept) = files.store(id, bytes) else {
        assert!(!is_name, "{id} names a file");
        return assert_eq!(names(&at).len(), 0);
    };
    assert!(is_name, "{id:?} names a file");
    assert_eq!(names(&at), [id]);
    assert_eq!(files.read(id).unwrap().as_deref(), Some(bytes));
    assert_eq!(
        (files.total_bytes(), kept.bytes),
        (kept.bytes, fs::metadata(at.join(id)).unwrap().len())
    );
    // The bytes themselves in the place of what was sealed.
    fs::write(at.join(id), bytes).unwrap();
    let read = ParkedFiles::reader(&at, vault(7)).read(id);
    assert!(matches!(read, Err(ParkedError::Sealed { .. })), "{read:?}");
    assert!(files.delete(id).unwrap());
    assert_eq!(names(dir.path()).len(), 2, "nothing beside the two folders");
}

pub(super) fn made() -> Vec<Vec<u8>> {
    let id = b"shopify-us-0123456789abcdef";
    let length = u8::try_from(id.len()).unwrap();
    let kept = vault(7).seal("a", "b", b"{\"id\":1}");
    vec![
        [&[length], &id[..], b"{\"id\":1}"].concat(),
        [&[length], &id[..], &kept].concat(),
        b"\x09../../out{}".to_vec(),
    ]
}
