//! Rules that a person sets by command.

use channelsync_contract::ids::{ChannelId, ListingId, LocationId, Sku};
use channelsync_contract::units::Units;

use super::super::command::{Command, MapRow, StockLine};
use super::super::freeze::Scope;
use super::super::refusal::Refusal;
use super::super::rule::{LocationList, RuleAt, RuleKey, Rules};
use super::world::World;

/// A channel with one listing of one SKU; its file caps all channels.
fn world() -> World {
    let mut world = World::new();
    world.setup.rules.cap_units = Some(50);
    let setup = world.channel("us", &[("main", "L1")], |_| {});
    let receive = Command::Receive(StockLine {
        id: "r1".to_owned(),
        sku: Sku::new("MUG"),
        location: LocationId::new("main"),
        units: Units(9),
    });
    let listing = world.listing("us", "MUG", ("MUG", None));
    for command in [setup, receive, listing] {
        world.book(&command).unwrap();
        world.step();
    }
    world
}

fn us() -> ChannelId {
    ChannelId::new("us")
}

fn set(at: RuleAt, key: RuleKey, rules: Rules) -> Command {
    Command::Rule(at, vec![key], Box::new(rules))
}

/// R45
#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn what_stands_in_a_file_or_makes_no_sense_is_refused() {
    let mut world = world();
    let units = |units| Some(units);
    let sku = |name| RuleAt::Sku(us(), Sku::new(name));
    let listing = |id| RuleAt::Listing(us(), ListingId::new(id));
    let channel = || RuleAt::Channel(us());
    let mut refused = |at: RuleAt, key, rules: Rules| {
        let before = world.ledger.seq;
        let refusal = world.book(&set(at, key, rules)).unwrap_err();
        assert_eq!(world.ledger.seq, before);
        refusal.to_string()
    };
    let none = Rules::default;
    let cap = |units| Rules {
        cap_units: Some(units),
        ..Rules::default()
    };
    let told = refused(RuleAt::Merchant, RuleKey::CapUnits, cap(5));
    assert!(
        told.starts_with("cap_units of all channels stands in the merchant's file"),
        "{told}"
    );
    let told = refused(RuleAt::Merchant, RuleKey::CapUnits, none());
    assert!(told.contains("stands in the merchant's file"), "{told}");
    for (at, key, rules, why) in [
        (
            RuleAt::Channel(ChannelId::new("eu")),
            RuleKey::CapUnits,
            cap(5),
            "unknown channel eu",
        ),
        (sku("CUP"), RuleKey::CapUnits, cap(5), "SKU CUP"),
        (
            listing("CUP"),
            RuleKey::CapUnits,
            cap(5),
            "unknown listing CUP",
        ),
        (
            channel(),
            RuleKey::SharePercent,
            Rules {
                share_percent: units(101),
                ..none()
            },
            "more than 100",
        ),
        (
            channel(),
            RuleKey::LowSharePercent,
            Rules {
                low_share_percent: units(101),
                ..none()
            },
            "more than 100",
        ),
        (
            channel(),
            RuleKey::CaseUnits,
            Rules {
                case_units: units(0),
                ..none()
            },
            "from 1",
        ),
        (
            channel(),
            RuleKey::SetAsideUnits,
            Rules {
                set_aside_units: units(5),
                ..none()
            },
            "set it for a SKU on a channel",
        ),
        (
            channel(),
            RuleKey::Locations,
            Rules {
                locations: Some(LocationList(vec!["annex".into()])),
                ..none()
            },
            "unknown location annex",
        ),
        (
            channel(),
            RuleKey::Locations,
            Rules {
                locations: Some(LocationList::default()),
                ..none()
            },
            "freeze it instead",
        ),
    ] {
        let told = refused(at, key, rules);
        assert!(told.contains(why), "{told}");
    }
    world
        .book(&set(channel(), RuleKey::CapUnits, cap(5)))
        .unwrap();
    let rules = Rules {
        min_units: units(6),
        ..none()
    };
    let senseless = world.book(&set(channel(), RuleKey::MinUnits, rules));
    assert!(
        matches!(senseless, Err(Refusal::Senseless(_))),
        "{senseless:?}"
    );
    world.finish();
}

#[test]
fn a_rule_is_booked_once_keeps_its_entry_and_follows_its_sku() {
    let mut world = world();
    let mug = RuleAt::Sku(us(), Sku::new("MUG"));
    let aside = Rules {
        set_aside_units: Some(4),
        ..Rules::default()
    };
    let first = set(mug.clone(), RuleKey::SetAsideUnits, aside);
    world.book(&first).unwrap();
    let entry = world.ledger.seq;
    assert!(world.book(&first).unwrap().is_empty());
    let min = Rules {
        min_units: Some(2),
        ..Rules::default()
    };
    world.book(&set(mug, RuleKey::MinUnits, min)).unwrap();
    let (old, new) = (Sku::new("MUG"), Sku::new("CUP"));
    let merge = false;
    world.book(&Command::Rename { old, new, merge }).unwrap();
    let cup = RuleAt::Sku(us(), Sku::new("CUP"));
    let ruled = &world.ledger.ruled[&cup];
    assert_eq!(ruled.seqs[&RuleKey::SetAsideUnits], entry);
    assert_eq!(ruled.seqs[&RuleKey::MinUnits], entry + 1);
    let kept = world.ledger.channel(0).set_aside[&Sku::new("CUP")];
    assert_eq!((kept.units, kept.seq), (4, entry));
    let keys = vec![RuleKey::MinUnits, RuleKey::SetAsideUnits];
    let unset = Command::Rule(cup, keys, Box::default());
    world.book(&unset).unwrap();
    assert!(world.ledger.ruled.is_empty());
    assert!(world.ledger.channel(0).set_aside.is_empty());
    world.finish();
}

#[test]
fn a_rule_that_a_file_hides_can_be_unset_and_not_set() {
    let mut world = world();
    let at = RuleAt::Channel(us());
    let cap = |units| Rules {
        cap_units: units,
        ..Rules::default()
    };
    let order = |units| set(at.clone(), RuleKey::CapUnits, cap(units));
    world.book(&order(Some(5))).unwrap();
    world.setup.channels[0].rules.cap_units = Some(7);
    let setup = Command::Configure(Box::new(world.setup.clone()));
    world.book(&setup).unwrap();
    for refused in [world.book(&order(Some(6))), {
        world.book(&order(None)).unwrap();
        world.book(&order(None))
    }] {
        assert!(
            matches!(refused, Err(Refusal::RuleOfFile { .. })),
            "{refused:?}"
        );
    }
    assert!(world.ledger.ruled.is_empty());
    world.finish();
}

#[test]
fn whoever_uses_a_former_name_is_told_the_new_one() {
    let mut world = world();
    let (old, new) = (Sku::new("MUG"), Sku::new("CUP"));
    let rename = Command::Rename {
        old: old.clone(),
        new: new.clone(),
        merge: false,
    };
    world.book(&rename).unwrap();
    let row = MapRow {
        channel: us(),
        listing: ListingId::new("MUG"),
        parts: vec![(old.clone(), 1)],
    };
    let scope = Scope::Sku(old.clone());
    for command in [
        set(
            RuleAt::Sku(us(), old.clone()),
            RuleKey::CapUnits,
            Rules::default(),
        ),
        Command::Freeze {
            scope: scope.clone(),
            reason: "recall".to_owned(),
        },
        Command::Unfreeze(scope),
        Command::Map(vec![row]),
        Command::Barcodes {
            sku: old.clone(),
            gtins: Vec::new(),
            has: true,
        },
    ] {
        let told = world.book(&command).unwrap_err();
        assert_eq!(
            told,
            Refusal::Renamed(old.clone(), new.clone()),
            "{command:?}"
        );
    }
    world.finish();
}
