//! All doubles of one run: built from options, entered by name.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use channelsync_contract::{Clock, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::control::{self, Action, ControlError, Done};
use crate::courier::Courier;
use crate::faults::Faults;
use crate::graphql::types::{SDL, Types, build};
use crate::setup::Options;
use crate::state::{Shop, ShopCell};
use crate::truth::{OrderTruth, Truth, TruthPage, order_truth, truth};

/// The doubles. Served by [`Sandbox::router`], driven by [`Sandbox::run`].
pub struct Sandbox {
    pub(crate) seed: u64,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) courier: Arc<dyn Courier>,
    pub(crate) schema: async_graphql::dynamic::Schema,
    pub(crate) types: Types,
    pub(crate) shops: Vec<Arc<ShopCell>>,
    pub(crate) wake: Arc<Notify>,
    pub(crate) stopped: AtomicBool,
    /// Whether traffic pauses.
    pub(crate) quiet: AtomicBool,
}

/// What a client needs to know of a shop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShopInfo {
    /// Its name in paths.
    pub name: String,
    /// What follows host and port, such as `/shops/north`.
    pub base_path: String,
    /// As in `X-Shopify-Shop-Domain`.
    pub domain: String,
    /// For the client credentials grant.
    pub client_id: String,
    /// For the client credentials grant.
    pub client_secret: String,
    /// A token that never expires.
    pub access_token: String,
    /// Signs webhooks; equal to the client secret.
    pub webhook_secret: String,
    /// By routing priority.
    pub locations: Vec<LocationInfo>,
    /// In the order of their ids.
    pub variants: Vec<VariantInfo>,
}

/// A location of a shop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocationInfo {
    /// Number.
    pub id: u64,
    /// As the merchant calls it.
    pub name: String,
}

/// A variant of a shop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VariantInfo {
    /// Number.
    pub id: u64,
    /// Its inventory item.
    pub item: u64,
    /// As typed on the shop.
    pub sku: String,
    /// What its merchant packs into one, as SKU and units; empty for what is one piece.
    pub parts: Vec<(String, u32)>,
}

impl VariantInfo {
    /// SKUs and units that leave with one: its parts, or itself.
    pub fn pieces(&self) -> Vec<(&str, u32)> {
        match self.parts.as_slice() {
            [] => vec![(&self.sku, 1)],
            parts => parts
                .iter()
                .map(|(sku, units)| (sku.as_str(), *units))
                .collect(),
        }
    }
}

impl Sandbox {
    /// Opens the shops of `options`.
    ///
    /// # Panics
    /// When the schema in this crate is broken, which its tests rule out.
    pub fn new(options: &Options, clock: Arc<dyn Clock>, courier: Arc<dyn Courier>) -> Arc<Self> {
        let now = clock.now();
        let wake = Arc::new(Notify::new());
        let open = |(number, setup)| {
            let shop = Shop::open(options, setup, number, now);
            Arc::new(ShopCell::new(shop, Arc::clone(&wake)))
        };
        let shops = (0_u64..).zip(&options.shops).map(open).collect();
        let types = Types::read(SDL).expect("the schema in this crate is readable");
        let schema = build(SDL).expect("the schema in this crate is consistent");
        Arc::new(Self {
            seed: options.seed,
            clock,
            courier,
            schema,
            types,
            shops,
            wake,
            stopped: AtomicBool::new(false),
            quiet: AtomicBool::new(false),
        })
    }

    /// What clients need to know of every shop.
    pub fn shops(&self) -> Vec<ShopInfo> {
        let now = self.clock.now();
        let info = |cell: &Arc<ShopCell>| cell.enter(now, |shop| info(shop));
        self.shops.iter().map(info).collect()
    }

    /// Does something in a shop that no client of the API does.
    ///
    /// # Errors
    /// When there is no such shop, or the shop refuses.
    pub fn act(&self, shop: &str, action: Action) -> Result<Done, ControlError> {
        let cell = self.find(shop)?;
        cell.enter(self.clock.now(), |shop| control::apply(shop, action))
    }

    /// The truth about a shop.
    ///
    /// # Errors
    /// When there is no such shop.
    pub fn truth(&self, shop: &str, page: TruthPage) -> Result<Truth, ControlError> {
        let cell = self.find(shop)?;
        Ok(cell.enter(self.clock.now(), |shop| truth(shop, page)))
    }

    /// Sets what goes wrong, in all shops, from now on.
    pub fn set_faults(&self, faults: &Faults) {
        let now = self.clock.now();
        for cell in &self.shops {
            cell.enter(now, |shop| shop.set_faults(faults.clone()));
        }
    }

    /// Lets traffic pause, or go on with what is due by then. No event follows once it pauses.
    pub fn set_quiet(&self, quiet: bool) {
        self.quiet.store(quiet, Ordering::Release);
    }

    /// Ends [`Sandbox::run`] at its next step.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// The latest [`Counters::last_event_at`](crate::Counters) of all shops.
    pub fn last_event_at(&self) -> Option<Timestamp> {
        let now = self.clock.now();
        let last = |cell: &Arc<ShopCell>| cell.enter(now, |shop| shop.counters.last_event_at);
        self.shops.iter().filter_map(last).max()
    }

    /// The truth about one order; none when it does not exist.
    pub fn order(&self, shop: &str, order: u64) -> Option<OrderTruth> {
        let cell = self.find(shop).ok()?;
        cell.enter(self.clock.now(), |shop| order_truth(shop, order))
    }

    pub(crate) fn find(&self, name: &str) -> Result<&Arc<ShopCell>, ControlError> {
        let found = self.shops.iter().find(|cell| cell.name == name);
        found.ok_or_else(|| ControlError::UnknownShop(name.to_owned()))
    }
}

fn info(shop: &Shop) -> ShopInfo {
    let location = |place: &crate::state::Location| LocationInfo {
        id: place.id,
        name: place.name.clone(),
    };
    let variant = |one: &crate::state::Variant| VariantInfo {
        id: one.id,
        item: one.item,
        sku: one.sku.clone(),
        parts: one.parts.clone(),
    };
    ShopInfo {
        name: shop.name.clone(),
        base_path: format!("/shops/{}", shop.name),
        domain: shop.domain.clone(),
        client_id: shop.tokens.client_id.clone(),
        client_secret: shop.tokens.client_secret.clone(),
        access_token: shop.tokens.fixed.clone(),
        webhook_secret: shop.tokens.client_secret.clone(),
        locations: shop.locations.iter().map(location).collect(),
        variants: shop.variants.values().map(variant).collect(),
    }
}
