//! The words that connectors, the sandbox and the daemon share.
//!
//! In: nothing. Out: ids, units, times, order snapshots, the ports through which the world is
//! reached, and one small trait per facet of a channel. Never here: a socket, a clock, a decision.

pub mod bulk;
pub mod connector;
mod gtin;
pub mod ids;
pub mod listing;
pub mod order;
pub mod ports;
pub mod quantity;
#[cfg(feature = "suite")]
pub mod suite;
pub mod shipment;
pub mod time;
pub mod transport;
pub mod units;
pub mod webhook;

pub use connector::{Capabilities, Connector, ConnectorError, Counting, NextStep, Probe};
pub use ids::{
    CallId, ChannelId, ChannelLocationId, Gtin, ItemId, LineId, ListingId, LocationId, MerchantId,
    OrderId, Sku, SlotKey,
};
pub use order::{Changed, Facet, OrderSnapshot};
pub use ports::{Clock, Rng, Spawn};
pub use time::Timestamp;
pub use transport::{CallError, Request, Response, Transport};
pub use units::{Money, Units};
