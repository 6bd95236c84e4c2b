//! One segment file read from its beginning, frame by frame, each checked against the one before.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::frame::{self, FRAME_HEADER_BYTES, FrameHeader, HEAD_BYTES, HeadFault};
use crate::store::{Group, Head, JournalError, to_u64};

const BUFFER_BYTES: usize = 256 << 10;
const RESTORE_HELP: &str = "leave the file as it is and restore the state directory from a backup";

/// A segment as the directory lists it.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    /// The head that its first frame continues.
    pub(crate) continues: Head,
}

/// What comes next in a segment.
pub(crate) enum Step {
    Group(Group),
    /// Exactly here the file ends.
    End,
    /// These bytes are not a frame: a torn tail, or damage.
    Bad(&'static str),
    /// A valid frame, but not the one that belongs here: damage.
    Strange(String),
}

impl Segment {
    /// `00000000000000000012.seg`, by the number of the first entry.
    pub(crate) fn path_in(dir: &Path, first: u64) -> PathBuf {
        dir.join(format!("{first:020}.seg"))
    }

    /// The first entry's number, from a segment's file name.
    pub(crate) fn first_in(name: &str) -> Option<u64> {
        let digits = name.strip_suffix(".seg")?;
        (digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit()))
            .then(|| digits.parse().ok())?
    }

    /// Reads the header; `first` is what the file name says.
    pub(crate) fn open(path: PathBuf, first: u64) -> Result<Self, JournalError> {
        let mut bytes = Vec::with_capacity(HEAD_BYTES);
        File::open(&path)
            .and_then(|file| file.take(to_u64(HEAD_BYTES)).read_to_end(&mut bytes))
            .map_err(|e| JournalError::io("read", &path, e))?;
        let continues = decode_head(frame::SEGMENT, &bytes, &path, first)?;
        if continues.seq.checked_add(1) != Some(first) {
            let what = "the header and the file name disagree";
            return Err(damaged(&path, 0, first, what));
        }
        Ok(Self { path, continues })
    }
}

/// A stored head; `seq` is the entry that is named when it is damaged.
pub(crate) fn decode_head(
    magic: [u8; 8],
    bytes: &[u8],
    file: &Path,
    seq: u64,
) -> Result<Head, JournalError> {
    frame::decode_head(magic, bytes).map_err(|fault| match fault {
        HeadFault::Bad(what) => damaged(file, 0, seq, what),
        HeadFault::Newer(found) => JournalError::Newer {
            file: file.to_owned(),
            found,
            known: frame::FORMAT,
        },
    })
}

/// Where reading stands in a segment, and the head there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    pub(crate) offset: u64,
    pub(crate) head: Head,
}

impl Position {
    pub(crate) fn start(segment: &Segment) -> Self {
        Self {
            offset: to_u64(HEAD_BYTES),
            head: segment.continues,
        }
    }
}

/// Reads frames one after the other.
pub(crate) struct SegmentReader {
    path: PathBuf,
    file: BufReader<File>,
    len: u64,
    at: Position,
}

impl SegmentReader {
    pub(crate) fn open(segment: &Segment, at: Position) -> Result<Self, JournalError> {
        use std::io::Seek as _;
        let path = segment.path.clone();
        let open = || {
            let mut file = File::open(&path)?;
            let len = file.metadata()?.len();
            file.seek(std::io::SeekFrom::Start(at.offset))?;
            Ok((BufReader::with_capacity(BUFFER_BYTES, file), len))
        };
        let (file, len) = open().map_err(|e| JournalError::io("read", &path, e))?;
        Ok(Self {
            path,
            file,
            len,
            at,
        })
    }

    pub(crate) fn position(&self) -> Position {
        self.at
    }

    /// Bytes from the present position to the end of the file as it was when opened.
    pub(crate) fn remaining(&self) -> u64 {
        self.len.saturating_sub(self.at.offset)
    }

    /// The next frame. The position moves past it only when it is a group in its place.
    pub(crate) fn step(&mut self) -> Result<Step, JournalError> {
        let remaining = self.remaining();
        let header_bytes = to_u64(FRAME_HEADER_BYTES);
        if remaining == 0 {
            return Ok(Step::End);
        }
        if remaining < header_bytes {
            return Ok(Step::Bad("the frame header is cut off"));
        }
        let mut header = [0; FRAME_HEADER_BYTES];
        self.fill(&mut header)?;
        let Some(header) = FrameHeader::decode(&header) else {
            return Ok(Step::Bad("there is no frame header"));
        };
        if remaining - header_bytes < to_u64(header.payload_bytes) {
            return Ok(Step::Bad("the frame is cut off"));
        }
        let mut payload = vec![0; header.payload_bytes];
        self.fill(&mut payload)?;
        if !header.crc_matches(&payload) {
            return Ok(Step::Bad("the frame's checksum does not match"));
        }
        let expected = self.at.head.seq + 1;
        if header.first != expected {
            return Ok(Step::Strange(format!(
                "the frame begins with entry {}",
                header.first
            )));
        }
        if header.previous != self.at.head.hash {
            return Ok(Step::Strange("the hash chain is broken".to_owned()));
        }
        let group = Group {
            first: header.first,
            last: header.last,
            payload: Bytes::from(payload),
        };
        self.at.head = group.head();
        self.at.offset += header_bytes + to_u64(header.payload_bytes);
        Ok(Step::Group(group))
    }

    /// Damage at the present position.
    pub(crate) fn damaged(&self, what: impl Into<String>) -> JournalError {
        damaged(&self.path, self.at.offset, self.at.head.seq + 1, what)
    }

    fn fill(&mut self, into: &mut [u8]) -> Result<(), JournalError> {
        self.file
            .read_exact(into)
            .map_err(|e| JournalError::io("read", &self.path, e))
    }
}

pub(crate) fn damaged(file: &Path, offset: u64, seq: u64, what: impl Into<String>) -> JournalError {
    let (file, what) = (file.to_owned(), what.into());
    JournalError::Damaged {
        file,
        offset,
        seq,
        what,
        help: RESTORE_HELP,
    }
}
