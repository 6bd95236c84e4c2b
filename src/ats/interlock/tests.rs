use super::*;
use crate::ats::held::to_write;
use crate::ats::tests::{CHANNEL, World};
use crate::ledger::{Counting, Master, RuleKey, Rules, StockLine};
use channelsync_contract::ids::SlotKey;
use channelsync_contract::units::Units;

#[test]
fn a_swing_is_a_fall_to_zero_or_half_or_a_rise_beyond_twice() {
    for (before, after, swung) in [
        (10, 0, true),
        (10, 5, true),
        (10, 6, false),
        (11, 5, true),
        (10, 20, false),
        (10, 21, true),
        (0, 1, true),
        (1, 0, true),
        (0, 0, false),
        (7, 7, false),
    ] {
        assert_eq!(swings(before, after), swung, "{before} -> {after}");
    }
}

/// A channel with listings of 10 units each, all read as they are.
fn world(listings: u32) -> World {
    let mut world = World::new(&["main"], Rules::default(), Counting::Gross);
    for number in 0..listings {
        world.count(&format!("S{number}"), "main", 10);
        world.list(&format!("L{number}"), &format!("S{number}"), &[]);
        let slot = SlotKey {
            item: format!("item-L{number}").as_str().into(),
            location: Some("at-main".into()),
        };
        world.read(slot, 10);
    }
    world
}

fn counts(skus: std::ops::Range<u32>, units: u32) -> Command {
    let line = |number| StockLine {
        id: String::new(),
        sku: Sku::new(format!("S{number}")),
        location: LocationId::new("main"),
        units: Units(units),
    };
    Command::Import {
        id: format!("{skus:?} {units}"),
        counts: true,
        lines: skus.map(line).collect(),
    }
}

/// Books a command as the writer does; whether the channel is held then.
fn book(world: &mut World, watch: &mut Watch, command: &Command) -> bool {
    let before = suspect(command).map(|suspect| before(&world.ledger, &suspect));
    world.book(command);
    for (channel, verdict) in watch.judge(&world.ledger, &before.unwrap_or_default(), "a test") {
        world.book(&match verdict {
            Verdict::Hold(change) => Command::Interlock(channel, change),
            Verdict::GoOn => Command::GoOn(channel),
        });
    }
    world.ledger.channel(0).interlock.is_some()
}

/// R47
#[test]
fn more_than_a_fifth_and_at_least_ten_are_held_and_no_less() {
    for (listings, changed, units, held) in [
        (50, 10, 0, false),
        (50, 11, 0, true),
        (50, 11, 6, false),
        (50, 11, 5, true),
        (50, 11, 20, false),
        (50, 11, 21, true),
        (20, 9, 0, false),
        (20, 10, 0, true),
    ] {
        let (mut world, mut watch) = (world(listings), Watch::default());
        let is_held = book(&mut world, &mut watch, &counts(0..changed, units));
        assert_eq!(is_held, held, "{changed} of {listings} to {units}");
    }
}

/// R47
#[test]
fn settings_hold_too_and_receipts_and_first_counts_do_not() {
    let (mut one, mut watch) = (world(20), Watch::default());
    let mut setup = one.ledger.setup.clone();
    setup.rules.safety_stock_units = Some(10);
    let settings = Command::Configure(Box::new(setup));
    assert!(book(&mut one, &mut watch, &settings));
    let lock = one.ledger.channel(0).interlock.clone().unwrap();
    assert!(
        lock.why
            .starts_with("20 of 20 listings would change by much, caused by a test: L0 10 -> 0"),
        "{}",
        lock.why
    );
    let (mut two, mut watch) = (world(20), Watch::default());
    let mut receipts = counts(0..20, 90);
    if let Command::Import { counts, .. } = &mut receipts {
        *counts = false;
    }
    assert!(!book(&mut two, &mut watch, &receipts));
    let mut elsewhere = two.ledger.setup.clone();
    elsewhere.locations.push(LocationId::new("annex"));
    assert!(!book(
        &mut two,
        &mut watch,
        &Command::Configure(Box::new(elsewhere))
    ));
}

/// R47: imports come in parts, and a minute is one change; what a person let go on is over.
#[test]
fn parts_of_one_change_are_summed_for_a_minute() {
    let (mut world, mut watch) = (world(40), Watch::default());
    assert!(!book(&mut world, &mut watch, &counts(0..8, 0)));
    // The world's entries are a minute apart, and a minute is still within.
    assert!(book(&mut world, &mut watch, &counts(8..16, 0)));
    let lock = world.ledger.channel(0).interlock.as_ref().unwrap();
    assert_eq!(lock.items.len(), 16);
    world.book(&Command::GoOn(ChannelId::new(CHANNEL)));
    assert!(!book(&mut world, &mut watch, &counts(16..24, 0)));
    world.count("S39", "main", 11);
    world.count("S39", "main", 10);
    assert!(
        !book(&mut world, &mut watch, &counts(24..32, 0)),
        "the others are long ago"
    );
}

fn writes(world: &World, item: u32) -> Vec<u32> {
    let number = number(&world.ledger, 0, item).unwrap();
    let slots = to_write(&world.ledger, 0, item, &number).slots;
    slots.iter().map(|slot| slot.low.0).collect()
}

/// R47
#[test]
fn while_held_only_orders_and_freezes_lower_what_is_shown() {
    let (mut world, mut watch) = (world(20), Watch::default());
    assert!(book(&mut world, &mut watch, &counts(0..20, 1)));
    assert_eq!(writes(&world, 3), [10], "as it was");
    // The channel subtracts its own order by itself.
    world.order("L3", 4, Some("main"));
    assert_eq!(writes(&world, 3), [10]);
    let (channel, scope) = (ChannelId::new(CHANNEL), crate::ledger::Scope::All);
    let left = would_change(&world.ledger, 0, 3).unwrap();
    assert_eq!(
        left,
        Left {
            allowed: 6,
            then: 0
        }
    );
    assert!(
        book(&mut world, &mut watch, &counts(5..6, 0)),
        "held until somebody says so"
    );
    assert_eq!(writes(&world, 5), [10]);
    world.book(&Command::Freeze {
        scope: scope.clone(),
        reason: "recall".to_owned(),
    });
    assert_eq!(writes(&world, 5), [0]);
    world.book(&Command::Unfreeze(scope));
    world.book(&Command::GoOn(channel));
    assert_eq!(writes(&world, 5), [0]);
    assert_eq!(writes(&world, 6), [1]);
}

/// R47: what would still change is then no more than may change without a question.
#[test]
fn the_right_counts_after_wrong_ones_let_the_channel_go_on() {
    let (mut world, mut watch) = (world(40), Watch::default());
    assert!(book(&mut world, &mut watch, &counts(0..40, 1)));
    world.order("L3", 4, Some("main"));
    assert!(book(&mut world, &mut watch, &counts(0..30, 10)));
    assert!(
        !book(&mut world, &mut watch, &counts(30..31, 10)),
        "9 are few"
    );
    assert_eq!(writes(&world, 3), [10]);
    assert_eq!(writes(&world, 39), [1]);
}

/// R47, R49: what a channel shows where it is master is its own word; others are asked about.
#[test]
fn a_master_outside_that_empties_its_shelves_holds_the_others_and_not_itself() {
    let (mut world, mut watch) = (world(20), Watch::default());
    let mut setup = world.ledger.setup.clone();
    let mut other = setup.channels[0].clone();
    other.id = ChannelId::new("other");
    setup.channels.push(other);
    let master = Master::Channel(ChannelId::new(CHANNEL));
    setup.masters.insert(LocationId::new("main"), master);
    world.book(&Command::Configure(Box::new(setup)));
    let slot = |number: u32| SlotKey {
        item: format!("item-L{number}").as_str().into(),
        location: Some("at-main".into()),
    };
    world.channel = ChannelId::new("other");
    for number in 0..20 {
        world.list(&format!("L{number}"), &format!("S{number}"), &[]);
        world.read(slot(number), 10);
    }
    let mut held = Vec::new();
    for _ in 0..2 {
        let began = world.ledger.at.plus(Duration::from_secs(1));
        let report = |number| ShownReport {
            slot: slot(number),
            written: Some(0),
            sellable: 0,
            unsellable: Units(0),
        };
        let shown = Command::Shown {
            channel: ChannelId::new(CHANNEL),
            began,
            complete_to: Some(began),
            slots: (0..20).map(report).collect(),
            corrections_max: 3,
        };
        let itself = book(&mut world, &mut watch, &shown);
        held.push((itself, world.ledger.channel(1).interlock.is_some()));
    }
    assert_eq!(held, [(false, false), (false, true)]);
    assert_eq!(writes(&world, 3), [0], "what it shows");
    let why = &world.ledger.channel(1).interlock.as_ref().unwrap().why;
    assert!(why.contains("L0 10 -> 0"), "{why}");
}

/// R47: an order of a listing that was mapped to another SKU meanwhile lowers it, whichever it takes.
#[test]
fn while_held_orders_count_whatever_the_listing_stands_for_by_then() {
    let (mut world, mut watch) = (world(20), Watch::default());
    assert!(book(&mut world, &mut watch, &counts(0..20, 1)));
    let allowed = |world: &World| would_change(&world.ledger, 0, 3).unwrap().allowed;
    world.order("L3", 4, Some("main"));
    let row = crate::ledger::MapRow {
        channel: ChannelId::new(CHANNEL),
        listing: ListingId::new("L3"),
        parts: vec![(Sku::new("S4"), 1)],
    };
    assert!(book(&mut world, &mut watch, &Command::Map(vec![row])));
    assert_eq!(allowed(&world), 6);
    world.order("L4", 4, Some("main"));
    assert_eq!(allowed(&world), 6, "of either SKU 4");
    world.order("L4", 5, Some("main"));
    assert_eq!(allowed(&world), 5);
    world.book(&Command::Rename {
        old: Sku::new("S4"),
        new: Sku::new("S5"),
        merge: true,
    });
    world.order("L5", 3, Some("main"));
    world.count("S5", "main", 1);
    assert_eq!(allowed(&world), 2);
}

/// R47: a rule set by command that would halve most of what is shown.
#[test]
fn a_rule_by_command_that_changes_too_much_at_once_is_held() {
    let share = |at: RuleAt, percent| {
        let rules = Rules {
            share_percent: Some(percent),
            ..Rules::default()
        };
        Command::Rule(at, vec![RuleKey::SharePercent], Box::new(rules))
    };
    let channel = || RuleAt::Channel(ChannelId::new(CHANNEL));
    for (command, held) in [
        (share(channel(), 60), false),
        (share(channel(), 50), true),
        (share(RuleAt::Merchant, 0), true),
        (
            share(RuleAt::Listing(ChannelId::new(CHANNEL), "L1".into()), 0),
            false,
        ),
        (
            share(RuleAt::Sku(ChannelId::new(CHANNEL), Sku::new("S1")), 0),
            false,
        ),
    ] {
        let (mut world, mut watch) = (world(50), Watch::default());
        assert_eq!(book(&mut world, &mut watch, &command), held, "{command:?}");
    }
}
