//! From settings to a serving daemon on the real world.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;

use channelsync_contract::Transport;
use channelsync_contract::transport::Account;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{mpsc, oneshot};

use super::book::{StartError, open_book, open_records};
use super::{
    Connected, Daemon, MerchantRunning, Reloaded, World, handed_over, open_key, start, vault,
};
use crate::admin::{self, Admin, AdminChannel, AdminMerchant, ReadOpenings, Reload, SettingsNote};
use crate::bookkeeper::{ReadMovements, movements};
use crate::edge::{self, Edge, Listener};
use crate::inbox;
use crate::ports::{SystemClock, SystemRng, TokioSpawn};
use crate::reconcile;
use crate::settings::{Address, Config, ConnectorSettings, Faults, Mode};
use crate::store::Journal;
use crate::store::lock::DirLock;
use crate::swap::Swap;
use crate::transport::{Dial, Host, Options};

/// A daemon with its listeners; the state directory is held as long as it lives.
pub struct Serving {
    /// The daemon.
    pub daemon: Daemon,
    /// The settings in force.
    pub config: Config,
    /// What the admin routes show.
    pub admin: Swap<Admin>,
    /// Who wants the settings read anew, and what became of it told.
    pub reloads: mpsc::Receiver<oneshot::Sender<SettingsNote>>,
    _lock: DirLock,
}

impl Serving {
    /// Takes over new settings as far as it can be done without a restart. What became of it is shown
    /// in the status.
    ///
    /// # Errors
    /// Every fault in the settings, or what cannot be done; then all is as it was.
    pub async fn reload(
        &mut self,
        world: &World,
        read: Result<Config, Faults>,
    ) -> Result<Reloaded, Vec<String>> {
        let now = world.clock.now();
        let taken = match read {
            Ok(new) => {
                let taken = self.daemon.reload(world, &mut self.config, new).await;
                taken.map_err(|error| {
                    let help = error.help.map(|help| format!("\n  help: {help}"));
                    vec![format!("{}{}", error.what, help.unwrap_or_default())]
                })
            }
            Err(faults) => Err(faults.iter().map(ToString::to_string).collect()),
        };
        let note = match &taken {
            Ok(reloaded) => SettingsNote {
                loaded_at: now,
                refused: None,
                changed: reloaded.changed.clone(),
                restart: reloaded.restart.clone(),
            },
            Err(faults) => SettingsNote {
                refused: Some((now, faults.clone())),
                ..self.admin.get().settings.clone()
            },
        };
        let ask = self.admin.get().reload.clone();
        let state = admin_state(world, &self.config, &self.daemon, (note, ask));
        self.admin.set(Arc::new(state));
        taken
    }
}

/// The system's clock, randomness, tasks and network.
pub fn system_world() -> World {
    let clock = Arc::new(SystemClock::new());
    let dial_clock = clock.clone();
    World {
        clock,
        rng: Arc::new(SystemRng),
        spawn: Arc::new(TokioSpawn),
        dial: Arc::new(move |account: &Account| {
            let dial = Dial::new(dial_clock.clone(), Options::of(account, Host::Trusted));
            let dial = dial.map_err(|error| chain(&error))?;
            Ok(Arc::new(dial) as Arc<dyn Transport>)
        }),
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

/// The webhook listener: the one handed over by the service manager, else one of our own.
///
/// # Errors
/// When the address cannot be bound, or what is handed over is of no use.
pub async fn listen(config: &Config) -> Result<Listener, StartError> {
    if let Some(listener) = handed_over(config)? {
        return Ok(listener);
    }
    let bound = match &config.listen.webhooks {
        Address::Loopback(address) => TcpListener::bind(address).await.map(Listener::from),
        Address::Unix(path) => bind_unix(path).map(Listener::from),
    };
    bound.map_err(|error| {
        let what = match &config.listen.webhooks {
            Address::Loopback(address) => address.to_string(),
            Address::Unix(path) => path.display().to_string(),
        };
        let what = format!("cannot listen on {what}: {error}");
        StartError {
            what,
            help: Some("correct `listen.webhooks`, or stop who uses it".to_owned()),
        }
    })
}

/// The address a listener was given.
pub fn address_of(listener: &Listener) -> Option<SocketAddr> {
    match listener {
        Listener::Tcp(listener) => listener.local_addr().ok(),
        Listener::Unix(_) => None,
    }
}

/// Only the holder of the state directory gets here, so a socket file that is left is nobody's.
fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}

/// Opens all books and starts everything.
///
/// # Errors
/// What cannot be started, why, and what to do.
pub async fn serve(
    world: &World,
    config: &Config,
    lock: DirLock,
    webhooks: Listener,
) -> Result<Serving, StartError> {
    let records = open_records(config);
    let key = Arc::new(open_key(config, &*world.rng)?);
    let mut books = BTreeMap::new();
    for merchant in &config.merchants {
        let vault = vault(merchant.id.as_str(), key.clone(), world.rng.clone());
        let book = open_book(config, &merchant.id, records.as_ref(), vault)?;
        books.insert(merchant.id.clone(), book);
    }
    let socket = &config.listen.admin_socket;
    let admin_socket = bind_unix(socket).map_err(|error| {
        let what = format!("cannot listen on {}: {error}", socket.display());
        StartError {
            what,
            help: Some("correct `listen.admin_socket`".to_owned()),
        }
    })?;
    let daemon = start(world, config, books).await?;
    let note = SettingsNote {
        loaded_at: world.clock.now(),
        ..SettingsNote::default()
    };
    let (ask, reloads) = reloads();
    let state = Arc::new(admin_state(world, config, &daemon, (note, ask)));
    let state = Swap::from(state);
    let proxies = config.listen.trusted_proxies.clone();
    let edge = Edge {
        connections_max: config.limits.connections_max,
        connections_per_ip_max: config.limits.connections_per_ip_max,
        trusts: Arc::new(move |address| proxies.iter().any(|proxy| proxy.contains(address))),
        header_bytes_max: config.limits.header_bytes_max,
        header_timeout: config.limits.header_timeout,
    };
    let outside = inbox::router(daemon.hooks.clone()).merge(admin::health_routes(state.clone()));
    let inside = admin::routes(state.clone());
    for (name, listener, routes) in [
        ("webhook listener", webhooks, outside),
        ("admin listener", admin_socket.into(), inside),
    ] {
        let (spawn, stop) = (world.spawn.clone(), daemon.tasks.stop.clone());
        let edge = edge.clone();
        daemon.tasks.start_once(name, async move {
            edge::serve(listener, routes, edge, spawn, stop).await;
            Ok::<(), std::convert::Infallible>(())
        });
    }
    Ok(Serving {
        daemon,
        config: config.clone(),
        admin: state,
        reloads,
        _lock: lock,
    })
}

/// The way from the admin socket to who reads the settings anew; one waits, the others wait to.
fn reloads() -> (Reload, mpsc::Receiver<oneshot::Sender<SettingsNote>>) {
    let (sender, reloads) = mpsc::channel(1);
    let ask: Reload = Arc::new(move || {
        let sender = sender.clone();
        Box::pin(async move {
            let (tell, told) = oneshot::channel();
            sender.send(tell).await.ok()?;
            told.await.ok()
        })
    });
    (ask, reloads)
}

/// Takes the state directory, before anything else: one daemon has it.
///
/// # Errors
/// When another daemon has it, or it cannot be used.
pub fn hold(config: &Config) -> Result<DirLock, StartError> {
    let dir = &config.state_dir;
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir);
    made.map_err(|error| StartError {
        what: format!("cannot create {}: {error}", dir.display()),
        help: Some("give `state_dir` a directory that the daemon may write".to_owned()),
    })?;
    DirLock::take(dir).map_err(|error| StartError::new(&error, Some(error.help())))
}

/// Long work: on a thread of its own, never on the writer's.
fn read_movements(journal: Arc<dyn Journal>) -> ReadMovements {
    Arc::new(move |asked| {
        let journal = journal.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let read = |from, bytes| journal.read(from, bytes);
            movements(&read, &asked).map_err(|error| error.to_string())
        });
        Box::pin(async { reading.await.unwrap_or_else(|error| Err(error.to_string())) })
    })
}

fn read_openings(world: &World, merchant: &MerchantRunning, of: &Connected) -> ReadOpenings {
    let (channel, connector) = (of.settings.id.clone(), of.connector.clone());
    let (book, clock) = (merchant.book.clone(), world.clock.clone());
    Arc::new(move |from, only| {
        let (channel, connector) = (channel.clone(), connector.clone());
        let (book, clock) = (book.clone(), clock.clone());
        Box::pin(async move {
            reconcile::open((&channel, &connector), (&book, &*clock), from, only).await
        })
    })
}

fn admin_state(
    world: &World,
    config: &Config,
    daemon: &Daemon,
    (settings, reload): (SettingsNote, Reload),
) -> Admin {
    let merchants = daemon.merchants.values().map(|merchant| {
        let channels = merchant.channels.values().map(|connected| {
            let channel = AdminChannel {
                connector: match connected.settings.connector {
                    ConnectorSettings::Shopify { .. } => "shopify",
                },
                live: connected.settings.mode == Mode::Live,
                book_from_in_file: connected.settings.book_from.is_some(),
                board: connected.board.clone(),
                transport: connected.transport.clone(),
                streams: connected.connector.capabilities.streams,
                poll_now: connected.poll_now.clone(),
                scan_now: connected.scan_now.clone(),
                openings: read_openings(world, merchant, connected),
            };
            (connected.settings.id.to_string(), channel)
        });
        let files = merchant.files.iter().map(|(location, file)| {
            let path = file.settings.path.display().to_string();
            (location.to_string(), (path, file.board.clone()))
        });
        let row = AdminMerchant {
            files: files.collect(),
            book: merchant.book.clone(),
            parked: merchant.parked.0.clone(),
            movements: read_movements(merchant.journal.clone()),
            exposures: merchant.exposures.clone(),
            channels: channels.collect(),
        };
        (merchant.id.to_string(), row)
    });
    Admin {
        settings,
        reload,
        merchants: merchants.collect(),
        clock: world.clock.clone(),
        rng: world.rng.clone(),
        read_rows_max: config.limits.read_rows_max,
    }
}
