//! What may be oversold, and what is raised where nothing may be.

use channelsync_contract::ids::CallId;
use proptest::prelude::*;

use super::*;
use crate::ats::{Exposure, ToWrite, Unseen, exposure, to_write};
use crate::ledger::{Policy, Polled, Row, RowOutcome};

/// The world with channels `shop` and `b2b`, each listing the mug, of which so many are there, as `L`.
fn two(rules: Rules, units: u32, compares: bool) -> World {
    let mut world = World::new(&["main"], rules, Counting::Gross);
    let mut setup = world.ledger.setup.clone();
    setup.channels[0].compare_and_set = compares;
    if !compares {
        setup.channels[0].counting = Counting::Net;
    }
    let mut channel = setup.channels[0].clone();
    channel.id = ChannelId::new("b2b");
    setup.channels.push(channel);
    world.book(&Command::Configure(Box::new(setup)));
    world.count("MUG", "main", units);
    for channel in ["shop", "b2b"] {
        world.on(channel).list("L", "MUG", &[]);
    }
    world
}

fn guarded() -> Rules {
    Rules {
        policy: Some(Policy::Guarded),
        ..Rules::default()
    }
}

fn slot() -> SlotKey {
    SlotKey {
        item: ItemId::new("item-L"),
        location: Some("at-main".into()),
    }
}

impl World {
    fn on(&mut self, channel: &str) -> &mut Self {
        self.channel = ChannelId::new(channel);
        self
    }

    /// Every order of before is known, each a minute after the last.
    fn poll(&mut self) {
        for _ in 0..2 {
            let now = Timestamp(i64::try_from(self.ledger.seq).unwrap() * 60_000_000);
            let polled = Polled {
                stream: "orders".to_owned(),
                to: Some(now),
                came_to: None,
                book: true,
            };
            self.book(&Command::Report(Happened {
                channel: self.channel.clone(),
                source: Source::Fetch,
                began: now,
                changes: Vec::new(),
                polled: Some(polled),
            }));
        }
    }

    /// A channel holds so many, and all orders of before are known.
    fn holds(&mut self, channel: &str, units: u32) {
        self.on(channel).read(slot(), units);
        self.poll();
    }

    /// So many are written to a channel.
    fn write(&mut self, channel: &str, units: u32, outcome: RowOutcome) {
        let number = self.ledger.channel_ix(channel).unwrap();
        let expected = self.ledger.channel(number).slot(&slot()).unwrap().expected;
        let call = CallId(uuid::Uuid::from_u128(u128::from(self.ledger.seq)));
        let quantity = Units(units);
        let rows = vec![Row {
            slot: slot(),
            quantity,
            expected,
        }];
        self.on(channel);
        let channel = self.channel.clone();
        self.book(&Command::Push {
            call,
            channel,
            rows,
        });
        let outcomes = vec![outcome];
        self.book(&Command::Pushed { call, outcomes });
    }

    fn exposure(&self) -> Exposure {
        exposure(&self.ledger, self.ledger.sku_ix("MUG").unwrap())
    }

    /// What is written to a channel, if anything is.
    fn next(&mut self, channel: &str) -> Option<u32> {
        let number = self.on(channel).number("L").unwrap();
        let channel = self.ledger.channel_ix(channel).unwrap();
        let ToWrite { slots, kept, .. } = to_write(&self.ledger, channel, 0, &number);
        let state = self.ledger.channel(channel).slot(&slot()).unwrap();
        let is_held = slots[0].is_held(state.expected.unwrap());
        (!is_held && kept.is_empty()).then_some(slots[0].low.0)
    }
}

/// R30
#[test]
fn the_exposure_is_what_channels_may_sell_and_what_is_owed_beyond_what_is_there() {
    let mut world = two(Rules::default(), 10, true);
    assert_eq!(world.exposure().units(), None, "nothing was read");
    world.on("shop").read(slot(), 10);
    world.on("b2b").read(slot(), 10);
    assert_eq!(
        world.exposure().units(),
        None,
        "orders of before may be unknown"
    );
    world.on("shop").poll();
    world.on("b2b").poll();
    assert_eq!(world.exposure().units(), Some(10));
    world.placed_at = world.ledger.at;
    world.on("shop").order("L", 4, Some("main"));
    assert_eq!(
        world.exposure().units(),
        Some(10),
        "6 there, 6 and 10 for sale"
    );
    world.write("b2b", 6, RowOutcome::Applied);
    assert_eq!(
        world.exposure().units(),
        Some(10),
        "it may have sold the four"
    );
    world.on("b2b").poll();
    assert_eq!(world.exposure().units(), Some(6));
    world.placed_at = world.ledger.at;
    world.on("b2b").order("L", 4, Some("main"));
    assert_eq!(
        world.exposure().units(),
        Some(6),
        "2 there, 6 and 2 for sale"
    );
    world.count("MUG", "main", 5);
    let held = world.exposure();
    assert_eq!((held.available, held.owed, held.units()), (0, 3, Some(11)));
}

#[test]
fn what_sells_without_limit_has_no_bound() {
    let mut world = two(guarded(), 10, true);
    world.holds("shop", 0);
    world.holds("b2b", 0);
    let mut report = ListingReport {
        listing: ListingId::new("L"),
        item: ItemId::new("item-L"),
        sku: Sku::new("MUG"),
        gtin: None,
        unpushable: false,
        sells_without_limit: true,
    };
    let mut list = |world: &mut World, limit: bool| {
        report.sells_without_limit = !limit;
        world.book(&Command::Listings {
            channel: ChannelId::new("b2b"),
            listings: vec![report.clone()],
            complete: None,
        });
    };
    list(&mut world, false);
    assert_eq!((world.exposure().units(), world.next("shop")), (None, None));
    list(&mut world, true);
    assert_eq!(
        (world.exposure().units(), world.next("shop")),
        (Some(0), Some(5))
    );
}

/// R30
#[test]
fn what_is_guarded_is_raised_when_others_can_have_sold_no_more_of_it() {
    let mut world = two(guarded(), 10, true);
    world.holds("shop", 0);
    world.holds("b2b", 8);
    assert_eq!((world.next("shop"), world.next("b2b")), (Some(2), Some(5)));
    world.write("b2b", 5, RowOutcome::InDoubt);
    assert_eq!(world.next("shop"), Some(2), "it may hold eight still");
    world.on("b2b").read(slot(), 5);
    assert_eq!(
        world.next("shop"),
        Some(2),
        "and may have sold three before"
    );
    world.on("b2b").poll();
    assert_eq!(world.next("shop"), Some(5));
    world.write("shop", 5, RowOutcome::InDoubt);
    world.on("shop").read(slot(), 0);
    world.poll();
    let unseen = |world: &World| world.exposure().sellers[0].unseen;
    assert_eq!(
        unseen(&world),
        Unseen::Listings(5),
        "the call may still arrive"
    );
    world.poll();
    assert_eq!(unseen(&world), Unseen::Listings(0));
    world.write("shop", 5, RowOutcome::Applied);
    assert_eq!(world.exposure().units(), Some(0));
    world.placed_at = world.ledger.at;
    world.on("b2b").order("L", 2, Some("main"));
    assert_eq!(world.exposure().units(), Some(0));
    assert_eq!(world.next("shop"), Some(4), "half of eight");
}

/// R30: what was gone at a reading may have been sold and shipped; it is not shown a second time.
#[test]
fn what_fell_unseen_is_not_raised_again_before_orders_are_known() {
    let mut world = two(guarded(), 10, true);
    world.holds("shop", 5);
    world.holds("b2b", 5);
    let number = world.ledger.channel_ix("shop").unwrap();
    for complete_to in [None, Some(Timestamp(i64::MAX / 2))] {
        let began = Timestamp(i64::try_from(world.ledger.seq).unwrap() * 60_000_000);
        world.book(&Command::Shown {
            channel: ChannelId::new("shop"),
            began,
            complete_to,
            slots: vec![ShownReport {
                slot: slot(),
                written: Some(2),
                sellable: 2,
                unsellable: Units(0),
            }],
            corrections_max: 3,
        });
    }
    let state = world.ledger.channel(number).slot(&slot()).unwrap();
    assert_eq!(state.expected, Some(2), "the fall was taken for true");
    assert_eq!(
        (world.exposure().units(), world.next("shop")),
        (Some(0), None)
    );
    world.on("shop").poll();
    assert_eq!(world.next("shop"), Some(5));
}

/// R30: a write that does not compare may bring back what was sold unseen, so the first step is zero.
#[test]
fn without_a_comparison_a_slot_goes_by_zero() {
    let mut world = two(guarded(), 10, false);
    world.holds("shop", 5);
    world.holds("b2b", 5);
    assert_eq!(world.next("shop"), None);
    world.receive("MUG", "main", 2);
    assert_eq!(
        world.next("shop"),
        Some(0),
        "5 may be sold, and 5 elsewhere, of 12"
    );
    world.write("shop", 0, RowOutcome::Applied);
    assert_eq!(world.next("shop"), Some(2), "it may have sold five");
    world.on("shop").poll();
    assert_eq!(world.next("shop"), Some(6));
}

#[test]
fn the_guard_begins_below_its_threshold() {
    let mut rules = guarded();
    rules.guard_below_units = Some(10);
    let mut world = two(rules, 10, true);
    let numbers = |world: &mut World| {
        ["shop", "b2b"].map(|channel| world.on(channel).number("L").unwrap().target)
    };
    assert_eq!(numbers(&mut world), [10, 10]);
    world.count("MUG", "main", 9);
    assert_eq!(numbers(&mut world), [5, 4], "the first has the odd one");
}

proptest! {
    /// R48: whatever the shares, those who sell guarded units never have more than there are, and
    /// together all of them where their shares say so.
    #[test]
    fn guarded_units_are_shared_out_once(
        units in 0..50_u32,
        shares in (0..=100_u32, 0..=100_u32),
    ) {
        let mut world = two(guarded(), units, true);
        let mut setup = world.ledger.setup.clone();
        (setup.channels[0].rules.share_percent, setup.channels[1].rules.share_percent) = (Some(shares.0), Some(shares.1));
        world.book(&Command::Configure(Box::new(setup)));
        let parts = ["shop", "b2b"].map(|channel| world.on(channel).number("L").unwrap().target);
        let (sum, all) = (parts[0] + parts[1], i64::from(units));
        prop_assert!(sum <= all, "{parts:?}");
        prop_assert!(sum == all || shares.0 + shares.1 < 100, "{parts:?}");
        prop_assert!(parts[0] <= (all * i64::from(shares.0) + 99) / 100, "{parts:?}");
    }
}
