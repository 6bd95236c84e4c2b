//! Calls that write quantities, and readings.

use std::time::Duration;

use channelsync_contract::ids::{CallId, ChannelId, ChannelLocationId, ItemId, SlotKey};
use channelsync_contract::time::Timestamp;
use channelsync_contract::units::Units;

use super::super::command::{Command, RowOutcome, ShownReport};
use super::super::push::Row;
use super::language::{Told, Words, number};
use super::world::World;

/// Corrections before a slot is parked.
const CORRECTIONS_MAX: u32 = 2;

pub(super) fn command(world: &mut World, words: &Words<'_>) -> Told {
    let channel = ChannelId::new(words.option("on").unwrap_or("us"));
    let command = match words.word(0) {
        "push" => Command::Push {
            call: call(words.word(1)),
            channel,
            rows: rows(words),
        },
        "pushed" => Command::Pushed {
            call: call(words.word(1)),
            outcomes: words.plain[2..].iter().map(|word| outcome(word)).collect(),
        },
        "doubt" => Command::Doubt,
        "shown" => shown(world, words, channel),
        "reread" => Command::Reread {
            channel,
            slots: vec![slot(words, words.word(1))],
        },
        _ => Command::Release {
            channel,
            slot: slot(words, words.word(1)),
        },
    };
    world.book(&command).map(Some)
}

/// An instant some seconds from now.
pub(super) fn from_now(world: &World, secs: i64) -> Timestamp {
    later(world.now, secs)
}

pub(super) fn later(at: Timestamp, secs: i64) -> Timestamp {
    let by = Duration::from_secs(secs.unsigned_abs());
    if secs < 0 { at.minus(by) } else { at.plus(by) }
}

/// `c1` is always the same call.
fn call(name: &str) -> CallId {
    let number: u128 = number(name.trim_start_matches('c'));
    CallId(uuid::Uuid::from_u128(number))
}

fn slot(words: &Words<'_>, item: &str) -> SlotKey {
    let place = words.option("place").unwrap_or("L1");
    SlotKey {
        item: ItemId::new(item),
        location: Some(ChannelLocationId::new(place)),
    }
}

fn rows(words: &Words<'_>) -> Vec<Row> {
    let row = |(item, quantity)| Row {
        slot: slot(words, item),
        quantity: Units(quantity),
        expected: words.option("expect").map(number),
    };
    words.units(2).into_iter().map(row).collect()
}

fn outcome(word: &str) -> RowOutcome {
    match word {
        "applied" => RowOutcome::Applied,
        "accepted" => RowOutcome::Accepted("ticket".to_owned()),
        "stale" => RowOutcome::Stale,
        "refused" => RowOutcome::Refused("a bundle has no quantity".to_owned()),
        "not_applied" => RowOutcome::NotApplied,
        "in_doubt" => RowOutcome::InDoubt,
        _ => panic!("no outcome: {word}"),
    }
}

fn shown(world: &World, words: &Words<'_>, channel: ChannelId) -> Command {
    let written: Option<i64> = (words.word(2) != "none").then(|| words.number(2));
    let time = |key| words.option(key).map(|secs| from_now(world, number(secs)));
    let sellable = words.option("sellable").map(number);
    Command::Shown {
        channel,
        began: time("began").unwrap_or(world.now),
        complete_to: time("complete"),
        slots: vec![ShownReport {
            slot: slot(words, words.word(1)),
            written,
            sellable: sellable.or(written).unwrap_or_default(),
            unsellable: Units(words.option("unsellable").map_or(0, number)),
        }],
        corrections_max: CORRECTIONS_MAX,
    }
}
