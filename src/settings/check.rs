//! From what is written to what is meant.
//!
//! In: the raw configuration, of which every key is known and within its limits. Out: the checked
//! one, or none where something that it needs is at fault; each such fault has then been reported.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use config::ValueKind;

use super::address::{self, Network, Refusal};
use super::config::{Config, KeyPlace, Limits, Listen, Log};
use super::fault::Fault;
use super::layers::Layers;
use super::merchant::merchant;
use super::path::KeyPath;
use super::raw::{RawConfig, RawLimits, RawListen};

/// Name of the key file, also as a credential of the service manager.
pub(super) const KEY_NAME: &str = "channelsync.key";

/// The place where faults are collected while checking.
pub(super) struct Checking<'a> {
    pub(super) dir: &'a Path,
    layers: &'a Layers,
    faults: &'a mut Vec<Fault>,
    /// Who uses an account: shops and base URLs, by the channel that named them first.
    pub(super) accounts: BTreeMap<String, String>,
    /// The first channel that needs `public_url`.
    pub(super) subscriber: Option<String>,
}

impl Checking<'_> {
    pub(super) fn fault(
        &mut self,
        path: &KeyPath,
        what: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.faults
            .push(Fault::at(path, self.dir, &self.layers.tree, what, help));
    }

    /// The value, or none after its refusal was reported.
    pub(super) fn take<T>(&mut self, path: &KeyPath, value: Result<T, Refusal>) -> Option<T> {
        value
            .map_err(|(what, help)| self.fault(path, what, help))
            .ok()
    }

    /// Whether nothing was written there, not even something that the walk refused.
    pub(super) fn is_absent(&self, path: &KeyPath) -> bool {
        match path.value(&self.layers.tree).map(|value| &value.kind) {
            None | Some(ValueKind::Nil) => true,
            Some(ValueKind::Array(values)) => values.is_empty(),
            Some(_) => false,
        }
    }

    pub(super) fn origin(&self, path: &KeyPath) -> super::Origin {
        path.origin(self.dir, &self.layers.tree)
    }
}

/// Gives the raw configuration its meaning.
pub(super) fn check(
    dir: &Path,
    layers: &Layers,
    raw: RawConfig,
    handed_key: Option<PathBuf>,
    faults: &mut Vec<Fault>,
) -> Option<Config> {
    let mut checking = Checking {
        dir,
        layers,
        faults,
        accounts: BTreeMap::new(),
        subscriber: None,
    };
    let state_dir = dir.join(raw.state_dir);
    let key = match handed_key {
        Some(handed) => KeyPlace::Handed(handed),
        None => KeyPlace::File(match raw.key_file {
            Some(path) => dir.join(path),
            None => state_dir.join(KEY_NAME),
        }),
    };
    let listen = listen(&mut checking, raw.listen, &state_dir);
    let path = KeyPath::of(&["public_url"]);
    let public_url = raw
        .public_url
        .map(|url| checking.take(&path, address::web_address(&url)));
    let mut merchants = Vec::new();
    for (name, raw) in raw.merchants {
        merchants.extend(merchant(&mut checking, &name, raw));
    }
    let may_be_set = layers.daemon_unread || !checking.is_absent(&path);
    if let (Some(channel), false) = (&checking.subscriber, may_be_set) {
        let what = format!("missing, and channel {channel} creates webhook subscriptions");
        let help = "set the https address at which channels reach the webhook listener, \
                    or `subscriptions = false` for the channel";
        checking.fault(&path, what, help);
    }
    Some(Config {
        state_dir,
        key,
        public_url: public_url.map_or(Some(None), |url| url.map(Some))?,
        listen: listen?,
        limits: limits(&raw.limits),
        log: Log {
            format: raw.log.format,
            level: raw.log.level,
        },
        merchants,
    })
}

fn listen(checking: &mut Checking<'_>, raw: RawListen, state_dir: &Path) -> Option<Listen> {
    let section = KeyPath::of(&["listen"]);
    let webhooks = checking.take(
        &section.key("webhooks"),
        address::listener(&raw.webhooks, checking.dir),
    );
    let admin_socket = match raw.admin_socket {
        Some(path) => checking.dir.join(path),
        None => state_dir.join("admin.sock"),
    };
    let has_room = checking.take(
        &section.key("admin_socket"),
        address::socket_path(&admin_socket),
    );
    let mut trusted_proxies = Vec::new();
    for (row, text) in raw.trusted_proxies.iter().enumerate() {
        match Network::parse(text) {
            Some(network) => trusted_proxies.push(network),
            None => checking.fault(
                &section.key("trusted_proxies").row(row),
                format!("{text:?} is neither an address nor a network"),
                "write \"10.0.0.7\" or \"10.0.0.0/8\"",
            ),
        }
    }
    has_room?;
    Some(Listen {
        webhooks: webhooks?,
        admin_socket,
        trusted_proxies,
    })
}

fn limits(raw: &RawLimits) -> Limits {
    Limits {
        body_bytes_max: raw.body_bytes_max,
        header_bytes_max: raw.header_bytes_max,
        connections_max: raw.connections_max,
        connections_per_ip_max: raw.connections_per_ip_max,
        header_timeout: Duration::from_secs(raw.header_timeout_secs),
        body_timeout: Duration::from_secs(raw.body_timeout_secs),
        queue_commands_max: raw.queue_commands_max,
        group_entries_max: raw.group_entries_max,
        read_rows_max: raw.read_rows_max,
        parked_bytes_max: raw.parked_bytes_max,
        segment_bytes_max: raw.segment_bytes_max,
        snapshot_entries: raw.snapshot_entries,
        parked_keep: Duration::from_secs(raw.parked_keep_days.saturating_mul(86_400)),
        journal_keep: Duration::from_secs(raw.journal_keep_days.saturating_mul(86_400)),
        shutdown: Duration::from_secs(raw.shutdown_secs),
    }
}
