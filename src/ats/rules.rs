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
    let win = |pick: fn(&Rules) -> Option<u32>| {
        levels.iter().find_map(|(level, rules)| {
            let value = pick((*rules)?)?;
            Some(Won {
                value,
                level: *level,
            })
        })
    };
    let or = |won: Option<Won<u32>>, value| {
        won.unwrap_or(Won {
            value,
            level: Level::Default,
        })
    };
    let cap = win(|rules| rules.cap_units);
    Effective {
        safety_stock_units: or(win(|rules| rules.safety_stock_units), 0),
        share_percent: or(win(|rules| rules.share_percent), 100),
        cap_units: cap.map_or(
            Won {
                value: None,
                level: Level::Default,
            },
            |won| Won {
                value: Some(won.value),
                level: won.level,
            },
        ),
        min_units: or(win(|rules| rules.min_units), 0),
    }
}
