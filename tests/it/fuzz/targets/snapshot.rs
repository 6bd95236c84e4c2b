//! A snapshot. The first byte says what the rest is: a file as it lies there, or which pieces of a ledger
//! are written to one, in which order.
//!
//! It is passed over and said so, or its ledger is the one that was written.

use std::io;
use std::path::Path;

use channelsync::bookkeeper::{load_newest, write_piece};
use channelsync::ledger::Ledger;
use channelsync::store::Head;
use channelsync::store::snapshot::{self, newest_good};

use super::book::Book;
use super::scratch;

const PIECES: u8 = 1;
/// The pieces that an input may name; more would only be slow.
const PIECES_MAX: usize = 32;

pub(super) fn holds(bytes: &[u8]) {
    match bytes.split_first() {
        None => {}
        Some((&PIECES, order)) => pieces(order),
        Some((_, file)) => as_it_lies(file),
    }
}

fn as_it_lies(file: &[u8]) {
    let dir = scratch();
    std::fs::write(dir.path().join(format!("{:020}.snap", seq(file))), file).unwrap();
    let Ok((found, skipped)) = newest_good(dir.path()) else {
        let newer = load_newest(dir.path()).err().expect("refused each time");
        return assert!(newer.to_string().contains("newer version"), "{newer}");
    };
    let loaded = load_newest(dir.path()).unwrap();
    let Some(mut found) = found else {
        assert_eq!((skipped.len(), loaded.skipped.len()), (1, 1));
        return assert_eq!(loaded.ledger.seq, 0);
    };
    assert_eq!(skipped.len(), 0);
    let mut payload = Vec::new();
    io::Read::read_to_end(&mut found.payload, &mut payload).unwrap();
    assert_eq!(payload.len() as u64, found.payload_bytes);
    assert_eq!(80 + payload.len(), file.len(), "no byte is passed over");
    if loaded.skipped.is_empty() {
        assert_eq!(
            written(loaded.ledger),
            payload,
            "the ledger that was written"
        );
    }
}

/// The entry that a file says it is of.
fn seq(file: &[u8]) -> u64 {
    let bytes = file.get(16..24).and_then(|bytes| bytes.try_into().ok());
    bytes.map_or(0, u64::from_le_bytes)
}

fn written(ledger: Ledger) -> Vec<u8> {
    let mut payload = Vec::new();
    for piece in ledger.into_pieces() {
        write_piece(&piece, &mut payload).unwrap();
    }
    payload
}

fn pieces(order: &[u8]) {
    let ledger = Book::new().ledger;
    let seq = ledger.seq;
    let apart: Vec<Vec<u8>> = ledger
        .clone()
        .into_pieces()
        .map(|piece| {
            let mut bytes = Vec::new();
            write_piece(&piece, &mut bytes).unwrap();
            bytes
        })
        .collect();
    let count = u8::try_from(apart.len()).unwrap();
    let some = order.iter().take(PIECES_MAX);
    let order: Vec<usize> = some.map(|at| usize::from(*at % (count + 1))).collect();
    // One number beyond the last is a piece that was cut.
    let cut = &apart[0][..apart[0].len() / 2];
    let payload: Vec<&[u8]> = order
        .iter()
        .map(|at| apart.get(*at).map_or(cut, Vec::as_slice))
        .collect();
    let dir = scratch();
    write(dir.path(), seq, &payload.concat());
    let loaded = load_newest(dir.path()).unwrap();
    let whole: Vec<usize> = (0..usize::from(count)).collect();
    if order == whole {
        assert_eq!(loaded.skipped, Vec::<String>::new());
        assert_eq!(written(loaded.ledger), written(ledger));
    } else if !order.contains(&0) && !order.contains(&usize::from(count)) {
        assert_eq!(loaded.ledger.seq, 0, "the frame is missing");
    }
}

fn write(dir: &Path, seq: u64, payload: &[u8]) {
    let head = Head { seq, hash: [7; 32] };
    snapshot::write(dir, &head, |file| file.write_all(payload)).unwrap();
}

pub(super) fn made() -> Vec<Vec<u8>> {
    let ledger = Book::new().ledger;
    let (seq, dir) = (ledger.seq, scratch());
    write(dir.path(), seq, &written(ledger));
    let file = std::fs::read(dir.path().join(format!("{seq:020}.snap"))).unwrap();
    vec![
        [&[0], &file[..]].concat(),
        vec![PIECES, 0, 1, 2, 3],
        vec![PIECES, 0, 1, 2, 3, 4],
        vec![PIECES, 2, 1],
    ]
}
