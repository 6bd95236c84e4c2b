//! The key that seals: handed over, in a file, or made where nothing was sealed yet.

use std::path::Path;
use std::sync::Arc;

use channelsync_contract::Rng;

use super::book::StartError;
use crate::settings::{Config, KeyPlace};
use crate::store::sealed::{KeyError, SealKey, Vault};

/// The key at hand.
///
/// # Errors
/// When there is none, or it cannot be used.
pub fn load_key(config: &Config) -> Result<SealKey, StartError> {
    let key = match &config.key {
        KeyPlace::Handed(path) => SealKey::load(path, false),
        KeyPlace::File(path) => SealKey::load(path, true),
    };
    key.map_err(|error| StartError::new(&error, Some(&error.help())))
}

/// The key at hand; a new one in the key file where there is none and nothing was sealed yet.
///
/// # Errors
/// As [`load_key`], and when something is sealed already: a new key would not open it.
pub fn open_key(config: &Config, rng: &dyn Rng) -> Result<SealKey, StartError> {
    let KeyPlace::File(path) = &config.key else {
        return load_key(config);
    };
    if path.exists() || is_key_wanted(config) {
        return load_key(config);
    }
    let made = SealKey::create(path, rng);
    let key = made.map_err(|error: KeyError| StartError::new(&error, Some(&error.help())))?;
    tracing::info!(path = %path.display(), key = key.id(), "made the key that seals: keep a copy of it");
    Ok(key)
}

/// What seals and opens for a merchant.
pub fn vault(merchant: &str, key: Arc<SealKey>, rng: Arc<dyn Rng>) -> Vault {
    let merchant = merchant.to_owned();
    Vault { merchant, key, rng }
}

/// Whether something was sealed, so that another key than its own is of no use.
pub fn is_key_wanted(config: &Config) -> bool {
    let is_empty =
        |dir: &Path| std::fs::read_dir(dir).is_ok_and(|mut files| files.next().is_none());
    let is_empty = |dir: &Path| !dir.exists() || is_empty(dir);
    config.merchants.iter().any(|merchant| {
        let dir = config.state_dir.join(merchant.id.as_str());
        !(is_empty(&dir.join("parked")) && is_empty(&dir.join("credentials")))
    })
}
