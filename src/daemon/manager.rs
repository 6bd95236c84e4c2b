//! The service manager: what it is told, and the sockets it hands over.
//!
//! Speaks `sd_notify(3)` and `sd_listen_fds(3)`. Where nobody listens all of it does nothing.

use std::net::SocketAddr;
use std::time::Duration;

use listenfd::ListenFd;
use sd_notify::NotifyState;
use tokio::net::{TcpListener, UnixListener};

use super::book::StartError;
use super::pulse::{Watched, round};
use super::{Serving, World};
use crate::edge::Listener;
use crate::settings::{Address, Config};

/// Rounds of the watchdog in the time the manager waits for a sign of life.
const ROUNDS: u32 = 3;
/// A round where nobody waits for one; the status line is then all it is for.
const ROUND: Duration = Duration::from_secs(10);

/// The service manager.
#[derive(Clone, Copy, Debug)]
pub struct Manager {
    round: Duration,
    watches: bool,
}

impl Manager {
    /// As the environment tells.
    pub fn from_environment() -> Self {
        let within = sd_notify::watchdog_enabled();
        Self {
            round: within.map_or(ROUND, |within| within / ROUNDS),
            watches: within.is_some(),
        }
    }

    /// All books are open and all listeners bound, or the settings were read anew.
    pub fn ready(self, status: &str) {
        tell(&[NotifyState::Ready, NotifyState::Status(status)]);
    }

    /// What it shows beside the name.
    pub fn status(self, status: &str) {
        tell(&[NotifyState::Status(status)]);
    }

    /// The settings are being read anew; [`Manager::ready`] follows, whatever becomes of it.
    pub fn reloading(self) {
        // Newer managers want the time in the same message.
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now]),
            Err(error) => tracing::warn!(%error, "the service manager is not told of the reload"),
        }
    }

    /// It ends, and may take so long.
    pub fn stopping(self, within: Duration) {
        let us = u32::try_from(within.as_micros()).unwrap_or(u32::MAX);
        let longer = NotifyState::ExtendTimeoutUsec(us);
        tell(&[
            NotifyState::Stopping,
            longer,
            NotifyState::Status("stopping"),
        ]);
    }

    /// Starts the signs of life: one a round in which everything moved. A stop has a deadline of its
    /// own, so after it only the process must live.
    pub fn watch(self, world: &World, serving: &Serving) {
        let (clock, admin) = (world.clock.clone(), serving.admin.clone());
        let (pulse, stop) = (
            serving.daemon.tasks.pulse.clone(),
            serving.daemon.tasks.stop.clone(),
        );
        let mut books: Vec<Watched> = Vec::new();
        for (id, merchant) in &admin.get().merchants {
            books.push(Watched::new(id.clone(), merchant.book.clone()));
        }
        let watching = async move {
            loop {
                let still = round(&pulse, &mut books, clock.as_ref(), self.round).await;
                if stop.is_cancelled() {
                    self.alive();
                } else if still.is_empty() {
                    self.alive();
                    self.status(&admin.get().in_a_line());
                } else {
                    let what = still.join(", ");
                    tracing::error!(
                        what,
                        "no movement, the service manager gets no sign of life"
                    );
                    self.status(&format!("no movement: {what}"));
                }
            }
        };
        world.spawn.spawn("watchdog", Box::pin(watching));
    }

    fn alive(self) {
        if self.watches {
            tell(&[NotifyState::Watchdog]);
        }
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}

/// The webhook listener that was handed over, if there is one. It is bound by another, so it is held
/// to the same rule as one of ours: this machine alone.
///
/// # Errors
/// When more than one socket is handed over, or one that is of no use here.
pub fn handed_over(config: &Config) -> Result<Option<Listener>, StartError> {
    let mut sockets = ListenFd::from_env();
    let refuse = |what: String| StartError {
        what: format!("the service manager hands over {what}"),
        help: Some("correct `ListenStream=` of channelsync.socket".to_owned()),
    };
    match sockets.len() {
        0 => return Ok(None),
        1 => {}
        count => return Err(refuse(format!("{count} sockets, one is wanted"))),
    }
    let unusable = |error: std::io::Error| refuse(format!("a socket that cannot be used: {error}"));
    let (listener, address) = if let Ok(Some(socket)) = sockets.take_tcp_listener(0) {
        let address = socket.local_addr().map_err(unusable)?;
        if !address.ip().is_loopback() {
            return Err(refuse(format!(
                "{address}: plain HTTP would be open to the network"
            )));
        }
        socket.set_nonblocking(true).map_err(unusable)?;
        let listener = TcpListener::from_std(socket).map_err(unusable)?;
        (listener.into(), Address::Loopback(address))
    } else {
        let socket = sockets.take_unix_listener(0).map_err(unusable)?;
        let socket = socket.expect("it was not taken");
        let path = socket.local_addr().map_err(unusable)?;
        let path = path.as_pathname().map(ToOwned::to_owned);
        socket.set_nonblocking(true).map_err(unusable)?;
        let listener = UnixListener::from_std(socket).map_err(unusable)?;
        (listener.into(), Address::Unix(path.unwrap_or_default()))
    };
    if !agrees(&config.listen.webhooks, &address) {
        tracing::warn!(
            listens = ?address, settings = ?config.listen.webhooks,
            "the service manager's socket counts, `listen.webhooks` says another"
        );
    }
    Ok(Some(listener))
}

fn agrees(settings: &Address, handed: &Address) -> bool {
    match (settings, handed) {
        (Address::Loopback(ours), Address::Loopback(theirs)) => {
            let chosen = SocketAddr::new(ours.ip(), theirs.port());
            ours == theirs || (ours.port() == 0 && chosen == *theirs)
        }
        (ours, theirs) => ours == theirs,
    }
}
