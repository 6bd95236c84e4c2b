//! The configuration as written: every key by its name, not yet given meaning.
//!
//! What is required and missing has been reported by the walk; it is none here.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::config::{LogFormat, LogLevel, Mode, QuantityName, Returns, RuleValues};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConfig {
    pub(super) state_dir: String,
    pub(super) key_file: Option<String>,
    pub(super) public_url: Option<String>,
    pub(super) listen: RawListen,
    pub(super) limits: RawLimits,
    pub(super) log: RawLog,
    pub(super) merchants: BTreeMap<String, RawMerchant>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawListen {
    pub(super) webhooks: String,
    pub(super) admin_socket: Option<String>,
    pub(super) trusted_proxies: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLimits {
    pub(super) body_bytes_max: usize,
    pub(super) header_bytes_max: usize,
    pub(super) connections_max: usize,
    pub(super) connections_per_ip_max: usize,
    pub(super) header_timeout_secs: u64,
    pub(super) body_timeout_secs: u64,
    pub(super) queue_commands_max: usize,
    pub(super) group_entries_max: usize,
    pub(super) read_rows_max: usize,
    pub(super) parked_bytes_max: u64,
    pub(super) segment_bytes_max: u64,
    pub(super) snapshot_entries: u64,
    pub(super) parked_keep_days: u64,
    pub(super) journal_keep_days: u64,
    pub(super) shutdown_secs: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLog {
    pub(super) format: LogFormat,
    pub(super) level: LogLevel,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMerchant {
    pub(super) locations: Option<Vec<String>>,
    pub(super) rules: RuleValues,
    pub(super) stock: BTreeMap<String, RawStock>,
    pub(super) channels: BTreeMap<String, RawChannel>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStock {
    pub(super) master: RawMaster,
    pub(super) channel: Option<String>,
    pub(super) path: Option<String>,
    pub(super) look_interval_secs: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawMaster {
    Ledger,
    Channel,
    File,
}

impl RawMaster {
    /// As it is written.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::Channel => "channel",
            Self::File => "file",
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ConnectorKind {
    Shopify,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawChannel {
    pub(super) connector: Option<ConnectorKind>,
    pub(super) mode: Mode,
    pub(super) shop: Option<String>,
    pub(super) base_url: Option<String>,
    pub(super) quantity_name: QuantityName,
    pub(super) book_from: Option<String>,
    pub(super) locations: Option<Vec<RawLocationPair>>,
    pub(super) backorder_priority: i32,
    pub(super) returns: Returns,
    pub(super) poll_interval_secs: u64,
    pub(super) poll_overlap_secs: u64,
    pub(super) scan_interval_secs: u64,
    pub(super) read_back_interval_secs: u64,
    pub(super) subscriptions: bool,
    pub(super) report_shipments: bool,
    pub(super) notify_buyers: bool,
    pub(super) drift_corrections_max: u32,
    pub(super) mass_change_percent: u32,
    pub(super) mass_change_listings_min: u32,
    pub(super) breaker_failures_max: u32,
    pub(super) breaker_pause_secs: u64,
    pub(super) breaker_pause_secs_max: u64,
    pub(super) credentials: RawCredentials,
    pub(super) rules: RuleValues,
    pub(super) skus: BTreeMap<String, RuleValues>,
    pub(super) listings: BTreeMap<String, RuleValues>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLocationPair {
    pub(super) ours: Option<String>,
    pub(super) theirs: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCredentials {
    pub(super) access_token_file: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) client_secret_file: Option<String>,
    pub(super) webhook_secret_files: Vec<String>,
}
