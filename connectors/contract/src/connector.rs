//! What a sales channel must offer.
//!
//! A connector translates. It is handed a [`Transport`](crate::Transport) and sends every request
//! through it, so pacing, tokens, recording and redaction exist once, and a test can play the channel.

use std::time::Duration;

use async_trait::async_trait;
use http::HeaderMap;

use crate::bulk::Bulk;
use crate::ids::{OrderId, SlotKey};
use crate::listing::{ChannelLocation, ListingPage};
use crate::order::{ChangedPage, Fetched};
use crate::quantity::{Push, PushOutcome, ShownQuantity};
use crate::shipment::{Parcel, ParcelOutcome, Tracking};
use crate::time::Timestamp;
use crate::transport::CallError;
use crate::webhook::{BadSignature, Delivery, Subscription, Undecodable};

/// A connected channel: one boxed facet per ability. What a channel cannot do is absent.
pub struct Connector {
    /// Limits and side effects; constant while the process lives.
    pub capabilities: Capabilities,
    /// Orders in.
    pub orders: Box<dyn Orders>,
    /// Quantities out and back.
    pub quantities: Box<dyn Quantities>,
    /// What is sold.
    pub listings: Box<dyn Listings>,
    /// Files of much at once, where the channel writes them.
    pub bulk: Option<Box<dyn Bulk>>,
    /// Parcels out, where the channel is told of them.
    pub shipments: Option<Box<dyn Shipments>>,
    /// Deliveries, where the channel makes them.
    pub webhooks: Option<Box<dyn Webhooks>>,
    /// Who am I.
    pub probe: Box<dyn Identity>,
}

/// How a channel treats the figure that we write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// It subtracts its own open orders from what we write.
    Gross,
    /// It shows exactly what we write.
    Net,
}

/// Limits and side effects of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Gross or net.
    pub counting: Counting,
    /// A sale lowers what buyers see by itself.
    pub subtracts_on_sale: bool,
    /// A cancellation raises it by itself.
    pub restores_on_cancel: bool,
    /// A write can be made conditional on the present figure.
    pub compare_and_set: bool,
    /// Quantities are kept per location of the channel.
    pub locations: bool,
    /// How long a placed order may stay invisible to polls.
    pub visibility_lag: Duration,
    /// Rows per push call.
    pub batch_max: usize,
    /// Push calls under way at once.
    pub pushes_max: usize,
    /// Slots per read-back call.
    pub read_back_max: usize,
    /// Orders per fetch call.
    pub fetch_max: usize,
    /// Names of the streams of changes to be polled, each with its own watermark.
    pub streams: &'static [&'static str],
}

/// Orders in.
#[async_trait]
pub trait Orders: Send + Sync {
    /// One page of what changed at or after `since` on a stream, oldest first.
    ///
    /// `page` is the `next` of the page before, valid for the same `since` only.
    ///
    /// # Errors
    /// Any [`ConnectorError`]; the page is then asked for again.
    async fn changed(
        &self,
        stream: &str,
        since: Timestamp,
        page: Option<&str>,
    ) -> Result<ChangedPage, ConnectorError>;

    /// The orders as they stand now: one result per id, any order of results.
    ///
    /// # Errors
    /// Any [`ConnectorError`], for all of them.
    async fn fetch(&self, orders: &[OrderId]) -> Result<Vec<Fetched>, ConnectorError>;
}

/// Quantities out and back.
#[async_trait]
pub trait Quantities: Send + Sync {
    /// Sets absolute quantities: one outcome per row, same order; never repeated blindly.
    ///
    /// # Errors
    /// When nothing was written; an unknown outcome is [`ConnectorError::Unanswered`].
    async fn push(&self, push: &Push) -> Result<Vec<PushOutcome>, ConnectorError>;

    /// What the channel holds now: one result per slot, same order.
    ///
    /// # Errors
    /// Any [`ConnectorError`].
    async fn read_back(&self, slots: &[SlotKey]) -> Result<Vec<ShownQuantity>, ConnectorError>;
}

/// Parcels out.
#[async_trait]
pub trait Shipments: Send + Sync {
    /// Records a parcel. Not idempotent: after an unknown outcome the order is read before it is
    /// called again.
    ///
    /// # Errors
    /// When nothing was recorded; an unknown outcome is [`ConnectorError::Unanswered`].
    async fn report(&self, parcel: &Parcel) -> Result<ParcelOutcome, ConnectorError>;

    /// Replaces what the carrier calls a recorded parcel; repeating it gives the same.
    ///
    /// # Errors
    /// Any [`ConnectorError`].
    async fn track(
        &self,
        recorded: &str,
        tracking: &Tracking,
        notify_buyer: bool,
    ) -> Result<(), ConnectorError>;
}

/// What is sold, and from where.
#[async_trait]
pub trait Listings: Send + Sync {
    /// One page of all listings.
    ///
    /// # Errors
    /// Any [`ConnectorError`].
    async fn listings(&self, page: Option<&str>) -> Result<ListingPage, ConnectorError>;

    /// All locations; empty where the channel has none.
    ///
    /// # Errors
    /// Any [`ConnectorError`].
    async fn locations(&self) -> Result<Vec<ChannelLocation>, ConnectorError>;
}

/// Deliveries.
#[async_trait]
pub trait Webhooks: Send + Sync {
    /// Checks the signature over the raw bytes, in constant time, by the secrets that count `at`.
    ///
    /// # Errors
    /// [`BadSignature`] when it is missing or wrong.
    fn verify(&self, headers: &HeaderMap, body: &[u8], at: Timestamp) -> Result<(), BadSignature>;

    /// Reads a verified delivery. Total: any bytes give a value or an error.
    ///
    /// # Errors
    /// [`Undecodable`] when the body does not say what it should.
    fn decode(&self, headers: &HeaderMap, body: &[u8]) -> Result<Delivery, Undecodable>;

    /// The topics we need, in the channel's spelling.
    fn topics(&self) -> &'static [&'static str];

    /// All subscriptions the channel holds for us.
    ///
    /// # Errors
    /// Any [`ConnectorError`].
    async fn subscriptions(&self) -> Result<Vec<Subscription>, ConnectorError>;

    /// Creates one; that it exists already is success.
    ///
    /// # Errors
    /// Any [`ConnectorError`].
    async fn subscribe(&self, topic: &str, address: &str) -> Result<(), ConnectorError>;
}

/// Who the credentials belong to.
#[async_trait]
pub trait Identity: Send + Sync {
    /// Asks the channel.
    ///
    /// # Errors
    /// Any [`ConnectorError`].
    async fn probe(&self) -> Result<Probe, ConnectorError>;
}

/// What a probe found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probe {
    /// The account's name on the channel.
    pub account: String,
    /// Permissions that are needed and not granted.
    pub missing: Vec<String>,
    /// Anything a person should know (a version served that was not asked for).
    pub warnings: Vec<String>,
}

/// Why a connector's call gave no result.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    /// The channel's rate limit.
    #[error("throttled, retry after {} ms", retry_after.as_millis())]
    Throttled {
        /// Wait at least this long.
        retry_after: Duration,
    },
    /// Nothing happened on the channel.
    #[error("not done: {0}")]
    NotDone(String),
    /// Unknown whether it happened.
    #[error("no answer: {0}")]
    Unanswered(String),
    /// Credentials, permissions or the account itself; a person must act.
    #[error("not allowed: {0}")]
    Unauthorized(String),
    /// The channel refused this very request.
    #[error("refused, {code}: {message}")]
    Refused {
        /// The channel's code.
        code: String,
        /// The channel's words.
        message: String,
    },
    /// The answer is not what the channel's documentation promises.
    #[error("cannot read the answer to {what}: {why}")]
    Unreadable {
        /// Which request.
        what: &'static str,
        /// Why.
        why: String,
    },
}

/// What a caller does about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextStep {
    /// Wait at least this long, then repeat.
    RetryAfter(Duration),
    /// Repeat with growing pauses.
    RetryWithBackoff,
    /// Read back before anything else.
    ReadBack,
    /// Stop this channel until a person acted; probe now and then.
    PauseChannel,
    /// Set aside with the reason.
    Park,
}

impl ConnectorError {
    /// What to do next; a new kind of error must decide.
    pub fn next_step(&self) -> NextStep {
        match self {
            Self::Throttled { retry_after } => NextStep::RetryAfter(*retry_after),
            Self::NotDone(_) => NextStep::RetryWithBackoff,
            Self::Unanswered(_) => NextStep::ReadBack,
            Self::Unauthorized(_) => NextStep::PauseChannel,
            Self::Refused { .. } | Self::Unreadable { .. } => NextStep::Park,
        }
    }
}

impl From<CallError> for ConnectorError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::NotSent(why) => Self::NotDone(why),
            CallError::Unanswered(why) => Self::Unanswered(why),
            CallError::Throttled { retry_after } => Self::Throttled { retry_after },
            CallError::Unauthorized(why) => Self::Unauthorized(why),
        }
    }
}
