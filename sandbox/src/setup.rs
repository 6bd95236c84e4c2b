//! What a double is made from: shops, their locations and variants, and the demo catalogue.

use std::time::Duration;

use channelsync_contract::Rng;
use serde::{Deserialize, Serialize};

use crate::dice::Dice;
use crate::faults::Faults;

/// Everything a [`Sandbox`](crate::Sandbox) is built from; equal options give equal doubles.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// All ids, tokens, delays and faults follow from it.
    pub seed: u64,
    /// The shops, each with its own stock, orders, subscriptions and cost bucket.
    pub shops: Vec<ShopSetup>,
    /// What goes wrong, in all shops.
    pub faults: Faults,
    /// How slow the channel is.
    pub timings: Timings,
}

/// How slow the channel is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timings {
    /// Fulfillment orders appear this long after the order at the earliest.
    pub routing_delay_min: Duration,
    /// And up to this much later.
    pub routing_delay_spread: Duration,
    /// A search finds a change after this long on average (from zero to twice as long).
    pub search_lag: Duration,
    /// How long a GraphQL request takes; its effect comes first.
    pub answer_delay: Duration,
    /// How long a bulk operation takes; it reads the shop at half of it.
    pub bulk_takes: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            routing_delay_min: Duration::from_secs(2),
            routing_delay_spread: Duration::from_secs(3),
            search_lag: Duration::from_secs(1),
            answer_delay: Duration::ZERO,
            bulk_takes: Duration::from_secs(10),
        }
    }
}

/// The cost bucket of an app in a shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Points restored per second.
    pub restore_per_sec: u32,
    /// Points the bucket holds.
    pub points_max: u32,
}

impl Plan {
    /// Shopify Plus.
    pub const PLUS: Self = Self {
        restore_per_sec: 1000,
        points_max: 20_000,
    };
    /// The smallest plan.
    pub const STANDARD: Self = Self {
        restore_per_sec: 100,
        points_max: 2000,
    };
}

/// One shop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShopSetup {
    /// Its name in paths: `[a-z0-9-]+`.
    pub name: String,
    /// Its cost bucket.
    pub plan: Plan,
    /// Its locations, first priority of the routing first.
    pub locations: Vec<String>,
    /// What it sells.
    pub variants: Vec<VariantSetup>,
}

/// One variant, alone in its product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VariantSetup {
    /// As the merchant typed it; may be empty, may be a duplicate.
    pub sku: String,
    /// Title of the product.
    pub title: String,
    /// GTIN, may be empty.
    pub barcode: String,
    /// Unit price in minor units of the shop's currency.
    pub price_minor: i64,
    /// Whether the shop counts its stock.
    pub tracked: bool,
    /// Sells although nothing is available (`CONTINUE`).
    pub oversell: bool,
    /// A bundle, whose own stock cannot be set.
    pub bundle_parent: bool,
    /// Whether a parcel is needed.
    pub requires_shipping: bool,
    /// Whether it is a gift card.
    pub gift_card: bool,
    /// Units on hand at the start, by location; missing ones are 0.
    pub on_hand: Vec<i64>,
    /// What its merchant packs into one, as SKU and units; empty for what is one piece. The shop knows
    /// nothing of it.
    pub parts: Vec<(String, u32)>,
}

impl Default for VariantSetup {
    fn default() -> Self {
        Self {
            sku: String::new(),
            title: String::new(),
            barcode: String::new(),
            price_minor: 1000,
            tracked: true,
            oversell: false,
            bundle_parent: false,
            requires_shipping: true,
            gift_card: false,
            on_hand: Vec::new(),
            parts: Vec::new(),
        }
    }
}

/// The size of the demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demo {
    /// How many shops share the catalogue.
    pub shops: u32,
    /// How many SKUs each of them sells.
    pub skus: u32,
    /// And how many sets and packs of these.
    pub kits: u32,
    /// How many locations each shop has.
    pub locations: u32,
    /// Units on hand at each location at the start.
    pub on_hand: i64,
}

impl Default for Demo {
    fn default() -> Self {
        Self {
            shops: 2,
            skus: 100,
            kits: 0,
            locations: 2,
            on_hand: 0,
        }
    }
}

impl Demo {
    /// The shops of the demo: the same SKUs in each, prices drawn from `seed`.
    pub fn shops(self, seed: u64) -> Vec<ShopSetup> {
        let places = ["Main warehouse", "Second store", "Annex", "Outlet"];
        let location = |number: u32| match places.get(usize::try_from(number).unwrap_or(9)) {
            Some(name) => (*name).to_owned(),
            None => format!("Store {number}"),
        };
        let dice = Dice::new(seed, "catalogue");
        let mut variants: Vec<VariantSetup> = (0..self.skus)
            .map(|number| demo_variant(number, &dice, self))
            .collect();
        let kits: Vec<_> = (0..self.kits)
            .map(|number| demo_kit(number, &variants))
            .collect();
        variants.extend(kits);
        (0..self.shops)
            .map(|number| ShopSetup {
                name: match number {
                    0 => "north".to_owned(),
                    1 => "south".to_owned(),
                    more => format!("shop-{}", more.saturating_add(1)),
                },
                plan: Plan::PLUS,
                locations: (0..self.locations).map(location).collect(),
                variants: variants.clone(),
            })
            .collect()
    }
}

fn demo_variant(number: u32, dice: &Dice, demo: Demo) -> VariantSetup {
    const THINGS: [&str; 10] = [
        "Mug", "Shirt", "Lamp", "Chair", "Bowl", "Scarf", "Clock", "Vase", "Bag", "Tray",
    ];
    const COLOURS: [&str; 10] = [
        "Red", "Blue", "Green", "White", "Black", "Amber", "Teal", "Rose", "Sand", "Grey",
    ];
    let at = |names: [&'static str; 10], index: u32| {
        let index = usize::try_from(index % 10).unwrap_or(0);
        names.get(index).copied().unwrap_or("Thing")
    };
    let (thing, colour) = (at(THINGS, number / 10), at(COLOURS, number));
    let series = match number / 100 {
        0 => String::new(),
        more => format!(" {}", more.saturating_add(1)),
    };
    let title = format!("{thing} {colour}{series}");
    let places = usize::try_from(demo.locations).unwrap_or(1);
    VariantSetup {
        sku: title.to_uppercase().replace(' ', "-"),
        title,
        barcode: gtin(number),
        price_minor: 500 + i64::try_from(dice.below(95)).unwrap_or(0) * 100,
        on_hand: vec![demo.on_hand; places],
        ..VariantSetup::default()
    }
}

/// By turns a pack of three of one variant and a set of one and two of its neighbours.
fn demo_kit(number: u32, variants: &[VariantSetup]) -> VariantSetup {
    let first = usize::try_from(number).unwrap_or(0).saturating_mul(2);
    let pieces = variants.iter().cycle().skip(first);
    let (title, units): (_, &[u32]) = match number.is_multiple_of(2) {
        true => ("Pack", &[3]),
        false => ("Set", &[1, 2]),
    };
    let parts = pieces.zip(units);
    let parts: Vec<_> = parts
        .map(|(one, units)| (one.sku.clone(), *units))
        .collect();
    let names: Vec<&str> = parts.iter().map(|(sku, _)| sku.as_str()).collect();
    VariantSetup {
        sku: format!("{}-{number}-{}", title.to_uppercase(), names.join("-")),
        title: format!("{title} {number}"),
        price_minor: 3000,
        parts,
        ..VariantSetup::default()
    }
}

/// A GTIN-13 in the range reserved for use inside a shop, with its check digit.
fn gtin(number: u32) -> String {
    let body = format!("20{number:010}");
    let sum: u32 = body
        .bytes()
        .zip([1_u32, 3].into_iter().cycle())
        .map(|(digit, weight)| u32::from(digit.saturating_sub(b'0')) * weight)
        .sum();
    let check = (10 - sum % 10) % 10;
    format!("{body}{check}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_gives_the_same_distinct_skus_to_every_shop() {
        let shops = Demo::default().shops(7);
        assert_eq!(shops, Demo::default().shops(7));
        let skus = |shop: &ShopSetup| -> std::collections::BTreeSet<String> {
            shop.variants.iter().map(|one| one.sku.clone()).collect()
        };
        let (first, second) = (skus(&shops[0]), skus(&shops[1]));
        assert_eq!(first.len(), 100);
        assert_eq!(first, second);
        assert!(first.contains("MUG-BLUE"));
        assert_eq!(gtin(0), "2000000000008");
        let kits = Demo {
            kits: 2,
            ..Demo::default()
        }
        .shops(7);
        let made = |at: usize| kits[1].variants[at].parts.clone();
        assert_eq!(made(99), []);
        assert_eq!(made(100), [("MUG-RED".to_owned(), 3)]);
        let set = [("MUG-GREEN".to_owned(), 1), ("MUG-WHITE".to_owned(), 2)];
        assert_eq!(made(101), set);
    }
}
