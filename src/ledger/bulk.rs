//! A file of much at once that a channel writes for us: what is kept so that a restart goes on with it.

use channelsync_contract::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A file as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulkFile {
    /// Changes since then are in it; none where it is not about changes.
    pub since: Option<Timestamp>,
    /// When it was asked for first, by our clock.
    pub asked: Timestamp,
    /// What we know it by, also where the answer to our asking was lost.
    pub mark: String,
    /// The channel's id of it, and when it began by the channel's clock; none before an answer.
    pub started: Option<(String, Timestamp)>,
    /// Bytes of it that are booked.
    pub taken: u64,
}
