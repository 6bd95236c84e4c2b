//! The merchant's settings as far as the ledger needs them, booked like everything else.

use std::collections::BTreeMap;
use std::time::Duration;

use channelsync_contract::ids::{
    ChannelId, ChannelLocationId, ListingId, LocationId, MerchantId, Sku,
};
use channelsync_contract::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::master::Master;
use super::rule::Rules;

/// How a channel treats the figure we write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counting {
    /// It subtracts its own open orders.
    Gross,
    /// It shows what we write.
    Net,
}

/// Whose word brings returned units back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Returns {
    /// The channel's: what it puts back is back.
    #[default]
    Channel,
    /// A person's, who receives them.
    Manual,
}

/// Locations, channels and rules of a merchant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// Whose book it is, for ever; none before the first settings.
    #[serde(default)]
    pub merchant: Option<MerchantId>,
    /// Where stock is counted.
    pub locations: Vec<LocationId>,
    /// Rules for all channels.
    pub rules: Rules,
    /// The channels.
    pub channels: Vec<ChannelSetup>,
    /// Who is master of a location; this book where nobody is named.
    #[serde(default)]
    pub masters: BTreeMap<LocationId, Master>,
}

impl Setup {
    /// These settings, and what they do not say as it is known of before.
    pub fn with_known(&self, before: &Self) -> Self {
        let mut setup = self.clone();
        for channel in &mut setup.channels {
            let known = before.channels.iter().find(|known| known.id == channel.id);
            let known = known.and_then(|known| known.book_from);
            channel.book_from = channel.book_from.or(known);
        }
        setup
    }
}

/// One channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelSetup {
    /// Its name.
    pub id: ChannelId,
    /// Gross or net.
    pub counting: Counting,
    /// A write is made only if the channel still holds what we believe.
    pub compare_and_set: bool,
    /// How long a placed order may stay invisible to polls.
    #[serde(default = "a_minute")]
    pub visibility_lag: Duration,
    /// Whether quantities are written at all.
    pub live: bool,
    /// When its opening stock was counted. Settings that do not say it take what is booked of the channel,
    /// or when its locations were counted; what is booked says it.
    pub book_from: Option<Timestamp>,
    /// Which of our locations serve it, first choice first.
    pub locations: Vec<LocationPair>,
    /// How much may change at once before a person is asked.
    #[serde(default)]
    pub mass_change: MassLimits,
    /// Whose backorders are filled first: higher before lower.
    pub backorder_priority: i32,
    /// Whose word brings returned units back.
    pub returns: Returns,
    /// Rules for the channel.
    pub rules: Rules,
    /// Rules for a SKU on this channel.
    pub sku_rules: BTreeMap<Sku, Rules>,
    /// Rules for a listing.
    pub listing_rules: BTreeMap<ListingId, Rules>,
}

/// Of entries that do not say it.
fn a_minute() -> Duration {
    Duration::from_secs(60)
}

/// From where on a change of many listings is held for a person: both must be passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MassLimits {
    /// Percent of the channel's listings; 100 holds nothing.
    pub percent: u32,
    /// Listings.
    pub listings_min: u32,
}

impl Default for MassLimits {
    fn default() -> Self {
        Self {
            percent: 20,
            listings_min: 10,
        }
    }
}

/// One of our locations and the channel's name for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocationPair {
    /// Ours.
    pub ours: LocationId,
    /// The channel's; none where it knows one quantity only.
    pub theirs: Option<ChannelLocationId>,
}
