//! Numbers worked out by hand, through the ledger's own commands.
#![expect(clippy::arithmetic_side_effects, reason = "small numbers in tests")]

mod guarded;
mod naive;
mod rules;
mod set_aside;
mod spread;

use std::collections::BTreeMap;

use channelsync_contract::ids::{ChannelId, ItemId, ListingId, LocationId, OrderId, Sku, SlotKey};
use channelsync_contract::time::Timestamp;
use channelsync_contract::units::Units;

use super::{ItemNumber, Level, NoNumber, explain, number};
use crate::ledger::{
    Change, ChannelSetup, Command, Counting, Entry, Happened, Ledger, ListingReport, LocationPair,
    MapRow, MassLimits, OrderReport, ReportLine, ReportRoute, Rules, Scope, Setup, ShownReport,
    Source, StockLine, decide, evolve,
};

pub(super) const CHANNEL: &str = "shop";

pub(super) struct World {
    pub(super) ledger: Ledger,
    /// Whose listings and orders are meant.
    pub(super) channel: ChannelId,
    /// When orders are placed.
    placed_at: Timestamp,
}

impl World {
    pub(super) fn new(locations: &[&str], rules: Rules, counting: Counting) -> Self {
        let ours: Vec<LocationId> = locations.iter().map(LocationId::new).collect();
        let pairs = ours.iter().map(|ours| LocationPair {
            ours: ours.clone(),
            theirs: Some(format!("at-{ours}").as_str().into()),
        });
        let channel = ChannelSetup {
            id: ChannelId::new(CHANNEL),
            counting,
            compare_and_set: true,
            visibility_lag: std::time::Duration::from_secs(60),
            live: true,
            book_from: Some(Timestamp(0)),
            locations: pairs.collect(),
            mass_change: MassLimits::default(),
            backorder_priority: 0,
            returns: Default::default(),
            rules,
            sku_rules: BTreeMap::new(),
            listing_rules: BTreeMap::new(),
        };
        let setup = Setup {
            locations: ours,
            channels: vec![channel],
            ..Setup::default()
        };
        let mut world = Self {
            ledger: Ledger::default(),
            channel: ChannelId::new(CHANNEL),
            placed_at: Timestamp(1),
        };
        world.book(&Command::Configure(Box::new(setup)));
        world
    }

    pub(super) fn book(&mut self, command: &Command) {
        let at = Timestamp(i64::try_from(self.ledger.seq).unwrap() * 60_000_000);
        let draft = decide(&self.ledger, command, at).unwrap();
        if draft.is_empty() {
            return;
        }
        let (movements, facts) = (draft.movements, draft.facts);
        let (actor, cause) = ("test".to_owned(), "test".to_owned());
        let seq = self.ledger.seq + 1;
        evolve(
            &mut self.ledger,
            &Entry {
                seq,
                at,
                actor,
                cause,
                movements,
                facts,
            },
        );
    }

    pub(super) fn count(&mut self, sku: &str, location: &str, units: u32) {
        self.book(&Command::Count(StockLine {
            id: format!("{sku}-{location}-{units}"),
            sku: Sku::new(sku),
            location: LocationId::new(location),
            units: Units(units),
        }));
    }

    pub(super) fn receive(&mut self, sku: &str, location: &str, units: u32) {
        self.book(&Command::Receive(StockLine {
            id: format!("receive-{sku}-{location}"),
            sku: Sku::new(sku),
            location: LocationId::new(location),
            units: Units(units),
        }));
    }

    pub(super) fn list(&mut self, listing: &str, sku: &str, parts: &[(&str, u32)]) {
        let report = ListingReport {
            listing: ListingId::new(listing),
            item: ItemId::new(format!("item-{listing}")),
            sku: Sku::new(sku),
            gtin: None,
            unpushable: false,
            sells_without_limit: false,
        };
        let channel = self.channel.clone();
        let listings = vec![report];
        self.book(&Command::Listings {
            channel: channel.clone(),
            listings,
            complete: None,
        });
        if !parts.is_empty() {
            let parts = parts
                .iter()
                .map(|(sku, units)| (Sku::new(sku), *units))
                .collect();
            let listing = ListingId::new(listing);
            self.book(&Command::Map(vec![MapRow {
                channel,
                listing,
                parts,
            }]));
        }
    }

    /// The channel holds so many at a slot.
    pub(super) fn read(&mut self, slot: SlotKey, held: u32) {
        let began = Timestamp(i64::try_from(self.ledger.seq).unwrap() * 60_000_000);
        let report = ShownReport {
            slot,
            written: Some(i64::from(held)),
            sellable: i64::from(held),
            unsellable: Units(0),
        };
        self.book(&Command::Shown {
            channel: self.channel.clone(),
            began,
            complete_to: None,
            slots: vec![report],
            corrections_max: 3,
        });
    }

    pub(super) fn order(&mut self, listing: &str, open: u32, route: Option<&str>) {
        let version = Some(Timestamp(i64::try_from(self.ledger.seq).unwrap()));
        let line = ReportLine {
            line: "1".into(),
            listing: Some(ListingId::new(listing)),
            ordered: Units(4),
            open: Units(open),
            fulfilled: Units::ZERO,
            price: None,
        };
        let routes = route.map(|place| {
            let (line, open) = ("1".into(), Units(open));
            vec![ReportRoute {
                line,
                location: format!("at-{place}").as_str().into(),
                open,
                on_hold: false,
                ship_by: None,
            }]
        });
        let report = OrderReport {
            order: OrderId::new(format!("A-{listing}")),
            name: "#1".to_owned(),
            placed_at: self.placed_at,
            version,
            test: false,
            cancelled: open == 0,
            acknowledge_by: None,
            lines: Some(vec![line]),
            routes,
            shipments: Some(Vec::new()),
            restocks: Some(Vec::new()),
        };
        let changes = vec![Change::Order(Box::new(report))];
        let (channel, source) = (self.channel.clone(), Source::Fetch);
        let began = Timestamp(i64::try_from(self.ledger.seq).unwrap() * 60_000_000);
        self.book(&Command::Report(Happened {
            channel,
            source,
            began,
            changes,
            polled: None,
        }));
    }

    pub(super) fn number(&self, listing: &str) -> Result<ItemNumber, NoNumber> {
        let channel = self.ledger.channel_ix(self.channel.as_str()).unwrap();
        let listings = &self.ledger.channel(channel).listings;
        number(&self.ledger, channel, listings.get(listing).unwrap().item)
    }

    pub(super) fn writes(&self, listing: &str) -> Vec<u32> {
        let found = self.number(listing).unwrap();
        found.slots.iter().map(|slot| slot.low.0).collect()
    }
}

fn safety(units: u32) -> Rules {
    Rules {
        safety_stock_units: Some(units),
        ..Rules::default()
    }
}

#[test]
fn the_worked_example_of_the_design_holds() {
    let mut world = World::new(&["main"], safety(5), Counting::Gross);
    world.count("MUG", "main", 6);
    world.list("L", "MUG", &[]);
    assert_eq!(world.writes("L"), [1]);
    world.order("L", 4, Some("main"));
    let found = world.number("L").unwrap();
    assert_eq!((found.pool.total, found.target), (-3, 0));
    assert_eq!(
        world.writes("L"),
        [1],
        "4 own units, 3 of them needed by the safety stock"
    );
    world.order("L", 0, Some("main"));
    assert_eq!(world.writes("L"), [1]);
}

/// R46: the gross channel, which subtracts its own orders itself, beside a net one.
#[test]
fn a_gross_channel_is_not_written_for_its_own_sale() {
    for route in [Some("main"), None] {
        let mut world = World::new(&["main", "annex"], Rules::default(), Counting::Gross);
        world.count("MUG", "main", 10);
        world.count("MUG", "annex", 5);
        world.list("L", "MUG", &[]);
        assert_eq!(world.writes("L"), [10, 5]);
        world.order("L", 4, route);
        assert_eq!(world.writes("L"), [10, 5], "routed to {route:?}");
    }
    let mut net = World::new(&["main"], Rules::default(), Counting::Net);
    net.count("MUG", "main", 10);
    net.list("L", "MUG", &[]);
    net.order("L", 4, None);
    assert_eq!(net.writes("L"), [6]);
}

/// R24
#[test]
fn a_location_without_units_takes_nothing_from_another() {
    let mut world = World::new(&["main", "annex"], safety(3), Counting::Gross);
    world.count("MUG", "main", 10);
    world.count("MUG", "annex", 0);
    world.list("L", "MUG", &[]);
    assert_eq!(world.writes("L"), [7, 0]);
    world.count("MUG", "annex", 2);
    assert_eq!(
        world.writes("L"),
        [9, 0],
        "safety stock is taken from the last choice first"
    );
}

#[test]
fn slots_never_sum_to_more_than_the_target() {
    for (share, cap, minimum, expected) in [
        (100, None, 0, vec![7, 4]),
        (50, None, 0, vec![4, 1]),
        (100, Some(3), 0, vec![2, 1]),
        (10, None, 0, vec![1, 0]),
        (10, None, 2, vec![0, 0]),
        (0, None, 0, vec![0, 0]),
    ] {
        let rules = Rules {
            share_percent: Some(share),
            cap_units: cap,
            min_units: Some(minimum),
            ..Rules::default()
        };
        let mut world = World::new(&["main", "annex"], rules, Counting::Gross);
        world.count("MUG", "main", 7);
        world.count("MUG", "annex", 4);
        world.list("L", "MUG", &[]);
        assert_eq!(
            world.writes("L"),
            expected,
            "share {share}, cap {cap:?}, minimum {minimum}"
        );
        let target = world.number("L").unwrap().target;
        let sum: u32 = expected.iter().sum();
        assert_eq!(i64::from(sum), target);
    }
}

#[test]
fn packs_and_kits_are_counted_in_whole_listings() {
    let mut world = World::new(&["main"], Rules::default(), Counting::Net);
    world.count("MUG", "main", 25);
    world.count("BOX", "main", 2);
    world.list("PACK", "none", &[("MUG", 12)]);
    world.list("KIT", "other", &[("MUG", 5), ("BOX", 1)]);
    assert_eq!(world.writes("PACK"), [2]);
    assert_eq!(world.writes("KIT"), [2]);
    world.count("MUG", "main", 9);
    assert_eq!(world.writes("PACK"), [0]);
    assert_eq!(world.writes("KIT"), [1]);
}

fn split(split_kits: bool, share: u32) -> Rules {
    Rules {
        share_percent: Some(share),
        split_kits: Some(split_kits),
        ..Rules::default()
    }
}

#[test]
fn kits_whose_parts_lie_apart_are_shown_where_they_may_be_split() {
    for (mugs, boxes, whole, apart) in [
        ([5, 0], [0, 2], [0, 0], [2, 0]),
        ([4, 4], [1, 1], [1, 1], [1, 1]),
        ([2, 5], [2, 1], [1, 1], [2, 1]),
        ([3, 1], [9, 9], [1, 0], [2, 0]),
        ([0, 7], [0, 3], [0, 3], [0, 3]),
        ([1, 1], [0, 0], [0, 0], [0, 0]),
    ] {
        for (may, expected) in [(false, whole), (true, apart)] {
            let mut world = World::new(&["main", "annex"], split(may, 100), Counting::Net);
            for (place, location) in ["main", "annex"].into_iter().enumerate() {
                world.count("MUG", location, mugs[place]);
                world.count("BOX", location, boxes[place]);
            }
            world.list("KIT", "other", &[("MUG", 2), ("BOX", 1)]);
            assert_eq!(world.writes("KIT"), expected, "{mugs:?} {boxes:?} {may}");
            let explained = explain(&world.ledger, CHANNEL, "KIT").unwrap();
            let rules = explained.parts[1].rules.clone().unwrap().split_kits;
            assert_eq!((rules.value, rules.level), (may, Level::Channel));
            let sum: u32 = expected.iter().sum();
            assert_eq!(explained.pool, i64::from(sum));
        }
    }
}

proptest::proptest! {
    /// R23: whatever the rule, what the slots show together can be made of what is there.
    #[test]
    fn slots_of_a_kit_never_sum_to_more_than_can_be_made(
        stock in proptest::collection::vec((0..20_u32, 0..20_u32), 1..4),
        per in (1..5_u32, 1..5_u32),
        (may, share) in (proptest::bool::ANY, 0..=100_u32),
    ) {
        let names = &["a", "b", "c"][..stock.len()];
        let mut world = World::new(names, split(may, share), Counting::Net);
        for (location, (mugs, boxes)) in names.iter().zip(&stock) {
            world.count("MUG", location, *mugs);
            world.count("BOX", location, *boxes);
        }
        world.list("KIT", "other", &[("MUG", per.0), ("BOX", per.1)]);
        let shown: u32 = world.writes("KIT").iter().sum();
        let made = |mugs: u32, boxes: u32| (mugs / per.0).min(boxes / per.1);
        let together = made(stock.iter().map(|at| at.0).sum(), stock.iter().map(|at| at.1).sum());
        let apart: u32 = stock.iter().map(|(mugs, boxes)| made(*mugs, *boxes)).sum();
        let pool = if may { together } else { apart };
        proptest::prop_assert_eq!(shown, pool * share / 100);
        proptest::prop_assert!(shown <= together);
    }
}

#[test]
fn what_is_frozen_shows_none_and_says_why() {
    let mut world = World::new(&["main"], Rules::default(), Counting::Gross);
    world.count("MUG", "main", 10);
    world.count("BOX", "main", 9);
    world.list("L", "MUG", &[]);
    world.list("KIT", "none", &[("BOX", 1), ("MUG", 1)]);
    world.order("L", 4, Some("main"));
    assert_eq!(world.writes("L"), [10], "4 own units, 6 for sale");
    for scope in [
        Scope::Sku(Sku::new("MUG")),
        Scope::Channel(ChannelId::new(CHANNEL)),
        Scope::All,
    ] {
        let reason = format!("recall of {scope}");
        world.book(&Command::Freeze {
            scope: scope.clone(),
            reason: reason.clone(),
        });
        assert_eq!(world.writes("L"), [4], "{scope}: own units alone");
        assert_eq!(world.writes("KIT"), [0], "{scope}: a kit needs every part");
        let frozen = explain(&world.ledger, CHANNEL, "KIT").unwrap().frozen;
        let frozen = frozen.unwrap();
        assert_eq!((frozen.scope, frozen.reason), (scope.clone(), reason));
        assert_eq!(frozen.entry, world.ledger.seq);
        world.book(&Command::Unfreeze(scope));
        assert_eq!(world.writes("L"), [10]);
        assert_eq!(world.writes("KIT"), [6]);
    }
    let explained = explain(&world.ledger, CHANNEL, "L").unwrap();
    assert_eq!(explained.frozen, None);
    let scope = Scope::Sku(Sku::new("MUG"));
    let reason = "recall".to_owned();
    world.book(&Command::Freeze { scope, reason });
    world.book(&Command::Rename {
        old: Sku::new("MUG"),
        new: Sku::new("CUP"),
        merge: false,
    });
    assert_eq!(world.writes("L"), [4], "under its new name too");
    world.book(&Command::Unfreeze(Scope::Sku(Sku::new("CUP"))));
    assert_eq!(world.writes("L"), [10]);
}

/// R47
#[test]
fn what_was_never_counted_or_never_mapped_has_no_number() {
    let mut world = World::new(&["main"], Rules::default(), Counting::Gross);
    world.list("L", "MUG", &[]);
    assert!(matches!(world.number("L"), Err(NoNumber::Unmapped(_))));
    world.book(&Command::Receive(StockLine {
        id: "r1".to_owned(),
        sku: Sku::new("MUG"),
        location: LocationId::new("main"),
        units: Units(5),
    }));
    assert_eq!(
        world.number("L").err(),
        Some(NoNumber::NeverCounted("MUG".to_owned()))
    );
    world.count("MUG", "main", 5);
    assert_eq!(world.writes("L"), [5]);
}
