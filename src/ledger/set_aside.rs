//! Units of a SKU set aside for one channel, and what it sold of them.

use std::collections::BTreeMap;

use channelsync_contract::ids::{ChannelId, Sku};
use channelsync_contract::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::channel::Channel;
use super::state::Ledger;
use crate::catalog::SkuIx;

/// A rule that sets units of a SKU aside for a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAside {
    /// How many.
    pub units: u32,
    /// Since when; what was ordered earlier is not of them.
    pub since: Timestamp,
    /// Entry that set the rule.
    pub seq: u64,
    /// Ordered on the channel since then and not cancelled: committed, owed or shipped; at least 0.
    pub sold: i64,
}

impl SetAside {
    /// Units that the channel has not sold yet.
    pub fn left(&self) -> u32 {
        let sold = u32::try_from(self.sold).unwrap_or(u32::MAX);
        self.units.saturating_sub(sold)
    }
}

/// More of a SKU is set aside than lies there for sale.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetAsideBeyond {
    /// Units set aside and not yet sold.
    pub set_aside: u32,
    /// Units available at all locations together.
    pub available: u32,
    /// For whom.
    pub channels: Vec<ChannelId>,
}

impl Ledger {
    /// SKUs of which more is set aside than is available: nobody else shows any, and not all that is
    /// kept is there to be kept. A rule for a name that no SKU has is one of them.
    pub fn set_aside_beyond(&self) -> BTreeMap<Sku, SetAsideBeyond> {
        let mut all: BTreeMap<Sku, SetAsideBeyond> = BTreeMap::new();
        for channel in self.channels.iter().filter(|known| known.retired.is_none()) {
            for (name, rule) in &channel.set_aside {
                let known = self.sku_ix(name.as_str()).or_else(|| self.renamed(name));
                let name = known.map_or(name, |sku| self.sku_id(sku));
                let row = all.entry(name.clone()).or_default();
                row.set_aside = row.set_aside.saturating_add(rule.left());
                row.channels.push(channel.id.clone());
                let stocks = known.iter().flat_map(|sku| &self.sku(*sku).stocks);
                let available = stocks.map(|stock| stock.balance.available.0);
                row.available = available.fold(0, u32::saturating_add);
            }
        }
        all.retain(|_, row| row.set_aside > row.available);
        all
    }

    /// What is set aside of a SKU for a channel, under the name that the rule has for it; none of one
    /// that ended.
    pub fn set_aside(&self, channel: &Channel, sku: SkuIx) -> Option<(&Sku, SetAside)> {
        if channel.set_aside.is_empty() || channel.retired.is_some() {
            return None;
        }
        self.names_of(sku)
            .find_map(|name| Some((name, *channel.set_aside.get(name)?)))
    }

    /// Units of a SKU that are set aside for other channels and not yet sold by them.
    pub fn set_aside_for_others(&self, channel: u16, sku: SkuIx) -> u32 {
        let others = (0_u16..).zip(&self.channels);
        let others = others.filter(|(number, _)| *number != channel);
        let left = others.filter_map(|(_, other)| Some(self.set_aside(other, sku)?.1.left()));
        left.fold(0, u32::saturating_add)
    }

    /// Begins the rules that hold for a channel now; one that is as before goes on.
    pub(super) fn configure_set_aside(&mut self, channel: u16) {
        let (since, seq) = (self.at, self.seq);
        let rules = self.rules_set_aside(channel).into_iter();
        let known = self.channel_mut(channel);
        let mut before = std::mem::take(&mut known.set_aside);
        let rules = rules.map(|(sku, units)| {
            let same = before.remove(&sku).filter(|same| same.units == units);
            let fresh = SetAside {
                units,
                since,
                seq,
                sold: 0,
            };
            (sku, same.unwrap_or(fresh))
        });
        known.set_aside = rules.collect();
    }
}
