//! Settings: a directory of files and a map of variables become one checked [`Config`], or the
//! list of everything that is wrong with them.
//!
//! In: `channelsync.toml`, `conf.d/*.toml`, `merchants.d/*.toml`, `CHANNELSYNC__…` variables and
//! the secret files they name. Out: a `Config` that cannot be wrong. The way through: `layers`
//! reads and merges, `walk` compares with the table in `keys`, `raw` names what is left, `check`,
//! `merchant`, `rules` and `shopify` give it meaning. Never here: a default in two places, a secret
//! in a message, a fault that hides another.

mod address;
mod check;
mod config;
mod fault;
mod keys;
mod layers;
mod masters;
mod merchant;
mod path;
mod raw;
mod rules;
mod secret;
mod shopify;
mod variables;
mod walk;

use std::collections::BTreeMap;
use std::path::Path;

pub use address::Network;
pub use config::{
    Address, Breaker, Channel, Config, ConnectorSettings, Credentials, Grants, KeyPlace, Limits,
    Listen, LocationPair, Log, LogFormat, LogLevel, Master, MasterFile, Merchant, Mode, Origin,
    Policy, QuantityName, Returns, RuleSet, RuleValues,
};
pub use fault::{Fault, Faults};
pub use variables::environment;

/// The variable that names the directory of what the service manager hands over.
const HANDED: &str = "CREDENTIALS_DIRECTORY";

/// Reads the configuration directory `dir`, overridden by the variables in `env`.
///
/// Paths in the files that are not absolute are below `dir`. Secret files are read too, so that a
/// configuration that loads once is complete.
///
/// # Errors
/// All [`Faults`] that can be told apart, ordered by file and line.
pub fn load(dir: &Path, env: &BTreeMap<String, String>) -> Result<Config, Faults> {
    read(dir, env, None)
}

/// As [`load`], with another file in the place of a merchant's.
///
/// # Errors
/// As [`load`].
pub fn load_instead(
    dir: &Path,
    env: &BTreeMap<String, String>,
    merchant: &str,
    file: &Path,
) -> Result<Config, Faults> {
    read(dir, env, Some((merchant, file)))
}

fn read(
    dir: &Path,
    env: &BTreeMap<String, String>,
    instead: Option<(&str, &Path)>,
) -> Result<Config, Faults> {
    let mut faults = Vec::new();
    let layers = layers::read(dir, env, instead, &mut faults);
    let raw = walk::walk(dir, &layers.tree, &mut faults);
    let handed = env
        .get(HANDED)
        .map(|dir| Path::new(dir).join(check::KEY_NAME));
    let handed = handed.filter(|key| key.exists());
    let config = check::check(dir, &layers, raw, handed, &mut faults);
    match config {
        Some(config) if faults.is_empty() => Ok(config),
        _ => Err(Faults::new(faults)),
    }
}

/// Of a configuration with faults: where the daemon keeps its state and listens, without merchants.
/// None where a fault may be about just that.
pub fn least(dir: &Path, env: &BTreeMap<String, String>) -> Option<Config> {
    let mut faults = Vec::new();
    let layers = layers::read(dir, env, None, &mut faults);
    let mut raw = walk::walk(dir, &layers.tree, &mut faults);
    let merchants = dir.join("merchants.d");
    let is_elsewhere = |fault: &Fault| {
        let section = fault.key.split('.').next().unwrap_or_default();
        Path::new(&fault.file).starts_with(&merchants)
            || matches!(section, "public_url" | "key_file" | "limits" | "log")
    };
    if layers.daemon_unread || !faults.iter().all(is_elsewhere) {
        return None;
    }
    (raw.public_url, raw.merchants) = (None, BTreeMap::new());
    let mut faults = Vec::new();
    check::check(dir, &layers, raw, None, &mut faults).filter(|_| faults.is_empty())
}
