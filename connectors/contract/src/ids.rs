//! Identifiers. Each is a newtype over a short string, so that two of them cannot be swapped.
//!
//! Ids up to 23 bytes are stored inline; channels' own ids are kept in their shortest exact form.

use std::borrow::Borrow;
use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

pub use crate::gtin::Gtin;

macro_rules! string_id {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(SmolStr);

        impl $name {
            /// Takes the id as written; the text is kept exactly.
            pub fn new(text: impl AsRef<str>) -> Self {
                Self(SmolStr::new(text))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, "{:?}", self.as_str())
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                self.as_str()
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }
    )*};
}

string_id! {
    /// Whose book it is; the stem of the merchant's file.
    MerchantId
    /// A configured sales account of a merchant, such as `shopify-us`; unique per merchant.
    ChannelId
    /// Our stock unit, as the merchant writes it; case matters.
    Sku
    /// A place where the merchant counts stock, named in the merchant's file.
    LocationId
    /// One sellable offer on one channel, by the channel's own id.
    ListingId
    /// What a channel keeps a quantity for, by the channel's own id (Shopify: inventory item).
    ItemId
    /// A channel's own id of one of its locations.
    ChannelLocationId
    /// A channel's own id of an order.
    OrderId
    /// A channel's own id of an order line.
    LineId
}

/// The unit of push, in-flight, parked and read-back on one channel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SlotKey {
    /// The channel's item whose quantity is set.
    pub item: ItemId,
    /// The channel's location, or none where the channel knows one quantity only.
    pub location: Option<ChannelLocationId>,
}

impl fmt::Display for SlotKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.location {
            Some(location) => write!(out, "{}@{location}", self.item),
            None => write!(out, "{}", self.item),
        }
    }
}

/// One outgoing call that writes; minted and stored before its first attempt.
///
/// It is also the idempotency key where the channel takes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallId(pub uuid::Uuid);

impl fmt::Display for CallId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}
