//! R23, R24, R48: the numbers of random books beside those of a reckoner that knows only the words of the
//! design, goes unit by unit, and shares no code with what it checks.

use proptest::option::of;
use proptest::prelude::*;

use super::*;

const NAMES: [&str; 4] = ["a", "b", "c", "d"];
const SKUS: [&str; 2] = ["MUG", "BOX"];

/// Everything that may matter to the numbers of one listing.
#[derive(Clone, Debug)]
struct Case {
    /// Counted units of both SKUs by location.
    stock: Vec<[u32; 2]>,
    /// Units of each SKU in one listing; 0 for a part that it lacks.
    per: [u32; 2],
    /// Of the merchant, the channel, either SKU on the channel, the listing.
    rules: [Rules; 5],
    /// Kept for another channel.
    set_aside: [Option<u32>; 2],
    is_gross: bool,
    /// Open units of the listing and the place that the channel holds them at.
    sold: (u32, Option<usize>),
    /// The same of another listing that is the first SKU alone.
    beside: (u32, Option<usize>),
    /// Units that a place holds as unsellable.
    unsellable: (usize, u32),
}

fn rules() -> impl Strategy<Value = Rules> {
    let values = (
        of(0..12_u32),
        of(0..=100_u32),
        of(0..20_u32),
        of(0..4_u32),
        of(any::<bool>()),
    );
    values.prop_map(|(safety, share, cap, minimum, split)| Rules {
        safety_stock_units: safety,
        share_percent: share,
        cap_units: cap,
        min_units: minimum,
        split_kits: split,
        ..Rules::default()
    })
}

fn case() -> impl Strategy<Value = Case> {
    let stock = prop::collection::vec([0..20_u32, 0..20_u32], 1..=4);
    let per = prop_oneof![Just([1, 0]), [1..4_u32, 0..4_u32]];
    let sold = || (0..25_u32, of(0..4_usize));
    let rules = [rules(), rules(), rules(), rules(), rules()];
    let kept = [of(0..15_u32), of(0..15_u32)];
    let parts = (
        stock,
        per,
        rules,
        kept,
        any::<bool>(),
        sold(),
        sold(),
        (0..4_usize, 0..3_u32),
    );
    parts.prop_map(
        |(stock, per, rules, set_aside, is_gross, sold, beside, unsellable)| Case {
            stock,
            per,
            rules,
            set_aside,
            is_gross,
            sold,
            beside,
            unsellable,
        },
    )
}

impl Case {
    fn locations(&self) -> &'static [&'static str] {
        &NAMES[..self.stock.len()]
    }

    fn counting(&self) -> Counting {
        match self.is_gross {
            true => Counting::Gross,
            false => Counting::Net,
        }
    }

    fn parts(&self) -> Vec<(&'static str, u32)> {
        let parts = SKUS.into_iter().zip(self.per);
        parts.filter(|(_, per)| *per > 0).collect()
    }

    fn world(&self) -> World {
        let locations = self.locations();
        let mut world = World::new(locations, self.rules[1].clone(), self.counting());
        let mut setup = world.ledger.setup.clone();
        setup.rules = self.rules[0].clone();
        let mut other = setup.channels[0].clone();
        other.id = ChannelId::new("b2b");
        for (sku, (rules, kept)) in SKUS.iter().zip(self.rules[2..4].iter().zip(self.set_aside)) {
            setup.channels[0]
                .sku_rules
                .insert(Sku::new(sku), rules.clone());
            let rules = Rules {
                set_aside_units: kept,
                ..Rules::default()
            };
            other.sku_rules.insert(Sku::new(sku), rules);
        }
        let listing = ListingId::new("L");
        setup.channels[0]
            .listing_rules
            .insert(listing, self.rules[4].clone());
        setup.channels.push(other);
        world.book(&Command::Configure(Box::new(setup)));
        for (location, units) in locations.iter().zip(&self.stock) {
            world.count("MUG", location, units[0]);
            world.count("BOX", location, units[1]);
        }
        world.list("L", "none", &self.parts());
        world.list("BESIDE", "MUG", &[("MUG", 1)]);
        let (place, units) = self.unsellable;
        if let Some(location) = locations.get(place) {
            world.hold("L", location, units);
        }
        for (listing, (units, place)) in [("L", self.sold), ("BESIDE", self.beside)] {
            world.order(
                listing,
                units,
                place.and_then(|place| locations.get(place).copied()),
            );
        }
        world
    }

    /// The value of the most specific rule that says something.
    fn rule<T>(&self, sku: usize, default: T, value: impl Fn(&Rules) -> Option<T>) -> T {
        let order = [4, 2 + sku, 1, 0];
        let said = order.iter().find_map(|at| value(&self.rules[*at]));
        said.unwrap_or(default)
    }
}

impl World {
    /// Reads a slot of the listing that holds so many units as unsellable.
    fn hold(&mut self, listing: &str, location: &str, units: u32) {
        let slot = SlotKey {
            item: format!("item-{listing}").as_str().into(),
            location: Some(format!("at-{location}").as_str().into()),
        };
        let report = ShownReport {
            slot,
            written: Some(50),
            sellable: 50 - i64::from(units),
            unsellable: Units(units),
        };
        self.book(&Command::Shown {
            channel: self.channel.clone(),
            began: self.ledger.at,
            complete_to: None,
            slots: vec![report],
            corrections_max: 3,
        });
    }

    /// Units of a SKU that are free to promise, by location.
    fn available(&self, sku: &str, locations: &[&str]) -> Vec<i64> {
        let sku = self.ledger.sku_ix(sku).unwrap();
        let at = |location: &&str| self.ledger.location(location).unwrap();
        let units = locations
            .iter()
            .map(|location| self.ledger.balance(sku, at(location)).available);
        units.map(Units::signed).collect()
    }

    /// Whole listings that are committed to the listing's one order.
    fn committed(&self, listing: &str) -> i64 {
        let channel = self.ledger.channel_named(CHANNEL).unwrap();
        let lines = channel.orders.iter().flat_map(|(_, _, order)| &order.lines);
        let lines = lines.filter(|line| {
            line.listing
                .as_ref()
                .is_some_and(|id| id.as_str() == listing)
        });
        let whole = lines.map(|line| {
            let parts = line.parts.iter().flatten();
            let held = parts.map(|part| line.held_of(part.sku).0 / part.per);
            i64::from(held.min().unwrap_or(0))
        });
        whole.sum()
    }
}

/// Takes units away one by one, from the last location that has any; gives what is missing.
fn withhold(units: &mut [i64], mut withheld: i64) -> i64 {
    while withheld > 0 {
        let Some(last) = units.iter_mut().rev().find(|units| **units > 0) else {
            return withheld;
        };
        *last -= 1;
        withheld -= 1;
    }
    0
}

/// How often `per` units can be taken.
fn times(units: i64, per: u32) -> i64 {
    (0..=units)
        .filter(|whole| whole * i64::from(per) <= units)
        .max()
        .unwrap_or(0)
}

/// What is there by location, and in all; below zero what is missing.
fn pool(case: &Case, world: &World) -> (Vec<i64>, i64) {
    let (mut free, mut lacking) = (Vec::new(), 0);
    for (sku, per) in case.parts() {
        let number = usize::from(sku == "BOX");
        let mut units = world.available(sku, case.locations());
        let safety = case.rule(number, 0, |rules| rules.safety_stock_units);
        let kept = case.set_aside[number].unwrap_or(0);
        let missing = withhold(&mut units, i64::from(safety + kept));
        lacking = lacking.max(
            (0..)
                .find(|whole| whole * i64::from(per) >= missing)
                .unwrap(),
        );
        free.push((units, per));
    }
    let made = |place: usize| {
        free.iter()
            .map(|(units, per)| times(units[place], *per))
            .min()
    };
    let by_place: Vec<i64> = (0..case.stock.len())
        .map(|place| made(place).unwrap())
        .collect();
    let may_split = case
        .parts()
        .iter()
        .all(|(sku, _)| case.rule(usize::from(*sku == "BOX"), false, |rules| rules.split_kits));
    let together = free
        .iter()
        .map(|(units, per)| times(units.iter().sum(), *per))
        .min();
    let total = match (lacking, may_split) {
        (0, true) => together.unwrap(),
        (0, false) => by_place.iter().sum(),
        (lacking, _) => -lacking,
    };
    (by_place, total)
}

/// What may be promised after share, cap and minimum; of several parts the strictest counts.
fn target(case: &Case, pool: i64) -> i64 {
    let numbers: Vec<usize> = case
        .parts()
        .iter()
        .map(|(sku, _)| usize::from(*sku == "BOX"))
        .collect();
    let each =
        |value: &dyn Fn(usize) -> u32| numbers.iter().map(|sku| value(*sku)).collect::<Vec<_>>();
    let share = each(&|sku| case.rule(sku, 100, |rules| rules.share_percent));
    let cap = each(&|sku| case.rule(sku, u32::MAX, |rules| rules.cap_units));
    let minimum = each(&|sku| case.rule(sku, 0, |rules| rules.min_units));
    let shared = pool.max(0) * i64::from(*share.iter().min().unwrap()) / 100;
    let capped = shared.min(i64::from(*cap.iter().min().unwrap()));
    if capped < i64::from(*minimum.iter().max().unwrap()) {
        0
    } else {
        capped
    }
}

/// Each place's part of what is shown: by what lies there, the rest to the first that has more.
fn spread(by_place: &[i64], shown: i64, total: i64) -> Vec<i64> {
    let mut parts: Vec<i64> = by_place
        .iter()
        .map(|here| shown * here / total.max(1))
        .collect();
    while parts.iter().sum::<i64>() < shown {
        let more = parts
            .iter()
            .zip(by_place)
            .position(|(part, here)| part < here);
        parts[more.unwrap_or(0)] += 1;
    }
    parts
}

/// The number of each place.
fn numbers(case: &Case, world: &World) -> Vec<i64> {
    let (by_place, total) = pool(case, world);
    let target = target(case, total);
    let mut own = vec![0; by_place.len()];
    match case.sold.1.filter(|place| *place < own.len()) {
        Some(place) => own[place] = world.committed("L"),
        None if own.len() == 1 => own[0] = world.committed("L"),
        // Where we committed them; that is not worked out again here.
        None => {
            let number = world.number("L").unwrap();
            own = number.slots.iter().map(|slot| slot.own.signed()).collect();
        }
    }
    let mut parts = spread(&by_place, target.max(0), total);
    if total < 0 && case.is_gross {
        // What is missing is taken from what the channel has sold itself.
        let mut left = own.clone();
        withhold(&mut left, -total);
        parts = left
            .iter()
            .zip(&own)
            .map(|(left, own)| left - own)
            .collect();
    }
    let unsellable = |place: usize| match case.unsellable {
        (held, units) if held == place => i64::from(units),
        _ => 0,
    };
    let places = 0..by_place.len();
    let number = places.map(|place| match case.is_gross {
        true => (own[place] + parts[place]).max(0) + unsellable(place),
        false => parts[place].max(0),
    });
    number.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_number_is_what_the_design_says(case in case()) {
        let world = case.world();
        let number = world.number("L").unwrap();
        let (by_place, total) = pool(&case, &world);
        let found: Vec<i64> = number.pool.locations.iter().map(|here| here.listings).collect();
        prop_assert_eq!((found, number.pool.total), (by_place, total));
        prop_assert_eq!(number.target, target(&case, total));
        let written: Vec<i64> = number.slots.iter().map(|slot| slot.low.signed()).collect();
        prop_assert_eq!(written, numbers(&case, &world), "{:?}", number);
    }
}
