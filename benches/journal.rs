//! Durable orders through the bookkeeper, beside what the disk alone and PostgreSQL can do.
//!
//! Each caller books an order, waits until it is durable, books its shipment, waits, and so on. The
//! records are kept meanwhile, and a round ends when they have caught up. Then the very groups that
//! were written are read back and appended to a bare file with one sync each. Figures are medians of
//! the rounds. Last PostgreSQL, where it is installed, does comparable work on the same disk.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]
#![expect(clippy::float_arithmetic, reason = "figures are for people")]
#![expect(clippy::disallowed_methods, reason = "a bench measures real time")]

#[path = "common/orders.rs"]
mod orders;
#[path = "journal/postgres.rs"]
mod postgres;
#[path = "common/sheet.rs"]
mod sheet;
#[path = "common/world.rs"]
mod world;

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use channelsync::bookkeeper::{
    Handle, Origin, Writer, WriterLimits, keep_records, rebuild_records,
};
use channelsync::ledger::{Command, Happened};
use channelsync::ports::SystemClock;
use channelsync::store::journal_file::{JournalFile, JournalOptions};
use channelsync::store::records_sled::SledStore;
use channelsync::store::{Journal, JournalError, Records};
use orders::{Shoppers, shipped};
use sheet::{Sheet, full_size, per_second};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use world::Size;

/// As the daemon has them by default.
const LIMITS: WriterLimits = WriterLimits {
    queue_commands_max: 4_096,
    group_entries_max: 512,
};
const RECORDS_QUEUE_MAX: usize = 1_024;
const RECORDS_OPEN_MAX: Duration = Duration::from_secs(60);

fn main() {
    let (skus, rounds, orders) = if full_size() {
        (100_000, 5, 20_000)
    } else {
        (1_000, 1, 1_024)
    };
    let size = Size { skus, channels: 4 };
    let mut sheet = Sheet::new("journal");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mut rates = Vec::new();
    for callers in [64, 512] {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        let mut book = Book::open(&runtime, size, dir.path());
        let mut found: Vec<Round> = Vec::new();
        for _ in 0..rounds {
            found.push(book.round(&runtime, callers, orders));
        }
        book.close(&runtime);
        let name = |what: &str| format!("{callers}_callers_{what}");
        let ours = median(found.iter().map(|round| round.ours));
        let bytes = median(found.iter().map(|round| round.group_bytes));
        sheet.figure(&name("orders_per_second"), ours);
        sheet.figure(&name("group_bytes"), bytes);
        let disk = median(found.iter().map(|round| round.disk));
        sheet.figure(&name("bare_append_orders_per_second"), disk);
        let ratios = found.iter().map(|round| round.ours / round.disk);
        sheet.figure(&name("ratio_to_bare_append"), median(ratios));
        rates.push(ours);
    }
    match postgres::measure(&runtime, skus) {
        Ok(found) => {
            sheet.figure("postgres_one_call_per_second", found.one_call);
            sheet.figure("postgres_round_trips_per_second", found.round_trips);
            for (callers, ours) in [64, 512].iter().zip(&rates) {
                let name = |what: &str| format!("{callers}_callers_ratio_to_{what}");
                sheet.figure(&name("postgres_one_call"), ours / found.one_call);
                sheet.figure(&name("postgres_round_trips"), ours / found.round_trips);
            }
        }
        Err(why) => println!("journal    skipped: PostgreSQL, {why}"),
    }
    sheet.finish();
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Orders in a second, side by side.
struct Round {
    ours: f64,
    disk: f64,
    group_bytes: f64,
}

/// A book at work.
struct Book {
    shoppers: Shoppers,
    journal: Arc<dyn Journal>,
    records: Arc<dyn Records>,
    handle: Handle,
    stop: CancellationToken,
    writer: JoinHandle<Result<(), JournalError>>,
    bare: File,
}

impl Book {
    /// Here the ledger begins in the middle of its life and the journal at its beginning, so its
    /// sequence is set back.
    fn open(runtime: &Runtime, size: Size, dir: &Path) -> Self {
        let _inside = runtime.enter();
        let mut ledger = world::ledger(size, drop);
        ledger.seq = 0;
        let opened = JournalFile::open(&JournalOptions::new(dir.join("journal")));
        let journal: Arc<dyn Journal> = Arc::new(opened.expect("a journal").journal);
        let store = SledStore::open(&dir.join("records"), RECORDS_OPEN_MAX);
        let records: Arc<dyn Records> = Arc::new(store.expect("records").0.records("bench"));
        rebuild_records(&ledger, records.as_ref()).expect("records");
        let (sender, queue) = tokio::sync::mpsc::channel(RECORDS_QUEUE_MAX);
        let kept = records.clone();
        drop(tokio::task::spawn_blocking(move || {
            keep_records(kept.as_ref(), queue);
        }));
        let clock = Arc::new(SystemClock::new());
        let (writer, handle) = Writer::new(ledger, journal.clone(), clock, LIMITS, Some(sender));
        let stop = CancellationToken::new();
        Self {
            shoppers: Shoppers::new(size, 11),
            journal,
            records,
            handle,
            writer: tokio::spawn(writer.run(stop.clone())),
            stop,
            bare: File::create(dir.join("bare")).expect("a file"),
        }
    }

    /// Books so many orders and their shipments, then appends the same groups to a bare file.
    fn round(&mut self, runtime: &Runtime, callers: usize, orders: usize) -> Round {
        let mut work: Vec<Vec<Happened>> = vec![Vec::new(); callers];
        for number in 0..orders {
            let order = self.shoppers.order();
            let gone = shipped(&order);
            work[number % callers].extend([order, gone]);
        }
        let before = self.journal.head().seq;
        let began = Instant::now();
        runtime.block_on(async {
            let callers = work
                .into_iter()
                .map(|own| tokio::spawn(call(self.handle.clone(), own)));
            for caller in callers.collect::<Vec<_>>() {
                caller.await.expect("a caller");
            }
            let head = self.journal.head().seq;
            while self.records.applied_seq().expect("records") < head {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        let took = began.elapsed();
        let groups = self.groups(before + 1);
        let bytes: usize = groups.iter().map(Bytes::len).sum();
        let booked = u64::try_from(orders * 2).unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let group_bytes = bytes as f64 / groups.len() as f64;
        Round {
            ours: per_second(booked, took),
            disk: per_second(booked, self.bare_append(&groups)),
            group_bytes,
        }
    }

    fn groups(&self, mut next: u64) -> Vec<Bytes> {
        let mut groups = Vec::new();
        loop {
            let read = self.journal.read(next, 64 << 20).expect("the journal");
            let Some(last) = read.last() else {
                return groups;
            };
            next = last.last + 1;
            groups.extend(read.into_iter().map(|group| group.payload));
        }
    }

    /// One write and one sync for each group.
    fn bare_append(&mut self, groups: &[Bytes]) -> Duration {
        self.bare.sync_all().expect("a sync");
        let began = Instant::now();
        for group in groups {
            self.bare.write_all(group).expect("a write");
            self.bare.sync_data().expect("a sync");
        }
        began.elapsed()
    }

    fn close(self, runtime: &Runtime) {
        self.stop.cancel();
        let ended = runtime.block_on(self.writer).expect("the writer");
        ended.expect("its journal");
    }
}

async fn call(handle: Handle, work: Vec<Happened>) {
    for happened in work {
        let origin = Origin::new("webhook shop", "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043");
        let booked = handle.book(Command::Report(happened), origin).await;
        assert!(booked.expect("it is booked").entry.is_some());
    }
}
