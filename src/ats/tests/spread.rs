//! A target spread over the locations of a channel.

use proptest::prelude::*;

use super::*;
use crate::ats::SlotNumber;
use crate::ledger::LocationList;

proptest! {
    /// R48: whatever lies where, whatever the rules, and whatever the channel sold itself.
    #[test]
    fn targets_of_locations_never_sum_to_more_than_that_of_the_listing(
        stock in proptest::collection::vec((0..20_u32, 0..20_u32), 1..5),
        per in (1..4_u32, 1..4_u32),
        (share, cap, minimum) in (0..=100_u32, proptest::option::of(0..20_u32), 0..4_u32),
        (safety, split, is_gross) in (0..25_u32, any::<bool>(), any::<bool>()),
        (sold, place) in (0..30_u32, 0..4_usize),
        (case, low, only) in (1..5_u32, 0..20_u32, proptest::option::of(0..4_usize)),
    ) {
        let names = &["a", "b", "c", "d"][..stock.len()];
        let rules = Rules {
            safety_stock_units: Some(safety),
            share_percent: Some(share),
            cap_units: cap,
            min_units: Some(minimum),
            split_kits: Some(split),
            case_units: Some(case),
            low_stock_units: Some(low),
            low_cap_units: Some(5),
            locations: only.map(|only| LocationList(names.iter().take(only + 1).map(LocationId::new).collect())),
            ..Rules::default()
        };
        let counting = if is_gross { Counting::Gross } else { Counting::Net };
        let mut world = World::new(names, rules, counting);
        for (location, (mugs, boxes)) in names.iter().zip(&stock) {
            world.count("MUG", location, *mugs);
            world.count("BOX", location, *boxes);
        }
        world.list("KIT", "none", &[("MUG", per.0), ("BOX", per.1)]);
        world.order("KIT", sold, names.get(place).copied());
        let number = world.number("KIT").unwrap();
        let parts: i64 = number.slots.iter().map(|slot| slot.part).sum();
        prop_assert!(parts <= number.target, "{number:?}");
        prop_assert!(number.target <= number.pool.total.max(0), "{number:?}");
        prop_assert!(number.target % i64::from(case) == 0, "{number:?}");
        prop_assert!(number.target <= 5 || number.pool.total > i64::from(low), "{number:?}");
        let closed = number.slots.iter().skip(only.map_or(4, |only| only + 1));
        prop_assert!(closed.map(|slot| slot.part).all(|part| part <= 0), "{number:?}");
        let own = |slot: &SlotNumber| if is_gross { slot.own.signed() } else { 0 };
        let offered = number.slots.iter().map(|slot| slot.low.signed() - own(slot));
        prop_assert!(offered.sum::<i64>() <= number.target, "{number:?}");
    }
}
