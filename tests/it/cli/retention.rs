//! What is old leaves the journal, and everything else stays provable.

use std::fs;

use channelsync::bookkeeper::{self, load_newest, prepare_cut};
use channelsync::cli::Exit;
use channelsync::ledger::Ledger;
use channelsync::store::Head;
use channelsync_contract::Timestamp;

use super::daemon::{Daemon, configure};

const SEGMENT_BYTES: u64 = 2_000;

async fn receive(daemon: &Daemon, times: u32) {
    for _ in 0..times {
        daemon.ok("stock receive MUG-RED 1 --at main").await;
    }
}

fn segments(daemon: &Daemon) -> Vec<String> {
    let files = fs::read_dir(daemon.merchant_dir().join("journal")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".seg")).collect();
    names.sort_unstable();
    names
}

/// How far the journal may be cut, whatever the age of its entries.
fn prepared(daemon: &Daemon) -> Option<Head> {
    prepared_before(daemon, Timestamp(i64::MAX))
}

fn prepared_before(daemon: &Daemon, before: Timestamp) -> Option<Head> {
    let dir = daemon.merchant_dir().join("snapshots");
    prepare_cut(&dir, daemon.journal.as_ref(), before).unwrap()
}

/// Whether a restart would open the ledger as it is.
async fn opens_the_same(daemon: &Daemon) -> bool {
    let loaded = load_newest(&daemon.merchant_dir().join("snapshots")).unwrap();
    let read = |from, bytes| daemon.journal.read(from, bytes);
    let opened = bookkeeper::open(&read, daemon.journal.head(), loaded.ledger).unwrap();
    let live = daemon.book.read(Ledger::clone).await.unwrap();
    postcard::to_allocvec(&opened).unwrap() == postcard::to_allocvec(&live).unwrap()
}

#[tokio::test]
async fn old_segments_go_once_two_snapshots_cover_them_and_the_rest_is_proved() {
    let daemon = Daemon::start_with(SEGMENT_BYTES).await;
    receive(&daemon, 30).await;
    daemon.snapshot();
    assert_eq!(prepared(&daemon), None, "one snapshot is not enough");
    receive(&daemon, 30).await;
    daemon.snapshot();
    let before = segments(&daemon);
    let bound = prepared(&daemon).expect("two snapshots cover the beginning");
    // The end may come between any two of these steps.
    assert_eq!(daemon.run("verify").await.0, Exit::Ok);
    fs::remove_file(daemon.merchant_dir().join("journal").join(&before[0])).unwrap();
    let (exit, out, _) = daemon.run("verify").await;
    assert_eq!(exit, Exit::Ok, "{out}");
    daemon.journal.cut(&bound).await.unwrap();
    let after = segments(&daemon);
    assert!(
        after.len() < before.len() && before.ends_with(&after),
        "{after:?}"
    );

    let (exit, out, _) = daemon.run("verify").await;
    let told = format!("entries up to {} left by age", bound.seq);
    assert_eq!(exit, Exit::Ok, "{out}");
    assert!(out.contains(&told), "{told} not in {out}");
    let history = daemon.ok("stock history MUG-RED --json").await;
    let rows: Vec<serde_json::Value> = serde_json::from_str(&history).unwrap();
    let oldest = rows.last().unwrap()["entry"].as_u64().unwrap();
    assert_eq!(oldest, bound.seq + 1, "what is left is shown");
    assert!(opens_the_same(&daemon).await);

    let to = daemon.dir().join("copy").to_str().unwrap().to_owned();
    daemon.ok(&format!("backup {to}")).await;
    let elsewhere = configure();
    let (exit, _, err) = daemon
        .run_in(elsewhere.path(), &format!("restore {to}"))
        .await;
    assert_eq!((exit, err.as_str()), (Exit::Ok, ""));

    // Without any other snapshot the state at the beginning of the journal is enough.
    let snapshots = daemon.merchant_dir().join("snapshots");
    for file in fs::read_dir(&snapshots).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|end| end == "snap") {
            fs::remove_file(path).unwrap();
        }
    }
    assert!(opens_the_same(&daemon).await);
    receive(&daemon, 30).await;
    let then = daemon.now();
    receive(&daemon, 30).await;
    daemon.snapshot();
    receive(&daemon, 30).await;
    daemon.snapshot();
    let next = prepared(&daemon).expect("a day later more may go");
    // Before it is cut more is to be kept: the state that is there already stays.
    assert_eq!(prepared_before(&daemon, then), None);
    daemon.journal.cut(&next).await.unwrap();
    assert!(next.seq > bound.seq);
    assert_eq!(daemon.run("verify").await.0, Exit::Ok);
}
