//! Which rule holds for a SKU of a listing: the most specific one that says something.

use std::fmt;

use channelsync_contract::ids::ListingId;
use serde::Serialize;

use crate::catalog::SkuIx;
use crate::ledger::{ChannelSetup, Ledger, LocationList, Policy, RuleAt, RuleKey, Ruled, Rules};

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
    /// Where it was set.
    pub level: Level,
    /// Entry of the command that set it; none where the settings say it, or nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<u64>,
}

/// The rules that hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Effective {
    /// Units of the SKU withheld.
    pub safety_stock_units: Won<u32>,
    /// Percent of the pool shown.
    pub share_percent: Won<u32>,
    /// Never show more.
    pub cap_units: Won<Option<u32>>,
    /// Show none below this.
    pub min_units: Won<u32>,
    /// Show whole cases of so many.
    pub case_units: Won<u32>,
    /// While the pool is no more than this, stock is low.
    pub low_stock_units: Won<Option<u32>>,
    /// Percent shown then, if another one.
    pub low_share_percent: Won<Option<u32>>,
    /// The cap then, if another one.
    pub low_cap_units: Won<Option<u32>>,
    /// The minimum then, if another one.
    pub low_min_units: Won<Option<u32>>,
    /// How much of the pool may stand on several channels at once.
    pub policy: Won<Policy>,
    /// Guarded only while the pool is below this.
    pub guard_below_units: Won<Option<u32>>,
    /// Whether parts of one kit may come from several locations.
    pub split_kits: Won<bool>,
    /// The only locations that count; all that serve the channel where none are named.
    pub locations: Won<Option<LocationList>>,
}

/// The rules that hold for a SKU of a listing. At each level a file goes before what a person said. Of
/// the SKU's names the first that has rules counts: the file may still name it as it was called.
pub fn effective(
    ledger: &Ledger,
    channel: &ChannelSetup,
    listing: &ListingId,
    sku: SkuIx,
) -> Effective {
    let mut names = ledger.names_of(sku);
    let filed = [
        channel.listing_rules.get(listing),
        names.find_map(|sku| channel.sku_rules.get(sku)),
        Some(&channel.rules),
        Some(&ledger.setup.rules),
    ];
    let ordered = ordered(ledger, channel, listing, sku);
    let levels = [
        Level::Listing,
        Level::SkuOnChannel,
        Level::Channel,
        Level::Merchant,
    ];
    let mut levels = levels.into_iter().zip(filed).zip(ordered);
    let levels: [Said<'_>; 4] = std::array::from_fn(|_| {
        let ((level, filed), ordered) = levels.next().expect("as many as there are levels");
        Said {
            level,
            filed,
            ordered,
        }
    });
    Effective {
        safety_stock_units: win(&levels, RuleKey::SafetyStockUnits, 0, |rules| {
            rules.safety_stock_units
        }),
        share_percent: win(&levels, RuleKey::SharePercent, 100, |rules| {
            rules.share_percent
        }),
        cap_units: maybe(&levels, RuleKey::CapUnits, |rules| rules.cap_units),
        min_units: win(&levels, RuleKey::MinUnits, 0, |rules| rules.min_units),
        case_units: win(&levels, RuleKey::CaseUnits, 1, |rules| rules.case_units),
        low_stock_units: maybe(&levels, RuleKey::LowStockUnits, |rules| {
            rules.low_stock_units
        }),
        low_share_percent: maybe(&levels, RuleKey::LowSharePercent, |rules| {
            rules.low_share_percent
        }),
        low_cap_units: maybe(&levels, RuleKey::LowCapUnits, |rules| rules.low_cap_units),
        low_min_units: maybe(&levels, RuleKey::LowMinUnits, |rules| rules.low_min_units),
        policy: win(&levels, RuleKey::Policy, Policy::Buffered, |rules| {
            rules.policy
        }),
        guard_below_units: maybe(&levels, RuleKey::GuardBelowUnits, |rules| {
            rules.guard_below_units
        }),
        split_kits: win(&levels, RuleKey::SplitKits, false, |rules| rules.split_kits),
        locations: maybe(&levels, RuleKey::Locations, |rules| rules.locations.clone()),
    }
}

/// What is said at one level.
struct Said<'a> {
    level: Level,
    filed: Option<&'a Rules>,
    ordered: Option<&'a Ruled>,
}

/// What people said, most specific level first.
fn ordered<'a>(
    ledger: &'a Ledger,
    channel: &ChannelSetup,
    listing: &ListingId,
    sku: SkuIx,
) -> [Option<&'a Ruled>; 4] {
    if ledger.ruled.is_empty() {
        return [None; 4];
    }
    let id = || channel.id.clone();
    [
        RuleAt::Listing(id(), listing.clone()),
        RuleAt::Sku(id(), ledger.sku_id(sku).clone()),
        RuleAt::Channel(id()),
        RuleAt::Merchant,
    ]
    .map(|at| ledger.ruled.get(&at))
}

/// The value of the first level that says something.
fn win<T>(
    levels: &[Said<'_>],
    key: RuleKey,
    default: T,
    pick: impl Fn(&Rules) -> Option<T>,
) -> Won<T> {
    let said = levels.iter().find_map(|said| {
        let level = said.level;
        if let Some(value) = said.filed.and_then(&pick) {
            let entry = None;
            return Some(Won {
                value,
                level,
                entry,
            });
        }
        let ordered = said.ordered?;
        let (value, entry) = (pick(&ordered.rules)?, ordered.seqs.get(&key).copied());
        Some(Won {
            value,
            level,
            entry,
        })
    });
    said.unwrap_or(Won {
        value: default,
        level: Level::Default,
        entry: None,
    })
}

/// The same of a rule that need not be there.
fn maybe<T>(
    levels: &[Said<'_>],
    key: RuleKey,
    pick: impl Fn(&Rules) -> Option<T>,
) -> Won<Option<T>> {
    win(levels, key, None, |rules| pick(rules).map(Some))
}
