//! Entries as the journal stores them: one JSON object a line.

use bytes::Bytes;

use crate::ledger::Entry;

/// About what an order of three lines takes; a larger group grows.
const ENTRY_BYTES: usize = 2_048;

/// A group that is not what this version writes.
#[derive(Debug, thiserror::Error)]
#[error("entry {seq} cannot be read: {source}")]
pub struct Unreadable {
    /// The entry that should be there.
    pub seq: u64,
    /// What JSON says.
    pub source: serde_json::Error,
}

/// Entries to the bytes of one group.
///
/// # Panics
/// Never: entries hold nothing that JSON cannot.
pub fn encode(entries: &[Entry]) -> Bytes {
    let mut bytes = Vec::with_capacity(entries.len().saturating_mul(ENTRY_BYTES));
    for entry in entries {
        serde_json::to_writer(&mut bytes, entry).expect("entries are plain data");
        bytes.push(b'\n');
    }
    bytes.into()
}

/// The bytes of one group to entries; `first` is the first one's number.
///
/// # Errors
/// [`Unreadable`] at the first entry that is not JSON of the known shape.
pub fn decode(payload: &[u8], first: u64) -> Result<Vec<Entry>, Unreadable> {
    let lines = payload
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    let read = |(seq, line): (u64, &[u8])| {
        serde_json::from_slice(line).map_err(|source| Unreadable { seq, source })
    };
    (first..).zip(lines).map(read).collect()
}
