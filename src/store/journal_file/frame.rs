//! Bytes of a segment: one header, then frames. Pure.
//!
//! Segment header, 64 bytes in every format: magic 8, format `u32`, zero 4, seq `u64` and hash 32 of
//! the head that the segment continues, zero 4, crc32c `u32` of the 60 bytes before. The high-water
//! mark is the same block with another magic.
//! Frame, one per group: payload length `u32`, crc32c `u32` of everything else in the frame, first and
//! last seq `u64`, SHA-256 of the payload before 32, payload. All numbers little-endian.

use std::ops::Range;

use crate::store::{GROUP_BYTES_MAX, Group, Head};

/// The newest format known here.
pub(crate) const FORMAT: u32 = 1;
/// A head, stored: the header of a segment, or the high-water mark.
pub(crate) const HEAD_BYTES: usize = 64;
pub(crate) const SEGMENT: [u8; 8] = *b"csyncseg";
pub(crate) const MARK: [u8; 8] = *b"csyncmrk";
pub(crate) const FRAME_HEADER_BYTES: usize = 56;
/// How far ahead a seq may be for bytes to look like a frame at all. Random bytes rarely do.
const SEQ_AHEAD_MAX: u64 = 1 << 32;

/// Why bytes are not a stored head.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HeadFault {
    Bad(&'static str),
    Newer(u32),
}

pub(crate) fn encode_head(magic: [u8; 8], head: &Head) -> [u8; HEAD_BYTES] {
    let mut bytes = [0; HEAD_BYTES];
    bytes[..8].copy_from_slice(&magic);
    bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
    bytes[16..24].copy_from_slice(&head.seq.to_le_bytes());
    bytes[24..56].copy_from_slice(&head.hash);
    let crc = crc32c::crc32c(&bytes[..60]);
    bytes[60..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

pub(crate) fn decode_head(magic: [u8; 8], bytes: &[u8]) -> Result<Head, HeadFault> {
    if bytes.len() < HEAD_BYTES {
        return Err(HeadFault::Bad("the header is cut off"));
    }
    if bytes[..8] != magic {
        return Err(HeadFault::Bad("this is another kind of file"));
    }
    if u32_at(bytes, 60) != crc32c::crc32c(&bytes[..60]) {
        return Err(HeadFault::Bad("the header's checksum does not match"));
    }
    let format = u32_at(bytes, 8);
    if format > FORMAT {
        return Err(HeadFault::Newer(format));
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(&bytes[24..56]);
    Ok(Head {
        seq: u64_at(bytes, 16),
        hash,
    })
}

/// A frame's header, believed only once [`FrameHeader::crc_matches`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) payload_bytes: usize,
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) previous: [u8; 32],
    crc: u32,
    /// Checksum so far: of the header without the checksum itself.
    header_crc: u32,
}

impl FrameHeader {
    /// None when no frame can begin like this.
    pub(crate) fn decode(bytes: &[u8; FRAME_HEADER_BYTES]) -> Option<Self> {
        let payload_bytes = usize::try_from(u32_at(bytes, 0)).ok()?;
        let (first, last) = (u64_at(bytes, 8), u64_at(bytes, 16));
        if !(1..=GROUP_BYTES_MAX).contains(&payload_bytes) || first == 0 || last < first {
            return None;
        }
        let mut previous = [0; 32];
        previous.copy_from_slice(&bytes[24..]);
        let header_crc = header_crc(bytes);
        Some(Self {
            payload_bytes,
            first,
            last,
            previous,
            crc: u32_at(bytes, 4),
            header_crc,
        })
    }

    pub(crate) fn crc_matches(&self, payload: &[u8]) -> bool {
        crc32c::crc32c_append(self.header_crc, payload) == self.crc
    }
}

/// Writes the group's frame over `into`.
///
/// # Panics
/// When the payload is empty or beyond the maximum, which the writer has refused before.
pub(crate) fn encode(previous: &[u8; 32], group: &Group, into: &mut Vec<u8>) {
    assert!(
        (1..=GROUP_BYTES_MAX).contains(&group.payload.len()),
        "group size was not checked"
    );
    let length = u32::try_from(group.payload.len()).unwrap_or(u32::MAX);
    let mut header = [0; FRAME_HEADER_BYTES];
    header[..4].copy_from_slice(&length.to_le_bytes());
    header[8..16].copy_from_slice(&group.first.to_le_bytes());
    header[16..24].copy_from_slice(&group.last.to_le_bytes());
    header[24..].copy_from_slice(previous);
    let crc = crc32c::crc32c_append(header_crc(&header), &group.payload);
    header[4..8].copy_from_slice(&crc.to_le_bytes());
    into.clear();
    into.extend_from_slice(&header);
    into.extend_from_slice(&group.payload);
}

/// Where, after the first byte, a whole valid frame lies whose first entry is `seq` or later.
///
/// It tells damage from a torn tail: a group is written only after the one before it is durable,
/// so nothing valid can follow a write that was never finished.
pub(crate) fn find_frame(bytes: &[u8], seq: u64) -> Option<Range<usize>> {
    (1..bytes.len().saturating_sub(FRAME_HEADER_BYTES)).find_map(|at| {
        // The cheap test first: it rejects nearly every offset.
        let first = u64_at(bytes, at + 8);
        if first.wrapping_sub(seq) >= SEQ_AHEAD_MAX {
            return None;
        }
        let (header, rest) = bytes[at..].split_first_chunk()?;
        let header = FrameHeader::decode(header)?;
        if header.last - first >= SEQ_AHEAD_MAX {
            return None;
        }
        let payload = rest.get(..header.payload_bytes)?;
        header
            .crc_matches(payload)
            .then(|| at..at + FRAME_HEADER_BYTES + payload.len())
    })
}

fn header_crc(bytes: &[u8; FRAME_HEADER_BYTES]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&bytes[..4]), &bytes[8..])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut le = [0; 4];
    le.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(le)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut le = [0; 8];
    le.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(le)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    fn group(first: u64, entries: u64, payload: &[u8]) -> Group {
        Group {
            first,
            last: first + entries,
            payload: Bytes::copy_from_slice(payload),
        }
    }

    fn frame(group: &Group) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(&[7; 32], group, &mut bytes);
        bytes
    }

    proptest! {
        #[test]
        fn a_frame_reads_back_and_no_flipped_bit_goes_unseen(
            first in 1u64..1 << 40, entries in 0u64..500,
            payload in prop::collection::vec(any::<u8>(), 1..300), flip in any::<prop::sample::Index>(),
        ) {
            let group = group(first, entries, &payload);
            let mut bytes = frame(&group);
            let (header, rest) = bytes.split_first_chunk().unwrap();
            let header = FrameHeader::decode(header).unwrap();
            prop_assert!(header.crc_matches(rest));
            prop_assert_eq!((header.first, header.last), (group.first, group.last));
            prop_assert_eq!(header.previous, [7; 32]);

            let bit = flip.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            let (header, rest) = bytes.split_first_chunk().unwrap();
            let intact = FrameHeader::decode(header)
                .is_some_and(|header| rest.get(..header.payload_bytes).is_some_and(|p| header.crc_matches(p)));
            prop_assert!(!intact);
        }

        #[test]
        fn any_bytes_decode_to_a_value_or_none(bytes in any::<[u8; FRAME_HEADER_BYTES]>(), tail in any::<Vec<u8>>()) {
            let _header = FrameHeader::decode(&bytes);
            prop_assert_eq!(find_frame(&tail, 1), None);
        }

        #[test]
        fn a_frame_is_found_at_any_distance(
            garbage in prop::collection::vec(any::<u8>(), 1..500), after in any::<Vec<u8>>(),
        ) {
            let found = frame(&group(12, 3, b"payload"));
            let bytes = [garbage.clone(), found.clone(), after].concat();
            let range = garbage.len()..garbage.len() + found.len();
            prop_assert_eq!(find_frame(&bytes, 12), Some(range));
            prop_assert_eq!(find_frame(&bytes, 13), None);
        }
    }

    #[test]
    fn a_header_reads_back_and_faults_are_told_apart() {
        let head = Head {
            seq: 9,
            hash: [3; 32],
        };
        let bytes = encode_head(SEGMENT, &head);
        assert_eq!(decode_head(SEGMENT, &bytes), Ok(head));
        assert!(matches!(decode_head(MARK, &bytes), Err(HeadFault::Bad(_))));

        let mut newer = bytes;
        newer[8] = 2;
        let crc = crc32c::crc32c(&newer[..60]);
        newer[60..].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(decode_head(SEGMENT, &newer), Err(HeadFault::Newer(2)));

        for byte in 0..bytes.len() {
            let mut flipped = bytes;
            flipped[byte] ^= 4;
            assert!(
                matches!(decode_head(SEGMENT, &flipped), Err(HeadFault::Bad(_))),
                "byte {byte}"
            );
            assert!(matches!(
                decode_head(SEGMENT, &bytes[..byte]),
                Err(HeadFault::Bad(_))
            ));
        }
    }
}
