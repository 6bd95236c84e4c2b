//! One merchant: its bookkeeper and the tasks of its channels.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use channelsync_contract::ports::Rng;
use channelsync_contract::{ChannelId, Connector, LocationId, MerchantId};
use tokio::sync::{Notify, mpsc};

use super::book::{Book, StartError};
use super::retention::Keeper;
use super::snapshots::{keep_mark, keep_snapshots};
use super::{FileWatched, Tasks, World};
use crate::board::{Board, Exposures};
use crate::bookkeeper::{
    BookError, ChannelCounts, Handle, Origin, Writer, WriterLimits, keep_records,
};
use crate::channels;
use crate::inbox::{self, Feed, Hook, Park};
use crate::ledger::Command;
use crate::outbox::{self, Dispatcher, Reporter};
use crate::reconcile::{self, ExposureWatch, Reader};
use crate::settings::{Channel, Config, Merchant, Mode};
use crate::store::{Journal, disk};
use crate::transport::Paced;

/// Looks this often whether a retired channel has anything left to do.
const RETIREMENT_LOOK: Duration = Duration::from_secs(5);
const RECORDS_QUEUE_MAX: usize = 1_024;

/// A merchant at work.
#[derive(Clone)]
pub struct MerchantRunning {
    /// Whose.
    pub id: MerchantId,
    /// The book.
    pub book: Handle,
    /// The journal, to be closed at the end.
    pub journal: Arc<dyn Journal>,
    /// Bytes that could not be read.
    pub parked: Park,
    /// Channels by name.
    pub channels: BTreeMap<ChannelId, Arc<Connected>>,
    /// Where their deliveries arrive.
    pub hooks: BTreeMap<ChannelId, Hook>,
    /// Locations whose master is a file.
    pub files: BTreeMap<LocationId, FileWatched>,
    /// What may be oversold.
    pub exposures: Exposures,
}

/// A channel at work.
pub struct Connected {
    /// Its settings.
    pub settings: Channel,
    /// Its connector.
    pub connector: Arc<Connector>,
    /// The gate of its account.
    pub transport: Arc<Paced>,
    /// What its tasks tell.
    pub board: Board,
    /// Wakes its poller.
    pub poll_now: Arc<Notify>,
    /// Wakes its scanner.
    pub scan_now: Arc<Notify>,
    /// Path of its webhooks.
    pub hook_path: String,
    /// Its tasks.
    pub tasks: Tasks,
}

impl Connected {
    /// Ends its tasks: calls under way are waited for, those that wait for their rate limit are given
    /// up as not sent. False when some did not end in time.
    pub(super) async fn end(&self, deadline: Duration) -> bool {
        self.transport.close();
        self.tasks.end(deadline).await
    }
}

/// Starts a merchant's tasks.
///
/// # Errors
/// When an account cannot be dialed or the settings cannot be booked.
pub async fn start_merchant(
    world: &World,
    config: &Config,
    merchant: &Merchant,
    book: Book,
    (tasks, writers): (&Tasks, &Tasks),
) -> Result<MerchantRunning, StartError> {
    let mut channels = BTreeMap::new();
    for channel in &merchant.channels {
        let connected = connect(world, config, merchant, channel, tasks)?;
        channels.insert(channel.id.clone(), Arc::new(connected));
    }
    let (journal, parked) = (book.journal.clone(), Park(book.parked.clone()));
    let mut running = MerchantRunning {
        id: merchant.id.clone(),
        book: start_book(world, config, book, writers),
        journal,
        parked,
        channels,
        hooks: BTreeMap::new(),
        files: BTreeMap::new(),
        exposures: Exposures::default(),
    };
    running.configure(merchant, "start").await?;
    let doubt = running
        .book
        .book(Command::Doubt, Origin::new("daemon", "start"));
    doubt.await.map_err(|error| StartError::new(&error, None))?;
    let connected: Vec<Arc<Connected>> = running.channels.values().cloned().collect();
    for connected in &connected {
        running.start_channel(world, config, connected);
    }
    let watch = ExposureWatch {
        book: running.book.clone(),
        clock: world.clock.clone(),
        exposures: running.exposures.clone(),
    };
    tasks.start_once("exposure", watch.run(tasks.stop.clone()));
    let tasks = (tasks, config.limits.shutdown);
    running.watch_files(world, merchant, tasks).await;
    Ok(running)
}

impl MerchantRunning {
    /// Books the settings; says whether they changed anything.
    pub(super) async fn configure(
        &self,
        merchant: &Merchant,
        cause: &str,
    ) -> Result<bool, StartError> {
        let abilities = self.channels.values().map(|connected| {
            let id = connected.settings.id.as_str();
            (id, connected.connector.capabilities)
        });
        let setup = channels::setup(merchant, &abilities.collect());
        let command = Command::Configure(Box::new(setup));
        let booked = self.book.book(command, Origin::new("daemon", cause)).await;
        let booked = booked.map_err(|error| StartError::new(&error, None))?;
        Ok(booked.entry.is_some())
    }

    /// Starts a channel's tasks and opens its door.
    pub(super) fn start_channel(&mut self, world: &World, config: &Config, connected: &Connected) {
        let feed = start_channel(world, config, self, connected);
        let token = connected.hook_path.rsplit('/').next();
        let token = token.unwrap_or_default().to_owned();
        let hook = Hook { feed, token };
        self.hooks.insert(connected.settings.id.clone(), hook);
    }
}

/// The way to a channel; nothing of it runs yet.
pub(super) fn connect(
    world: &World,
    config: &Config,
    merchant: &Merchant,
    channel: &Channel,
    tasks: &Tasks,
) -> Result<Connected, StartError> {
    let account = channels::account(channel);
    let dialed = (world.dial)(&account).map_err(|error| {
        let what = format!("channel {}: {error}", channel.id);
        StartError {
            what,
            help: Some("correct `base_url` or the system's CA store".to_owned()),
        }
    })?;
    let transport = Paced::new(
        account,
        channel.id.as_str(),
        dialed,
        world.clock.clone(),
        world.rng.clone(),
    );
    let connector = Arc::new(channels::connect(channel, transport.clone()));
    let dir = config.state_dir.join(merchant.id.as_str()).join("hooks");
    let token = hook_token(&dir, &channel.id, world.rng.as_ref()).map_err(|error| {
        let what = format!("cannot keep the webhook path in {}: {error}", dir.display());
        StartError {
            what,
            help: Some("check the directory's owner and mode".to_owned()),
        }
    })?;
    Ok(Connected {
        settings: channel.clone(),
        connector,
        transport,
        board: Board::default(),
        poll_now: Arc::default(),
        scan_now: Arc::default(),
        hook_path: format!("/hooks/{}/{}/{token}", merchant.id, channel.id),
        tasks: tasks.part(),
    })
}

/// The unguessable part of a channel's webhook path: made once, kept in a file of mode 0600. What is
/// none, as after damage, would be a path that anybody guesses.
fn hook_token(dir: &Path, channel: &ChannelId, rng: &dyn Rng) -> io::Result<String> {
    disk::create_dir(dir)?;
    let path = dir.join(channel.as_str());
    match std::fs::read(&path) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            let token = text.trim();
            if token.len() == 32 && token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Ok(token.to_owned());
            }
            tracing::warn!(
                %channel, path = %path.display(),
                "the webhook path was unreadable and is made anew; a subscription set by hand must name the new one"
            );
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let token = format!("{:016x}{:016x}", rng.next_u64(), rng.next_u64());
    disk::replace(&path, token.as_bytes())?;
    Ok(token)
}

fn start_book(world: &World, config: &Config, book: Book, writers: &Tasks) -> Handle {
    let limits = WriterLimits {
        queue_commands_max: config.limits.queue_commands_max,
        group_entries_max: config.limits.group_entries_max,
    };
    let records = book.records.map(|records| {
        let (sender, queue) = mpsc::channel(RECORDS_QUEUE_MAX);
        drop(tokio::task::spawn_blocking(move || {
            keep_records(records.as_ref(), queue)
        }));
        sender
    });
    let journal = book.journal.clone();
    let (writer, handle) = Writer::new(
        book.ledger,
        book.journal,
        world.clock.clone(),
        limits,
        records,
    );
    writers.start_once("bookkeeper", writer.run(writers.stop.clone()));
    if let Some(dir) = book.snapshots {
        let keeper = Keeper {
            snapshots: dir.clone(),
            journal: journal.clone(),
            book: handle.clone(),
            clock: world.clock.clone(),
            parked: book.parked,
            keep: config.limits.journal_keep,
            keep_parked: config.limits.parked_keep,
        };
        writers.start_once("retention", keeper.run(writers.stop.clone()));
        let (watch, stop) = (handle.clone(), writers.stop.clone());
        let every = config.limits.snapshot_entries;
        let (marked, clock, ended) = (journal.clone(), world.clock.clone(), stop.clone());
        writers.start_once("mark", async move {
            keep_mark(marked.as_ref(), clock.as_ref(), ended).await;
            Ok::<(), std::convert::Infallible>(())
        });
        writers.start_once("snapshots", async move {
            keep_snapshots(dir, journal, watch, every, stop).await;
            Ok::<(), std::convert::Infallible>(())
        });
    }
    handle
}

fn start_channel(
    world: &World,
    config: &Config,
    merchant: &MerchantRunning,
    connected: &Connected,
) -> Arc<Feed> {
    let (settings, tasks) = (&connected.settings, &connected.tasks);
    let feed = Arc::new(Feed {
        channel: settings.id.clone(),
        connector: connected.connector.clone(),
        book: merchant.book.clone(),
        clock: world.clock.clone(),
        rng: world.rng.clone(),
        board: connected.board.clone(),
        park: merchant.parked.clone(),
        poll_now: connected.poll_now.clone(),
        scan_now: connected.scan_now.clone(),
        probe_now: Arc::default(),
        told: inbox::Told::default(),
        poll_interval: settings.poll_interval,
        poll_overlap: settings.poll_overlap,
        scan_interval: settings.scan_interval,
        read_rows_max: config.limits.read_rows_max,
    });
    let stop = &tasks.stop;
    let task = (feed.clone(), stop.clone());
    tasks.start("polls", move || {
        let (feed, stop) = task.clone();
        async move { inbox::run_polls(&feed, stop).await }
    });
    let task = (feed.clone(), stop.clone());
    tasks.start("fetches", move || {
        let (feed, stop) = task.clone();
        async move { inbox::run_fetches(&feed, stop).await }
    });
    let task = (feed.clone(), stop.clone());
    tasks.start("scans", move || {
        let (feed, stop) = task.clone();
        async move { inbox::run_scans(&feed, stop).await }
    });
    let task = (feed.clone(), stop.clone());
    tasks.start("quantities", move || {
        let (feed, stop) = task.clone();
        async move { inbox::run_quantities(&feed, stop).await }
    });
    let task = (feed.clone(), stop.clone());
    tasks.start("probes", move || {
        let (feed, stop) = task.clone();
        async move {
            inbox::run_identity(&feed, stop).await;
            Ok::<(), std::convert::Infallible>(())
        }
    });
    let address = config
        .public_url
        .as_ref()
        .filter(|_| settings.subscriptions);
    if let Some(address) = address.map(|url| format!("{url}{}", connected.hook_path)) {
        let task = (feed.clone(), address, stop.clone());
        tasks.start("subscriptions", move || {
            let (feed, address, stop) = task.clone();
            async move {
                inbox::run_subscriptions(&feed, address, stop).await;
                Ok::<(), std::convert::Infallible>(())
            }
        });
    }
    start_pushes(world, config, merchant, connected);
    start_reports(world, merchant, connected);
    watch_retirement(world, merchant, connected);
    feed
}

/// Ends the tasks of a channel that is retired, once they have nothing left to do.
fn watch_retirement(world: &World, merchant: &MerchantRunning, connected: &Connected) {
    let (channel, tasks) = (connected.settings.id.clone(), connected.tasks.clone());
    let (book, clock) = (merchant.book.clone(), world.clock.clone());
    connected.tasks.start("retirement", move || {
        let (channel, stop) = (channel.clone(), tasks.stop.clone());
        let (book, clock) = (book.clone(), clock.clone());
        async move {
            while !is_over(&book, &channel).await? {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return Ok(()),
                    () = clock.sleep(RETIREMENT_LOOK) => {}
                }
            }
            tracing::info!(%channel, "retired, nothing is left to do: its tasks end");
            stop.cancel();
            Ok::<(), BookError>(())
        }
    });
}

/// What is left to do of a channel that is retired; none of any other.
pub(super) fn retired(book: &Handle, channel: &ChannelId) -> Option<ChannelCounts> {
    let published = book.published();
    let mut names = published.names.iter();
    let number = names.position(|name| name == channel.as_str())?;
    let counts = published.channels.get(number).copied();
    counts.filter(|counts| counts.retired_at.is_some())
}

async fn is_over(book: &Handle, channel: &ChannelId) -> Result<bool, BookError> {
    if !retired(book, channel).is_some_and(|counts| counts.is_at_rest()) {
        return Ok(false);
    }
    let channel = channel.clone();
    book.wait_and_read(move |ledger| {
        let known = ledger.channel_named(channel.as_str());
        known.is_some_and(|known| known.is_over())
    })
    .await
}

fn start_reports(world: &World, merchant: &MerchantRunning, connected: &Connected) {
    let (settings, tasks) = (&connected.settings, &connected.tasks);
    let can = connected.connector.shipments.is_some();
    if settings.mode != Mode::Live || !settings.report_shipments || !can {
        return;
    }
    let reporter = Arc::new(Reporter {
        channel: settings.id.clone(),
        connector: connected.connector.clone(),
        book: merchant.book.clone(),
        clock: world.clock.clone(),
        rng: world.rng.clone(),
        board: connected.board.clone(),
        notify_buyers: settings.notify_buyers,
    });
    let task = (reporter, tasks.stop.clone());
    tasks.start("reports", move || {
        let (reporter, stop) = task.clone();
        async move { outbox::run_reports(&reporter, stop).await }
    });
}

fn start_pushes(world: &World, config: &Config, merchant: &MerchantRunning, connected: &Connected) {
    let (settings, tasks) = (&connected.settings, &connected.tasks);
    let dispatcher = Arc::new(Dispatcher {
        channel: settings.id.clone(),
        connector: connected.connector.clone(),
        book: merchant.book.clone(),
        clock: world.clock.clone(),
        rng: world.rng.clone(),
        board: connected.board.clone(),
        live: settings.mode == Mode::Live,
        read_rows_max: config.limits.read_rows_max,
    });
    let task = (dispatcher, tasks.stop.clone());
    tasks.start("pushes", move || {
        let (dispatcher, stop) = task.clone();
        async move { outbox::run(&dispatcher, stop).await }
    });
    let reader = Arc::new(Reader {
        channel: settings.id.clone(),
        connector: connected.connector.clone(),
        book: merchant.book.clone(),
        clock: world.clock.clone(),
        board: connected.board.clone(),
        poll_now: connected.poll_now.clone(),
        interval: settings.read_back_interval,
        corrections_max: settings.drift_corrections_max,
    });
    let task = (reader, tasks.stop.clone());
    tasks.start("read-back", move || {
        let (reader, stop) = task.clone();
        async move { reconcile::run(&reader, stop).await }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::SeededRng;

    #[test]
    fn a_webhook_path_is_kept_and_one_that_was_damaged_is_never_guessable() {
        let dir = tempfile::tempdir().unwrap();
        let (hooks, rng) = (dir.path().join("hooks"), SeededRng::new(1));
        let token = || hook_token(&hooks, &"shop".into(), &rng).unwrap();
        let kept = token();
        assert_eq!(token(), kept);
        for damaged in [
            &b""[..],
            b"0",
            &[0; 32],
            &[0xff; 32],
            &kept.as_bytes()[..31],
        ] {
            std::fs::write(hooks.join("shop"), damaged).unwrap();
            let anew = token();
            assert!(anew.len() == 32 && anew != kept, "{damaged:?}: {anew}");
            assert_eq!(token(), anew);
        }
    }
}
