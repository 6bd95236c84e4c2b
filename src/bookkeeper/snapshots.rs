//! The live state in a file, so that a restart replays only the journal's tail.
//!
//! A snapshot is made from the one before and the journal, never from the writer's own ledger: the
//! writer does not wait for it.

use std::io::{self, Read, Write};
use std::path::Path;

use channelsync_contract::Timestamp;

use super::code::decode;
use super::open::{OpenError, ReadGroups, replay};
use crate::ledger::{Ledger, Piece};
use crate::store::snapshot::{self, SnapshotError};
use crate::store::{Head, Journal};

/// A ledger to replay from.
#[derive(Default)]
pub struct Loaded {
    /// The newest good one; an empty one where there is none.
    pub ledger: Ledger,
    /// Snapshots that were passed over, and why.
    pub skipped: Vec<String>,
}

/// Why no snapshot was taken.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// Journal or entries cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The file cannot be written.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

/// Loads the newest snapshot that is good in itself and readable by this version; where there is
/// none, the state at which the journal begins.
///
/// # Errors
/// [`SnapshotError`] when the directory cannot be read or a newer version wrote to it.
pub fn load_newest(dir: &Path) -> Result<Loaded, SnapshotError> {
    let mut loaded = Loaded::default();
    load(dir, &mut loaded)?;
    if loaded.ledger.seq == 0 {
        load(&dir.join(snapshot::BASES), &mut loaded)?;
    }
    Ok(loaded)
}

/// Loads the state at which a journal that begins after `begins` can be replayed; an empty one for a
/// journal that is whole.
///
/// # Errors
/// As [`load_newest`].
pub fn load_base(dir: &Path, begins: &Head) -> Result<Loaded, SnapshotError> {
    let mut loaded = Loaded::default();
    if begins.seq > 0 {
        load(&dir.join(snapshot::BASES), &mut loaded)?;
    }
    Ok(loaded)
}

fn load(dir: &Path, loaded: &mut Loaded) -> Result<(), SnapshotError> {
    let (found, skipped) = snapshot::newest_good(dir)?;
    let tell = |skip: snapshot::Skipped| format!("{}: {}", skip.path.display(), skip.why);
    loaded.skipped.extend(skipped.into_iter().map(tell));
    if let Some(found) = found {
        let seq = found.head.seq;
        let tell = |why: &str| format!("snapshot of entry {seq}: {why}");
        match assemble(found.payload) {
            Ok(ledger) if ledger.seq == seq => loaded.ledger = ledger,
            Ok(_) => loaded.skipped.push(tell("it holds another entry's state")),
            Err(error) => loaded.skipped.push(tell(&error.to_string())),
        }
    }
    Ok(())
}

/// Writes a snapshot of the journal's present end. Gives its entry; none if there was nothing new.
///
/// Blocks for as long as a replay takes.
///
/// # Errors
/// [`TakeError`]; the snapshots that are there stand.
pub fn take_snapshot(dir: &Path, read: ReadGroups<'_>) -> Result<Option<u64>, TakeError> {
    let loaded = load_newest(dir)?;
    let (ledger, head) = replay(read, loaded.ledger, |_, _| true)?;
    let Some(head) = head else { return Ok(None) };
    write(dir, &head, ledger)?;
    Ok(Some(head.seq))
}

fn write(dir: &Path, head: &Head, ledger: Ledger) -> Result<u64, SnapshotError> {
    snapshot::write(dir, head, |file| {
        let mut pieces = ledger.into_pieces();
        pieces.try_for_each(|piece| write_piece(&piece, file))
    })
}

/// Snapshots that must cover what is deleted from a journal.
const COVERED_BY: usize = 2;

/// Finds how far a journal may be cut: whole files with entries from before a time only, that two
/// snapshots cover. Writes the state at that point first. None where nothing may go.
///
/// Blocks for as long as a replay takes.
///
/// # Errors
/// [`TakeError`]; nothing may be cut then.
pub fn prepare_cut(
    dir: &Path,
    journal: &dyn Journal,
    before: Timestamp,
) -> Result<Option<Head>, TakeError> {
    let read = |from, bytes| journal.read(from, bytes);
    let Some(covered) = snapshot::covered_by(dir, COVERED_BY)? else {
        return Ok(None);
    };
    let bounds = journal.bounds();
    let mut bound = None;
    for next in bounds.iter().skip(1).filter(|next| next.seq <= covered) {
        // Times never go back: older than the first entry after it is all before it.
        let found = first_after(&read, next)?;
        if found.is_none_or(|at| at >= before) {
            break;
        }
        bound = Some(*next);
    }
    let (Some(bound), Some(begins)) = (bound, bounds.first()) else {
        return Ok(None);
    };
    let base = load_base(dir, begins)?;
    let (ledger, _) = replay(&read, base.ledger, |_, entry| entry.seq <= bound.seq)?;
    if ledger.seq != bound.seq {
        // A base beyond it is there, from a cut that did not come to its end: that one must stay.
        return Ok(None);
    }
    write(&dir.join(snapshot::BASES), &bound, ledger)?;
    Ok(Some(bound))
}

/// The time of the first entry after a head.
fn first_after(read: ReadGroups<'_>, head: &Head) -> Result<Option<Timestamp>, OpenError> {
    let groups = read(head.seq + 1, 1)?;
    let Some(group) = groups.first() else {
        return Ok(None);
    };
    let entries = decode(&group.payload, group.first)?;
    Ok(entries.first().map(|entry| entry.at))
}

/// Writes a piece behind its length. Equal histories are written as equal bytes.
///
/// # Errors
/// When `out` cannot take it.
pub fn write_piece(piece: &Piece, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
    let bytes = postcard::to_stdvec(piece).map_err(io::Error::other)?;
    let length = u64::try_from(bytes.len()).map_err(io::Error::other)?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(&bytes)
}

/// Reads pieces, each behind its length, to the end.
///
/// Each is decoded from memory: texts read from a stream would all be kept until its end.
fn assemble(mut payload: impl Read) -> io::Result<Ledger> {
    let (mut ledger, mut bytes) = (Ledger::default(), Vec::new());
    loop {
        let mut length = [0; 8];
        match payload.read_exact(&mut length) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(ledger),
            read => read?,
        }
        bytes.clear();
        let length = u64::from_le_bytes(length);
        payload.by_ref().take(length).read_to_end(&mut bytes)?;
        let piece: Piece = postcard::from_bytes(&bytes).map_err(io::Error::other)?;
        ledger.add(piece).map_err(io::Error::other)?;
    }
}

#[cfg(test)]
mod tests {
    use channelsync_contract::{ChannelId, ItemId, ListingId, LocationId, Sku, Timestamp};

    use super::*;
    use crate::bookkeeper::encode;
    use crate::ledger::{
        ChannelSetup, Counting, Entry, Fact, ListingReport, MappedBy, MassLimits, Rules, Setup,
        evolve,
    };
    use crate::store::Group;

    fn setup() -> Setup {
        let channel = ChannelSetup {
            id: ChannelId::new("shop"),
            counting: Counting::Gross,
            compare_and_set: true,
            visibility_lag: std::time::Duration::from_secs(60),
            live: true,
            book_from: Some(Timestamp(0)),
            locations: Vec::new(),
            mass_change: MassLimits::default(),
            backorder_priority: 0,
            returns: Default::default(),
            rules: Rules::default(),
            sku_rules: Default::default(),
            listing_rules: Default::default(),
        };
        Setup {
            locations: vec![LocationId::new("main")],
            channels: vec![channel],
            ..Setup::default()
        }
    }

    /// More ids than any buffer holds, and more rows than a piece.
    fn entry() -> Entry {
        let mut facts = vec![Fact::Configured(Box::new(setup()))];
        for number in 0..10_000 {
            let (shop, sku) = (
                ChannelId::new("shop"),
                Sku::new(format!("SKU-{number:016}")),
            );
            let listing = ListingId::new(format!("{number:014}"));
            let report = ListingReport {
                listing: listing.clone(),
                item: ItemId::new(format!("{number:013}")),
                sku: sku.clone(),
                gtin: None,
                unpushable: false,
                sells_without_limit: false,
            };
            facts.push(Fact::Counted(sku.clone(), LocationId::new("main")));
            facts.push(Fact::Listing(shop.clone(), Box::new(report)));
            facts.push(Fact::Mapped(shop, listing, vec![(sku, 1)], MappedBy::Sku));
        }
        Entry {
            seq: 1,
            at: Timestamp(1),
            actor: "test".to_owned(),
            cause: "a large catalog".to_owned(),
            movements: Vec::new(),
            facts,
        }
    }

    #[test]
    fn a_snapshot_gives_the_ledger_back_however_large_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let entry = entry();
        let mut ledger = Ledger::default();
        evolve(&mut ledger, &entry);
        let group = Group {
            first: 1,
            last: 1,
            payload: encode(&[entry]),
        };
        let read = |from: u64, _: usize| Ok(Vec::from_iter((from <= 1).then(|| group.clone())));
        assert_eq!(take_snapshot(dir.path(), &read).unwrap(), Some(1));
        let loaded = load_newest(dir.path()).unwrap();
        assert_eq!(loaded.skipped, Vec::<String>::new());
        let bytes = |ledger: &Ledger| postcard::to_stdvec(ledger).unwrap();
        assert!(bytes(&loaded.ledger) == bytes(&ledger), "row for row");
        let listings = &loaded.ledger.channels[0].listings;
        let sku = "SKU-0000000000009999";
        assert_eq!(listings.with_sku(sku).collect::<Vec<_>>(), [9_999]);
    }
}
