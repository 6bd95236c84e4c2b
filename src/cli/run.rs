//! `run`: the daemon, until it is told to stop.

use std::io::IsTerminal as _;

use channelsync_contract::ports::Clock as _;
use tokio::signal::unix::{SignalKind, signal};

use super::failure::{Exit, Failure};
use crate::daemon::{self, Serving, StartError};
use crate::ports::SystemClock;
use crate::settings::{Config, Log, LogFormat};

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::advised(Exit::Unavailable, error.what, error.help)
    }
}

/// Runs the daemon.
pub(super) async fn run(config: &Config) -> Result<Exit, Failure> {
    log_to_stderr(config.log);
    Ok(Box::pin(serve(config)).await?)
}

async fn serve(config: &Config) -> Result<Exit, StartError> {
    let world = daemon::system_world();
    let lock = daemon::hold(config)?;
    let listener = daemon::listen(config).await?;
    let address = daemon::address_of(&listener);
    let serving = daemon::serve(&world, config, lock, listener).await?;
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
    Ok(until_stopped(&serving, config).await)
}

/// Waits for a signal or a failure, then stops. The head of each book is logged hourly.
async fn until_stopped(serving: &Serving, config: &Config) -> Exit {
    let clock = SystemClock::new();
    let signals = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    );
    let (Ok(mut terminate), Ok(mut interrupt)) = signals else {
        tracing::error!("signals cannot be received");
        return Exit::Unavailable;
    };
    loop {
        tokio::select! {
            biased;
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            () = serving.daemon.tasks.failed.cancelled() => break,
            () = serving.daemon.books.failed.cancelled() => break,
            () = clock.sleep(std::time::Duration::from_secs(3_600)) => {
                for merchant in serving.daemon.merchants.values() {
                    let head = merchant.book.published().head;
                    tracing::info!(merchant = %merchant.id, %head, "head of the book");
                }
            }
        }
    }
    tracing::info!("stopping");
    let stopping = serving.daemon.stop(config.limits.shutdown);
    let in_time = tokio::select! {
        biased;
        in_time = stopping => in_time,
        _ = terminate.recv() => false,
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

/// Logs to standard error as the settings say; `RUST_LOG` narrows it further.
pub(super) fn log_to_stderr(log: Log) {
    let level = tracing_subscriber::EnvFilter::builder()
        .with_default_directive(
            log.level
                .as_str()
                .parse()
                .unwrap_or_else(|_| tracing::Level::INFO.into()),
        )
        .from_env_lossy();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(level)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let set = match log.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    // A second start in one process (tests) keeps the first log.
    drop(set);
}
