//! New settings for a daemon that runs.
//!
//! A channel whose settings changed is stopped as at a shutdown and started anew, as at a start;
//! rules are booked, and what they change follows from the book. The doors stay open: a delivery is
//! taken by the channel as it was or as it is. What belongs to the process as a whole waits for a
//! restart and is told by name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use channelsync_contract::MerchantId;
use futures_util::future::join_all;

use super::merchant::{connect, retired};
use super::{Connected, Daemon, MerchantRunning, StartError, Tasks, World, hooks};
use crate::settings::{Channel, Config, Limits, Log, Merchant, Returns, RuleSet};

/// What became of new settings that were taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// What is different now, by name.
    pub changed: Vec<String>,
    /// What is different in the files and waits for a restart, by name.
    pub restart: Vec<String>,
}

impl Daemon {
    /// Takes over `new`, as far as it can be without a restart; `config` becomes what is in force.
    ///
    /// # Errors
    /// Why it cannot be done; then all is as it was.
    pub async fn reload(
        &mut self,
        world: &World,
        config: &mut Config,
        new: Config,
    ) -> Result<Reloaded, StartError> {
        let next = in_force(config, &new);
        let mut told = Reloaded {
            restart: different(&next, &new),
            changed: different(config, &next),
        };
        let mut changing = Vec::new();
        for merchant in &next.merchants {
            let (Some(running), Some(before)) = (
                self.merchants.get(&merchant.id),
                config.merchants.iter().find(|old| old.id == merchant.id),
            ) else {
                continue;
            };
            let after = (&next, merchant);
            changing.push(Changing::prepare(
                world,
                (config, before),
                after,
                running,
                &self.tasks,
            )?);
        }
        for at in 0..changing.len() {
            match changing[at]
                .next
                .configure(changing[at].after, "reload")
                .await
            {
                Ok(true) => told
                    .changed
                    .push(format!("book of {}", changing[at].after.id)),
                Ok(false) => {}
                Err(error) => {
                    for taken in &changing[..at] {
                        taken.next.configure(taken.before, "reload refused").await?;
                    }
                    return Err(error);
                }
            }
        }
        for changing in changing {
            let id = changing.after.id.clone();
            let after = changing.after;
            let mut running = changing.finish(world, &next, &mut told.changed).await;
            let tasks = (&self.tasks, next.limits.shutdown);
            let files = running.watch_files(world, after, tasks).await;
            let files = files.iter().map(|at| format!("stock file of {id}/{at}"));
            told.changed.extend(files);
            self.merchants.insert(id, Arc::new(running));
        }
        self.hooks.set(Arc::new(hooks(&next, &self.merchants)));
        *config = next;
        Ok(told)
    }
}

/// One merchant between its settings.
struct Changing<'a> {
    before: &'a Merchant,
    after: &'a Merchant,
    next: MerchantRunning,
    /// Channels that are not started yet.
    fresh: Vec<Arc<Connected>>,
    /// Channels that are to be stopped.
    gone: Vec<Arc<Connected>>,
}

impl<'a> Changing<'a> {
    /// Connects what is new; nothing has changed when it fails.
    fn prepare(
        world: &World,
        (was, before): (&Config, &'a Merchant),
        (is, after): (&Config, &'a Merchant),
        running: &MerchantRunning,
        tasks: &Tasks,
    ) -> Result<Self, StartError> {
        let moved = was.public_url != is.public_url;
        let (mut kept, mut fresh) = (BTreeMap::new(), Vec::new());
        for channel in &after.channels {
            let old = running.channels.get(&channel.id);
            // Its tasks ended when nothing was left to do of a retired channel.
            let is_revived = |old: &Connected| {
                old.tasks.stop.is_cancelled() && retired(&running.book, &channel.id).is_none()
            };
            let stays = |old: &&Arc<Connected>| {
                !(moved && channel.subscriptions)
                    && for_tasks(&old.settings) == for_tasks(channel)
                    && !is_revived(old)
            };
            let connected = match old.filter(stays) {
                Some(old) => old.clone(),
                None => {
                    let mut new = connect(world, is, after, channel, tasks)?;
                    // On the same account it goes on with what it knows.
                    if let Some(old) = old
                        && old.settings.connector == channel.connector
                    {
                        new.board = old.board.clone();
                    }
                    fresh.push(Arc::new(new));
                    fresh[fresh.len() - 1].clone()
                }
            };
            kept.insert(channel.id.clone(), connected);
        }
        let gone = running.channels.iter().filter(|(id, old)| {
            let now = kept.get(*id);
            now.is_none_or(|now| !Arc::ptr_eq(now, old))
        });
        Ok(Self {
            before,
            after,
            gone: gone.map(|(_, old)| old.clone()).collect(),
            fresh,
            next: MerchantRunning {
                channels: kept,
                ..running.clone()
            },
        })
    }

    /// Stops what is gone and starts what is new.
    async fn finish(
        self,
        world: &World,
        config: &Config,
        changed: &mut Vec<String>,
    ) -> MerchantRunning {
        let Self {
            mut next,
            fresh,
            gone,
            ..
        } = self;
        let name = |connected: &Connected| format!("{}/{}", next.id, connected.settings.id);
        let names: BTreeSet<String> = gone.iter().chain(&fresh).map(|one| name(one)).collect();
        let ending = gone.iter().map(async |old| {
            if !old.end(config.limits.shutdown).await {
                tracing::warn!(
                    channel = name(old),
                    "a call under way outlives its settings"
                );
            }
        });
        join_all(ending).await;
        changed.extend(names);
        let channels = &next.channels;
        next.hooks
            .retain(|channel, _| channels.contains_key(channel));
        for connected in &fresh {
            connected.board.restarted();
            next.start_channel(world, config, connected);
        }
        next
    }
}

/// A channel's settings without those that only the book reads.
fn for_tasks(channel: &Channel) -> Channel {
    Channel {
        rules: RuleSet::default(),
        sku_rules: BTreeMap::new(),
        listing_rules: BTreeMap::new(),
        backorder_priority: 0,
        returns: Returns::Channel,
        mass_change_percent: 0,
        mass_change_listings_min: 0,
        ..channel.clone()
    }
}

/// What of the process as a whole differs, by name. Merchants that both have speak for themselves.
fn different(old: &Config, new: &Config) -> Vec<String> {
    let (was, is) = (&old.listen, &new.listen);
    let mut keys = vec![
        ("state_dir", old.state_dir != new.state_dir),
        ("key_file", old.key != new.key),
        ("public_url", old.public_url != new.public_url),
        ("listen.webhooks", was.webhooks != is.webhooks),
        ("listen.admin_socket", was.admin_socket != is.admin_socket),
        (
            "listen.trusted_proxies",
            was.trusted_proxies != is.trusted_proxies,
        ),
        ("log.level", old.log.level != new.log.level),
        ("log.format", old.log.format != new.log.format),
    ];
    keys.extend(different_limits(&old.limits, &new.limits));
    let keys = keys.into_iter().filter(|(_, is_different)| *is_different);
    let mut names: Vec<String> = keys.map(|(name, _)| name.to_owned()).collect();
    let ids = |config: &Config| -> Vec<MerchantId> {
        let merchants = config.merchants.iter();
        merchants.map(|merchant| merchant.id.clone()).collect()
    };
    let (had, has) = (ids(old), ids(new));
    let come = has.iter().filter(|id| !had.contains(id));
    let gone = had.iter().filter(|id| !has.contains(id));
    names.extend(come.chain(gone).map(|id| format!("merchant {id}")));
    names
}

fn different_limits(was: &Limits, is: &Limits) -> Vec<(&'static str, bool)> {
    vec![
        (
            "limits.body_bytes_max",
            was.body_bytes_max != is.body_bytes_max,
        ),
        (
            "limits.body_timeout_secs",
            was.body_timeout != is.body_timeout,
        ),
        ("limits.shutdown_secs", was.shutdown != is.shutdown),
        (
            "limits.header_bytes_max",
            was.header_bytes_max != is.header_bytes_max,
        ),
        (
            "limits.connections_max",
            was.connections_max != is.connections_max,
        ),
        (
            "limits.connections_per_ip_max",
            was.connections_per_ip_max != is.connections_per_ip_max,
        ),
        (
            "limits.header_timeout_secs",
            was.header_timeout != is.header_timeout,
        ),
        (
            "limits.queue_commands_max",
            was.queue_commands_max != is.queue_commands_max,
        ),
        (
            "limits.group_entries_max",
            was.group_entries_max != is.group_entries_max,
        ),
        (
            "limits.read_rows_max",
            was.read_rows_max != is.read_rows_max,
        ),
        (
            "limits.parked_bytes_max",
            was.parked_bytes_max != is.parked_bytes_max,
        ),
        (
            "limits.segment_bytes_max",
            was.segment_bytes_max != is.segment_bytes_max,
        ),
        (
            "limits.snapshot_entries",
            was.snapshot_entries != is.snapshot_entries,
        ),
        ("limits.parked_keep_days", was.parked_keep != is.parked_keep),
        (
            "limits.journal_keep_days",
            was.journal_keep != is.journal_keep,
        ),
    ]
}

/// The new settings where they can be taken at once, the old ones where they wait for a restart.
fn in_force(old: &Config, new: &Config) -> Config {
    let merchants = old.merchants.iter().map(|before| {
        let now = new.merchants.iter().find(|now| now.id == before.id);
        now.unwrap_or(before).clone()
    });
    Config {
        state_dir: old.state_dir.clone(),
        key: old.key.clone(),
        listen: old.listen.clone(),
        log: Log {
            level: new.log.level,
            ..old.log
        },
        limits: Limits {
            body_bytes_max: new.limits.body_bytes_max,
            body_timeout: new.limits.body_timeout,
            shutdown: new.limits.shutdown,
            ..old.limits.clone()
        },
        merchants: merchants.collect(),
        public_url: new.public_url.clone(),
    }
}
