//! The payload of a group: whatever can be read is written again as what says the same.

use channelsync::bookkeeper::{decode, encode};

use super::journal::payloads;

pub(super) fn holds(bytes: &[u8]) {
    let Ok(entries) = decode(bytes, 1) else {
        return;
    };
    let written = encode(&entries);
    assert_eq!(decode(&written, 1).unwrap(), entries);
    assert_eq!(
        encode(&decode(&written, 1).unwrap()),
        written,
        "written in one way"
    );
}

pub(super) fn made() -> Vec<Vec<u8>> {
    payloads()
}
