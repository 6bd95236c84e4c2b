//! What a journal directory holds: decides between clean, torn and damaged. Only reads.
//!
//! A segment counts up to the head that the next segment's header names; what follows there comes
//! from a write that failed, and is ignored. In the last segment a bad frame is a torn tail unless a
//! valid frame follows it: groups are written one after the other, each durable before the next.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::segment::{Position, Segment, SegmentReader, Step};
use super::{frame, mark};
use crate::store::{Head, JournalError, to_u64};

const LOST_TAIL_HELP: &str =
    "restore the state directory from a backup: entries that were durable are missing";

/// What a scan found.
pub(crate) struct Scan {
    pub(crate) segments: Vec<Segment>,
    pub(crate) head: Head,
    /// Where the last segment's last frame lies; empty when it has none.
    pub(crate) last_frame: Range<u64>,
    pub(crate) torn_bytes: u64,
    pub(crate) ignored_bytes: u64,
    /// Files of segments that were never finished; they hold nothing.
    pub(crate) unfinished: Vec<PathBuf>,
}

/// Reads all headers, and every frame of the segments that reach `from_seq` or beyond.
pub(crate) fn scan(dir: &Path, from_seq: u64) -> Result<Scan, JournalError> {
    let mark = mark::read(dir)?;
    let (segments, unfinished) = list(dir)?;
    let head = segments
        .first()
        .map(|segment| segment.continues)
        .unwrap_or_default();
    let mut scan = Scan {
        segments: Vec::new(),
        head,
        last_frame: 0..0,
        torn_bytes: 0,
        ignored_bytes: 0,
        unfinished,
    };
    for (index, segment) in segments.iter().enumerate() {
        match segments.get(index + 1) {
            Some(next) if next.continues.seq < from_seq => scan.head = next.continues,
            Some(next) => scan.closed(segment, &next.continues, mark.as_ref())?,
            None => scan.last(segment, mark.as_ref())?,
        }
    }
    scan.segments = segments;
    match mark {
        Some(mark) if mark.seq > scan.head.seq => Err(scan.lost_tail(dir, &mark)),
        _ => Ok(scan),
    }
}

impl Scan {
    /// A segment that another one continues at `limit`.
    fn closed(
        &mut self,
        segment: &Segment,
        limit: &Head,
        mark: Option<&Head>,
    ) -> Result<(), JournalError> {
        let mut reader = SegmentReader::open(segment, Position::start(segment))?;
        while reader.position().head.seq < limit.seq {
            match reader.step()? {
                Step::Group(_) => check_mark(&reader, mark)?,
                Step::End => return Err(reader.damaged("the segment ends too early")),
                Step::Bad(what) => return Err(reader.damaged(what)),
                Step::Strange(what) => return Err(reader.damaged(what)),
            }
        }
        if reader.position().head != *limit {
            return Err(reader.damaged("the next segment continues something else"));
        }
        self.ignored_bytes += reader.remaining();
        Ok(())
    }

    /// The segment that is written to.
    fn last(&mut self, segment: &Segment, mark: Option<&Head>) -> Result<(), JournalError> {
        let mut reader = SegmentReader::open(segment, Position::start(segment))?;
        self.last_frame = reader.position().offset..reader.position().offset;
        loop {
            let start = reader.position().offset;
            match reader.step()? {
                Step::Group(_) => {
                    check_mark(&reader, mark)?;
                    self.last_frame = start..reader.position().offset;
                }
                Step::End => break,
                Step::Bad(what) => {
                    self.torn_bytes = torn(segment, &reader, what)?;
                    break;
                }
                Step::Strange(what) => return Err(reader.damaged(what)),
            }
        }
        self.head = reader.position().head;
        Ok(())
    }

    fn lost_tail(&self, dir: &Path, mark: &Head) -> JournalError {
        JournalError::Damaged {
            file: self
                .segments
                .last()
                .map_or_else(|| dir.to_owned(), |last| last.path.clone()),
            offset: self.last_frame.end,
            seq: self.head.seq + 1,
            what: format!(
                "the journal ends with entry {}, but entry {} was durable",
                self.head.seq, mark.seq
            ),
            help: LOST_TAIL_HELP,
        }
    }
}

/// Segments in order, and unfinished files. The newest header is read first, so that a journal of
/// a newer version is called that before anything else is judged.
fn list(dir: &Path) -> Result<(Vec<Segment>, Vec<PathBuf>), JournalError> {
    let (mut firsts, mut unfinished) = (Vec::new(), Vec::new());
    let failed = |e| JournalError::io("read", dir, e);
    for file in std::fs::read_dir(dir).map_err(failed)? {
        let name = file.map_err(failed)?.file_name();
        let Some(name) = name.to_str() else { continue };
        if let Some(first) = Segment::first_in(name) {
            firsts.push(first);
        } else if name
            .strip_suffix(".new")
            .is_some_and(|name| Segment::first_in(name).is_some())
        {
            unfinished.push(dir.join(name));
        }
    }
    firsts.sort_unstable_by(|a, b| b.cmp(a));
    let open = |first| Segment::open(Segment::path_in(dir, first), first);
    let mut segments: Vec<Segment> = firsts.into_iter().map(open).collect::<Result<_, _>>()?;
    segments.reverse();
    Ok((segments, unfinished))
}

/// The number of torn bytes after the reader's position, or damage when a valid frame follows.
fn torn(segment: &Segment, reader: &SegmentReader, what: &str) -> Result<u64, JournalError> {
    let Position { offset, head } = reader.position();
    let mut rest = Vec::new();
    File::open(&segment.path)
        .and_then(|mut file| {
            file.seek(SeekFrom::Start(offset))?;
            // No further than the scan saw: a running daemon may be appending.
            file.take(reader.remaining()).read_to_end(&mut rest)
        })
        .map_err(|e| JournalError::io("read", &segment.path, e))?;
    match frame::find_frame(&rest, head.seq + 1) {
        None => Ok(to_u64(rest.len())),
        Some(found) => {
            let later = offset + to_u64(found.start);
            Err(reader.damaged(format!("{what}, yet a valid frame follows at byte {later}")))
        }
    }
}

/// The mark must name a head that the journal really had.
fn check_mark(reader: &SegmentReader, mark: Option<&Head>) -> Result<(), JournalError> {
    let head = reader.position().head;
    if mark.is_none_or(|mark| mark.seq != head.seq || mark.hash == head.hash) {
        return Ok(());
    }
    Err(reader.damaged(format!(
        "entry {} is not the one that the high-water mark names",
        head.seq
    )))
}
