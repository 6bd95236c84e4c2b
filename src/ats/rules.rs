//! Which rule holds for a SKU of a listing: the most specific one that says something.

use std::fmt;

use channelsync_contract::ids::{ListingId, Sku};
use serde::Serialize;

use crate::ledger::{ChannelSetup, Rules, Setup};

/// Where a rule was set, most specific first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// For the listing.
    Listing,
    /// For the SKU on this channel.
    SkuOnChannel,
    /// For the channel.
    Channel,
    /// For the merchant.
    Merchant,
    /// Nowhere.
    Default,
}

impl fmt::Display for Level {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Listing => "listing",
            Self::SkuOnChannel => "SKU on channel",
            Self::Channel => "channel",
            Self::Merchant => "merchant",
            Self::Default => "default",
        })
    }
}

/// A value and the level that set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Won<T> {
    /// The value.
    pub value: T,
    /// Who set it.
    pub level: Level,
}

/// The rules that hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Effective {
    /// Units of the SKU withheld.
    pub safety_stock_units: Won<u32>,
    /// Percent of the pool shown.
    pub share_percent: Won<u32>,
    /// Never show more.
    pub cap_units: Won<Option<u32>>,
    /// Show none below this.
    pub min_units: Won<u32>,
    /// Whether parts of one kit may come from several locations.
    pub split_kits: Won<bool>,
}

/// The rules that hold for a SKU of a listing. Of the SKU's names the first that has rules counts: the
/// file may still name it as it was called.
pub fn effective<'a>(
    setup: &Setup,
    channel: &ChannelSetup,
    listing: &ListingId,
    mut names: impl Iterator<Item = &'a Sku>,
) -> Effective {
    let of_sku = names.find_map(|sku| channel.sku_rules.get(sku));
    let levels = [
        (Level::Listing, channel.listing_rules.get(listing)),
        (Level::SkuOnChannel, of_sku),
        (Level::Channel, Some(&channel.rules)),
        (Level::Merchant, Some(&setup.rules)),
    ];
    Effective {
        safety_stock_units: win(&levels, 0, |rules| rules.safety_stock_units),
        share_percent: win(&levels, 100, |rules| rules.share_percent),
        cap_units: win(&levels, None, |rules| rules.cap_units.map(Some)),
        min_units: win(&levels, 0, |rules| rules.min_units),
        split_kits: win(&levels, false, |rules| rules.split_kits),
    }
}

/// The value of the first level that says something.
fn win<T>(
    levels: &[(Level, Option<&Rules>)],
    default: T,
    pick: impl Fn(&Rules) -> Option<T>,
) -> Won<T> {
    let said = levels.iter().find_map(|(level, rules)| {
        let (value, level) = (pick((*rules)?)?, *level);
        Some(Won { value, level })
    });
    said.unwrap_or(Won {
        value: default,
        level: Level::Default,
    })
}
