//! Webhooks over HTTP: verified, decoded, journaled, answered; beside the same without a book.
//!
//! 64 keep-alive connections on loopback, client and server in one process on the same cores. Both
//! servers run behind the same listener; the other one verifies and decodes each delivery just the
//! same and then answers. Rounds alternate, and every delivery to the real one is a new order.
#![recursion_limit = "256"]
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]
#![expect(clippy::float_arithmetic, reason = "figures are for people")]
#![expect(clippy::disallowed_methods, reason = "a bench measures real time")]

#[path = "ingest/body.rs"]
mod body;
#[path = "ingest/client.rs"]
mod client;
#[path = "common/sheet.rs"]
mod sheet;
#[path = "common/world.rs"]
mod world;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path as UrlPath, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use channelsync::bookkeeper::{Writer, WriterLimits, keep_records, rebuild_records};
use channelsync::daemon::vault;
use channelsync::edge::{self, Edge};
use channelsync::inbox::{self, Feed, Hook, Hooks, Park};
use channelsync::normalize;
use channelsync::ports::{SeededRng, SystemClock, SystemRng, TokioSpawn};
use channelsync::store::journal_file::{JournalFile, JournalOptions};
use channelsync::store::parked::ParkedFiles;
use channelsync::store::records_sled::SledStore;
use channelsync::store::sealed::SealKey;
use channelsync::store::{Journal, Records as _};
use channelsync_contract::order::Changed;
use channelsync_contract::ports::within;
use channelsync_contract::transport::Secret;
use channelsync_contract::webhook::{Content, SigningSecret};
use channelsync_contract::{CallError, Connector, Request, Response, Timestamp, Transport};
use channelsync_shopify::{Credentials, Figure, Settings};
use client::Seen;
use sheet::{Sheet, full_size, per_second};
use tokio_util::sync::CancellationToken;
use world::Size;

const CONNECTIONS: usize = 64;
const BODY_BYTES_MAX: usize = 1 << 20;
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
const TOKEN: &str = "0123456789abcdef0123456789abcdef";

fn main() {
    let (skus, rounds, deliveries) = if full_size() {
        (100_000, 5, 40_000)
    } else {
        (1_000, 1, 640)
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let stop = CancellationToken::new();
    let (real, plain, writer) = {
        let _inside = runtime.enter();
        let (feed, writer) = feed(skus, dir.path(), &stop);
        let bare = bare_router(feed.connector.clone());
        let real = runtime.block_on(serve(inbox::router(hooks(feed)), &stop));
        let plain = runtime.block_on(serve(bare, &stop));
        (real, plain, writer)
    };

    let path = format!("/hooks/bench/{}/{TOKEN}", world::channel(0));
    let dice = SeededRng::new(5);
    let (mut with, mut without) = (Vec::new(), Vec::new());
    let mut next = 0;
    for _ in 0..rounds {
        let mut request = || {
            next += 1;
            body::request(&path, next, skus, &dice)
        };
        let requests: Vec<Vec<u8>> = (0..deliveries).map(|_| request()).collect();
        without.push(client::send(plain, CONNECTIONS, &requests));
        with.push(client::send(real, CONNECTIONS, &requests));
    }
    stop.cancel();
    let booked = runtime.block_on(writer).expect("the writer");
    assert!(booked >= u64::from(next), "every delivery was booked");

    let mut sheet = Sheet::new("ingest");
    let ours = tell(&mut sheet, "webhooks", deliveries, &with);
    let bare = tell(&mut sheet, "without_a_book", deliveries, &without);
    sheet.figure("ratio", ours / bare);
    sheet.finish();
}

/// Median rate and latencies of the rounds.
fn tell(sheet: &mut Sheet, name: &str, each: u64, rounds: &[Seen]) -> f64 {
    let mut took: Vec<Duration> = rounds.iter().map(|seen| seen.took).collect();
    took.sort_unstable();
    let rate = per_second(each, took[took.len() / 2]);
    sheet.figure(&format!("{name}_per_second"), rate);
    for (part, quantile) in [("p50", 0.5), ("p99", 0.99)] {
        let mut all: Vec<u64> = rounds
            .iter()
            .map(|seen| seen.latency_us.value_at_quantile(quantile))
            .collect();
        all.sort_unstable();
        let ms = Duration::from_micros(all[all.len() / 2]).as_secs_f64() * 1e3;
        sheet.figure(&format!("{name}_ms_{part}"), ms);
    }
    rate
}

/// Never called: nothing is sent to the channel here.
struct Offline;

#[async_trait]
impl Transport for Offline {
    async fn call(&self, _request: Request) -> Result<Response, CallError> {
        Err(CallError::NotSent("this bench sends nothing".to_owned()))
    }
}

fn connector() -> Connector {
    let settings = Settings {
        shop: body::SHOP.to_owned(),
        base_url: None,
        figure: Figure::OnHand,
        credentials: Credentials::AccessToken(Secret::new("unused")),
        webhook_secrets: vec![SigningSecret::new(Secret::new(body::SECRET))],
    };
    channelsync_shopify::connect(settings, Arc::new(Offline))
}

/// A channel's inbox with a book on disk; the task gives the last entry once it has stopped.
fn feed(
    skus: u32,
    dir: &Path,
    stop: &CancellationToken,
) -> (Arc<Feed>, tokio::task::JoinHandle<u64>) {
    let mut ledger = world::ledger(Size { skus, channels: 4 }, drop);
    ledger.seq = 0;
    let opened = JournalFile::open(&JournalOptions::new(dir.join("journal")));
    let journal: Arc<dyn Journal> = Arc::new(opened.expect("a journal").journal);
    let store = SledStore::open(&dir.join("records"), Duration::from_secs(60));
    let records = store.expect("records").0.records("bench");
    rebuild_records(&ledger, &records).expect("records");
    assert!(records.applied_seq().is_ok(), "the records can be read");
    let (sender, queue) = tokio::sync::mpsc::channel(1_024);
    drop(tokio::task::spawn_blocking(move || {
        keep_records(&records, queue);
    }));
    let clock = Arc::new(SystemClock::new());
    let limits = WriterLimits {
        queue_commands_max: 4_096,
        group_entries_max: 512,
    };
    let written = journal.clone();
    let (writer, book) = Writer::new(ledger, journal, clock.clone(), limits, Some(sender));
    let run = writer.run(stop.clone());
    let writer = tokio::spawn(async move {
        run.await.expect("the writer's journal");
        written.head().seq
    });
    let key = Arc::new(SealKey::from_bytes([7; 32]));
    let vault = vault("bench", key, Arc::new(SystemRng));
    let parked = ParkedFiles::open(&dir.join("parked"), vault, 1 << 20).expect("a directory");
    let feed = Feed {
        channel: world::channel(0),
        connector: Arc::new(connector()),
        book,
        clock,
        rng: Arc::new(SystemRng),
        board: Default::default(),
        park: Park(Arc::new(parked)),
        poll_now: Arc::default(),
        scan_now: Arc::default(),
        probe_now: Arc::default(),
        told: inbox::Told::default(),
        poll_interval: Duration::from_secs(60),
        poll_overlap: Duration::from_secs(600),
        scan_interval: Duration::from_secs(3_600),
        read_rows_max: 1_000,
    };
    (Arc::new(feed), writer)
}

fn hooks(feed: Arc<Feed>) -> Arc<Hooks> {
    let name = ("bench".to_owned(), feed.channel.to_string());
    let token = TOKEN.to_owned();
    Arc::new(Hooks {
        hooks: BTreeMap::from([(name, Hook { feed, token })]),
        body_bytes_max: BODY_BYTES_MAX,
        body_timeout: BODY_TIMEOUT,
    })
}

async fn serve(routes: Router, stop: &CancellationToken) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a port");
    let address = listener.local_addr().expect("its number");
    let edge = Edge {
        connections_max: 1_024,
        connections_per_ip_max: 1_024,
        trusts: Arc::new(|_| false),
        header_bytes_max: 16_384,
        header_timeout: Duration::from_secs(10),
    };
    let spawn = Arc::new(TokioSpawn);
    tokio::spawn(edge::serve(listener, routes, edge, spawn, stop.clone()));
    address
}

/// What is left of the inbox without ledger and store.
fn bare_router(connector: Arc<Connector>) -> Router {
    Router::new()
        .route("/hooks/{merchant}/{channel}/{token}", post(bare))
        .with_state(connector)
}

async fn bare(
    State(connector): State<Arc<Connector>>,
    UrlPath((_merchant, _channel, token)): UrlPath<(String, String, String)>,
    headers: HeaderMap,
    body: Body,
) -> StatusCode {
    if token != TOKEN {
        return StatusCode::NOT_FOUND;
    }
    let clock = SystemClock::new();
    let Some(Ok(body)) = within(&clock, BODY_TIMEOUT, to_bytes(body, BODY_BYTES_MAX)).await else {
        return StatusCode::REQUEST_TIMEOUT;
    };
    let webhooks = connector.webhooks.as_ref().expect("the shop has webhooks");
    if webhooks.verify(&headers, &body, Timestamp(0)).is_err() {
        return StatusCode::UNAUTHORIZED;
    }
    let decoded = webhooks
        .decode(&headers, &body)
        .map(|delivery| delivery.content);
    let Ok(Content::Order(Changed::Order(snapshot))) = decoded else {
        return StatusCode::BAD_REQUEST;
    };
    std::hint::black_box(normalize::order(*snapshot));
    StatusCode::OK
}
