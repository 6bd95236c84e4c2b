//! A listing as the ledger keeps it.

use channelsync_contract::ids::{Gtin, Sku};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// The number of a SKU in the ledger's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SkuIx(pub u32);

/// One part of a listing: so many units of a SKU in each unit of the listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Which SKU.
    pub sku: SkuIx,
    /// Units of it per unit of the listing; at least 1.
    pub per: u32,
}

/// What one unit of a listing takes from stock; a case pack has one part, a kit several.
pub type Parts = SmallVec<[Part; 1]>;

/// Lets parts take one SKU where they took another.
pub fn merge_parts(parts: &mut Parts, from: SkuIx, into: SkuIx) {
    for part in std::mem::take(parts) {
        let sku = if part.sku == from { into } else { part.sku };
        match parts.iter_mut().find(|known| known.sku == sku) {
            Some(known) => known.per = known.per.saturating_add(part.per),
            None => parts.push(Part { sku, ..part }),
        }
    }
}

/// How a listing relates to stock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mapping {
    /// To nothing, and why.
    Unmapped(String),
    /// Found by exact SKU.
    Automatic(Parts),
    /// Found by barcode.
    Barcode(Parts),
    /// Set by a person.
    Manual(Parts),
}

impl Mapping {
    /// What the listing takes from stock; none where it is unmapped.
    pub fn parts(&self) -> Option<&Parts> {
        match self {
            Self::Unmapped(_) => None,
            Self::Automatic(parts) | Self::Barcode(parts) | Self::Manual(parts) => Some(parts),
        }
    }
}

/// What a channel said about selling a listing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListingFlags {
    /// Its quantity cannot be set.
    pub unpushable: bool,
    /// The channel sells below zero, whatever it shows.
    pub sells_without_limit: bool,
    /// It was not in the last complete scan.
    pub gone: bool,
}

/// A listing as the ledger keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// Number of its item in the channel's table.
    pub item: u32,
    /// The SKU text on the channel.
    pub sku: Sku,
    /// Its barcode on the channel, where that is one.
    pub gtin: Option<Gtin>,
    /// What it takes from stock.
    pub mapping: Mapping,
    /// What the channel said.
    pub flags: ListingFlags,
    /// Entry that mapped it last.
    pub mapped_seq: u64,
}
