//! Durable orders through the bookkeeper, beside what the disk alone and PostgreSQL can do.
//!
//! Each caller books an order, waits until it is durable, books its shipment, waits, and so on. The
//! records are kept meanwhile, and a run ends when they have caught up. Then the very groups that
//! were written are read back and appended to a bare file with one sync each; then PostgreSQL, where
//! it is installed, does a comparable work on the same disk.
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
use channelsync::bookkeeper::{Handle, Origin, Writer, WriterLimits, keep_records, rebuild_records};
use channelsync::ledger::{Command, Happened, Ledger};
use channelsync::ports::SystemClock;
use channelsync::store::journal_file::{JournalFile, JournalOptions};
use channelsync::store::records_sled::SledStore;
use channelsync::store::Journal;
use orders::{Shoppers, shipped};
use sheet::{Sheet, full_size, per_second};
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
    let (skus, orders) = if full_size() {
        (100_000, 100_000)
    } else {
        (1_000, 1_024)
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
        let book = world::ledger(size, drop);
        let run = runtime.block_on(bookkeeper(book, dir.path(), callers, orders));
        let bare = bare_append(dir.path(), &run.groups);
        let name = |what: &str| format!("{callers}_callers_{what}");
        let ours = per_second(run.booked, run.took);
        let disk = per_second(run.booked, bare);
        sheet.figure(&name("orders_per_second"), ours);
        sheet.figure(&name("group_bytes"), run.group_bytes());
        sheet.figure(&name("bare_append_orders_per_second"), disk);
        sheet.figure(&name("ratio_to_bare_append"), ours / disk);
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

/// What a run did.
struct Run {
    /// Commands that were answered.
    booked: u64,
    took: Duration,
    /// As written.
    groups: Vec<Bytes>,
}

impl Run {
    fn group_bytes(&self) -> f64 {
        let bytes: usize = self.groups.iter().map(Bytes::len).sum();
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let (bytes, groups) = (bytes as f64, self.groups.len() as f64);
        bytes / groups
    }
}

/// Books all orders and their shipments through the writer. Here the ledger begins in the middle of
/// its life and the journal at its beginning, so its sequence is set back.
async fn bookkeeper(mut ledger: Ledger, dir: &Path, callers: usize, orders: usize) -> Run {
    let size = Size {
        skus: ledger.skus.len(),
        channels: 4,
    };
    ledger.seq = 0;
    let opened = JournalFile::open(&JournalOptions::new(dir.join("journal")));
    let journal: Arc<dyn Journal> = Arc::new(opened.expect("a journal").journal);
    let store = SledStore::open(&dir.join("records"), RECORDS_OPEN_MAX);
    let records = store.expect("records").0.records("bench");
    rebuild_records(&ledger, &records).expect("records");
    let (sender, queue) = tokio::sync::mpsc::channel(RECORDS_QUEUE_MAX);
    let keeper = records.clone();
    let keeper = tokio::task::spawn_blocking(move || keep_records(&keeper, queue));
    let clock = Arc::new(SystemClock::new());
    let (writer, handle) = Writer::new(ledger, journal.clone(), clock, LIMITS, Some(sender));
    let stop = CancellationToken::new();
    let writer = tokio::spawn(writer.run(stop.clone()));

    let mut shoppers = Shoppers::new(size, 11);
    let mut work: Vec<Vec<Happened>> = vec![Vec::new(); callers];
    for number in 0..orders {
        let order = shoppers.order();
        let gone = shipped(&order);
        work[number % callers].extend([order, gone]);
    }
    let began = Instant::now();
    let callers = work
        .into_iter()
        .map(|own| tokio::spawn(call(handle.clone(), own)));
    for caller in callers.collect::<Vec<_>>() {
        caller.await.expect("a caller");
    }
    stop.cancel();
    writer.await.expect("the writer").expect("its journal");
    keeper.await.expect("the records' keeper");
    let took = began.elapsed();
    assert_eq!(applied(&records), journal.head().seq, "records caught up");

    let mut groups = Vec::new();
    let mut next = 1;
    loop {
        let read = journal.read(next, 64 << 20).expect("the journal");
        let Some(last) = read.last() else { break };
        next = last.last + 1;
        groups.extend(read.into_iter().map(|group| group.payload));
    }
    let booked = u64::try_from(orders * 2).unwrap_or_default();
    Run {
        booked,
        took,
        groups,
    }
}

fn applied(records: &dyn channelsync::store::Records) -> u64 {
    records.applied_seq().expect("records")
}

async fn call(handle: Handle, work: Vec<Happened>) {
    for happened in work {
        let origin = Origin::new("webhook shop", "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043");
        let booked = handle.book(Command::Report(happened), origin).await;
        assert!(booked.expect("it is booked").entry.is_some());
    }
}

/// Appends the groups to a new file, one write and one sync each.
fn bare_append(dir: &Path, groups: &[Bytes]) -> Duration {
    let mut file = File::create(dir.join("bare")).expect("a file");
    file.sync_all().expect("a sync");
    let began = Instant::now();
    for group in groups {
        file.write_all(group).expect("a write");
        file.sync_data().expect("a sync");
    }
    began.elapsed()
}
