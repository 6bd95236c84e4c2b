//! Sealed credentials: one file for each channel in the state directory.
//!
//! In: what a person gave for a channel, or settings with channels whose credentials are sealed. Out:
//! the file, or the same settings with everything filled in. Never here: a secret in a message.

use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use channelsync_contract::transport::Secret;
use channelsync_contract::webhook::SigningSecret;
use channelsync_contract::{ChannelId, MerchantId, Rng, Timestamp};
use serde::{Deserialize, Serialize};

use super::book::StartError;
use super::grants::SealedAt;
use super::key::{load_key, vault};
use crate::settings::{Channel, Config, ConnectorSettings, Credentials, Fault, Faults, Grants};
use crate::store::disk;
use crate::store::sealed::{SealError, Vault};

/// What a file is sealed as.
const FIELD: &str = "credentials";
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What is kept of one channel.
#[derive(Clone, Serialize, Deserialize)]
pub struct Kept {
    /// When it was sealed.
    pub saved_at: Timestamp,
    /// How calls are authorized.
    pub access: Access,
    /// Secrets that sign deliveries, newest first.
    pub signing: Vec<Signing>,
}

/// How calls are authorized.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Access {
    /// A token that does not expire.
    AccessToken {
        /// The token.
        token: String,
    },
    /// A token is asked for with these.
    Client {
        /// The public half.
        id: String,
        /// The secret half.
        secret: String,
    },
    /// A merchant let an app of another organization in; each renewal replaces token and refresh.
    Grant {
        /// The public half of the app.
        id: String,
        /// The secret half of the app.
        secret: String,
        /// The token.
        token: String,
        /// Until when it is valid.
        expires_at: Timestamp,
        /// What the next token is asked for with.
        refresh: String,
    },
}

/// A secret that signs deliveries.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signing {
    /// The secret.
    pub secret: String,
    /// Until when it counts, once it was replaced.
    pub until: Option<Timestamp>,
}

impl Access {
    /// In words.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::AccessToken { .. } => "access token",
            Self::Client { .. } => "client id and secret",
            Self::Grant { .. } => "a merchant's grant",
        }
    }
}

impl Kept {
    /// Puts a new secret in front. Those before it count until then, unless they end sooner.
    pub fn sign_with(&mut self, secret: String, others_until: Timestamp, now: Timestamp) {
        self.signing
            .retain(|old| old.secret != secret && old.until.is_none_or(|until| now < until));
        for old in &mut self.signing {
            old.until = Some(
                old.until
                    .map_or(others_until, |until| until.min(others_until)),
            );
        }
        let until = None;
        self.signing.insert(0, Signing { secret, until });
    }

    /// Fills them into a channel's settings; `at` is where they are sealed.
    pub fn fill(&self, channel: &mut Channel, at: &SealedAt) {
        let ConnectorSettings::Shopify {
            credentials,
            webhook_secrets,
            ..
        } = &mut channel.connector;
        *credentials = match &self.access {
            Access::AccessToken { token } => Credentials::AccessToken(Secret::new(token)),
            Access::Client { id, secret } => {
                let (id, secret) = (id.clone(), Secret::new(secret));
                Credentials::Client { id, secret }
            }
            Access::Grant { id, secret, .. } => Credentials::Grant {
                id: id.clone(),
                secret: Secret::new(secret),
                grants: Grants(Arc::new(at.clone())),
            },
        };
        let signing = self.signing.iter().map(|one| SigningSecret {
            secret: Secret::new(&one.secret),
            until: one.until,
        });
        *webhook_secrets = signing.collect();
    }
}

/// Whether a channel's credentials are sealed and not named as files.
pub fn is_sealed(channel: &Channel) -> bool {
    let ConnectorSettings::Shopify { credentials, .. } = &channel.connector;
    *credentials == Credentials::Sealed
}

/// Where a channel's credentials are.
pub fn credentials_path(config: &Config, merchant: &MerchantId, channel: &Channel) -> PathBuf {
    let dir = config.state_dir.join(merchant.as_str()).join("credentials");
    dir.join(channel.id.as_str())
}

/// Opens the credentials of a channel; none where there are none.
pub(super) fn read_credentials(
    path: &Path,
    vault: &Vault,
    channel: &ChannelId,
) -> Result<Option<Kept>, StartError> {
    let sealed = match std::fs::metadata(path) {
        Ok(metadata) if metadata.len() > FILE_BYTES_MAX => {
            Err(std::io::ErrorKind::FileTooLarge.into())
        }
        Ok(_) => std::fs::read(path),
        Err(error) => Err(error),
    };
    let sealed = match sealed {
        Ok(sealed) => sealed,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            let what = format!("cannot read {}: {error}", path.display());
            return Err(StartError {
                what,
                help: Some("it belongs to the daemon's user; run this as that user".to_owned()),
            });
        }
    };
    let failed = |error: SealError, help: &str| StartError {
        what: format!("{}: {error}", path.display()),
        help: Some(help.to_owned()),
    };
    let opened = vault.open(channel.as_str(), FIELD, &sealed);
    let opened = opened.map_err(|error| match error {
        SealError::OtherKey { .. } => failed(
            error,
            "bring back the key it was sealed with, or set the credentials anew",
        ),
        SealError::Damaged => failed(error, "set the credentials anew"),
    })?;
    // The parser's own words could repeat a part of a secret.
    serde_json::from_slice(&opened).map(Some).map_err(|_| {
        let help = "set the credentials anew with this version";
        failed(SealError::Damaged, help)
    })
}

/// Seals the credentials of a channel; durable on return.
pub(super) fn write_credentials(
    path: &Path,
    vault: &Vault,
    channel: &ChannelId,
    kept: &Kept,
) -> Result<(), StartError> {
    let plain = serde_json::to_vec(kept).expect("texts and times are JSON");
    let sealed = vault.seal(channel.as_str(), FIELD, &plain);
    write_owned(path, &sealed).map_err(|error| StartError {
        what: format!("cannot write {}: {error}", path.display()),
        help: Some("run this as the daemon's user, or as root".to_owned()),
    })
}

/// Writes a file that belongs to whom the state directory belongs to, whoever writes it.
fn write_owned(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let dir = path.parent().unwrap_or(path);
    disk::create_dir(dir)?;
    disk::replace(path, bytes)?;
    // STATE_DIR/MERCHANT/credentials/CHANNEL
    let Some(owner) = path.ancestors().nth(3).map(std::fs::metadata).transpose()? else {
        return Ok(());
    };
    for own in path.ancestors().take(3) {
        let metadata = std::fs::metadata(own)?;
        if (metadata.uid(), metadata.gid()) != (owner.uid(), owner.gid()) {
            chown(own, Some(owner.uid()), Some(owner.gid()))?;
        }
    }
    Ok(())
}

/// The settings with sealed credentials opened. Where none are sealed no key is needed.
///
/// # Errors
/// Every channel without credentials, and what does not open.
pub fn unseal(mut config: Config, rng: &Arc<dyn Rng>) -> Result<Config, Faults> {
    let channels = config
        .merchants
        .iter()
        .flat_map(|merchant| &merchant.channels);
    if !channels.into_iter().any(is_sealed) {
        return Ok(config);
    }
    let mut faults = Vec::new();
    let key = match load_key(&config) {
        Ok(key) => Some(Arc::new(key)),
        Err(error) if crate::daemon::is_key_wanted(&config) => {
            let file = config.key.path().display().to_string();
            faults.push(fault(file, String::new(), error));
            None
        }
        // Nothing was sealed yet, so there is nothing to open.
        Err(_) => None,
    };
    let paths = config.clone();
    for merchant in &mut config.merchants {
        for channel in merchant
            .channels
            .iter_mut()
            .filter(|channel| is_sealed(channel))
        {
            let path = credentials_path(&paths, &merchant.id, channel);
            let at = key.as_ref().map(|key| SealedAt {
                path: path.clone(),
                vault: vault(merchant.id.as_str(), key.clone(), rng.clone()),
                channel: channel.id.clone(),
            });
            let read = at.as_ref().map_or(Ok(None), SealedAt::read);
            match (read, &at) {
                (Ok(Some(kept)), Some(at)) => kept.fill(channel, at),
                (Ok(None), _) if !faults.is_empty() => {}
                (absent_or_broken, _) => {
                    let error = absent_or_broken
                        .err()
                        .unwrap_or_else(|| absent(&merchant.id, channel));
                    let key = format!("channels.{}.credentials", channel.id);
                    faults.push(fault(path.display().to_string(), key, error));
                }
            }
        }
    }
    if faults.is_empty() {
        Ok(config)
    } else {
        Err(Faults::new(faults))
    }
}

fn absent(merchant: &MerchantId, channel: &Channel) -> StartError {
    let what = "no credentials were set".to_owned();
    let help = format!("channelsync credentials set {merchant}/{}", channel.id);
    StartError {
        what,
        help: Some(help),
    }
}

fn fault(file: String, key: String, error: StartError) -> Fault {
    Fault {
        file,
        line: None,
        key,
        what: error.what,
        help: error.help.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_secret_counts_for_a_stated_time_and_never_longer_than_before() {
        let signing = |secret: &str, until: Option<u64>| Signing {
            secret: secret.to_owned(),
            until: until.map(|at| Timestamp(i64::try_from(at).unwrap())),
        };
        let mut kept = Kept {
            saved_at: Timestamp(0),
            access: Access::AccessToken {
                token: "t".to_owned(),
            },
            signing: vec![
                signing("b", None),
                signing("a", Some(50)),
                signing("z", Some(10)),
            ],
        };
        kept.sign_with("c".to_owned(), Timestamp(100), Timestamp(10));
        let expected = vec![
            signing("c", None),
            signing("b", Some(100)),
            signing("a", Some(50)),
        ];
        assert!(kept.signing == expected);
        kept.sign_with("b".to_owned(), Timestamp(40), Timestamp(20));
        let expected = vec![
            signing("b", None),
            signing("c", Some(40)),
            signing("a", Some(40)),
        ];
        assert!(
            kept.signing == expected,
            "the same secret again is the newest once"
        );
    }
}
