//! What the program holds: values that were checked and cannot be wrong.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use channelsync_contract::transport::{GrantStore, Secret};
use channelsync_contract::webhook::SigningSecret;
use channelsync_contract::{
    ChannelId, ChannelLocationId, ListingId, LocationId, MerchantId, Sku, Timestamp,
};

use serde::Deserialize;

use super::address::Network;

/// The whole configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The directory that holds journals, snapshots, records and parked bytes; absolute or below
    /// the configuration directory.
    pub state_dir: PathBuf,
    /// Where the key is that seals credentials and parked bytes.
    pub key: KeyPlace,
    /// Where channels reach the webhook listener: scheme, host and path without a trailing slash.
    /// Present whenever a channel creates subscriptions.
    pub public_url: Option<String>,
    /// Where we listen.
    pub listen: Listen,
    /// Limits of the process.
    pub limits: Limits,
    /// What is logged and how.
    pub log: Log,
    /// At least one, by id.
    pub merchants: Vec<Merchant>,
}

/// Where the key is that seals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    /// The service manager hands it over in this file; it is never made by us.
    Handed(PathBuf),
    /// A file of ours, mode 0600.
    File(PathBuf),
}

impl KeyPlace {
    /// The file.
    pub fn path(&self) -> &Path {
        let (Self::Handed(path) | Self::File(path)) = self;
        path
    }
}

/// Where we listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Plain HTTP for webhooks, behind a proxy that speaks TLS.
    pub webhooks: Address,
    /// The unix socket of the command line.
    pub admin_socket: PathBuf,
    /// Proxies whose word about a client's address is taken.
    pub trusted_proxies: Vec<Network>,
}

/// An address that only this machine can reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A loopback address; port 0 lets the system choose.
    Loopback(SocketAddr),
    /// A unix socket.
    Unix(PathBuf),
}

/// Limits of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest body of a webhook.
    pub body_bytes_max: usize,
    /// Largest head of a request.
    pub header_bytes_max: usize,
    /// Open connections of the webhook listener.
    pub connections_max: usize,
    /// The same for one client address.
    pub connections_per_ip_max: usize,
    /// The head of a request must have come by then.
    pub header_timeout: Duration,
    /// Its body by then.
    pub body_timeout: Duration,
    /// Commands of a merchant that wait for the bookkeeper.
    pub queue_commands_max: usize,
    /// Entries in one group.
    pub group_entries_max: usize,
    /// Rows that one read of the ledger may give.
    pub read_rows_max: usize,
    /// Parked bytes of a merchant, all together.
    pub parked_bytes_max: u64,
    /// A segment of the journal ends before it is larger.
    pub segment_bytes_max: u64,
    /// Entries between two snapshots.
    pub snapshot_entries: u64,
    /// Bytes parked for longer are erased.
    pub parked_keep: Duration,
    /// What happened longer ago may leave the journal.
    pub journal_keep: Duration,
    /// The process has stopped by then.
    pub shutdown: Duration,
}

/// What is logged and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// How lines look.
    pub format: LogFormat,
    /// The least level that is written.
    pub level: LogLevel,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// A level of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// A person must act.
    Error,
    /// Recovered, watch it.
    Warn,
    /// State changed.
    Info,
    /// Per request.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// As logging libraries spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Whose book it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merchant {
    /// The stem of the merchant's file.
    pub id: MerchantId,
    /// Where stock is counted, at least one, first choice first.
    pub locations: Vec<LocationId>,
    /// Who is master of a location; the book where nobody is named.
    pub masters: BTreeMap<LocationId, Master>,
    /// Rules for every channel that says nothing more specific.
    pub rules: RuleSet,
    /// By id; may be empty.
    pub channels: Vec<Channel>,
}

/// Who says how much lies at a location, where it is not the book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Master {
    /// One of the merchant's channels, which the location serves.
    Channel(ChannelId),
    /// A file.
    File(MasterFile),
}

/// A file that says how much lies at a location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MasterFile {
    /// The file, or a folder of such.
    pub path: PathBuf,
    /// Pause between looks at it.
    pub look_interval: Duration,
}

/// A sales account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Its name in the file.
    pub id: ChannelId,
    /// Which kind, and what that kind needs.
    pub connector: ConnectorSettings,
    /// Whether anything is written to it.
    pub mode: Mode,
    /// The instant its opening stock was counted; none where the book tells it.
    pub book_from: Option<Timestamp>,
    /// Which of our locations is which of its, at least one pair, first choice first.
    pub locations: Vec<LocationPair>,
    /// Who gets units first when backorders are filled: the higher number.
    pub backorder_priority: i32,
    /// Whose word brings returned units back.
    pub returns: Returns,
    /// Pause between polls.
    pub poll_interval: Duration,
    /// How far before its watermark a poll begins.
    pub poll_overlap: Duration,
    /// Pause between scans of all listings.
    pub scan_interval: Duration,
    /// All slots are read back once in this time.
    pub read_back_interval: Duration,
    /// Whether webhook subscriptions are created and kept.
    pub subscriptions: bool,
    /// Whether a live channel is told of parcels of ours.
    pub report_shipments: bool,
    /// Whether the channel writes to the buyer when it is told of a parcel.
    pub notify_buyers: bool,
    /// Corrections of one slot's drift before it is parked.
    pub drift_corrections_max: u32,
    /// Percent of its listings that may change by much at once without a question.
    pub mass_change_percent: u32,
    /// Listings below which no change is asked about.
    pub mass_change_listings_min: u32,
    /// When calls to the account are paused.
    pub breaker: Breaker,
    /// Rules of the channel.
    pub rules: RuleSet,
    /// Rules of single SKUs on this channel.
    pub sku_rules: BTreeMap<Sku, RuleSet>,
    /// Rules of single listings.
    pub listing_rules: BTreeMap<ListingId, RuleSet>,
}

/// What a connector needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectorSettings {
    /// A Shopify shop.
    Shopify {
        /// Its permanent host, `NAME.myshopify.com`.
        shop: String,
        /// Scheme and host that calls go to, without a trailing slash.
        base_url: String,
        /// Which of its figures is written.
        quantity_name: QuantityName,
        /// How calls are authorized.
        credentials: Credentials,
        /// Secrets that may have signed a webhook; at least one where there are subscriptions, once
        /// credentials are opened.
        webhook_secrets: Vec<SigningSecret>,
    },
}

/// Which figure of a Shopify level is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuantityName {
    /// What is there: the shop subtracts its own open orders.
    OnHand,
    /// What may still be sold: for virtual stock, and where on hand belongs to somebody else.
    Available,
}

/// How calls are authorized.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// They are sealed in the state directory and not opened yet.
    Sealed,
    /// A token that does not expire.
    AccessToken(Secret),
    /// A token is asked for with these.
    Client {
        /// The public half.
        id: String,
        /// The secret half.
        secret: Secret,
    },
    /// A grant that a merchant's consent began is renewed with these.
    Grant {
        /// The public half.
        id: String,
        /// The secret half.
        secret: Secret,
        /// Where the grant is kept.
        grants: Grants,
    },
}

/// Where the grant of an account is kept.
#[derive(Clone, Debug)]
pub struct Grants(pub Arc<dyn GrantStore>);

impl PartialEq for Grants {
    fn eq(&self, other: &Self) -> bool {
        self.0.place() == other.0.place()
    }
}

impl Eq for Grants {}

/// Whether anything is written to a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// All is computed, nothing written.
    Shadow,
    /// Quantities are set.
    Live,
}

/// Whose word brings returned units back into stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Returns {
    /// The channel's: what it puts back is back.
    Channel,
    /// A person's, who receives them.
    Manual,
}

/// The same place by both names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocationPair {
    /// Our name of it.
    pub ours: LocationId,
    /// The channel's id of it, in its shortest form.
    pub theirs: ChannelLocationId,
}

/// When calls to an account are paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breaker {
    /// Failures in a row that open it.
    pub failures_max: u32,
    /// The first pause; each further one doubles.
    pub pause: Duration,
    /// The longest pause.
    pub pause_max: Duration,
}

/// How much of the pool may stand on several channels at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// All of it on each, without safety stock.
    Pooled,
    /// All of it on each, less the safety stock.
    Buffered,
    /// Each unit on one channel only.
    Guarded,
}

/// Rules of one level, and where they stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleSet {
    /// What they say.
    pub values: RuleValues,
    /// Where the set stands, if anything in it is set: a rule in a file is changed in the file.
    pub origin: Option<Origin>,
}

/// What rules say; what is none is said by the level above.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleValues {
    /// Units withheld.
    pub safety_stock_units: Option<u32>,
    /// Units kept for this channel alone.
    pub set_aside_units: Option<u32>,
    /// Share of the pool that is shown, 0 to 100.
    pub share_percent: Option<u32>,
    /// No more than this is shown.
    pub cap_units: Option<u32>,
    /// Less than this is shown as nothing.
    pub min_units: Option<u32>,
    /// Whole cases of so many are shown.
    pub case_units: Option<u32>,
    /// Stock is low while the pool is no more than this.
    pub low_stock_units: Option<u32>,
    /// The share while stock is low.
    pub low_share_percent: Option<u32>,
    /// The cap while stock is low.
    pub low_cap_units: Option<u32>,
    /// The minimum while stock is low.
    pub low_min_units: Option<u32>,
    /// How much of the pool may stand on several channels at once.
    pub policy: Option<Policy>,
    /// Guarded only while the pool is below this.
    pub guard_below_units: Option<u32>,
    /// Whether parts of one kit may come from several locations.
    pub split_kits: Option<bool>,
    /// Only what lies at these locations is shown; at all of them where it is empty.
    pub locations: Vec<String>,
}

/// Where a setting stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file, or `variable NAME`.
    pub file: String,
    /// The line in it, from 1.
    pub line: Option<usize>,
}

impl Origin {
    /// Reads what [`Origin`] displays.
    pub(super) fn parse(text: &str) -> Self {
        let split = text
            .rsplit_once(':')
            .and_then(|(file, line)| Some((file, line.parse().ok()?)));
        match split {
            Some((file, line)) => Self {
                file: file.to_owned(),
                line: Some(line),
            },
            None => Self {
                file: text.to_owned(),
                line: None,
            },
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.file)?;
        self.line.map_or(Ok(()), |line| write!(out, ":{line}"))
    }
}
