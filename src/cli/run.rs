//! `run`: the daemon, until it is told to stop.

use std::path::Path;
use std::process::ExitCode;

use channelsync_contract::ports::Clock as _;
use tokio::signal::unix::{SignalKind, signal};

use super::exit;
use crate::daemon::{self, Serving, StartError};
use crate::ports::SystemClock;
use crate::settings::{self, Config, Log, LogFormat};

/// Runs the daemon of a configuration directory.
pub async fn run(dir: &Path) -> ExitCode {
    let config = match settings::load(dir, &settings::environment()) {
        Ok(config) => config,
        Err(faults) => return exit::configuration(&faults),
    };
    log_to_stderr(config.log);
    match serve(&config).await {
        Ok(code) => code,
        Err(error) => exit::start(&error),
    }
}

async fn serve(config: &Config) -> Result<ExitCode, StartError> {
    let world = daemon::system_world();
    let listener = daemon::listen(config).await?;
    let address = daemon::address_of(&listener);
    let serving = daemon::serve(&world, config, listener).await?;
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
async fn until_stopped(serving: &Serving, config: &Config) -> ExitCode {
    let clock = SystemClock::new();
    let signals = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    );
    let (Ok(mut terminate), Ok(mut interrupt)) = signals else {
        tracing::error!("signals cannot be received");
        return ExitCode::from(exit::UNAVAILABLE);
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
            ExitCode::from(exit::UNAVAILABLE)
        }
        None => {
            tracing::info!(in_time, "stopped");
            ExitCode::SUCCESS
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
        .with_writer(std::io::stderr);
    let set = match log.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    // A second start in one process (tests) keeps the first log.
    drop(set);
}
