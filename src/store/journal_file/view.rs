//! What is durable, shared by the writer and any number of readers.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::recover::Scan;
use super::segment::{Position, Segment, SegmentReader, Step};
use crate::store::{Group, Head, JournalError, to_u64};

/// Readers that go on where they stopped are remembered, so that each need not search its segment
/// from the beginning. So many at a time.
const CURSORS_MAX: usize = 8;

pub(crate) struct View {
    state: Mutex<State>,
}

struct State {
    head: Head,
    segments: Vec<Segment>,
    cursors: VecDeque<(PathBuf, Position)>,
}

impl View {
    pub(crate) fn new(scan: &Scan) -> Self {
        let (head, segments) = (scan.head, scan.segments.clone());
        Self {
            state: Mutex::new(State {
                head,
                segments,
                cursors: VecDeque::new(),
            }),
        }
    }

    pub(crate) fn head(&self) -> Head {
        self.lock().head
    }

    pub(crate) fn segments(&self) -> Vec<Segment> {
        self.lock().segments.clone()
    }

    pub(crate) fn bounds(&self) -> Vec<Head> {
        let state = self.lock();
        let segments = state.segments.iter();
        segments.map(|segment| segment.continues).collect()
    }

    /// The oldest segment is no longer there.
    pub(crate) fn drop_first(&self) {
        let mut state = self.lock();
        let first = state.segments.remove(0);
        state.cursors.retain(|(path, _)| *path != first.path);
    }

    pub(crate) fn advance(&self, head: Head) {
        self.lock().head = head;
    }

    /// A new last segment; in the place of one that holds nothing durable.
    pub(crate) fn begin(&self, segment: Segment) {
        let mut state = self.lock();
        state.segments.retain(|older| older.path != segment.path);
        state.segments.push(segment);
    }

    pub(crate) fn read(
        &self,
        from_seq: u64,
        limit_bytes: usize,
    ) -> Result<Vec<Group>, JournalError> {
        let (mut groups, mut bytes) = (Vec::new(), 0);
        let mut next = from_seq.max(1);
        while let Some((segment, start, until)) = self.locate(next)? {
            let mut reader = SegmentReader::open(&segment, start)?;
            while reader.position().head.seq < until {
                if bytes >= to_u64(limit_bytes) && !groups.is_empty() {
                    self.remember(segment.path, reader.position());
                    return Ok(groups);
                }
                let group = durable_group(&mut reader)?;
                if group.last >= next {
                    next = group.last + 1;
                    bytes += to_u64(group.payload.len());
                    groups.push(group);
                }
            }
            self.remember(segment.path, reader.position());
        }
        Ok(groups)
    }

    /// The segment that holds `seq`, where to begin in it, and the last entry that counts in it.
    fn locate(&self, seq: u64) -> Result<Option<(Segment, Position, u64)>, JournalError> {
        let state = self.lock();
        if seq > state.head.seq {
            return Ok(None);
        }
        let after = state
            .segments
            .partition_point(|segment| segment.continues.seq < seq);
        let Some(segment) = after
            .checked_sub(1)
            .and_then(|index| state.segments.get(index))
        else {
            let first = state
                .segments
                .first()
                .map_or(0, |segment| segment.continues.seq + 1);
            return Err(JournalError::Gone { asked: seq, first });
        };
        let until = state
            .segments
            .get(after)
            .map_or(state.head.seq, |next| next.continues.seq);
        let known = state
            .cursors
            .iter()
            .find(|(path, position)| *path == segment.path && position.head.seq + 1 == seq);
        let start = known.map_or_else(|| Position::start(segment), |(_, position)| *position);
        Ok(Some((segment.clone(), start, until)))
    }

    fn remember(&self, path: PathBuf, position: Position) {
        let mut state = self.lock();
        if state.cursors.len() == CURSORS_MAX {
            state.cursors.pop_front();
        }
        state.cursors.push_back((path, position));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change under the lock is a single assignment or push: whole even after a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The next group where one must be.
pub(crate) fn durable_group(reader: &mut SegmentReader) -> Result<Group, JournalError> {
    match reader.step()? {
        Step::Group(group) => Ok(group),
        Step::End => Err(reader.damaged("the file ends too early")),
        Step::Bad(what) => Err(reader.damaged(what)),
        Step::Strange(what) => Err(reader.damaged(what)),
    }
}
