//! A dispatcher and its bookkeeper against a channel that loses answers, on a paused clock.

mod script;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use channelsync::board::Board;
use channelsync::bookkeeper::{Dirty, Handle, Writer, WriterLimits, encode};
use channelsync::ledger::{
    ChannelSetup, Command, Counting, Entry, Fact, Ledger, ListingReport, LocationPair, MappedBy,
    MassLimits, Reading, Refusal, Rules, Scope, Setup, StockLine, decide, evolve,
};
use channelsync::outbox::{self, Dispatcher};
use channelsync::ports::SeededRng;
use channelsync::store::memory::MemoryDisk;
use channelsync::store::{Group, Journal};
use channelsync_contract::{
    ChannelId, Clock, ItemId, ListingId, LocationId, Sku, SlotKey, Timestamp, Units,
};
use insta::assert_snapshot;
use script::{Script, Story, connector};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::sim::{PausedClock, in_no_time};

fn slot(item: &str) -> SlotKey {
    let (item, location) = (ItemId::new(item), None);
    SlotKey { item, location }
}

/// A channel that shows units of two items of which there are none: both must be pushed.
fn opening(at: Timestamp) -> Entry {
    let (channel, here) = (ChannelId::new("shop"), LocationId::new("main"));
    let setup = Setup {
        locations: vec![here.clone()],
        channels: vec![ChannelSetup {
            id: channel.clone(),
            counting: Counting::Net,
            compare_and_set: false,
            visibility_lag: std::time::Duration::from_secs(60),
            live: true,
            book_from: Some(Timestamp(0)),
            locations: vec![LocationPair {
                ours: here.clone(),
                theirs: None,
            }],
            mass_change: MassLimits::default(),
            backorder_priority: 0,
            returns: Default::default(),
            rules: Rules::default(),
            sku_rules: Default::default(),
            listing_rules: Default::default(),
        }],
        ..Setup::default()
    };
    let mut facts = vec![
        Fact::Configured(Box::new(setup)),
        Fact::Polled(channel.clone(), "orders".to_owned(), at, at),
    ];
    for item in ["a", "b"] {
        let (sku, listing) = (Sku::new(item), ListingId::new(item));
        let report = ListingReport {
            listing: listing.clone(),
            item: ItemId::new(item),
            sku: sku.clone(),
            gtin: None,
            unpushable: false,
            sells_without_limit: false,
        };
        let reading = Reading {
            slot: slot(item),
            written: Some(7),
            sellable: 7,
            unsellable: Units::ZERO,
            adopt: true,
            drift: None,
            recheck: None,
            park: None,
        };
        facts.extend([
            Fact::Counted(sku.clone(), here.clone()),
            Fact::Listing(channel.clone(), Box::new(report)),
            Fact::Mapped(channel.clone(), listing, vec![(sku, 1)], MappedBy::Sku),
            Fact::Shown(channel.clone(), at, vec![reading]),
        ]);
    }
    Entry {
        seq: 1,
        at,
        actor: "test".to_owned(),
        cause: "opening".to_owned(),
        movements: Vec::new(),
        facts,
    }
}

async fn book(clock: Arc<PausedClock>) -> (Writer, Handle) {
    let opening = opening(clock.now());
    let mut ledger = Ledger::default();
    evolve(&mut ledger, &opening);
    let (journal, _) = MemoryDisk::new().open().unwrap();
    let group = Group {
        first: 1,
        last: 1,
        payload: encode(&[opening]),
    };
    journal.append(group).await.unwrap();
    let limits = WriterLimits {
        queue_commands_max: 16,
        group_entries_max: 16,
    };
    Writer::new(ledger, Arc::new(journal), clock, limits, None)
}

fn state(ledger: &Ledger, item: &str) -> String {
    let slot = ledger.channel(0).slot(&slot(item)).unwrap();
    let holds = slot.expected.unwrap();
    format!("{item} is {:?} and holds {holds}", slot.state)
}

/// What happens within a minute, and what the ledger says of both slots then.
fn a_minute(a_takes_secs: u64, b_takes_secs: u64, puts_off: bool) -> String {
    in_no_time(async {
        let (clock, story) = (PausedClock::start(), Story::default());
        let (writer, book) = book(clock.clone()).await;
        let script = Script {
            clock: clock.clone(),
            gate: Semaphore::new(1),
            a_takes: Duration::from_secs(a_takes_secs),
            b_takes: Duration::from_secs(b_takes_secs),
            puts_off,
            under_way: Mutex::default(),
            pushed: Mutex::default(),
            story: story.clone(),
        };
        let dispatcher = Dispatcher {
            channel: ChannelId::new("shop"),
            connector: Arc::new(connector(script)),
            book: book.clone(),
            clock: clock.clone(),
            rng: Arc::new(SeededRng::new(1)),
            board: Board::default(),
            live: true,
            read_rows_max: 10,
        };
        let minute = async {
            clock.sleep(Duration::from_secs(60)).await;
            let states = |ledger: &Ledger| ["a", "b"].map(|item| state(ledger, item));
            book.wait_and_read(states).await.unwrap()
        };
        let never = CancellationToken::new();
        let states = tokio::select! {
            biased;
            ended = writer.run(never.clone()) => panic!("bookkeeper: {ended:?}"),
            ended = outbox::run(&dispatcher, never.clone()) => panic!("dispatcher: {ended:?}"),
            states = minute => states,
        };
        let mut story = story.lock().unwrap().clone();
        story.extend(states);
        story.join("\n")
    })
}

/// Decision 0017: both hung for ever while the reading was waited for in place. The push must still be
/// under way when the reading begins, after all tries with the same key.
#[test]
fn a_reading_that_stands_behind_a_push_holds_up_neither() {
    assert_snapshot!(a_minute(1, 30, false), @r"
     0 s  push a
     0 s  push b
     1 s  lost a
     1 s  push a
     2 s  lost a
     2 s  push a
     3 s  lost a
     4 s  push a
     5 s  lost a
     7 s  ask a
    30 s  done b
    30 s  told a
    a is Free and holds 0
    b is Free and holds 0
    ");
}

/// R35: that a channel does not take it again now tells nothing of the first time.
#[test]
fn a_call_in_doubt_stays_so_where_it_is_put_off_when_made_again() {
    assert_snapshot!(a_minute(1, 1, true), @r"
     0 s  push a
     0 s  push b
     1 s  lost a
     1 s  done b
     1 s  push a
     1 s  lost a
     3 s  push a
     3 s  lost a
     5 s  push a
     5 s  lost a
     7 s  ask a
     7 s  told a
    a is Free and holds 0
    b is Free and holds 0
    ");
}

/// Each repeated push takes longer than the pause between tries.
#[test]
fn a_call_in_doubt_is_never_under_way_twice() {
    assert_snapshot!(a_minute(7, 1, false), @r"
     0 s  push a
     0 s  push b
     1 s  done b
     7 s  lost a
     7 s  push a
    14 s  lost a
    14 s  push a
    21 s  lost a
    22 s  push a
    29 s  lost a
    31 s  ask a
    31 s  told a
    a is Free and holds 0
    b is Free and holds 0
    ");
}

/// What the next call after a command would write, where these items wait already.
fn next_call(
    ledger: &mut Ledger,
    dirty: &mut Dirty,
    command: &Command,
) -> Result<Vec<String>, Refusal> {
    let at = ledger.at;
    let draft = decide(ledger, command, at)?;
    let entry = Entry {
        seq: ledger.seq + 1,
        at,
        actor: "test".to_owned(),
        cause: "test".to_owned(),
        movements: draft.movements,
        facts: draft.facts,
    };
    let touched = evolve(ledger, &entry);
    dirty.mark_touched(ledger, &touched);
    outbox::look(ledger, 0, dirty, 10, at);
    let rows = outbox::next_rows(ledger, 0, dirty, 10, at).into_iter();
    Ok(rows
        .map(|row| format!("{}={}", row.slot, row.quantity))
        .collect())
}

/// Two SKUs of which the channel shows what is there.
fn counted() -> Ledger {
    let mut ledger = Ledger::default();
    evolve(&mut ledger, &opening(Timestamp(0)));
    for item in ["a", "b"] {
        let count = Command::Count(StockLine {
            id: format!("count-{item}"),
            sku: Sku::new(item),
            location: LocationId::new("main"),
            units: Units(7),
        });
        let rows = next_call(&mut ledger, &mut Dirty::default(), &count);
        assert_eq!(rows, Ok(Vec::new()), "the channel shows 7 already");
    }
    ledger
}

/// R44: all items wait, as they do at a start; a call with a row twice would be refused.
#[test]
fn what_is_frozen_while_it_waits_is_written_once() {
    let (mut ledger, mut dirty) = (counted(), Dirty::default());
    dirty.mark_all(&ledger);
    let (scope, reason) = (Scope::Sku(Sku::new("a")), "recall".to_owned());
    let rows = next_call(&mut ledger, &mut dirty, &Command::Freeze { scope, reason });
    assert_eq!(rows, Ok(vec!["a=0".to_owned()]));
    assert_eq!(dirty.count(0), 0);
}

/// R44
#[test]
fn the_next_call_after_a_freeze_writes_zero_and_one_after_its_end_the_number() {
    let mut ledger = counted();
    let one = Scope::Sku(Sku::new("a"));
    let shop = Scope::Channel(ChannelId::new("shop"));
    for (scope, zeros) in [
        (one.clone(), vec!["a=0"]),
        (shop, vec!["a=0", "b=0"]),
        (Scope::All, vec!["a=0", "b=0"]),
    ] {
        let freeze = Command::Freeze {
            scope: scope.clone(),
            reason: "recall".to_owned(),
        };
        let zeros: Vec<String> = zeros.into_iter().map(str::to_owned).collect();
        assert_eq!(
            next_call(&mut ledger, &mut Dirty::default(), &freeze),
            Ok(zeros),
            "{scope}"
        );
        let again = decide(&ledger, &freeze, ledger.at).unwrap();
        assert!(again.is_empty(), "{scope} is frozen already");
        let unfreeze = Command::Unfreeze(scope.clone());
        assert_eq!(
            next_call(&mut ledger, &mut Dirty::default(), &unfreeze),
            Ok(Vec::new()),
            "7 again"
        );
        let again = decide(&ledger, &unfreeze, ledger.at).unwrap();
        assert!(again.is_empty(), "{scope} is not frozen");
    }
    let unknown = Scope::Sku(Sku::new("c"));
    for (scope, reason, refusal) in [
        (unknown, "recall", Refusal::UnknownSku(Sku::new("c"))),
        (
            Scope::Channel(ChannelId::new("shoq")),
            "recall",
            Refusal::UnknownChannel(ChannelId::new("shoq")),
        ),
        (
            one,
            "",
            Refusal::Senseless(
                "a reason is 1 to 255 printable bytes without spaces around them".to_owned(),
            ),
        ),
    ] {
        let reason = reason.to_owned();
        let freeze = Command::Freeze { scope, reason };
        assert_eq!(
            next_call(&mut ledger, &mut Dirty::default(), &freeze),
            Err(refusal)
        );
    }
}
