//! Rules of what may be shown, at which level each was set, and those that a person set by command.

use std::collections::BTreeMap;
use std::fmt;

use channelsync_contract::ids::{ChannelId, ListingId, LocationId, Sku};
use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Serialize, Serializer};

use super::setup::Setup;
use super::state::Ledger;

macro_rules! rules {
    ($($doc:literal $key:ident $field:ident: $kind:ty;)*) => {
        /// Rules as set at one level; what is absent is looked up one level further out.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
        pub struct Rules {
            $(#[doc = $doc] #[serde(default)] pub $field: Option<$kind>,)*
        }

        /// The name of a rule.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize,
        )]
        #[serde(rename_all = "snake_case")]
        pub enum RuleKey {
            $(#[doc = $doc] $key,)*
        }

        impl Serialize for Rules {
            /// Entries leave out what is absent; the ledger's snapshots have no names to miss it by.
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                let with_names = to.is_human_readable();
                let mut rules = to.serialize_struct("Rules", RuleKey::ALL.len())?;
                $(
                    if with_names && self.$field.is_none() {
                        rules.skip_field(stringify!($field))?;
                    } else {
                        rules.serialize_field(stringify!($field), &self.$field)?;
                    }
                )*
                rules.end()
            }
        }

        impl RuleKey {
            /// All there are.
            pub const ALL: &[Self] = &[$(Self::$key,)*];

            /// As it is written in a file.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$key => stringify!($field),)* }
            }
        }

        impl Rules {
            /// The value of a rule, as it is written in a file; none where it is not set here.
            pub fn value(&self, key: RuleKey) -> Option<String> {
                match key {
                    $(RuleKey::$key => self.$field.as_ref().map(ToString::to_string),)*
                }
            }

            /// Sets a rule as it is elsewhere, also to nothing.
            pub fn take(&mut self, key: RuleKey, from: &Self) {
                match key { $(RuleKey::$key => self.$field.clone_from(&from.$field),)* }
            }
        }
    };
}

rules! {
    "Units of a SKU withheld." SafetyStockUnits safety_stock_units: u32;
    "Units of a SKU kept for this channel alone; set for a SKU on a channel only."
        SetAsideUnits set_aside_units: u32;
    "Percent of the pool shown." SharePercent share_percent: u32;
    "Never show more." CapUnits cap_units: u32;
    "Show none below this." MinUnits min_units: u32;
    "Show whole cases of so many." CaseUnits case_units: u32;
    "While the pool is no more than this, the rules for low stock hold."
        LowStockUnits low_stock_units: u32;
    "Percent of the pool shown while stock is low." LowSharePercent low_share_percent: u32;
    "Never show more while stock is low." LowCapUnits low_cap_units: u32;
    "Show none below this while stock is low." LowMinUnits low_min_units: u32;
    "How much of the pool may stand on several channels at once." Policy policy: Policy;
    "While the pool is below this, stock is guarded; always without it."
        GuardBelowUnits guard_below_units: u32;
    "Whether parts of one kit may come from several locations." SplitKits split_kits: bool;
    "Only what lies at these of the channel's locations is shown."
        Locations locations: LocationList;
}

/// How much of the pool may stand on several channels at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// All of it on each, without safety stock.
    Pooled,
    /// All of it on each, less the safety stock.
    Buffered,
    /// Each unit on one channel only.
    Guarded,
}

impl fmt::Display for Policy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Pooled => "pooled",
            Self::Buffered => "buffered",
            Self::Guarded => "guarded",
        })
    }
}

/// Locations by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocationList(pub Vec<LocationId>);

impl fmt::Display for LocationList {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(LocationId::as_str).collect();
        out.write_str(&names.join(","))
    }
}

/// Where a rule holds, the widest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleAt {
    /// Everything on every channel.
    Merchant,
    /// Everything on a channel.
    Channel(ChannelId),
    /// A SKU on a channel.
    Sku(ChannelId, Sku),
    /// A listing.
    Listing(ChannelId, ListingId),
}

impl fmt::Display for RuleAt {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Merchant => out.write_str("all channels"),
            Self::Channel(channel) => write!(out, "channel {channel}"),
            Self::Sku(channel, sku) => write!(out, "SKU {sku} on {channel}"),
            Self::Listing(channel, listing) => write!(out, "listing {listing} on {channel}"),
        }
    }
}

/// Rules that a person set by command.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruled {
    /// What they say.
    pub rules: Rules,
    /// Entry that set each of them last.
    pub seqs: BTreeMap<RuleKey, u64>,
}

impl Setup {
    /// What the files say at a level.
    pub fn rules_at(&self, at: &RuleAt) -> Option<&Rules> {
        let channel = |id: &ChannelId| self.channels.iter().find(|known| known.id == *id);
        match at {
            RuleAt::Merchant => Some(&self.rules),
            RuleAt::Channel(id) => channel(id).map(|known| &known.rules),
            RuleAt::Sku(id, sku) => channel(id)?.sku_rules.get(sku),
            RuleAt::Listing(id, listing) => channel(id)?.listing_rules.get(listing),
        }
    }
}

impl Ledger {
    /// Units of SKUs that rules set aside for a channel; what a file says goes before what a person said.
    pub(super) fn rules_set_aside(&self, channel: u16) -> BTreeMap<Sku, u32> {
        let known = self.channel(channel);
        let ordered = self.ruled.iter().filter_map(|(at, ruled)| match at {
            RuleAt::Sku(id, sku) if *id == known.id => Some((sku, &ruled.rules)),
            RuleAt::Sku(..) | RuleAt::Merchant | RuleAt::Channel(_) | RuleAt::Listing(..) => None,
        });
        let filed = known.setup.iter().flat_map(|setup| &setup.sku_rules);
        let all = ordered.chain(filed);
        all.filter_map(|(sku, rules)| Some((sku.clone(), rules.set_aside_units?)))
            .collect()
    }
}
