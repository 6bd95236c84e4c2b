//! Snapshots: the live state as of one entry, in files that prove themselves.
//!
//! `00000000000000001234.snap`, by the entry: header, then the payload as the caller wrote it. Header, 80
//! bytes in every format: magic 8, format `u32`, crc32c `u32` of the payload, seq `u64`, hash 32,
//! payload length `u64`, zero 12, crc32c `u32` of the 76 bytes before. Little-endian.
//! A file is written under another name first: what bears a snapshot's name was complete and synced.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek as _, SeekFrom, Write};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::disk::{self, Disk as _, SystemDisk};
use super::{FAILED_HELP, Head, NEWER_HELP, to_u64};

/// Name of a merchant's directory of snapshots.
pub const DIR: &str = "snapshots";
/// Name of the directory in it with the state at which a journal begins whose older files are gone.
pub const BASES: &str = "bases";

const MAGIC: [u8; 8] = *b"csyncsnp";
const FORMAT: u32 = 1;
const HEADER_BYTES: usize = 80;
const BUFFER_BYTES: usize = 1 << 20;

/// Why a snapshot could not be written or looked for.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The system refused, or the disk is full: try again later; the older snapshots stand.
    #[error("cannot {what} {}: {source}", path.display())]
    Failed {
        /// What was tried.
        what: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A newer version wrote it: refuse to start; nothing was touched.
    #[error(
        "{} was written by a newer version (format {found}, this version knows {known})",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
}

impl SnapshotError {
    /// What a person can try next.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::Failed { .. } => FAILED_HELP,
            Self::Newer { .. } => NEWER_HELP,
        }
    }
}

/// A snapshot whose checksum was verified.
#[derive(Debug)]
pub struct Snapshot {
    /// The head that the payload is the state of.
    pub head: Head,
    /// The payload's length.
    pub payload_bytes: u64,
    /// Reads the payload from its beginning, and no further than its end.
    pub payload: io::Take<BufReader<File>>,
}

/// A snapshot that was passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub why: String,
}

/// Writes the snapshot of `head`, then keeps it and the newest good one before it. `write` streams the
/// payload; it is not held in memory. Blocks. Gives the payload's length.
///
/// # Errors
/// `Failed`, also when `write` fails; the older snapshots stand.
pub fn write(
    dir: &Path,
    head: &Head,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<u64, SnapshotError> {
    disk::create_dir(dir).map_err(failed("create", dir))?;
    let path = path_in(dir, head.seq);
    let unfinished = path.with_added_extension("new");
    let result = write_file(&unfinished, head, write)
        .and_then(|bytes| SystemDisk.rename(&unfinished, &path).map(|()| bytes));
    if result.is_err() {
        // It would only take up space; nothing ever reads it.
        let _gone: io::Result<()> = std::fs::remove_file(&unfinished);
    }
    let bytes = result.map_err(failed("write", &path))?;
    prune(dir, head.seq)?;
    Ok(bytes)
}

/// The newest snapshot that is good, and the newer ones that are not. Reads each candidate once in
/// full to check it. Blocks.
///
/// # Errors
/// `Newer` when any snapshot is of a newer version; `Failed`.
pub fn newest_good(dir: &Path) -> Result<(Option<Snapshot>, Vec<Skipped>), SnapshotError> {
    let mut skipped = Vec::new();
    let (seqs, _) = list(dir)?;
    for seq in seqs.iter().rev() {
        let path = path_in(dir, *seq);
        match check(&path, *seq)? {
            Ok(snapshot) => return Ok((Some(snapshot), skipped)),
            Err(why) => skipped.push(Skipped {
                path,
                why: why.to_owned(),
            }),
        }
    }
    Ok((None, skipped))
}

/// The entry that so many good snapshots are of, or of a later one. Reads each once in full.
///
/// # Errors
/// As [`newest_good`].
pub fn covered_by(dir: &Path, snapshots: usize) -> Result<Option<u64>, SnapshotError> {
    let mut good = 0;
    let (seqs, _) = list(dir)?;
    for seq in seqs.into_iter().rev() {
        good += usize::from(check(&path_in(dir, seq), seq)?.is_ok());
        if good == snapshots {
            return Ok(Some(seq));
        }
    }
    Ok(None)
}

fn write_file(
    path: &Path,
    head: &Head,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<u64> {
    let mut file = SystemDisk.create(path)?;
    file.write_all(&[0; HEADER_BYTES])?;
    let mut payload = Counting {
        file: BufWriter::with_capacity(BUFFER_BYTES, file),
        crc: 0,
        bytes: 0,
    };
    write(&mut payload)?;
    let Counting { file, crc, bytes } = payload;
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.write_all_at(&encode_header(head, bytes, crc), 0)?;
    file.sync_all()?;
    Ok(bytes)
}

/// Counts and checksums what passes.
struct Counting {
    file: BufWriter<File>,
    crc: u32,
    bytes: u64,
}

impl Write for Counting {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.file.write(buffer)?;
        self.crc = crc32c::crc32c_append(self.crc, &buffer[..written]);
        self.bytes += to_u64(written);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn encode_header(head: &Head, payload_bytes: u64, payload_crc: u32) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
    bytes[12..16].copy_from_slice(&payload_crc.to_le_bytes());
    bytes[16..24].copy_from_slice(&head.seq.to_le_bytes());
    bytes[24..56].copy_from_slice(&head.hash);
    bytes[56..64].copy_from_slice(&payload_bytes.to_le_bytes());
    let crc = crc32c::crc32c(&bytes[..76]);
    bytes[76..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// The snapshot, or why it is not good.
fn check(path: &Path, seq: u64) -> Result<Result<Snapshot, &'static str>, SnapshotError> {
    let read = failed("read", path);
    let mut file = File::open(path).map_err(&read)?;
    let len = file.metadata().map_err(&read)?.len();
    let mut header = [0; HEADER_BYTES];
    if len < to_u64(HEADER_BYTES) {
        return Ok(Err("the header is cut off"));
    }
    file.read_exact(&mut header).map_err(&read)?;
    let u32_at = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|byte| header[at + byte]));
    let u64_at = |at: usize| u64::from(u32_at(at)) | u64::from(u32_at(at + 4)) << 32;
    if header[..8] != MAGIC || u32_at(76) != crc32c::crc32c(&header[..76]) {
        return Ok(Err("the header's checksum does not match"));
    }
    if u32_at(8) > FORMAT {
        let (path, found) = (path.to_owned(), u32_at(8));
        return Err(SnapshotError::Newer {
            path,
            found,
            known: FORMAT,
        });
    }
    let payload_bytes = u64_at(56);
    if u64_at(16) != seq {
        return Ok(Err("the header and the file name disagree"));
    }
    if len - to_u64(HEADER_BYTES) != payload_bytes {
        return Ok(Err("the file is cut off or too long"));
    }
    let (mut crc, mut buffer) = (0, vec![0; BUFFER_BYTES]);
    loop {
        let read = file.read(&mut buffer).map_err(&read)?;
        if read == 0 {
            break;
        }
        crc = crc32c::crc32c_append(crc, &buffer[..read]);
    }
    if crc != u32_at(12) {
        return Ok(Err("the payload's checksum does not match"));
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(&header[24..56]);
    file.seek(SeekFrom::Start(to_u64(HEADER_BYTES)))
        .map_err(&read)?;
    let payload = BufReader::with_capacity(BUFFER_BYTES, file).take(payload_bytes);
    Ok(Ok(Snapshot {
        head: Head { seq, hash },
        payload_bytes,
        payload,
    }))
}

/// Keeps `newest`, which was just written, and one good snapshot before it; nothing unfinished.
fn prune(dir: &Path, newest: u64) -> Result<(), SnapshotError> {
    let mut spare = None;
    let (seqs, unfinished) = list(dir)?;
    for path in unfinished {
        std::fs::remove_file(&path).map_err(failed("remove", &path))?;
    }
    for seq in seqs.into_iter().rev().filter(|seq| *seq != newest) {
        let path = path_in(dir, seq);
        if spare.is_none() && seq < newest && check(&path, seq)?.is_ok() {
            spare = Some(seq);
        } else {
            std::fs::remove_file(&path).map_err(failed("remove", &path))?;
        }
    }
    Ok(())
}

/// The seqs of all snapshots in ascending order, and files that were never finished. Both are empty
/// when there is no directory yet.
pub(super) fn list(dir: &Path) -> Result<(Vec<u64>, Vec<PathBuf>), SnapshotError> {
    let (mut seqs, mut unfinished) = (Vec::new(), Vec::new());
    let files = match std::fs::read_dir(dir) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((seqs, unfinished)),
        Err(error) => return Err(failed("read", dir)(error)),
    };
    for file in files {
        let name = file.map_err(failed("read", dir))?.file_name();
        let Some(name) = name.to_str() else { continue };
        if name.ends_with(".snap.new") {
            unfinished.push(dir.join(name));
        }
        let digits = name
            .strip_suffix(".snap")
            .filter(|digits| digits.len() == 20);
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        seqs.extend(digits.and_then(|digits| digits.parse::<u64>().ok()));
    }
    seqs.sort_unstable();
    Ok((seqs, unfinished))
}

pub(super) fn path_in(dir: &Path, seq: u64) -> PathBuf {
    dir.join(format!("{seq:020}.snap"))
}

fn failed(what: &'static str, path: &Path) -> impl Fn(io::Error) -> SnapshotError {
    move |source| SnapshotError::Failed {
        what,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests;
