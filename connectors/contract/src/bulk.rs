//! Much at once: a file that a channel writes by itself, to be read when it is ready.

use async_trait::async_trait;

use crate::connector::ConnectorError;
use crate::listing::ChannelListing;
use crate::order::Changed;
use crate::time::Timestamp;
use crate::transport::Secret;

/// What a file is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BulkOf {
    /// Orders changed at or after this.
    Orders(Timestamp),
    /// All listings.
    Listings,
}

/// A file that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkStarted {
    /// The channel's id of it.
    pub id: String,
    /// When it began, by the channel's clock: what changed before is in it, as far as searches showed it.
    pub at: Timestamp,
}

/// What has become of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BulkState {
    /// It is being written, so many objects so far.
    Running(u64),
    /// It is ready at this address, which lets in whoever has it; none where nothing is in it.
    Ready(Option<Secret>),
    /// It will not come.
    Failed(String),
}

/// A part of a file: whole rows, as many as fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkPart {
    /// What it says.
    pub rows: BulkRows,
    /// Where the next part begins, in bytes; none after the last.
    pub next: Option<u64>,
}

/// Rows of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BulkRows {
    /// Of one about orders.
    Orders(Vec<Changed>),
    /// Of one about listings.
    Listings(Vec<ChannelListing>),
}

/// Much at once.
#[async_trait]
pub trait Bulk: Send + Sync {
    /// The stream of changes that a file of orders stands for.
    fn stream(&self) -> &'static str;

    /// Has a file written, unless one was asked for under this mark before. After an unknown outcome it
    /// is called again with the same mark.
    ///
    /// # Errors
    /// Any [`ConnectorError`]; a channel that writes too many files already says so by `Throttled`.
    async fn start(&self, of: BulkOf, mark: &str) -> Result<BulkStarted, ConnectorError>;

    /// What has become of a file.
    ///
    /// # Errors
    /// Any [`ConnectorError`].
    async fn state(&self, id: &str) -> Result<BulkState, ConnectorError>;

    /// The part that begins at byte `from`: 0, or the `next` of a part before.
    ///
    /// # Errors
    /// Any [`ConnectorError`]; an address that is over is `Refused`.
    async fn part(&self, of: BulkOf, url: &Secret, from: u64) -> Result<BulkPart, ConnectorError>;
}
