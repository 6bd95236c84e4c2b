//! Opens a state directory as the daemon does, and tells how long it took and what it holds.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use channelsync::bookkeeper::{self, Writer, WriterLimits, rebuild_records};
use channelsync::daemon::{open_book, open_key, open_records, vault};
use channelsync::ledger::verify;
use channelsync::ports::{SystemClock, SystemRng};
use channelsync::settings::{Address, Config, KeyPlace, Limits, Listen, Log, LogFormat, LogLevel};
use channelsync::store::journal_file::{JournalFile, JournalOptions};
use channelsync::store::records_sled::SledStore;
use channelsync::store::{Journal, Records as _};
use channelsync_contract::MerchantId;
use tokio_util::sync::CancellationToken;

use crate::memory::memory;
use crate::sheet::per_second;
use crate::{MERCHANT, RECORDS_OPEN_MAX};

fn tell(name: &str, figure: f64) {
    println!("{name} {figure:.3}");
}

/// From nothing to the first answer.
pub(crate) fn open(dir: &Path) {
    let began = Instant::now();
    let config = config(dir);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let store = open_records(&config);
    let key = Arc::new(open_key(&config, &SystemRng).expect("a key"));
    let vault = vault(MERCHANT, key, Arc::new(SystemRng));
    let book = open_book(&config, &MerchantId::new(MERCHANT), store.as_ref(), vault);
    let book = book.expect("the book opens");
    assert!(book.records.is_some(), "with its records");
    let limits = WriterLimits {
        queue_commands_max: config.limits.queue_commands_max,
        group_entries_max: config.limits.group_entries_max,
    };
    let clock = Arc::new(SystemClock::new());
    let head = book.journal.head().seq;
    let (writer, handle) = Writer::new(book.ledger, book.journal, clock, limits, None);
    let stop = CancellationToken::new();
    let running = runtime.spawn(writer.run(stop.clone()));
    let answer = runtime.block_on(handle.read(|ledger| {
        let orders = ledger.channels.iter().map(|channel| channel.orders.len());
        (ledger.seq, ledger.skus.len(), orders.sum::<u32>())
    }));
    let (seq, skus, orders) = answer.expect("an answer");
    tell("ready_seconds", began.elapsed().as_secs_f64());
    assert_eq!(seq, head, "nothing of the journal is missing");
    tell("skus", f64::from(skus));
    tell("orders", f64::from(orders));
    // What was freed goes back to the system only in part; this is what stays.
    std::thread::sleep(Duration::from_secs(1));
    let memory = memory();
    tell("resident_mib", memory.now);
    tell("resident_mib_most", memory.most);
    stop.cancel();
    drop(runtime.block_on(running));
    // The process ends here: freeing a state this large piece by piece takes longer than loading it.
    std::process::exit(0);
}

/// The same, one step after the other.
pub(crate) fn steps(dir: &Path) {
    let of = dir.join(MERCHANT);
    let mut last = Instant::now();
    let mut step = |name: &str| {
        tell(&format!("{name}_seconds"), last.elapsed().as_secs_f64());
        tell(&format!("{name}_then_resident_mib"), memory().now);
        last = Instant::now();
    };
    let loaded = bookkeeper::load_newest(&of.join("snapshots")).expect("a snapshot");
    assert!(loaded.skipped.is_empty(), "{:?}", loaded.skipped);
    let ledger = loaded.ledger;
    step("snapshot_load");
    let mut options = JournalOptions::new(of.join("journal"));
    options.check_from_seq = ledger.seq;
    let journal = JournalFile::open(&options).expect("the journal").journal;
    step("journal_check");
    let (before, began) = (ledger.seq, Instant::now());
    let read = |from, bytes| journal.read(from, bytes);
    let ledger = bookkeeper::open(&read, journal.head(), ledger).expect("the tail");
    let entries = u32::try_from(ledger.seq - before).unwrap_or(u32::MAX);
    let rate = per_second(u64::from(entries), began.elapsed());
    step("replay");
    tell("replay_entries", f64::from(entries));
    tell("replay_entries_per_second", rate);
    let store = SledStore::open(&dir.join("records"), RECORDS_OPEN_MAX);
    let records = store.expect("records").0.records(MERCHANT);
    step("records_open");
    rebuild_records(&ledger, &records).expect("records");
    step("records_catch_up");
    assert_eq!(records.applied_seq().expect("records"), ledger.seq);
    assert!(verify(&ledger).is_empty(), "the books are right");
    std::process::exit(0);
}

fn config(dir: &Path) -> Config {
    Config {
        state_dir: dir.to_owned(),
        key: KeyPlace::File(dir.join("channelsync.key")),
        public_url: None,
        listen: Listen {
            webhooks: Address::Unix(dir.join("unused")),
            admin_socket: dir.join("unused"),
            trusted_proxies: Vec::new(),
        },
        limits: Limits {
            body_bytes_max: 1 << 20,
            header_bytes_max: 16 << 10,
            connections_max: 1_024,
            connections_per_ip_max: 64,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            queue_commands_max: 4_096,
            group_entries_max: 512,
            read_rows_max: 1_000,
            parked_bytes_max: 256 << 20,
            segment_bytes_max: 64 << 20,
            snapshot_entries: 100_000,
            parked_keep: Duration::from_secs(90 * 86_400),
            journal_keep: Duration::from_secs(730 * 86_400),
            shutdown: Duration::from_secs(20),
        },
        log: Log {
            format: LogFormat::Text,
            level: LogLevel::Info,
        },
        merchants: Vec::new(),
    }
}
