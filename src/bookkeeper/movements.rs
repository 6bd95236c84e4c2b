//! Every movement of a SKU, read from the journal backwards, with what was there before and after.
//!
//! In: the balances now and the names that the SKU had. Out: a page, and where the next goes on.
//! Runs beside the writer; blocks while it reads.

use std::collections::BTreeMap;
use std::sync::Arc;

use channelsync_contract::ids::{LocationId, Sku};
use channelsync_contract::time::Timestamp;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::code::decode;
use super::open::{OpenError, ReadGroups};
use crate::catalog::SkuIx;
use crate::ledger::{Bucket, Entry, Fact, Ledger, Movement, Place};
use crate::store::JournalError;

/// Entries read at once.
const STRETCH_ENTRIES: u64 = 20_000;
/// Entries looked at for one page; a SKU that rarely moved takes several pages.
const LOOKED_ENTRIES_MAX: u64 = 100_000;
const READ_BYTES_MAX: usize = 4 << 20;

/// What is to be read.
#[derive(Clone, Debug)]
pub struct MovementsAsked {
    /// Names of the SKU.
    pub names: Vec<Named>,
    /// Where to begin.
    pub from: GoOn,
    /// Nothing older.
    pub since: Option<Timestamp>,
    /// Only what came to this location or left it.
    pub location: Option<LocationId>,
    /// About how many; an entry's movements stay together.
    pub most: usize,
}

/// A name, and the entries of a SKU that bear it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    name: String,
    /// Until this entry it was another SKU's, if anybody's.
    after: u64,
    until: u64,
}

/// Where a page begins: an entry, and the units at each place after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoOn {
    entry: u64,
    units: BTreeMap<String, i64>,
}

/// One movement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// Its entry.
    pub entry: u64,
    /// When.
    pub at: String,
    /// Who.
    pub actor: String,
    /// Why.
    pub cause: String,
    /// What it was, in a word or two.
    pub what: &'static str,
    /// The SKU as it was called.
    pub sku: String,
    /// How many.
    pub units: u32,
    /// From where.
    pub from: Side,
    /// To where.
    pub to: Side,
}

/// A place with its units before and after; outside parties keep none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Side {
    /// The place.
    pub place: String,
    /// Units before.
    pub before: Option<i64>,
    /// Units after.
    pub after: Option<i64>,
}

/// Movements, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MovementsPage {
    /// The movements.
    pub rows: Vec<Moved>,
    /// Where the next page begins; none after the last.
    pub go_on: Option<GoOn>,
}

/// Reads a page on a thread of its own.
pub type ReadMovements =
    Arc<dyn Fn(MovementsAsked) -> BoxFuture<'static, Result<MovementsPage, String>> + Send + Sync>;

impl MovementsAsked {
    /// The newest movements of a SKU; none where it is unknown.
    pub fn newest(ledger: &Ledger, sku: &str, most: usize) -> Option<Self> {
        let known = ledger.sku_ix(sku);
        let number = known.or_else(|| ledger.renamed(&Sku::new(sku)))?;
        let mut units = BTreeMap::new();
        for stock in &ledger.sku(number).stocks {
            for bucket in [
                Bucket::Available,
                Bucket::Committed,
                Bucket::Unavailable,
                Bucket::InTransit,
            ] {
                let place = Place::At(ledger.location_id(stock.location).clone(), bucket);
                let here = stock.balance.bucket(bucket).signed();
                units.insert(place.to_string(), here);
            }
        }
        Some(Self {
            names: names(ledger, number),
            from: GoOn {
                entry: ledger.seq,
                units,
            },
            since: None,
            location: None,
            most,
        })
    }
}

/// The entry that ends a name bears the new one already. Of two SKUs that had one name, one had it
/// first: what it was then is not the other's.
fn names(ledger: &Ledger, sku: SkuIx) -> Vec<Named> {
    let former = ledger.former.get(&sku).into_iter().flatten();
    let former = former.map(|(name, ended)| (name, ended.saturating_sub(1)));
    let named = |(name, until): (&Sku, u64)| {
        let all = ledger.former.values().flatten();
        let ends = all.filter(|(known, ended)| known == name && *ended <= until);
        Named {
            name: name.to_string(),
            after: ends
                .map(|(_, ended)| ended.saturating_sub(1))
                .max()
                .unwrap_or(0),
            until,
        }
    };
    former
        .chain([(ledger.sku_id(sku), u64::MAX)])
        .map(named)
        .collect()
}

/// A page of movements, newest first.
///
/// # Errors
/// [`OpenError`] when the journal cannot be read.
pub fn movements(read: ReadGroups<'_>, asked: &MovementsAsked) -> Result<MovementsPage, OpenError> {
    let mut rows = Vec::new();
    let GoOn { entry, mut units } = asked.from.clone();
    let (mut end, mut looked) = (entry, 0);
    while end > 0 && rows.len() < asked.most && looked < LOOKED_ENTRIES_MAX {
        let start = end.saturating_sub(STRETCH_ENTRIES - 1).max(1);
        let (found, is_last) = match stretch(read, (start, end), asked) {
            Err(OpenError::Journal(JournalError::Gone { first, .. })) if first > end => {
                end = 0;
                break;
            }
            Err(OpenError::Journal(JournalError::Gone { first, .. })) => {
                (stretch(read, (first, end), asked)?.0, true)
            }
            found => found?,
        };
        let mut next = if is_last { 0 } else { start - 1 };
        looked += end - start + 1;
        for entry in found.iter().rev() {
            for movement in entry.movements.iter().rev() {
                if is_of(movement, entry.seq, &asked.names) {
                    let moved = undo(entry, movement, &mut units);
                    rows.extend(is_at(movement, asked.location.as_ref()).then_some(moved));
                }
            }
            if rows.len() >= asked.most {
                next = entry.seq.saturating_sub(1);
                break;
            }
        }
        end = next;
    }
    let go_on = (end > 0).then_some(GoOn { entry: end, units });
    Ok(MovementsPage { rows, go_on })
}

/// The entries of a stretch that move the SKU, oldest first, and whether nothing before them counts.
fn stretch(
    read: ReadGroups<'_>,
    (start, end): (u64, u64),
    asked: &MovementsAsked,
) -> Result<(Vec<Entry>, bool), OpenError> {
    let (mut found, mut next, mut is_last) = (Vec::new(), start, false);
    let quoted = asked.names.iter();
    let quoted = quoted.map(|named| serde_json::Value::from(named.name.as_str()).to_string());
    let quoted: Vec<String> = quoted.collect();
    while next <= end {
        let groups = read(next, READ_BYTES_MAX)?;
        let Some(last) = groups.last() else { break };
        next = last.last + 1;
        for group in groups.iter().filter(|group| group.first <= end) {
            let text = String::from_utf8_lossy(&group.payload);
            let names_it = |line: &str| quoted.iter().any(|name| line.contains(name.as_str()));
            for (seq, line) in (group.first..).zip(text.lines()) {
                let is_first = seq == start && asked.since.is_some();
                if seq < start || seq > end || !(is_first || names_it(line)) {
                    continue;
                }
                let entry = decode(line.as_bytes(), seq)?;
                for entry in entry {
                    if asked.since.is_some_and(|since| entry.at < since) {
                        is_last = true;
                    } else {
                        found.push(entry);
                    }
                }
            }
        }
    }
    Ok((found, is_last))
}

fn is_of(movement: &Movement, seq: u64, names: &[Named]) -> bool {
    let mut names = names.iter();
    names
        .any(|named| named.after < seq && seq <= named.until && movement.sku.as_str() == named.name)
}

fn is_at(movement: &Movement, location: Option<&LocationId>) -> bool {
    let here = |place: &Place| match place {
        Place::At(at, _) => location == Some(at),
        Place::Supplier | Place::Customer | Place::Adjustment => false,
    };
    location.is_none() || here(&movement.from) || here(&movement.to)
}

/// A movement with the units after it, which are then brought back to those before it.
fn undo(entry: &Entry, movement: &Movement, units: &mut BTreeMap<String, i64>) -> Moved {
    let moved = movement.units.signed();
    let mut side = |place: &Place, by: i64| {
        let is_ours = matches!(place, Place::At(..));
        let place = place.to_string();
        let after = is_ours.then(|| units.get(&place).copied().unwrap_or(0));
        let before = after.map(|after| after.saturating_sub(by));
        if let Some(before) = before {
            units.insert(place.clone(), before);
        }
        Side {
            place,
            before,
            after,
        }
    };
    Moved {
        entry: entry.seq,
        at: entry.at.to_string(),
        actor: entry.actor.clone(),
        cause: entry.cause.clone(),
        what: what(entry, movement),
        sku: movement.sku.to_string(),
        units: movement.units.0,
        from: side(&movement.from, moved.saturating_neg()),
        to: side(&movement.to, moved),
    }
}

/// What a movement was, by its places and, where units were found or lost, by what its entry says.
fn what(entry: &Entry, movement: &Movement) -> &'static str {
    let counted = |at: &LocationId| {
        entry.facts.iter().any(|fact| match fact {
            Fact::Counted(sku, here) | Fact::CountedAsOf(sku, here, _) => {
                *sku == movement.sku && here == at
            }
            _ => false,
        })
    };
    let shown = |at: &LocationId| {
        entry.facts.iter().any(|fact| match fact {
            Fact::Mastered(_, _, sku, here, _) => *sku == movement.sku && here == at,
            _ => false,
        })
    };
    match (&movement.from, &movement.to) {
        (Place::Adjustment, Place::At(at, _)) | (Place::At(at, _), Place::Adjustment) => {
            match (counted(at), shown(at)) {
                (true, _) => "count",
                (false, true) => "told by its master",
                (false, false) => "correction",
            }
        }
        (Place::Supplier, _) => "receipt",
        (_, Place::Supplier) => "receipt taken back",
        (Place::Customer, Place::At(_, Bucket::Committed)) => "parcel undone",
        (Place::Customer, _) => "return",
        (_, Place::Customer) => "parcel",
        (_, Place::Adjustment) => "correction",
        (Place::At(_, from), Place::At(_, to)) => match (from, to) {
            (_, Bucket::InTransit) => "transfer",
            (Bucket::InTransit, _) => "arrival",
            (Bucket::Available, Bucket::Committed) => "order",
            (Bucket::Committed, Bucket::Available) => "order released",
            (Bucket::Committed, Bucket::Unavailable) => "order cancelled, not restocked",
            (_, Bucket::Unavailable) => "taken out of sale",
            (Bucket::Unavailable, _) => "put on sale again",
            (Bucket::Available, Bucket::Available) | (Bucket::Committed, Bucket::Committed) => {
                "moved"
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use channelsync_contract::Units;

    use super::*;
    use crate::bookkeeper::encode;
    use crate::ledger::{Setup, evolve};
    use crate::store::Group;

    /// The ledger of entries, and their journal, a group for each.
    struct Book {
        ledger: Ledger,
        groups: Vec<Group>,
    }

    impl Book {
        fn new() -> Self {
            let mut book = Self {
                ledger: Ledger::default(),
                groups: Vec::new(),
            };
            let setup = Setup {
                locations: vec![LocationId::new("main"), LocationId::new("annex")],
                ..Setup::default()
            };
            book.put(Vec::new(), vec![Fact::Configured(Box::new(setup))]);
            book
        }

        fn put(&mut self, movements: Vec<Movement>, facts: Vec<Fact>) {
            let seq = self.ledger.seq + 1;
            let entry = Entry {
                seq,
                at: Timestamp(i64::try_from(seq).unwrap() * 1_000_000),
                actor: "test".to_owned(),
                cause: format!("c{seq}"),
                movements,
                facts,
            };
            evolve(&mut self.ledger, &entry);
            let payload = encode(&[entry]);
            self.groups.push(Group {
                first: seq,
                last: seq,
                payload,
            });
        }

        fn came(&mut self, sku: &str, units: u32, at: &str) {
            let to = Place::At(LocationId::new(at), Bucket::Available);
            let from = Place::Supplier;
            let (sku, units) = (Sku::new(sku), Units(units));
            let movement = Movement {
                sku,
                units,
                from,
                to,
            };
            self.put(vec![movement], Vec::new());
        }

        fn renamed(&mut self, old: &str, new: &str) {
            let fact = Fact::Renamed(Sku::new(old), Sku::new(new));
            self.put(Vec::new(), vec![fact]);
        }

        /// All pages of a SKU: entry, name, units before and after where they came to.
        fn told(&self, sku: &str, change: impl Fn(&mut MovementsAsked)) -> Vec<String> {
            let read = |from: u64, _: usize| {
                let later = self.groups.iter().filter(|group| group.last >= from);
                Ok(later.cloned().collect())
            };
            let mut asked = MovementsAsked::newest(&self.ledger, sku, 1).unwrap();
            change(&mut asked);
            let mut told = Vec::new();
            loop {
                let page = movements(&read, &asked).unwrap();
                told.extend(page.rows.iter().map(|row| {
                    let (before, after) = (row.to.before.unwrap(), row.to.after.unwrap());
                    format!("{} {} {before}>{after}", row.entry, row.sku)
                }));
                match page.go_on {
                    Some(go_on) => asked.from = go_on,
                    None => return told,
                }
            }
        }
    }

    /// R27
    #[test]
    fn a_name_that_two_skus_had_one_after_the_other_mixes_no_histories() {
        let mut book = Book::new();
        book.came("A", 1, "main");
        book.came("B", 20, "main");
        book.renamed("A", "C");
        book.renamed("B", "A");
        book.came("C", 2, "main");
        book.came("A", 40, "main");
        assert_eq!(book.told("C", |_| ()), ["6 C 1>3", "2 A 0>1"]);
        assert_eq!(book.told("A", |_| ()), ["7 A 20>60", "3 B 0>20"]);
        book.renamed("A", "C");
        let both = ["7 A 23>63", "6 C 21>23", "3 B 1>21", "2 A 0>1"];
        assert_eq!(book.told("C", |_| ()), both);
    }

    #[test]
    fn movements_are_cut_by_location_and_time_and_keep_their_figures() {
        let mut book = Book::new();
        for (units, at) in [(1, "main"), (10, "annex"), (2, "main"), (4, "main")] {
            book.came("A", units, at);
            book.came("AA", 9, at);
        }
        let all = ["8 A 3>7", "6 A 1>3", "4 A 0>10", "2 A 0>1"];
        assert_eq!(book.told("A", |_| ()), all);
        let annex = |asked: &mut MovementsAsked| asked.location = Some(LocationId::new("annex"));
        assert_eq!(book.told("A", annex), [all[2]]);
        let since = |asked: &mut MovementsAsked| asked.since = Some(Timestamp(5_000_000));
        assert_eq!(book.told("A", since), all[..2]);
        assert_eq!(
            MovementsAsked::newest(&book.ledger, "B", 1).map(|_| ()),
            None
        );
    }

    #[test]
    fn a_history_ends_where_the_journal_begins() {
        let mut book = Book::new();
        for units in 1..5 {
            book.came("A", units, "main");
        }
        let read = |from: u64, _: usize| {
            if from < 4 {
                return Err(JournalError::Gone {
                    asked: from,
                    first: 4,
                });
            }
            let later = book.groups.iter().filter(|group| group.last >= from);
            Ok(later.cloned().collect())
        };
        let asked = MovementsAsked::newest(&book.ledger, "A", 100).unwrap();
        let page = movements(&read, &asked).unwrap();
        let told: Vec<_> = page
            .rows
            .iter()
            .map(|row| (row.entry, row.to.before))
            .collect();
        assert_eq!(told, [(5, Some(6)), (4, Some(3))]);
        assert_eq!(page.go_on, None);
    }
}
