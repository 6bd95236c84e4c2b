//! Starts, supervises and stops every task; the only file that spawns.

mod book;
mod credentials;
mod grants;
mod key;
mod manager;
mod merchant;
mod pulse;
mod reload;
mod retention;
mod serve;
mod snapshots;
mod stock_files;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use channelsync_contract::ports::{Clock, Rng, Spawn, within};
use channelsync_contract::transport::Account;
use channelsync_contract::{MerchantId, Transport};
use futures_util::FutureExt;
use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::book::{Book, StartError, open_book, open_records};
pub use self::credentials::{Access, Kept, Signing, credentials_path, is_sealed, unseal};
pub use self::grants::SealedAt;
pub use self::key::{is_key_wanted, load_key, open_key, vault};
pub use self::manager::{Manager, handed_over};
pub use self::merchant::{Connected, MerchantRunning, start_merchant};
pub use self::pulse::{Pulse, Watched, round};
pub use self::reload::Reloaded;
pub use self::serve::{Serving, address_of, hold, listen, serve, system_world};
pub use self::stock_files::FileWatched;
use crate::inbox::Hooks;
use crate::settings::{Config, Limits};
use crate::swap::Swap;

/// Requests in hand have at least so long to be answered.
const LAST_REQUESTS: Duration = Duration::from_secs(1);

/// A task that panicked is started again after this.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// Opens the way to an account; the simulator's leads to a double in process.
pub type Dialer = Arc<dyn Fn(&Account) -> Result<Arc<dyn Transport>, String> + Send + Sync>;

/// The world a daemon lives in.
#[derive(Clone)]
pub struct World {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
    /// Tasks.
    pub spawn: Arc<dyn Spawn>,
    /// The way out.
    pub dial: Dialer,
}

/// Starts tasks, watches them, and stops them.
#[derive(Clone)]
pub struct Tasks {
    world: World,
    tracker: TaskTracker,
    /// Trackers of those these tasks are a part of.
    above: Vec<TaskTracker>,
    /// Whether they move.
    pub pulse: Pulse,
    /// Tells tasks to finish the step in hand and return.
    pub stop: CancellationToken,
    /// Why the daemon cannot go on.
    fatal: Arc<Mutex<Option<String>>>,
    /// Set with `fatal`.
    pub failed: CancellationToken,
}

impl Tasks {
    /// No tasks yet.
    pub fn new(world: World) -> Self {
        Self {
            world,
            tracker: TaskTracker::new(),
            above: Vec::new(),
            pulse: Pulse::default(),
            stop: CancellationToken::new(),
            fatal: Arc::default(),
            failed: CancellationToken::new(),
        }
    }

    /// A part of these that can be ended alone, and ends with them.
    pub fn part(&self) -> Self {
        let mut above = self.above.clone();
        above.push(self.tracker.clone());
        Self {
            tracker: TaskTracker::new(),
            above,
            stop: self.stop.child_token(),
            ..self.clone()
        }
    }

    fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let mut task = self
            .pulse
            .of(name, Box::pin(self.tracker.track_future(task)));
        for tracker in &self.above {
            task = Box::pin(tracker.track_future(task));
        }
        self.world.spawn.spawn(name, task);
    }

    /// Starts a task that runs until `stop`. If it panics it is logged and started again; an error
    /// means that the daemon cannot go on.
    pub fn start<E, F>(&self, name: &'static str, make: impl Fn() -> F + Send + Sync + 'static)
    where
        E: std::fmt::Display + Send + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
    {
        let tasks = self.clone();
        let supervised = async move {
            loop {
                match AssertUnwindSafe(make()).catch_unwind().await {
                    Ok(Ok(())) => return,
                    Ok(Err(error)) => return tasks.fail(&format!("{name}: {error}")),
                    Err(_) if tasks.stop.is_cancelled() => return,
                    Err(_) => {
                        tracing::error!(task = name, "a task panicked and is started again");
                        tasks.world.clock.sleep(RESTART_PAUSE).await;
                    }
                }
            }
        };
        self.spawn(name, supervised);
    }

    /// Starts a task whose panic is a broken invariant of the book: the process must end.
    pub fn start_once<E>(
        &self,
        name: &'static str,
        task: impl Future<Output = Result<(), E>> + Send + 'static,
    ) where
        E: std::fmt::Display + Send + 'static,
    {
        let tasks = self.clone();
        let supervised = async move {
            match AssertUnwindSafe(task).catch_unwind().await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tasks.fail(&format!("{name}: {error}")),
                Err(_) => tasks.fail(&format!("{name}: an invariant broke")),
            }
        };
        self.spawn(name, supervised);
    }

    fn fail(&self, why: &str) {
        if self.stop.is_cancelled() {
            return;
        }
        tracing::error!(error = why, "the daemon cannot go on");
        let mut fatal = self.fatal.lock().unwrap_or_else(PoisonError::into_inner);
        fatal.get_or_insert_with(|| why.to_owned());
        self.failed.cancel();
    }

    /// Why the daemon cannot go on, if so.
    pub fn fatal(&self) -> Option<String> {
        self.fatal
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Tells all tasks to stop and waits for them; false when some did not in time.
    pub async fn end(&self, deadline: Duration) -> bool {
        self.stop.cancel();
        self.tracker.close();
        within(self.world.clock.as_ref(), deadline, self.tracker.wait())
            .await
            .is_some()
    }
}

/// A running daemon.
pub struct Daemon {
    /// Its merchants.
    pub merchants: BTreeMap<MerchantId, Arc<MerchantRunning>>,
    /// Where deliveries arrive.
    pub hooks: Swap<Hooks>,
    /// Tasks of channels and listeners.
    pub tasks: Tasks,
    /// The bookkeepers; stopped last.
    pub books: Tasks,
}

/// Starts all merchants on books that were opened.
///
/// # Errors
/// What cannot be started, why, and what to do.
pub async fn start(
    world: &World,
    config: &Config,
    books: BTreeMap<MerchantId, Book>,
) -> Result<Daemon, StartError> {
    let tasks = Tasks::new(world.clone());
    // They end last, and are watched with the others.
    let writers = Tasks {
        pulse: tasks.pulse.clone(),
        ..Tasks::new(world.clone())
    };
    let mut merchants = BTreeMap::new();
    let mut books = books;
    for merchant in &config.merchants {
        let book = books
            .remove(&merchant.id)
            .expect("a book for each merchant");
        let running = start_merchant(world, config, merchant, book, (&tasks, &writers)).await?;
        merchants.insert(merchant.id.clone(), Arc::new(running));
    }
    let hooks = Arc::new(hooks(config, &merchants));
    Ok(Daemon {
        merchants,
        hooks: hooks.into(),
        tasks,
        books: writers,
    })
}

/// The doors of all channels.
fn hooks(config: &Config, merchants: &BTreeMap<MerchantId, Arc<MerchantRunning>>) -> Hooks {
    let Limits {
        body_bytes_max,
        body_timeout,
        ..
    } = config.limits;
    let of = |running: &Arc<MerchantRunning>| {
        let merchant = running.id.to_string();
        let hooks = running.hooks.clone().into_iter();
        hooks.map(move |(channel, hook)| ((merchant.clone(), channel.to_string()), hook))
    };
    Hooks {
        hooks: merchants.values().flat_map(of).collect(),
        body_bytes_max,
        body_timeout,
    }
}

impl Daemon {
    /// Stops: finishes what is in hand with the channels while deliveries are still taken, then takes
    /// nothing more, then syncs. True when all of it ended in time.
    pub async fn stop(&self, deadline: Duration) -> bool {
        let clock = self.tasks.world.clock.as_ref();
        let began = clock.uptime();
        let merchants = self.merchants.values();
        let channels = merchants.flat_map(|merchant| merchant.channels.values());
        join_all(channels.map(|channel| channel.end(deadline))).await;
        let left = deadline.saturating_sub(clock.uptime().saturating_sub(began));
        let ended = self.tasks.end(left.max(LAST_REQUESTS)).await;
        let written = self.books.end(deadline).await;
        for merchant in self.merchants.values() {
            if let Err(error) = merchant.journal.close().await {
                tracing::warn!(merchant = %merchant.id, %error, "journal not closed cleanly");
            }
        }
        ended && written
    }
}
