//! Units set aside for a channel: kept from the others until it has sold them.

use proptest::prelude::*;

use super::*;
use crate::ledger::OpenOrders;

/// The world with channels `shop`, `b2b` and `wholesale`, each listing the mug as `L`.
fn three(locations: &[&str], rules: Rules) -> World {
    let mut world = World::new(locations, rules, Counting::Gross);
    let mut setup = world.ledger.setup.clone();
    for id in ["b2b", "wholesale"] {
        let mut channel = setup.channels[0].clone();
        channel.id = ChannelId::new(id);
        setup.channels.push(channel);
    }
    world.book(&Command::Configure(Box::new(setup)));
    for location in locations {
        world.count("MUG", location, 0);
    }
    for channel in ["shop", "b2b", "wholesale"] {
        world.channel = ChannelId::new(channel);
        world.list("L", "MUG", &[]);
    }
    world
}

/// Sets units aside for a channel, or none; orders are placed after that.
fn set_aside(world: &mut World, channel: &str, units: Option<u32>) {
    let mut setup = world.ledger.setup.clone();
    let own = setup
        .channels
        .iter_mut()
        .find(|own| own.id.as_str() == channel);
    let rules = Rules {
        set_aside_units: units,
        ..Rules::default()
    };
    own.unwrap().sku_rules.insert(Sku::new("MUG"), rules);
    world.book(&Command::Configure(Box::new(setup)));
    world.placed_at = world.ledger.at;
}

/// Units for sale on each of the three channels.
fn for_sale(world: &mut World) -> [i64; 3] {
    ["shop", "b2b", "wholesale"].map(|channel| {
        world.channel = ChannelId::new(channel);
        let number = world.number("L").unwrap();
        number.slots.iter().map(|slot| slot.part.max(0)).sum()
    })
}

/// The order of a listing on a channel, with so many units open.
fn order(world: &mut World, channel: &str, listing: &str, open: u32) {
    world.channel = ChannelId::new(channel);
    world.order(listing, open, Some("main"));
}

#[test]
fn more_set_aside_than_there_is_is_told_until_it_is_sold_or_came() {
    let beyond = |world: &World| {
        let all = world.ledger.set_aside_beyond().into_iter();
        all.map(|(sku, row)| (sku.to_string(), row.set_aside, row.available))
            .collect::<Vec<_>>()
    };
    let mut world = three(&["main", "annex"], Rules::default());
    world.count("MUG", "main", 7);
    world.count("MUG", "annex", 3);
    set_aside(&mut world, "b2b", Some(6));
    set_aside(&mut world, "wholesale", Some(5));
    let mug = |set_aside, available| vec![("MUG".to_owned(), set_aside, available)];
    assert_eq!(beyond(&world), mug(11, 10));
    order(&mut world, "b2b", "L", 2);
    assert_eq!(beyond(&world), mug(9, 8), "two are sold, two are gone");
    world.count("MUG", "annex", 4);
    assert_eq!(beyond(&world), []);
    let mut setup = world.ledger.setup.clone();
    let mug = setup.channels[1].sku_rules[&Sku::new("MUG")].clone();
    setup.channels[1].sku_rules.insert(Sku::new("MUGG"), mug);
    world.book(&Command::Configure(Box::new(setup)));
    assert_eq!(
        beyond(&world),
        [("MUGG".to_owned(), 6, 0)],
        "a name that no SKU has"
    );
}

#[test]
fn what_is_set_aside_is_for_its_channel_alone_until_it_sold_it() {
    let mut world = three(&["main"], Rules::default());
    world.count("MUG", "main", 60);
    order(&mut world, "b2b", "L", 2);
    assert_eq!(for_sale(&mut world), [58, 58, 58]);
    set_aside(&mut world, "b2b", Some(50));
    assert_eq!(
        for_sale(&mut world),
        [8, 58, 8],
        "what was sold before does not count"
    );
    order(&mut world, "b2b", "L", 0);
    assert_eq!(for_sale(&mut world), [10, 60, 10], "and gives nothing back");
    world.channel = ChannelId::new("b2b");
    world.list("L2", "none", &[("MUG", 1)]);
    order(&mut world, "b2b", "L2", 4);
    assert_eq!(for_sale(&mut world), [10, 56, 10]);
    order(&mut world, "b2b", "L2", 3);
    assert_eq!(for_sale(&mut world), [10, 57, 10], "one was cancelled");
    let explained = explain(&world.ledger, "shop", "L").unwrap();
    let rule = &explained.parts[0].set_aside[0];
    assert_eq!(
        (rule.channel.as_str(), rule.units, rule.sold, rule.left),
        ("b2b", 50, 3, 47)
    );
    order(&mut world, "b2b", "L2", 55);
    assert_eq!(for_sale(&mut world), [5, 5, 5], "more than was set aside");
    set_aside(&mut world, "b2b", Some(4));
    assert_eq!(
        for_sale(&mut world),
        [1, 5, 1],
        "another number begins anew"
    );
    set_aside(&mut world, "b2b", None);
    assert_eq!(for_sale(&mut world), [5, 5, 5]);
}

#[test]
fn two_rules_for_more_than_there_is_leave_each_channel_what_the_other_does_not_keep() {
    let mut world = three(&["main"], Rules::default());
    world.count("MUG", "main", 60);
    set_aside(&mut world, "b2b", Some(50));
    set_aside(&mut world, "wholesale", Some(40));
    assert_eq!(for_sale(&mut world), [0, 20, 10]);
    world.channel = ChannelId::new("shop");
    assert_eq!(world.number("L").unwrap().pool.total, -30);
    world.count("MUG", "main", 100);
    assert_eq!(for_sale(&mut world), [10, 60, 50]);
    let b2b = ChannelId::new("b2b");
    world.book(&Command::Retire(b2b.clone(), Some(OpenOrders::Keep)));
    assert_eq!(
        for_sale(&mut world),
        [60, 0, 100],
        "a channel that ended keeps nothing"
    );
    world.book(&Command::Revive(b2b));
    assert_eq!(for_sale(&mut world), [10, 60, 50]);
}

#[test]
fn a_rule_holds_for_a_sku_under_its_new_name_and_through_other_settings() {
    let mut world = three(&["main"], Rules::default());
    world.count("MUG", "main", 60);
    set_aside(&mut world, "b2b", Some(50));
    order(&mut world, "b2b", "L", 5);
    world.book(&Command::Rename {
        old: Sku::new("MUG"),
        new: Sku::new("CUP"),
        merge: false,
    });
    order(&mut world, "b2b", "L", 6);
    let mut setup = world.ledger.setup.clone();
    setup.rules.cap_units = Some(1_000);
    world.book(&Command::Configure(Box::new(setup)));
    assert_eq!(for_sale(&mut world), [10, 54, 10]);
}

#[test]
fn an_order_that_waited_for_its_sku_counts_once_it_is_booked() {
    let mut world = three(&["main"], Rules::default());
    let mut setup = world.ledger.setup.clone();
    let rules = Rules {
        set_aside_units: Some(50),
        ..Rules::default()
    };
    setup.channels[1].sku_rules.insert(Sku::new("CUP"), rules);
    world.book(&Command::Configure(Box::new(setup)));
    world.placed_at = world.ledger.at;
    world.channel = ChannelId::new("b2b");
    world.list("L3", "CUP", &[]);
    for (open, sold) in [(4, 4), (0, 0), (3, 3)] {
        order(&mut world, "b2b", "L3", open);
        world.count("CUP", "main", 60 + open);
        let explained = explain(&world.ledger, "b2b", "L3").unwrap();
        assert_eq!(explained.parts[0].set_aside[0].sold, sold, "{open} open");
    }
}

proptest! {
    /// Whatever is counted, ordered and cancelled: no channel is promised a unit that another one keeps.
    #[test]
    fn no_channel_is_promised_what_is_set_aside_for_another(
        (b2b, wholesale, safety_units) in (1..30_u32, 1..30_u32, 0..5_u32),
        steps in proptest::collection::vec((0..5_usize, 0..40_u32), 1..30),
    ) {
        let mut world = three(&["main", "annex"], safety(safety_units));
        set_aside(&mut world, "b2b", Some(b2b));
        set_aside(&mut world, "wholesale", Some(wholesale));
        let mut sold = [0_i64; 3];
        for (what, units) in steps {
            match what {
                0 => world.count("MUG", "main", units),
                1 => world.count("MUG", "annex", units),
                channel => {
                    let name = ["shop", "b2b", "wholesale"][channel - 2];
                    order(&mut world, name, "L", units);
                    sold[channel - 2] = i64::from(units);
                }
            }
            let sku = world.ledger.sku_ix("MUG").unwrap();
            let stocks = world.ledger.sku(sku).stocks.iter();
            let there: i64 = stocks.map(|stock| stock.balance.available.signed()).sum();
            let kept = [0, i64::from(b2b) - sold[1], i64::from(wholesale) - sold[2]].map(|left| left.max(0));
            let shown = for_sale(&mut world);
            for channel in 0..3 {
                let others: i64 = kept.iter().sum::<i64>() - kept[channel];
                let most = there - others - i64::from(safety_units);
                prop_assert_eq!(shown[channel], most.max(0));
            }
        }
    }
}
