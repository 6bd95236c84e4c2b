//! Stock: seven states per level, of which on hand is the sum of six.
//!
//! A sale moves available to committed, a shipment takes committed away, setting `on_hand` or
//! `available` moves both by the same difference. Rule: channel page, sections 6.1 and 6.2.

use channelsync_contract::Timestamp;

use super::{Location, Product, SetRecord, Shop, Variant};
use crate::setup::VariantSetup;
use crate::truth::SETS_MAX;
use crate::webhook::{News, Topic};

/// The largest quantity that can be set.
pub(crate) const SETTABLE_MAX: i64 = 1_000_000_000;
const ADJUSTMENTS_MAX: usize = 10_000;

/// Names of the states, in the order in which Shopify lists them.
pub(crate) const STATES: [&str; 8] = [
    "available",
    "on_hand",
    "committed",
    "incoming",
    "reserved",
    "damaged",
    "safety_stock",
    "quality_control",
];

/// The quantities of one item at one location.
#[derive(Clone, Debug, Default)]
pub(crate) struct Level {
    pub(crate) active: bool,
    pub(crate) available: i64,
    pub(crate) committed: i64,
    pub(crate) reserved: i64,
    pub(crate) damaged: i64,
    pub(crate) safety_stock: i64,
    pub(crate) quality_control: i64,
    pub(crate) incoming: i64,
    /// The lowest that available has been, at most 0.
    pub(crate) lowest: i64,
    pub(crate) updated_at: Timestamp,
}

impl Level {
    /// Units physically there, as far as the shop knows.
    pub(crate) fn on_hand(&self) -> i64 {
        self.available + self.committed + self.unsellable()
    }

    /// Units there that are neither for sale nor sold.
    pub(crate) fn unsellable(&self) -> i64 {
        self.reserved + self.damaged + self.safety_stock + self.quality_control
    }

    /// The quantity of a state; none for a name that is none.
    pub(crate) fn state(&self, name: &str) -> Option<i64> {
        Some(match name {
            "available" => self.available,
            "on_hand" => self.on_hand(),
            "committed" => self.committed,
            "incoming" => self.incoming,
            "reserved" => self.reserved,
            "damaged" => self.damaged,
            "safety_stock" => self.safety_stock,
            "quality_control" => self.quality_control,
            _ => return None,
        })
    }
}

/// One group of changes that the shop's history shows.
#[derive(Clone, Debug)]
pub(crate) struct Adjustment {
    pub(crate) id: u64,
    pub(crate) created_at: Timestamp,
    pub(crate) reason: String,
    pub(crate) reference: Option<String>,
    pub(crate) changes: Vec<Change>,
}

/// One quantity that changed.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) name: &'static str,
    pub(crate) item: u64,
    pub(crate) location: u64,
    pub(crate) delta: i64,
    pub(crate) after: i64,
}

impl Shop {
    /// Adds an active location, last in priority; every item is stocked there.
    pub(crate) fn add_location(&mut self, name: &str) -> u64 {
        let id = self.ids.next();
        self.locations.push(Location {
            id,
            name: name.to_owned(),
            created_at: self.now,
        });
        let items: Vec<u64> = self.items.keys().copied().collect();
        for item in items {
            self.level_mut((item, id)).active = true;
        }
        id
    }

    /// Adds a variant in a product of its own, stocked at every location.
    pub(crate) fn add_variant(&mut self, setup: &VariantSetup) -> u64 {
        let (product, id, item) = (self.ids.next(), self.ids.next(), self.ids.next());
        self.products.insert(
            product,
            Product {
                id: product,
                title: setup.title.clone(),
                gift_card: setup.gift_card,
                created_at: self.now,
                variants: vec![id],
            },
        );
        self.variants.insert(
            id,
            Variant {
                id,
                item,
                product,
                sku: setup.sku.clone(),
                barcode: setup.barcode.clone(),
                title: "Default Title".to_owned(),
                price_minor: setup.price_minor,
                tracked: setup.tracked,
                oversell: setup.oversell,
                bundle_parent: setup.bundle_parent,
                parts: setup.parts.clone(),
                requires_shipping: setup.requires_shipping && !setup.gift_card,
                gift_card: setup.gift_card,
                created_at: self.now,
            },
        );
        self.items.insert(item, id);
        *self.skus.entry(setup.sku.clone()).or_default() += 1;
        let places: Vec<u64> = self.locations.iter().map(|place| place.id).collect();
        for (index, place) in places.into_iter().enumerate() {
            let level = self.level_mut((item, place));
            level.active = true;
            level.available = setup.on_hand.get(index).copied().unwrap_or(0);
        }
        self.tell(Topic::ProductsCreate, News::Product(product));
        id
    }

    /// The variant of an inventory item.
    pub(crate) fn variant_of(&self, item: u64) -> Option<&Variant> {
        self.variants.get(self.items.get(&item)?)
    }

    /// The location with this id.
    pub(crate) fn location(&self, id: u64) -> Option<&Location> {
        self.locations.iter().find(|place| place.id == id)
    }

    /// The level, made inactive and empty where there was none.
    pub(crate) fn level_mut(&mut self, key: (u64, u64)) -> &mut Level {
        let now = self.now;
        self.levels.entry(key).or_insert_with(|| Level {
            updated_at: now,
            ..Level::default()
        })
    }

    /// Changes the level of a tracked variant; does nothing for others.
    pub(crate) fn change_level(
        &mut self,
        variant: Option<u64>,
        location: u64,
        change: impl FnOnce(&mut Level),
    ) {
        let Some(variant) = variant.and_then(|id| self.variants.get(&id)) else {
            return;
        };
        if !variant.tracked {
            return;
        }
        let (key, now) = ((variant.item, location), self.now);
        let level = self.level_mut(key);
        change(level);
        level.lowest = level.lowest.min(level.available);
        level.updated_at = now;
        self.touch_level(key);
    }

    /// What buyers may still buy of a variant, over all locations; may be negative.
    pub(crate) fn available(&self, item: u64) -> i64 {
        let of_item = self.levels.range((item, 0)..=(item, u64::MAX));
        of_item
            .filter(|(_, level)| level.active)
            .map(|(_, level)| level.available)
            .sum()
    }

    /// Sets one quantity absolutely and returns what changed; `name` is `on_hand` or `available`.
    pub(crate) fn set_level(
        &mut self,
        name: &str,
        key: (u64, u64),
        quantity: i64,
        from_push: bool,
    ) -> Vec<Change> {
        let now = self.now;
        let level = self.level_mut(key);
        let before = level.state(name).unwrap_or(0);
        let delta = quantity - before;
        level.available += delta;
        level.lowest = level.lowest.min(level.available);
        let (available, on_hand) = (level.available, level.on_hand());
        if delta != 0 {
            level.updated_at = now;
            self.touch_level(key);
        }
        let (item, location) = key;
        if from_push && self.sets.len() < SETS_MAX {
            self.sets.push(SetRecord {
                at: now,
                item,
                location,
                quantity,
                changed: delta != 0,
            });
        }
        let change = |name, after| Change {
            name,
            item,
            location,
            delta,
            after,
        };
        match delta {
            0 => Vec::new(),
            _ => vec![change("available", available), change("on_hand", on_hand)],
        }
    }

    /// Changes one state by a difference and returns what changed.
    pub(crate) fn adjust_level(&mut self, name: &str, key: (u64, u64), delta: i64) -> Vec<Change> {
        let now = self.now;
        let level = self.level_mut(key);
        let state = match name {
            "available" => &mut level.available,
            "incoming" => &mut level.incoming,
            "reserved" => &mut level.reserved,
            "damaged" => &mut level.damaged,
            "safety_stock" => &mut level.safety_stock,
            "quality_control" => &mut level.quality_control,
            _ => return Vec::new(),
        };
        *state += delta;
        let after = *state;
        level.lowest = level.lowest.min(level.available);
        level.updated_at = now;
        let on_hand = level.on_hand();
        self.touch_level(key);
        let (item, location) = key;
        let change = |name, after| Change {
            name,
            item,
            location,
            delta,
            after,
        };
        let known = STATES.into_iter().find(|one| *one == name);
        let mut changes: Vec<Change> = known.map(|name| change(name, after)).into_iter().collect();
        if name != "incoming" {
            changes.push(change("on_hand", on_hand));
        }
        changes
    }

    /// Records a group of changes; none where nothing changed.
    pub(crate) fn record_adjustment(
        &mut self,
        reason: &str,
        reference: Option<&str>,
        changes: Vec<Change>,
    ) -> Option<u64> {
        if changes.is_empty() {
            return None;
        }
        let id = self.ids.next();
        let group = Adjustment {
            id,
            created_at: self.now,
            reason: reason.to_owned(),
            reference: reference.map(str::to_owned),
            changes,
        };
        self.adjustments.insert(id, group);
        while self.adjustments.len() > ADJUSTMENTS_MAX {
            self.adjustments.pop_first();
        }
        Some(id)
    }
}
