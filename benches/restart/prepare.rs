//! A merchant's state directory after a long life: journal, snapshot, records, and a tail.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use channelsync::bookkeeper::{encode, rebuild_records, take_snapshot};
use channelsync::ledger::{
    Command, Entry, Fact, Happened, Ledger, Reading, Row, RowOutcome, decide, evolve,
};
use channelsync::ports::SeededRng;
use channelsync::store::journal_file::{JournalFile, JournalOptions};
use channelsync::store::records_sled::SledStore;
use channelsync::store::{Group, Journal};
use channelsync_contract::ids::{CallId, SlotKey};
use channelsync_contract::{Rng as _, Units};

use crate::orders::{Shoppers, shipped};
use crate::world::{self, START, Size};
use crate::{MERCHANT, RECORDS_OPEN_MAX, Scale};

/// A group is written when its entries hold this many facts and movements, as the bookkeeper does it.
const GROUP_FACTS_MAX: usize = 20_000;
const GROUP_ENTRIES_MAX: usize = 512;
const READINGS_IN_ENTRY: u32 = 100;
/// One order in so many is still to be shipped.
const OPEN_ONE_IN: u32 = 20;
/// One slot in so many was ever written by us; the others agreed when they were read first.
const PUSHED_ONE_IN: u32 = 4;

/// Writes what is booked into the journal, in groups.
struct Book {
    ledger: Ledger,
    journal: Arc<dyn Journal>,
    runtime: tokio::runtime::Runtime,
    waiting: Vec<Entry>,
    facts: usize,
}

/// Makes the directory, without closing anything properly. Prints what it took.
pub(crate) fn prepare(dir: &Path, scale: Scale) {
    let began = Instant::now();
    let size = scale.size;
    let dir_of = dir.join(MERCHANT);
    let options = JournalOptions::new(dir_of.join("journal"));
    let journal = JournalFile::open(&options).expect("a journal").journal;
    let mut book = Book {
        ledger: Ledger::default(),
        journal: Arc::new(journal),
        runtime: tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime"),
        waiting: Vec::new(),
        facts: 0,
    };
    let ledger = world::ledger(size, |entry| book.keep(entry));
    book.ledger = ledger;
    book.read_back(size);
    let mut shoppers = Shoppers::new(size, 13);
    for number in 0..scale.orders {
        let order = shoppers.order();
        let is_open = number % OPEN_ONE_IN == 0;
        book.report(if is_open { order } else { shipped(&order) });
    }
    book.write();
    println!(
        "restart    prepared in {:.1} s",
        began.elapsed().as_secs_f64()
    );

    let began = Instant::now();
    let journal = book.journal.clone();
    let read = |from, bytes| journal.read(from, bytes);
    let taken = take_snapshot(&dir_of.join("snapshots"), &read).expect("a snapshot");
    assert_eq!(
        taken,
        Some(book.ledger.seq),
        "the snapshot is of the journal's end"
    );
    println!(
        "restart    snapshot taken in {:.1} s",
        began.elapsed().as_secs_f64()
    );

    let began = Instant::now();
    let store = SledStore::open(&dir.join("records"), RECORDS_OPEN_MAX);
    let records = store.expect("records").0.records(MERCHANT);
    rebuild_records(&book.ledger, &records).expect("records");
    println!(
        "restart    records written in {:.1} s",
        began.elapsed().as_secs_f64()
    );

    for _ in 0..scale.tail {
        let order = shoppers.order();
        book.report(order);
    }
    book.write();
}

impl Book {
    /// Keeps an entry for the next group, whatever ledger it was applied to.
    fn keep(&mut self, entry: Entry) {
        self.facts += entry.facts.len() + entry.movements.len();
        self.waiting.push(entry);
        if self.facts >= GROUP_FACTS_MAX || self.waiting.len() >= GROUP_ENTRIES_MAX {
            self.write();
        }
    }

    fn write(&mut self) {
        let entries = std::mem::take(&mut self.waiting);
        self.facts = 0;
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
            return;
        };
        let group = Group {
            first: first.seq,
            last: last.seq,
            payload: encode(&entries),
        };
        let written = self.runtime.block_on(self.journal.append(group));
        written.expect("the journal is written");
    }

    fn book(&mut self, facts: Vec<Fact>, movements: Vec<channelsync::ledger::Movement>) {
        let entry = Entry {
            seq: self.ledger.seq + 1,
            at: START,
            actor: "webhook shop".to_owned(),
            cause: "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043".to_owned(),
            movements,
            facts,
        };
        evolve(&mut self.ledger, &entry);
        self.keep(entry);
    }

    fn report(&mut self, happened: Happened) {
        let command = Command::Report(happened);
        let draft = decide(&self.ledger, &command, START).expect("an order is never refused");
        self.book(draft.facts, draft.movements);
    }

    /// Every slot was read, and some were written.
    fn read_back(&mut self, size: Size) {
        let dice = SeededRng::new(17);
        for channel in 0..size.channels {
            for first in (0..size.skus).step_by(READINGS_IN_ENTRY as usize) {
                let some = first..size.skus.min(first + READINGS_IN_ENTRY);
                let slot = |number| SlotKey {
                    item: world::item(channel, number),
                    location: Some(world::place(channel)),
                };
                let reading = |number| Reading {
                    slot: slot(number),
                    written: Some(10),
                    sellable: 10,
                    unsellable: Units::ZERO,
                    adopt: true,
                    drift: None,
                    recheck: None,
                    park: None,
                };
                let id = world::channel(channel);
                let readings = some.clone().map(reading).collect();
                self.book(vec![Fact::Shown(id.clone(), START, readings)], Vec::new());
                let row = |number| Row {
                    slot: slot(number),
                    quantity: Units(9),
                    expected: Some(10),
                };
                let rows: Vec<Row> = some.step_by(PUSHED_ONE_IN as usize).map(row).collect();
                let call = CallId(dice.uuid());
                let outcomes = vec![RowOutcome::Applied; rows.len()];
                self.book(vec![Fact::Intent(call, id, rows)], Vec::new());
                self.book(vec![Fact::Outcome(call, outcomes)], Vec::new());
            }
        }
    }
}
