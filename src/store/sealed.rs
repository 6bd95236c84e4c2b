//! Sealing: what nobody may read from the disk alone, and nobody may change or swap unseen.
//!
//! In: a key of 32 bytes that is kept elsewhere, bytes, and what they are. Out: bytes that open only
//! with that key and only as what they were sealed as. A sealed text names its key, so that the wrong
//! one is told apart from damage. Never here: where the sealed bytes are kept.

use std::fmt;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use channelsync_contract::Rng;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use sha2::Digest as _;

use super::disk;

/// The version of the format, in every sealed text.
const MAGIC: [u8; 8] = *b"CSSEAL01";
const KEY_BYTES: usize = 32;
const KEY_ID_BYTES: usize = 8;
/// What a key file may hold at most; more is no key.
const KEY_FILE_BYTES_MAX: u64 = 256;
/// How much longer a sealed text is.
pub const OVERHEAD_BYTES: usize = MAGIC.len() + KEY_ID_BYTES + NONCE_LEN + 16;

/// A key. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct SealKey([u8; KEY_BYTES]);

/// Seals and opens what belongs to one merchant.
#[derive(Clone)]
pub struct Vault {
    /// Whose.
    pub merchant: String,
    /// The key.
    pub key: Arc<SealKey>,
    /// Nonces and keys.
    pub rng: Arc<dyn Rng>,
}

/// What sealed bytes are: they open as nothing else.
#[derive(Clone, Copy, Debug)]
pub struct Label<'a> {
    /// Whose.
    pub merchant: &'a str,
    /// Of which channel, or under which id.
    pub of: &'a str,
    /// Which thing of it.
    pub field: &'a str,
}

/// Why sealed bytes do not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Another key sealed them.
    #[error("sealed with key {sealed_with}, the key at hand is {at_hand}")]
    OtherKey {
        /// The key that opens them.
        sealed_with: String,
        /// The key that was tried.
        at_hand: String,
    },
    /// Changed, cut, or moved here from another place.
    #[error("not what was sealed here: changed, cut, or moved from another place")]
    Damaged,
}

/// Why a key cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// There is none.
    #[error("there is no key in {}", .0.display())]
    Missing(PathBuf),
    /// Others could have read it.
    #[error("{} is open to others (mode {:04o})", path.display(), mode)]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It is something else.
    #[error("{} holds no key: 64 hexadecimal digits are one", .0.display())]
    NoKey(PathBuf),
    /// The system refused.
    #[error("cannot {what} {}: {source}", path.display())]
    Failed {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Vault {
    /// Seals bytes as `field` of `of`.
    pub fn seal(&self, of: &str, field: &str, plain: &[u8]) -> Vec<u8> {
        self.key.seal(self.label(of, field), plain, &*self.rng)
    }

    /// Opens what was sealed as `field` of `of`.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn open(&self, of: &str, field: &str, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        self.key.open(self.label(of, field), sealed)
    }

    pub(super) fn label<'a>(&'a self, of: &'a str, field: &'a str) -> Label<'a> {
        let merchant = &self.merchant;
        Label {
            merchant,
            of,
            field,
        }
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "[vault of {}]", self.merchant)
    }
}

impl KeyError {
    /// What to do.
    pub fn help(&self) -> String {
        match self {
            Self::Missing(_) => "bring the key back from where you keep it; the daemon makes one \
                                 where nothing was sealed yet"
                .to_owned(),
            Self::Open { path, .. } => format!("chmod 600 {}", path.display()),
            Self::NoKey(_) => "bring the right file back from where you keep it".to_owned(),
            Self::Failed { .. } => {
                "check the file's owner and mode: it belongs to the daemon's user, \
                                    mode 0600"
                    .to_owned()
            }
        }
    }
}

impl SealKey {
    /// A new one.
    pub fn generate(rng: &dyn Rng) -> Self {
        let mut bytes = [0; KEY_BYTES];
        fill(&mut bytes, rng);
        Self(bytes)
    }

    /// From its bytes.
    pub const fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// The key in a file: 64 hexadecimal digits. `private` demands that only its owner may read it.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn load(path: &Path, private: bool) -> Result<Self, KeyError> {
        let file = match std::fs::File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(KeyError::Missing(path.to_owned()));
            }
            Err(error) => return Err(failed("read", path)(error)),
        };
        let metadata = file.metadata().map_err(failed("read", path))?;
        let mode = metadata.permissions().mode() & 0o777;
        if private && mode & 0o077 != 0 {
            let path = path.to_owned();
            return Err(KeyError::Open { path, mode });
        }
        let mut text = String::new();
        file.take(KEY_FILE_BYTES_MAX)
            .read_to_string(&mut text)
            .map_err(failed("read", path))?;
        parse(text.trim()).ok_or_else(|| KeyError::NoKey(path.to_owned()))
    }

    /// A new key in a new file of mode 0600, durable on return.
    ///
    /// # Errors
    /// [`KeyError`]; a file that is there stays as it is.
    pub fn create(path: &Path, rng: &dyn Rng) -> Result<Self, KeyError> {
        if path.exists() {
            let source = io::ErrorKind::AlreadyExists.into();
            return Err(failed("make a key in", path)(source));
        }
        let key = Self::generate(rng);
        let parent = path.parent().unwrap_or(path);
        disk::create_dir(parent).map_err(failed("create", parent))?;
        let text = format!("{}\n", hex(&key.0));
        disk::replace(path, text.as_bytes()).map_err(failed("write", path))?;
        Ok(key)
    }

    /// Which key it is; tells nothing of the key.
    pub fn id(&self) -> String {
        hex(&self.id_bytes())
    }

    /// A mark of bytes that only this key can make: equal for equal bytes, and no help in guessing
    /// them.
    pub fn mark(&self, bytes: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let tag = hmac::sign(&key, bytes);
        hex(tag.as_ref().get(..8).unwrap_or_default())
    }

    /// Seals bytes as what the label says.
    pub fn seal(&self, label: Label<'_>, plain: &[u8], rng: &dyn Rng) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        fill(&mut nonce, rng);
        let mut body = plain.to_vec();
        let aad = Aad::from(label.bytes());
        self.cipher()
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut body)
            .expect("no text of ours is as long as the cipher's bound");
        [&MAGIC[..], &self.id_bytes(), &nonce, &body].concat()
    }

    /// Opens what was sealed as what the label says.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn open(&self, label: Label<'_>, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let rest = sealed.strip_prefix(&MAGIC).ok_or(SealError::Damaged)?;
        let (id, rest) = rest
            .split_at_checked(KEY_ID_BYTES)
            .ok_or(SealError::Damaged)?;
        if id != self.id_bytes() {
            return Err(SealError::OtherKey {
                sealed_with: hex(id),
                at_hand: self.id(),
            });
        }
        let (nonce, body) = rest.split_at_checked(NONCE_LEN).ok_or(SealError::Damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Damaged)?;
        let mut body = body.to_vec();
        let opened = self
            .cipher()
            .open_in_place(nonce, Aad::from(label.bytes()), &mut body);
        let length = opened.map_err(|_| SealError::Damaged)?.len();
        body.truncate(length);
        Ok(body)
    }

    /// The key's own bytes, to be sealed with another.
    pub(super) const fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    fn cipher(&self) -> LessSafeKey {
        let key = UnboundKey::new(&CHACHA20_POLY1305, &self.0);
        LessSafeKey::new(key.expect("the key has the cipher's length"))
    }

    fn id_bytes(&self) -> [u8; KEY_ID_BYTES] {
        let digest = sha2::Sha256::new()
            .chain_update(b"channelsync key id")
            .chain_update(self.0)
            .finalize();
        let mut id = [0; KEY_ID_BYTES];
        id.copy_from_slice(&digest[..KEY_ID_BYTES]);
        id
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "[key {}]", self.id())
    }
}

impl Label<'_> {
    /// Each part with its length, so that no two labels are the same text.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for part in [self.merchant, self.of, self.field] {
            bytes.extend(super::to_u64(part.len()).to_le_bytes());
            bytes.extend(part.as_bytes());
        }
        bytes
    }
}

fn fill(bytes: &mut [u8], rng: &dyn Rng) {
    for chunk in bytes.chunks_mut(8) {
        let random = rng.next_u64().to_le_bytes();
        chunk.copy_from_slice(&random[..chunk.len()]);
    }
}

fn parse(text: &str) -> Option<SealKey> {
    let mut bytes = [0; KEY_BYTES];
    if text.len() != 2 * KEY_BYTES || !text.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(SealKey(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn failed(what: &'static str, path: &Path) -> impl Fn(io::Error) -> KeyError {
    move |source| KeyError::Failed {
        what,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Other numbers at each call.
    #[derive(Default)]
    struct Counting(std::sync::atomic::AtomicU64);

    impl Rng for Counting {
        fn next_u64(&self) -> u64 {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
        }
    }

    const LABEL: Label<'static> = Label {
        merchant: "acme",
        of: "shopify-us",
        field: "credentials",
    };

    #[test]
    fn what_is_sealed_opens_as_what_it_is_and_as_nothing_else() {
        let rng = Counting::default();
        let key = SealKey::generate(&rng);
        for plain in [&b""[..], b"a", b"shpat_secret", &[7; 70_000]] {
            let sealed = key.seal(LABEL, plain, &rng);
            assert_eq!(sealed.len(), plain.len() + OVERHEAD_BYTES);
            assert_eq!(key.open(LABEL, &sealed).unwrap(), plain);
            for other in [
                Label {
                    merchant: "acm",
                    of: "eshopify-us",
                    ..LABEL
                },
                Label {
                    of: "shopify-eu",
                    ..LABEL
                },
                Label {
                    field: "token",
                    ..LABEL
                },
            ] {
                assert_eq!(key.open(other, &sealed), Err(SealError::Damaged));
            }
        }
        let (one, two) = (
            key.seal(LABEL, b"same", &rng),
            key.seal(LABEL, b"same", &rng),
        );
        assert_ne!(one, two, "equal texts are sealed differently");
    }

    #[test]
    fn a_changed_bit_anywhere_or_a_cut_is_seen() {
        let rng = Counting::default();
        let key = SealKey::generate(&rng);
        let sealed = key.seal(LABEL, b"shpat_secret", &rng);
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(key.open(LABEL, &changed).is_err(), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert!(
                key.open(LABEL, &sealed[..length]).is_err(),
                "{length} bytes"
            );
        }
    }

    #[test]
    fn another_key_is_named_and_not_taken_for_damage() {
        let rng = Counting::default();
        let (ours, theirs) = (SealKey::generate(&rng), SealKey::generate(&rng));
        let error = theirs
            .open(LABEL, &ours.seal(LABEL, b"x", &rng))
            .unwrap_err();
        let (sealed_with, at_hand) = (ours.id(), theirs.id());
        assert_eq!(
            error,
            SealError::OtherKey {
                sealed_with,
                at_hand
            }
        );
        assert_ne!(ours.mark(b"x"), theirs.mark(b"x"));
        assert_eq!(ours.mark(b"x"), ours.mark(b"x"));
    }

    #[test]
    fn a_key_file_is_made_once_private_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/channelsync.key");
        let rng = Counting::default();
        assert!(matches!(
            SealKey::load(&path, true),
            Err(KeyError::Missing(_))
        ));
        let key = SealKey::create(&path, &rng).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(SealKey::load(&path, true).unwrap(), key);
        assert!(SealKey::create(&path, &rng).is_err(), "never over another");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = SealKey::load(&path, true).unwrap_err();
        assert!(
            matches!(error, KeyError::Open { mode: 0o640, .. }),
            "{error}"
        );
        assert_eq!(SealKey::load(&path, false).unwrap(), key);
        for text in ["", "abc", &"g".repeat(64), &"é".repeat(32)] {
            std::fs::write(&path, text).unwrap();
            assert!(
                matches!(SealKey::load(&path, false), Err(KeyError::NoKey(_))),
                "{text}"
            );
        }
        assert!(!format!("{key:?}").contains(&hex(&key.0)));
    }
}
