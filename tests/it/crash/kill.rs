//! `kill -9` at moments that a seed draws, and what is left after each.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use channelsync::ports::SeededRng;
use channelsync_contract::Rng as _;
use serde_json::Value;

use super::pair::{Pair, command};
use super::{pause, say, until, wanted};
use crate::systemd::Service;

/// When a daemon is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// So long after it was ready.
    Time(Duration),
    /// When so many more webhooks were answered.
    Webhooks(u64),
    /// When the journal grew by so many bytes: between a write and its sync, or right after.
    Written(u64),
    /// While a snapshot is being written.
    Snapshot,
    /// And so long after each of three starts that follow, in the middle of opening the book.
    Starts(Duration),
}

impl Moment {
    /// One of each kind by turns.
    fn draw(round: u64, dice: &SeededRng) -> Self {
        match round % 5 {
            0 => Self::Snapshot,
            1 => Self::Starts(Duration::from_micros(dice.below(60_000))),
            2 => Self::Written(1 + dice.below(100_000)),
            3 => Self::Webhooks(1 + dice.below(40)),
            _ => Self::Time(Duration::from_millis(dice.below(2_000))),
        }
    }

    fn wait(self, pair: &Pair) {
        let merchant = pair.state().join("demo");
        match self {
            Self::Time(time) | Self::Starts(time) => pause(time),
            Self::Webhooks(more) => {
                let answered = || {
                    let counts = pair.truths().map(|truth| truth.counters.webhooks_acked);
                    counts.iter().sum::<u64>()
                };
                let before = answered();
                until("a webhook", || (answered() >= before + more).then_some(()));
            }
            Self::Written(more) => {
                let journal = merchant.join("journal");
                let before = bytes(&journal);
                until("an entry", || {
                    (bytes(&journal) >= before + more).then_some(())
                });
            }
            Self::Snapshot => {
                let begun = |name: String| name.ends_with(".snap.new");
                let names = || names(&merchant.join("snapshots"));
                until("a snapshot", || {
                    names().into_iter().any(begun).then_some(())
                });
            }
        }
    }
}

/// Names in a directory; none where it is not there yet.
fn names(dir: &Path) -> Vec<String> {
    let files = fs::read_dir(dir).into_iter().flatten().flatten();
    files
        .map(|file| file.file_name().into_string().unwrap())
        .collect()
}

/// Bytes of all files of a directory; of those that go meanwhile none.
fn bytes(dir: &Path) -> u64 {
    let files = fs::read_dir(dir).into_iter().flatten().flatten();
    files
        .flat_map(|file| file.metadata())
        .map(|file| file.len())
        .sum()
}

/// One unit that came in, under an id of its own. No poll brings it back where it is lost.
struct Receipt {
    id: String,
    sku: String,
}

impl Receipt {
    /// Whether the daemon says that it is booked; and whether by this call.
    fn book(&self, config: &Path) -> Option<bool> {
        let words = [
            "stock", "receive", &self.sku, "1", "--at", "place-1", "--id", &self.id,
        ];
        let said = command(config, &words);
        let text = String::from_utf8(said.stdout).unwrap();
        said.status
            .success()
            .then(|| text.starts_with("booked as entry "))
    }
}

/// A pair under kills, and what came of them.
struct Loop {
    pair: Pair,
    dice: SeededRng,
    skus: Vec<String>,
    receipts: u64,
    kills: u64,
}

impl Loop {
    fn start(seed: u64, orders_per_second: u64) -> Self {
        let pair = Pair::start(seed, orders_per_second);
        let skus = pair.skus();
        pair.rest();
        let dice = SeededRng::new(seed);
        Self {
            pair,
            dice,
            skus,
            receipts: 0,
            kills: 0,
        }
    }

    /// Trade, a kill at each moment, rest, an audit. What the audit says.
    fn round(&mut self, moments: &[Moment]) -> Value {
        self.pair.trade(true);
        for moment in moments {
            self.strike(*moment);
        }
        self.pair.trade(false);
        let summary = self.pair.audit();
        let stock = self.pair.command(&["stock", "--json"]).stdout;
        let stock: Vec<Value> = serde_json::from_slice(&stock).unwrap();
        let received = stock.iter().map(|row| row["received"].as_u64().unwrap());
        assert_eq!(received.sum::<u64>(), self.receipts, "each once");
        summary
    }

    /// Receives units until it is killed, starts again and looks for what was acknowledged.
    fn strike(&mut self, moment: Moment) {
        let config = self.pair.config();
        let killed = AtomicBool::new(false);
        let (first, skus) = (self.receipts, &self.skus);
        let pair = &mut self.pair;
        let booked = std::thread::scope(|scope| {
            let desk = scope.spawn(|| {
                let mut booked = Vec::new();
                for (number, sku) in (first..).zip(skus.iter().cycle()) {
                    let receipt = Receipt {
                        id: format!("kill-{number}"),
                        sku: sku.clone(),
                    };
                    let said = receipt.book(&config);
                    booked.push((receipt, said.is_some()));
                    if said.is_none() || killed.load(Ordering::Acquire) {
                        break;
                    }
                }
                booked
            });
            moment.wait(pair);
            pair.kill();
            killed.store(true, Ordering::Release);
            desk.join().unwrap()
        });
        self.kills += 1;
        if let Moment::Starts(time) = moment {
            for _ in 0..3 {
                self.pair.spawn();
                pause(time);
                self.pair.kill();
                self.kills += 1;
            }
        }
        self.pair.run();
        self.receipts += u64::try_from(booked.len()).unwrap();
        for (receipt, acknowledged) in booked {
            let now = receipt.book(&config);
            let now = now.unwrap_or_else(|| panic!("{} cannot be booked", receipt.id));
            assert!(!(acknowledged && now), "{} was lost", receipt.id);
        }
    }
}

/// R65
#[test]
fn whenever_it_is_killed_nothing_is_lost_or_doubled() {
    let (rounds, seed) = (wanted("KILL_ROUNDS", 3), wanted("KILL_SEED", 1));
    let mut killing = Loop::start(seed, wanted("KILL_RATE", 30));
    let mut summary = Value::Null;
    for round in 0..rounds {
        let moment = Moment::draw(round, &killing.dice);
        say(&format!("seed {seed} round {round}: {moment:?}"));
        summary = killing.round(&[moment]);
    }
    let Loop {
        kills, receipts, ..
    } = killing;
    say(&format!(
        "{rounds} rounds, {kills} kills, {receipts} receipts: {summary}"
    ));
}

/// `KILL_TRIALS=10` plays ten, each a minute long.
#[test]
fn a_busy_pair_is_clean_after_two_kills() {
    let trials = wanted("KILL_TRIALS", 0);
    if trials == 0 {
        return say("skipped: KILL_TRIALS is not set");
    }
    for seed in 1..=trials {
        let mut killing = Loop::start(seed, wanted("KILL_RATE", 50));
        let time = || Moment::Time(Duration::from_millis(10_000 + killing.dice.below(20_000)));
        let moments = [time(), time()];
        let summary = killing.round(&moments);
        say(&format!("seed {seed}: {moments:?}: {summary}"));
    }
}

/// Nothing but its own book brings back what this channel told.
///
/// R65
#[test]
fn every_answered_webhook_is_in_the_book_after_a_kill() {
    let mut service = Service::start();
    let deliveries = service.deliveries();
    let kills = wanted("KILL_ROUNDS", 4);
    for _ in 0..kills {
        deliveries.another();
        service.kill();
        service.again();
    }
    deliveries.another();
    let (taken, broken) = deliveries.end();
    let broken = u64::try_from(broken.len()).unwrap();
    let booked = service.wanted();
    assert!(
        (taken..=taken + broken).contains(&booked),
        "{booked} of {taken}"
    );
    assert!(
        taken > kills && broken <= kills,
        "{taken} taken, {broken} broken"
    );
    say(&format!(
        "{kills} kills, {taken} webhooks answered, {broken} not, {booked} booked"
    ));
}
