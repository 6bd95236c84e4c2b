//! What a person stopped from being sold.

use std::fmt;

use channelsync_contract::ids::{ChannelId, Sku};
use channelsync_contract::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::state::Ledger;
use crate::catalog::SkuIx;

/// How far a freeze goes; the widest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everything on every channel.
    All,
    /// Everything on a channel.
    Channel(ChannelId),
    /// A SKU on every channel, with all that it is a part of.
    Sku(Sku),
}

impl fmt::Display for Scope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => out.write_str("everything"),
            Self::Channel(channel) => write!(out, "channel {channel}"),
            Self::Sku(sku) => write!(out, "SKU {sku}"),
        }
    }
}

/// Why something is frozen, and since when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frozen {
    /// What the person said.
    pub reason: String,
    /// Entry that froze it.
    pub seq: u64,
    /// Its time.
    pub at: Timestamp,
}

impl Ledger {
    /// Whether nothing of an item is to be sold.
    pub fn is_frozen(&self, channel: u16, item: u32) -> bool {
        let known = self.channel(channel);
        if known.retired.is_some() || self.frozen.is_empty() {
            return known.retired.is_some();
        }
        let listings = known.items.at(item).listings.iter();
        let parts = listings.filter_map(|listing| known.listings.at(*listing).mapping.parts());
        let skus = parts.flat_map(|parts| parts.iter().map(|part| part.sku));
        self.freeze_of(&known.id, skus).is_some()
    }

    /// What freezes a listing of these SKUs on a channel; of several the widest.
    pub fn freeze_of(
        &self,
        channel: &ChannelId,
        skus: impl Iterator<Item = SkuIx>,
    ) -> Option<(&Scope, &Frozen)> {
        if self.frozen.is_empty() {
            return None;
        }
        let wide = [Scope::All, Scope::Channel(channel.clone())];
        let skus = skus.map(|sku| Scope::Sku(self.sku_id(sku).clone()));
        let mut scopes = wide.into_iter().chain(skus);
        scopes.find_map(|scope| self.frozen.get_key_value(&scope))
    }
}
