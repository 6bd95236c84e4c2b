//! Rules: whose holds, and what each makes of the number.

use super::*;
use crate::ats::{Steps, effective};
use crate::ledger::{LocationList, RuleAt, RuleKey};

/// Sets rules by command; those that `rules` does not have are unset.
fn rule(world: &mut World, at: RuleAt, keys: &[RuleKey], rules: Rules) {
    world.book(&Command::Rule(at, keys.to_vec(), Box::new(rules)));
}

fn listing(id: &str) -> RuleAt {
    RuleAt::Listing(ChannelId::new(CHANNEL), ListingId::new(id))
}

/// R45
#[test]
fn the_most_specific_rule_wins_and_explain_names_its_level() {
    let mut world = World::new(&["main"], safety(1), Counting::Gross);
    world.count("MUG", "main", 20);
    world.count("BOX", "main", 20);
    let mut setup = world.ledger.setup.clone();
    setup.rules = Rules {
        cap_units: Some(9),
        ..safety(7)
    };
    setup.channels[0]
        .sku_rules
        .insert(Sku::new("MUG"), safety(2));
    setup.channels[0]
        .listing_rules
        .insert(ListingId::new("L"), safety(3));
    world.book(&Command::Configure(Box::new(setup)));
    let rule = |listing: &str, sku: &str| {
        let setup = &world.ledger.setup.channels[0];
        let sku = world.ledger.sku_ix(sku).unwrap();
        let found = effective(&world.ledger, setup, &listing.into(), sku);
        let won = found.safety_stock_units;
        (won.value, won.level)
    };
    assert_eq!(rule("L", "MUG"), (3, Level::Listing));
    assert_eq!(rule("M", "MUG"), (2, Level::SkuOnChannel));
    assert_eq!(rule("M", "BOX"), (1, Level::Channel));
    world.list("L", "MUG", &[]);
    let explained = explain(&world.ledger, CHANNEL, "L").unwrap();
    let rules = explained.parts[0].rules.clone().unwrap();
    assert_eq!(rules.cap_units.level, Level::Merchant);
    assert_eq!(
        (
            explained.pool,
            explained.target,
            explained.slots[0].number.low.0
        ),
        (17, 9, 9)
    );
    assert_eq!(explained.parts[0].stock[0].entry, 2, "the count is entry 2");
}

/// R45: a command counts at its level unless a file says something there, and is effective at once.
#[test]
fn what_a_person_says_holds_at_its_level_unless_a_file_says_something_there() {
    let mut world = World::new(&["main"], safety(1), Counting::Gross);
    world.count("MUG", "main", 20);
    world.list("L", "MUG", &[]);
    assert_eq!(world.writes("L"), [19]);
    let cap = |units| Rules {
        cap_units: Some(units),
        ..Rules::default()
    };
    let channel = RuleAt::Channel(ChannelId::new(CHANNEL));
    let sku = RuleAt::Sku(ChannelId::new(CHANNEL), Sku::new("MUG"));
    rule(&mut world, RuleAt::Merchant, &[RuleKey::CapUnits], cap(12));
    assert_eq!(world.writes("L"), [12]);
    rule(&mut world, channel, &[RuleKey::CapUnits], cap(11));
    assert_eq!(world.writes("L"), [11]);
    rule(&mut world, sku.clone(), &[RuleKey::CapUnits], cap(10));
    assert_eq!(world.writes("L"), [10]);
    rule(&mut world, listing("L"), &[RuleKey::CapUnits], cap(9));
    let entry = world.ledger.seq;
    let explained = explain(&world.ledger, CHANNEL, "L").unwrap();
    let won = explained.parts[0].rules.clone().unwrap().cap_units;
    assert_eq!(
        (won.value, won.level, won.entry),
        (Some(9), Level::Listing, Some(entry))
    );
    // A file that comes later goes before it at its level, and gives way again.
    let mut setup = world.ledger.setup.clone();
    setup.channels[0]
        .listing_rules
        .insert(ListingId::new("L"), cap(4));
    let before = world.ledger.setup.clone();
    world.book(&Command::Configure(Box::new(setup)));
    assert_eq!(world.writes("L"), [4]);
    world.book(&Command::Configure(Box::new(before)));
    assert_eq!(world.writes("L"), [9]);
    let none = Rules::default;
    rule(&mut world, listing("L"), &[RuleKey::CapUnits], none());
    assert_eq!(world.writes("L"), [10]);
    rule(&mut world, sku, &[RuleKey::CapUnits], none());
    assert_eq!(world.writes("L"), [11]);
}

/// What is left after share, cap, cases and minimum, of 20 units but one.
#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn each_rule_takes_its_step() {
    let none = Rules::default();
    let steps = |shared, capped, cased, shown| Steps {
        split: None,
        is_low: false,
        shared,
        capped,
        cased,
        shown,
    };
    let low = |low: Steps| Steps {
        is_low: true,
        ..low
    };
    for (rules, expected) in [
        (none.clone(), steps(20, 20, 20, 20)),
        (
            Rules {
                share_percent: Some(70),
                cap_units: Some(13),
                case_units: Some(6),
                min_units: Some(12),
                ..none.clone()
            },
            steps(14, 13, 12, 12),
        ),
        (
            Rules {
                case_units: Some(6),
                min_units: Some(19),
                ..none.clone()
            },
            steps(20, 20, 18, 0),
        ),
        (
            Rules {
                case_units: Some(21),
                ..none.clone()
            },
            steps(20, 20, 0, 0),
        ),
        (
            Rules {
                low_stock_units: Some(19),
                low_cap_units: Some(1),
                ..none.clone()
            },
            steps(20, 20, 20, 20),
        ),
        (
            Rules {
                share_percent: Some(90),
                cap_units: Some(5),
                min_units: Some(2),
                low_stock_units: Some(20),
                low_share_percent: Some(10),
                ..none.clone()
            },
            low(steps(2, 2, 2, 2)),
        ),
        (
            Rules {
                cap_units: Some(15),
                min_units: Some(2),
                low_stock_units: Some(20),
                low_cap_units: Some(3),
                low_min_units: Some(4),
                ..none.clone()
            },
            low(steps(20, 3, 3, 0)),
        ),
    ] {
        let mut world = World::new(&["main"], rules.clone(), Counting::Gross);
        world.count("MUG", "main", 20);
        world.list("L", "MUG", &[]);
        let number = world.number("L").unwrap();
        assert_eq!(number.steps, expected, "{rules:?}");
        let shown = u32::try_from(expected.shown).unwrap();
        assert_eq!(world.writes("L"), [shown], "{rules:?}");
    }
}

/// Packs of one part go by sixes and of the other by fours: whole cases of both are twelves.
#[test]
fn a_kit_is_shown_in_whole_cases_of_each_part() {
    let mut world = World::new(&["main"], Rules::default(), Counting::Gross);
    world.count("MUG", "main", 40);
    world.count("BOX", "main", 40);
    world.list("L", "SET", &[("MUG", 1), ("BOX", 1)]);
    for (sku, units) in [("MUG", 6), ("BOX", 4)] {
        let at = RuleAt::Sku(ChannelId::new(CHANNEL), Sku::new(sku));
        let rules = Rules {
            case_units: Some(units),
            ..Rules::default()
        };
        rule(&mut world, at, &[RuleKey::CaseUnits], rules);
    }
    assert_eq!(world.writes("L"), [36]);
}

/// Orders still take units from everywhere; what is shown is of the named location alone.
#[test]
fn only_what_lies_at_the_named_locations_is_shown() {
    let mut world = World::new(&["main", "annex"], Rules::default(), Counting::Gross);
    world.count("MUG", "main", 5);
    world.count("MUG", "annex", 7);
    world.list("L", "MUG", &[]);
    assert_eq!(world.writes("L"), [5, 7]);
    let only = |place: &str| Rules {
        locations: Some(LocationList(vec![place.into()])),
        ..Rules::default()
    };
    let at = listing("L");
    rule(&mut world, at.clone(), &[RuleKey::Locations], only("annex"));
    assert_eq!(world.writes("L"), [0, 7]);
    // Units withheld are taken from what is shown.
    rule(
        &mut world,
        at.clone(),
        &[RuleKey::SafetyStockUnits],
        safety(2),
    );
    assert_eq!(world.writes("L"), [0, 5]);
    rule(&mut world, at, &[RuleKey::Locations], only("main"));
    assert_eq!(world.writes("L"), [3, 0]);
}
