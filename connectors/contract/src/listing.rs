//! What a channel sells, and from where.

use serde::{Deserialize, Serialize};

use crate::ids::{ChannelLocationId, ItemId, ListingId};

/// One sellable offer as a channel reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelListing {
    /// The channel's id of the offer.
    pub id: ListingId,
    /// The item whose quantity it shows; several listings may share one.
    pub item: ItemId,
    /// The SKU text on the channel, trimmed; may be empty, is not unique.
    pub sku: String,
    /// Barcode, where there is one.
    pub barcode: Option<String>,
    /// For people.
    pub title: String,
    /// Why its quantity cannot be set (`not tracked`, `bundle`), if so.
    pub unpushable: Option<String>,
    /// Whether the channel sells it below zero, whatever we push.
    pub sells_without_limit: bool,
}

/// One page of listings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListingPage {
    /// The listings.
    pub listings: Vec<ChannelListing>,
    /// Token of the next page; none on the last.
    pub next: Option<String>,
}

/// A place the channel ships from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelLocation {
    /// The channel's id.
    pub id: ChannelLocationId,
    /// For people.
    pub name: String,
    /// Whether it may hold stock of ours now.
    pub active: bool,
}
