//! What the admin routes look at.

use std::collections::BTreeMap;
use std::sync::Arc;

use channelsync_contract::Timestamp;
use channelsync_contract::ports::{Clock, Rng};
use futures_util::future::BoxFuture;
use tokio::sync::Notify;

use crate::ats::OpeningPage;
use crate::board::{Board, Exposures};
use crate::bookkeeper::{Handle, ReadMovements};
use crate::ledger::LocIx;
use crate::store::parked::ParkedFiles;
use crate::transport::Paced;

/// Everything that can be asked about.
pub struct Admin {
    /// What became of the settings.
    pub settings: SettingsNote,
    /// Reads them anew.
    pub reload: Reload,
    /// Merchants by id.
    pub merchants: BTreeMap<String, AdminMerchant>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Ids of commands.
    pub rng: Arc<dyn Rng>,
    /// Rows of one answer.
    pub read_rows_max: usize,
}

/// Reads opening counts off a channel, from an item on, of one location or of all.
pub type ReadOpenings = Arc<
    dyn Fn(u32, Option<LocIx>) -> BoxFuture<'static, Result<OpeningPage, String>> + Send + Sync,
>;

/// Has the settings read anew, and tells what became of it; none where the daemon stops meanwhile.
pub type Reload = Arc<dyn Fn() -> BoxFuture<'static, Option<SettingsNote>> + Send + Sync>;

/// Which settings are in force.
#[derive(Clone, Debug, Default)]
pub struct SettingsNote {
    /// When they were read.
    pub loaded_at: Timestamp,
    /// When they were last read anew and refused, with every fault; none once they were taken.
    pub refused: Option<(Timestamp, Vec<String>)>,
    /// What was different the last time they were taken anew, by name.
    pub changed: Vec<String>,
    /// What has changed in the files and waits for a restart, by name.
    pub restart: Vec<String>,
}

/// One merchant.
pub struct AdminMerchant {
    /// Its book.
    pub book: Handle,
    /// Bytes set aside.
    pub parked: Arc<ParkedFiles>,
    /// Reads the history of a SKU.
    pub movements: ReadMovements,
    /// What may be oversold.
    pub exposures: Exposures,
    /// Paths of the files that are master of a location, by that, and what their tasks tell.
    pub files: BTreeMap<String, (String, Board)>,
    /// Its channels by name.
    pub channels: BTreeMap<String, AdminChannel>,
}

/// One channel.
pub struct AdminChannel {
    /// Kind of connector.
    pub connector: &'static str,
    /// Whether quantities are written.
    pub live: bool,
    /// Whether the settings say since when it counts.
    pub book_from_in_file: bool,
    /// What its tasks tell.
    pub board: Board,
    /// The gate of its account.
    pub transport: Arc<Paced>,
    /// Its streams of changes.
    pub streams: &'static [&'static str],
    /// Wakes its poller.
    pub poll_now: Arc<Notify>,
    /// Wakes its scanner.
    pub scan_now: Arc<Notify>,
    /// Reads what it shows of SKUs that were never counted.
    pub openings: ReadOpenings,
}
