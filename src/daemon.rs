//! Starts, supervises and stops every task; the only file that spawns.

mod book;
mod merchant;
mod serve;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use channelsync_contract::ports::{Clock, Rng, Spawn, within};
use channelsync_contract::transport::Account;
use channelsync_contract::{MerchantId, Transport};
use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::book::{Book, StartError, open_book, open_records};
pub use self::merchant::{Connected, MerchantRunning, start_merchant};
pub use self::serve::{Serving, address_of, hold, listen, serve, system_world};
use crate::inbox::Hooks;
use crate::settings::{Config, Limits};

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
            stop: CancellationToken::new(),
            fatal: Arc::default(),
            failed: CancellationToken::new(),
        }
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
        self.world
            .spawn
            .spawn(name, Box::pin(self.tracker.track_future(supervised)));
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
        self.world
            .spawn
            .spawn(name, Box::pin(self.tracker.track_future(supervised)));
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
    pub hooks: Arc<Hooks>,
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
    let (tasks, writers) = (Tasks::new(world.clone()), Tasks::new(world.clone()));
    let mut hooks = BTreeMap::new();
    let mut merchants = BTreeMap::new();
    let mut books = books;
    for merchant in &config.merchants {
        let book = books
            .remove(&merchant.id)
            .expect("a book for each merchant");
        let running = start_merchant(world, config, merchant, book, (&tasks, &writers)).await?;
        for (channel, hook) in running.1 {
            hooks.insert((merchant.id.to_string(), channel), hook);
        }
        merchants.insert(merchant.id.clone(), Arc::new(running.0));
    }
    let Limits {
        body_bytes_max,
        body_timeout,
        ..
    } = config.limits;
    let hooks = Arc::new(Hooks {
        hooks,
        body_bytes_max,
        body_timeout,
    });
    Ok(Daemon {
        merchants,
        hooks,
        tasks,
        books: writers,
    })
}

impl Daemon {
    /// Stops: takes nothing more, finishes what is in hand, syncs. True when all of it ended in time.
    pub async fn stop(&self, deadline: Duration) -> bool {
        let ended = self.tasks.end(deadline).await;
        let written = self.books.end(deadline).await;
        for merchant in self.merchants.values() {
            if let Err(error) = merchant.journal.close().await {
                tracing::warn!(merchant = %merchant.id, %error, "journal not closed cleanly");
            }
        }
        ended && written
    }
}
