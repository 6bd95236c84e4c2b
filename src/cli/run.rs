//! `run`: the daemon, until it is told to stop.

use std::io::IsTerminal as _;
use std::time::Duration;

use channelsync_contract::ports::Clock as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::failure::{Exit, Failure};
use crate::daemon::{self, Manager, Reloaded, Serving, StartError, World};
use crate::ports::SystemClock;
use crate::settings::{Config, Faults, Log, LogFormat, LogLevel};

const HEADS_EVERY: Duration = Duration::from_secs(3_600);

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::advised(Exit::Unavailable, error.what, error.help)
    }
}

/// What the daemon is told from outside.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    reload: Signal,
}

impl Signals {
    /// From now on none of them ends the process by itself.
    fn new() -> Result<Self, StartError> {
        let of = |kind| {
            signal(kind).map_err(|error| StartError {
                what: format!("signals cannot be received: {error}"),
                help: None,
            })
        };
        Ok(Self {
            terminate: of(SignalKind::terminate())?,
            interrupt: of(SignalKind::interrupt())?,
            reload: of(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => Told::Stop,
            _ = self.interrupt.recv() => Told::Stop,
            _ = self.reload.recv() => Told::Reload,
        }
    }

    async fn stop(&mut self) {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

enum Told {
    Stop,
    Reload,
}

/// Runs the daemon; `read` reads the settings anew.
pub(super) async fn run(
    config: &Config,
    read: impl Fn() -> Result<Config, Faults>,
) -> Result<Exit, Failure> {
    let level = log_to_stderr(config.log);
    Ok(Box::pin(serve(config, &read, &level)).await?)
}

async fn serve(
    config: &Config,
    read: &dyn Fn() -> Result<Config, Faults>,
    level: &Level,
) -> Result<Exit, StartError> {
    let manager = Manager::from_environment();
    let mut signals = Signals::new()?;
    let world = daemon::system_world();
    let lock = daemon::hold(config)?;
    let listener = daemon::listen(config).await?;
    let address = daemon::address_of(&listener);
    manager.status("opening books");
    let mut serving = daemon::serve(&world, config, lock, listener).await?;
    tracing::info!(
        merchants = config.merchants.len(),
        webhooks = ?address,
        admin_socket = %config.listen.admin_socket.display(),
        "ready"
    );
    for merchant in serving.daemon.merchants.values() {
        let head = merchant.book.published().head;
        tracing::info!(merchant = %merchant.id, entry = head.seq, %head, "book opened");
    }
    manager.ready(&serving.admin.get().in_a_line());
    manager.watch(&world, &serving);
    let reload = Reload {
        world: &world,
        manager,
        read,
        level,
    };
    until_stopped(&mut serving, &mut signals, &reload).await;
    Ok(stop(&serving, &mut signals, manager).await)
}

/// Waits for a stop or a failure. The head of each book is logged hourly.
async fn until_stopped(serving: &mut Serving, signals: &mut Signals, reload: &Reload<'_>) {
    let clock = SystemClock::new();
    let failed = (
        serving.daemon.tasks.failed.clone(),
        serving.daemon.books.failed.clone(),
    );
    loop {
        let asked = tokio::select! {
            biased;
            told = signals.next() => match told {
                Told::Stop => return,
                Told::Reload => None,
            },
            asked = serving.reloads.recv() => asked,
            () = failed.0.cancelled() => return,
            () = failed.1.cancelled() => return,
            () = clock.sleep(HEADS_EVERY) => {
                for merchant in serving.daemon.merchants.values() {
                    let head = merchant.book.published().head;
                    tracing::info!(merchant = %merchant.id, %head, "head of the book");
                }
                continue;
            }
        };
        // A stop does not wait for it: what it has not started is not there, what it has is stopped.
        tokio::select! {
            biased;
            () = signals.stop() => return,
            () = reload.carry_out(serving) => {}
        }
        if let Some(asked) = asked {
            // Who asked may have gone.
            drop(asked.send(serving.admin.get().settings.clone()));
        }
    }
}

/// How settings are read anew.
struct Reload<'a> {
    world: &'a World,
    manager: Manager,
    read: &'a dyn Fn() -> Result<Config, Faults>,
    level: &'a Level,
}

impl Reload<'_> {
    async fn carry_out(&self, serving: &mut Serving) {
        self.manager.reloading();
        match serving.reload(self.world, (self.read)()).await {
            Ok(Reloaded { changed, restart }) => {
                (self.level)(serving.config.log.level);
                tracing::info!(changed = changed.join(", "), "settings read anew");
                if !restart.is_empty() {
                    let keys = restart.join(", ");
                    tracing::warn!(keys, "these settings wait for a restart");
                }
            }
            Err(faults) => {
                for fault in &faults {
                    tracing::error!(fault, "new settings refused, those before stay");
                }
            }
        }
        self.manager.ready(&serving.admin.get().in_a_line());
    }
}

async fn stop(serving: &Serving, signals: &mut Signals, manager: Manager) -> Exit {
    tracing::info!("stopping");
    let within = serving.config.limits.shutdown;
    // Tasks and books have so long each, and a journal is closed in a moment.
    manager.stopping(within * 2 + Duration::from_secs(5));
    let stopping = serving.daemon.stop(within);
    let in_time = tokio::select! {
        biased;
        in_time = stopping => in_time,
        _ = signals.terminate.recv() => false,
    };
    let fatal = serving
        .daemon
        .books
        .fatal()
        .or_else(|| serving.daemon.tasks.fatal());
    match fatal {
        Some(why) => {
            tracing::error!(error = why, "stopped because of an error");
            Exit::Unavailable
        }
        None => {
            tracing::info!(in_time, "stopped");
            Exit::Ok
        }
    }
}

/// Sets the least level that is logged.
pub(super) type Level = Box<dyn Fn(LogLevel) + Send + Sync>;

/// Logs to standard error as the settings say; `RUST_LOG` narrows it further.
pub(super) fn log_to_stderr(log: Log) -> Level {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(log.level))
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // A second start in one process (tests) keeps the first log.
    match log.format {
        LogFormat::Text => {
            let builder = builder.with_filter_reloading();
            let handle = builder.reload_handle();
            drop(builder.try_init());
            Box::new(move |level| drop(handle.reload(filter(level))))
        }
        LogFormat::Json => {
            let builder = builder.json().with_filter_reloading();
            let handle = builder.reload_handle();
            drop(builder.try_init());
            Box::new(move |level| drop(handle.reload(filter(level))))
        }
    }
}

fn filter(level: LogLevel) -> EnvFilter {
    let level = level.as_str().parse();
    EnvFilter::builder()
        .with_default_directive(level.unwrap_or_else(|_| tracing::Level::INFO.into()))
        .from_env_lossy()
}
