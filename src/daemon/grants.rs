//! The sealed grant of a channel: renewed by whoever holds its lease, this process or another one.
//!
//! In: where a channel's credentials are, and the vault that opens them. Out: a store for transport.

use std::fs::File;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use channelsync_contract::ChannelId;
use channelsync_contract::transport::{Grant, GrantLease, GrantStore, Secret};

use super::book::StartError;
use super::credentials::{Access, Kept, read_credentials, write_credentials};
use crate::store::sealed::Vault;

/// Where the credentials of one channel are, and what opens them.
#[derive(Clone, Debug)]
pub struct SealedAt {
    /// The file.
    pub path: PathBuf,
    /// What opens it.
    pub vault: Vault,
    /// The channel.
    pub channel: ChannelId,
}

impl SealedAt {
    /// Opens the credentials; none where there are none.
    ///
    /// # Errors
    /// When the file cannot be read or opened.
    pub fn read(&self) -> Result<Option<Kept>, StartError> {
        read_credentials(&self.path, &self.vault, &self.channel)
    }

    /// Seals credentials; durable on return.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, kept: &Kept) -> Result<(), StartError> {
        write_credentials(&self.path, &self.vault, &self.channel, kept)
    }

    /// Nobody else changes credentials of the merchant before this is dropped. The kernel releases it
    /// when a process ends, however it ends.
    ///
    /// # Errors
    /// When the directory cannot be locked.
    pub fn hold(&self) -> Result<Held, StartError> {
        let dir = self.path.parent().unwrap_or(&self.path);
        lock(dir).map(Held).map_err(|error| StartError {
            what: format!("cannot lock {}: {error}", dir.display()),
            help: Some("it belongs to the daemon's user; run this as that user".to_owned()),
        })
    }
}

/// Credentials that nobody else changes.
pub struct Held(#[expect(dead_code, reason = "dropping it unlocks")] File);

fn lock(dir: &Path) -> std::io::Result<File> {
    crate::store::disk::create_dir(dir)?;
    let dir = File::open(dir)?;
    dir.lock()?;
    Ok(dir)
}

#[async_trait]
impl GrantStore for SealedAt {
    fn place(&self) -> String {
        self.path.display().to_string()
    }

    async fn lease(&self) -> Result<Box<dyn GrantLease>, String> {
        let at = self.clone();
        let opened = tokio::task::spawn_blocking(move || {
            let held = at.hold().map_err(|error| error.what)?;
            let kept = at.read().map_err(|error| error.what)?;
            let grant = kept.as_ref().and_then(|kept| kept.access.grant());
            let (Some(kept), Some(grant)) = (kept, grant) else {
                return Err(format!("there is no grant in {}", at.path.display()));
            };
            Ok(Lease {
                at,
                kept,
                grant,
                _held: held,
            })
        });
        let lease = opened.await.map_err(|error| error.to_string())??;
        Ok(Box::new(lease))
    }
}

struct Lease {
    at: SealedAt,
    kept: Kept,
    grant: Grant,
    _held: Held,
}

#[async_trait]
impl GrantLease for Lease {
    fn grant(&self) -> &Grant {
        &self.grant
    }

    async fn keep(&self, grant: &Grant) -> Result<(), String> {
        let (at, mut kept) = (self.at.clone(), self.kept.clone());
        kept.access.take(grant);
        let writing = tokio::task::spawn_blocking(move || at.write(&kept));
        let written = writing.await.map_err(|error| error.to_string())?;
        written.map_err(|error| error.what)
    }
}

impl Access {
    /// The grant in it, if it is one.
    fn grant(&self) -> Option<Grant> {
        let Self::Grant {
            token,
            expires_at,
            refresh,
            ..
        } = self
        else {
            return None;
        };
        Some(Grant {
            token: Secret::new(token),
            expires_at: *expires_at,
            refresh: Secret::new(refresh),
        })
    }

    /// Puts another grant in the place of the one in it.
    fn take(&mut self, next: &Grant) {
        if let Self::Grant {
            token,
            expires_at,
            refresh,
            ..
        } = self
        {
            next.token.expose().clone_into(token);
            next.refresh.expose().clone_into(refresh);
            *expires_at = next.expires_at;
        }
    }
}
