//! What a channel sends us by itself.

use crate::ids::SlotKey;
use crate::order::Changed;
use crate::time::Timestamp;
use crate::transport::Secret;

/// A secret that signs deliveries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningSecret {
    /// The secret.
    pub secret: Secret,
    /// It counts no longer from then on: it was replaced. None while it is the newest.
    pub until: Option<Timestamp>,
}

impl SigningSecret {
    /// One that counts until it is replaced.
    pub const fn new(secret: Secret) -> Self {
        let until = None;
        Self { secret, until }
    }

    /// Whether it counts at a time.
    pub fn counts(&self, at: Timestamp) -> bool {
        self.until.is_none_or(|until| at < until)
    }
}

/// The signature does not fit the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("signature missing or wrong")]
pub struct BadSignature;

/// A verified delivery, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The channel's id of the delivery; for logs, never for deduplication.
    pub id: String,
    /// What the channel calls this kind of delivery.
    pub topic: String,
    /// When it was sent, if the channel says.
    pub sent_at: Option<Timestamp>,
    /// What it means.
    pub content: Content,
}

/// What a delivery means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// An order changed.
    Order(Changed),
    /// Something changed that names no order, only this stream of changes tells which: worth polling.
    Poll(&'static str),
    /// What is left to sell in a slot changed: worth reading back where nothing explains it.
    Quantity(Quantity),
    /// Listings or locations changed: worth scanning.
    Listings,
    /// What our credentials may do changed: worth probing.
    Permissions,
    /// The channel ended our access.
    Uninstalled,
    /// A buyer's data must be forgotten: whatever mentions one of these texts.
    Erase(Vec<String>),
    /// All buyers' data of the channel must be forgotten.
    EraseAll,
    /// A buyer asks what is kept: whatever mentions one of these texts.
    Disclose(Vec<String>),
    /// Nothing for us: answered and forgotten.
    Nothing,
}

/// What a channel says is left to sell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantity {
    /// Where.
    pub slot: SlotKey,
    /// In listing units, below zero where more was sold than was there; none where the channel does
    /// not count.
    pub available: Option<i64>,
}

/// A delivery that cannot be read; it is parked and answered as taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{topic}: {why}")]
pub struct Undecodable {
    /// Its kind.
    pub topic: String,
    /// Why it cannot be read.
    pub why: String,
}

/// One standing request to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The channel's id.
    pub id: String,
    /// What about.
    pub topic: String,
    /// Where deliveries go.
    pub address: String,
}
