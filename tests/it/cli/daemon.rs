//! A daemon as the command line sees it: a socket, a book on files, two channels without tasks.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use channelsync::admin::{Admin, AdminChannel, AdminMerchant, ReadOpenings, SettingsNote, routes};
use channelsync::board::Board;
use channelsync::bookkeeper::{
    Handle, Origin, ReadMovements, Writer, WriterLimits, movements, take_snapshot,
};
use channelsync::channels;
use channelsync::cli::{self, Cli, Console, Exit};
use channelsync::daemon::{open_key, vault};
use channelsync::edge::{Edge, serve};
use channelsync::inbox::{Feed, Park, Told};
use channelsync::ledger::{Command, Ledger, ListingReport, ParkedBytes};
use channelsync::ports::{SeededRng, SystemClock, TokioSpawn};
use channelsync::reconcile;
use channelsync::settings::{self, Config};
use channelsync::store::Journal;
use channelsync::store::journal_file::{JournalFile, JournalOptions};
use channelsync::store::parked::ParkedFiles;
use channelsync::store::snapshot;
use channelsync::transport::Paced;
use channelsync_contract::connector::{ConnectorError, Quantities};
use channelsync_contract::ports::{Clock as _, Rng, Spawn as _};
use channelsync_contract::quantity::{Push, PushOutcome, Shown, ShownQuantity};
use channelsync_contract::transport::{CallError, Request, Response, Secret, Transport};
use channelsync_contract::webhook::SigningSecret;
use channelsync_contract::{Connector, SlotKey, Timestamp, Units};
use clap::Parser as _;
use tempfile::TempDir;
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

use super::subscriptions::Hasty;

const ACME: &str = r#"locations = ["main", "annex"]
[channels.shopify-us]
connector = "shopify"
mode = "live"
shop = "acme-us.myshopify.com"
book_from = "2020-01-01T00:00:00Z"
subscriptions = false
locations = [{ ours = "main", theirs = "101" }]
[channels.shopify-us.credentials]
access_token_file = "secret"
[channels.shopify-eu]
connector = "shopify"
shop = "acme-eu.myshopify.com"
book_from = "2020-01-01T00:00:00Z"
subscriptions = false
locations = [{ ours = "main", theirs = "202" }]
[channels.shopify-eu.credentials]
access_token_file = "secret"
"#;

/// A channel that nobody calls here.
struct Nobody;

#[async_trait]
impl Transport for Nobody {
    async fn call(&self, _: Request) -> Result<Response, CallError> {
        panic!("no task runs that could call a channel")
    }
}

/// What channels show, by slot; nothing else can be read from them, and nothing written.
#[derive(Clone, Default)]
pub(crate) struct Shelf(Arc<Mutex<BTreeMap<SlotKey, Shown>>>);

impl Shelf {
    pub(crate) fn put(&self, item: &str, location: &str, written: i64) {
        let slot = SlotKey {
            item: item.into(),
            location: Some(location.into()),
        };
        let shown = Shown::Held {
            written,
            sellable: written,
            unsellable: Units::ZERO,
        };
        self.0.lock().unwrap().insert(slot, shown);
    }
}

#[async_trait]
impl Quantities for Shelf {
    async fn push(&self, _: &Push) -> Result<Vec<PushOutcome>, ConnectorError> {
        panic!("no task runs that could write")
    }

    async fn read_back(&self, slots: &[SlotKey]) -> Result<Vec<ShownQuantity>, ConnectorError> {
        let known = self.0.lock().unwrap();
        let shown = slots.iter().map(|slot| ShownQuantity {
            slot: slot.clone(),
            shown: known.get(slot).copied().unwrap_or(Shown::Missing),
        });
        Ok(shown.collect())
    }
}

/// It runs until it is dropped.
pub(crate) struct Daemon {
    dir: TempDir,
    config: Config,
    pub(crate) book: Handle,
    pub(crate) journal: Arc<dyn Journal>,
    parked: Arc<ParkedFiles>,
    pub(crate) shelf: Shelf,
    pub(crate) admin: Arc<Admin>,
    clock: Arc<SystemClock>,
    rng: Arc<SeededRng>,
    stop: CancellationToken,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub(crate) fn configure() -> TempDir {
    let dir = TempDir::new().unwrap();
    let path = |name: &str| dir.path().join(name);
    fs::create_dir_all(path("merchants.d")).unwrap();
    fs::create_dir_all(path("state")).unwrap();
    fs::write(path("channelsync.toml"), "state_dir = \"state\"\n").unwrap();
    fs::write(path("merchants.d/acme.toml"), ACME).unwrap();
    fs::write(path("secret"), "shpat_1\n").unwrap();
    fs::set_permissions(path("secret"), fs::Permissions::from_mode(0o600)).unwrap();
    dir
}

impl Daemon {
    pub(crate) async fn start() -> Self {
        Self::start_with(64 << 20).await
    }

    /// With another limit of a segment of the journal.
    pub(crate) async fn start_with(segment_bytes_max: u64) -> Self {
        let dir = configure();
        let config = settings::load(dir.path(), &BTreeMap::new()).unwrap();
        let (clock, rng) = (Arc::new(SystemClock::new()), Arc::new(SeededRng::new(1)));
        let state = config.state_dir.join("acme");
        let mut options = JournalOptions::new(state.join("journal"));
        options.segment_bytes_max = segment_bytes_max;
        let opened = JournalFile::open(&options).unwrap();
        let journal: Arc<dyn Journal> = Arc::new(opened.journal);
        let key = Arc::new(open_key(&config, &*rng).unwrap());
        let vault = vault("acme", key, rng.clone());
        let parked = ParkedFiles::open(&state.join("parked"), vault, 1 << 20).unwrap();
        let parked = Arc::new(parked);
        let limits = WriterLimits {
            queue_commands_max: 16,
            group_entries_max: 16,
        };
        let start = Ledger::default();
        let (writer, book) = Writer::new(start, journal.clone(), clock.clone(), limits, None);
        let stop = CancellationToken::new();
        let writing = writer.run(stop.clone());
        TokioSpawn.spawn("writer", Box::pin(async { writing.await.unwrap() }));
        let abilities =
            ["shopify-us", "shopify-eu"].map(|id| (id, channelsync_shopify::CAPABILITIES));
        let setup = channels::setup(&config.merchants[0], &BTreeMap::from(abilities));
        let configured = Command::Configure(Box::new(setup));
        book.book(configured, Origin::new("daemon", "start"))
            .await
            .unwrap();
        let shelf = Shelf::default();
        let channels = config.merchants[0].channels.iter().map(|channel| {
            let openings = read_openings(channel, &shelf, &book);
            let admin = admin_channel(channel, openings, (clock.clone(), rng.clone()));
            (channel.id.to_string(), admin)
        });
        let merchant = AdminMerchant {
            exposures: channelsync::board::Exposures::default(),
            files: BTreeMap::new(),
            book: book.clone(),
            parked: parked.clone(),
            movements: read_movements(journal.clone()),
            channels: channels.collect(),
        };
        let admin = Arc::new(Admin {
            settings: SettingsNote::default(),
            reload: Arc::new(|| Box::pin(async { None })),
            merchants: BTreeMap::from([("acme".to_owned(), merchant)]),
            clock: clock.clone(),
            rng: rng.clone() as Arc<dyn Rng>,
            // Few, so that lists have several pages.
            read_rows_max: 2,
        });
        listen(&config.listen.admin_socket, routes(admin.clone()), &stop);
        Self {
            dir,
            config,
            book,
            journal,
            parked,
            shelf,
            admin,
            clock,
            rng,
            stop,
        }
    }

    /// Exit, standard output, standard error of one command line.
    pub(crate) async fn run(&self, line: &str) -> (Exit, String, String) {
        self.run_in(self.dir.path(), line).await
    }

    /// As `run`, with another configuration: one that no daemon listens for.
    pub(crate) async fn run_in(&self, dir: &Path, line: &str) -> (Exit, String, String) {
        let dir = dir.to_str().unwrap();
        let words = ["channelsync", "--config", dir].into_iter();
        let cli = Cli::try_parse_from(words.chain(line.split_whitespace())).unwrap();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut console = Console {
            out: &mut out,
            err: &mut err,
            terminal: false,
            env: BTreeMap::new(),
            clock: self.clock.clone(),
            rng: self.rng.clone(),
        };
        let exit = cli::run(cli, &mut console).await;
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (exit, text(out), text(err))
    }

    /// Standard output of a command that must succeed.
    pub(crate) async fn ok(&self, line: &str) -> String {
        let (exit, out, err) = self.run(line).await;
        assert_eq!((exit, err.as_str()), (Exit::Ok, ""), "{line}");
        out
    }

    /// The inbox of `shopify-us`, whose deliveries are signed with a secret.
    pub(crate) fn feed(&self, secret: &str) -> Feed {
        let settings = channelsync_shopify::Settings {
            shop: "acme-us.myshopify.com".to_owned(),
            base_url: None,
            figure: channelsync_shopify::Figure::OnHand,
            credentials: channelsync_shopify::Credentials::AccessToken(Secret::new("shpat_1")),
            webhook_secrets: vec![SigningSecret::new(Secret::new(secret))],
        };
        Feed {
            channel: "shopify-us".into(),
            connector: Arc::new(channelsync_shopify::connect(settings, Arc::new(Nobody))),
            book: self.book.clone(),
            clock: self.clock.clone(),
            rng: self.rng.clone(),
            board: Board::default(),
            park: Park(self.parked.clone()),
            poll_now: Arc::default(),
            scan_now: Arc::default(),
            probe_now: Arc::default(),
            told: Told::default(),
            poll_interval: Duration::from_secs(60),
            poll_overlap: Duration::from_secs(600),
            scan_interval: Duration::from_secs(3_600),
            read_rows_max: 1_000,
        }
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn head(&self) -> String {
        self.journal.head().to_string()
    }

    pub(crate) fn pause(&self, channel: &str, why: &str) {
        let board = &self.admin.merchants["acme"].channels[channel].board;
        board.pause(Some(why.to_owned()));
    }

    pub(crate) async fn ledger(&self) -> Ledger {
        self.book.read(Ledger::clone).await.unwrap()
    }

    pub(crate) async fn book(&self, command: Command) {
        let booked = self.book.book(command, Origin::new("test", "test")).await;
        booked.unwrap();
    }

    /// Both channels list the red mug as 101; one lists something unknown too.
    pub(crate) async fn list_mugs(&self) {
        for (channel, listed) in [
            (
                "shopify-us",
                [("101", "77", "MUG-RED"), ("102", "78", "GIFT")].as_slice(),
            ),
            ("shopify-eu", &[("101", "88", "MUG-RED")]),
        ] {
            let report = |(listing, item, sku): &(&str, &str, &str)| ListingReport {
                listing: (*listing).into(),
                item: (*item).into(),
                sku: (*sku).into(),
                gtin: None,
                unpushable: false,
                sells_without_limit: false,
            };
            self.book(Command::Listings {
                channel: channel.into(),
                listings: listed.iter().map(report).collect(),
                complete: None,
            })
            .await;
            let board = &self.admin.merchants["acme"].channels[channel].board;
            board.scanned(self.now());
        }
    }

    pub(crate) async fn park(&self, id: &str, bytes: &[u8]) {
        let stored = self.parked.store(id, bytes).unwrap();
        let sha256 = stored.sha256.iter().map(|byte| format!("{byte:02x}"));
        self.book(Command::Park(Box::new(ParkedBytes {
            id: id.to_owned(),
            channel: "shopify-us".into(),
            what: "orders/create".to_owned(),
            why: "no JSON".to_owned(),
            length: stored.bytes,
            sha256: sha256.collect(),
        })))
        .await;
    }

    pub(crate) fn merchant_dir(&self) -> PathBuf {
        self.config.state_dir.join("acme")
    }

    pub(crate) fn snapshot(&self) {
        let read = |from, bytes| self.journal.read(from, bytes);
        let taken = take_snapshot(&self.merchant_dir().join("snapshots"), &read);
        assert!(taken.unwrap().is_some());
    }

    /// A snapshot of the present head that holds an empty ledger.
    pub(crate) fn false_snapshot(&self) {
        let empty = postcard::to_stdvec(&Ledger::default()).unwrap();
        let dir = self.merchant_dir().join("snapshots");
        snapshot::write(&dir, &self.journal.head(), |file| file.write_all(&empty)).unwrap();
    }

    /// Turns a byte of the first file of a directory.
    pub(crate) fn damage(&self, dir: &str, at: u64) {
        let files = fs::read_dir(self.merchant_dir().join(dir)).unwrap();
        let paths = files.map(|file| file.unwrap().path());
        let stored = |path: &PathBuf| {
            path.extension()
                .is_some_and(|end| end == "seg" || end == "snap")
        };
        let path = paths.into_iter().find(stored).unwrap();
        let mut file = fs::File::options()
            .read(true)
            .write(true)
            .open(path)
            .unwrap();
        let mut byte = [0];
        file.seek(SeekFrom::Start(at)).unwrap();
        file.read_exact(&mut byte).unwrap();
        file.seek(SeekFrom::Start(at)).unwrap();
        file.write_all(&[byte[0] ^ 1]).unwrap();
    }
}

fn read_movements(journal: Arc<dyn Journal>) -> ReadMovements {
    Arc::new(move |asked| {
        let read = |from, bytes| journal.read(from, bytes);
        let page = movements(&read, &asked).map_err(|error| error.to_string());
        Box::pin(async { page })
    })
}

fn admin_channel(
    channel: &settings::Channel,
    openings: ReadOpenings,
    (clock, rng): (Arc<SystemClock>, Arc<SeededRng>),
) -> AdminChannel {
    let account = channels::account(channel);
    AdminChannel {
        connector: "shopify",
        live: channel.mode == settings::Mode::Live,
        book_from_in_file: channel.book_from.is_some(),
        board: Board::default(),
        transport: Paced::new(account, channel.id.as_str(), Arc::new(Nobody), clock, rng),
        streams: &["orders"],
        poll_now: Arc::default(),
        scan_now: Arc::default(),
        openings,
    }
}

/// Read at a time that is long over.
fn read_openings(channel: &settings::Channel, shelf: &Shelf, book: &Handle) -> ReadOpenings {
    let connector = channels::connect(channel, Arc::new(Nobody));
    let connector = Arc::new(Connector {
        quantities: Box::new(shelf.clone()),
        ..connector
    });
    let (channel, book) = (channel.id.clone(), book.clone());
    Arc::new(move |from, only| {
        let (channel, connector, book) = (channel.clone(), connector.clone(), book.clone());
        Box::pin(async move {
            let clock = Hasty::at("2026-01-05T09:00:02Z");
            reconcile::open((&channel, &connector), (&book, &clock), from, only).await
        })
    })
}

fn listen(socket: &Path, routes: Router, stop: &CancellationToken) {
    let listener = UnixListener::bind(socket).unwrap();
    let edge = Edge {
        connections_max: 8,
        connections_per_ip_max: 8,
        trusts: Arc::new(|_| false),
        header_bytes_max: 16_384,
        header_timeout: Duration::from_secs(5),
    };
    let spawn = Arc::new(TokioSpawn);
    let serving = serve(listener, routes, edge, spawn, stop.clone());
    TokioSpawn.spawn("listener", Box::pin(serving));
}
