//! Requests to the admin socket, each a line with method and path and then its body, behind lines of
//! `%%`.
//!
//! Each is answered, and not with a failure of ours. A problem says what to do. The same order again
//! changes nothing, and the book holds after each.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use channelsync::admin::{Admin, AdminMerchant, SettingsNote, routes};
use channelsync::bookkeeper::{Handle, Origin, Writer, WriterLimits, movements};
use channelsync::ledger::{Ledger, verify};
use channelsync::ports::{SeededRng, TokioSpawn};
use channelsync::store::Journal;
use channelsync::store::memory::MemoryDisk;
use channelsync::store::parked::ParkedFiles;
use channelsync::store::sealed::{SealKey, Vault};
use channelsync_contract::Timestamp;
use channelsync_contract::ports::{Clock, Spawn as _};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::book::beginning;
use super::{line, parts, scratch};

const REQUESTS_MAX: usize = 8;

/// It stands still.
struct Still;

#[async_trait::async_trait]
impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp(1_796_000_000_000_000)
    }

    fn uptime(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }

    async fn sleep(&self, _: std::time::Duration) {
        std::future::pending().await
    }
}

pub(super) fn holds(bytes: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (book, routes, _dir) = start();
        for command in beginning() {
            let booked = book.book(command, Origin::new("test", "beginning")).await;
            booked.unwrap();
        }
        for request in parts(bytes).into_iter().take(REQUESTS_MAX) {
            let Some((method, path, body)) = request_of(request) else {
                continue;
            };
            let (status, answer) = ask(&routes, (&method, path, body)).await;
            if status == StatusCode::OK && answer["entry"].is_u64() && path.ends_with("/commands") {
                let (_, again) = ask(&routes, (&method, path, body)).await;
                assert!(again["entry"].is_null(), "booked twice: {answer} {again}");
            }
            let broken = book.read(verify).await.unwrap();
            assert_eq!(broken, []);
        }
    });
}

fn request_of(request: &[u8]) -> Option<(Method, &str, &[u8])> {
    let (head, body) = line(request);
    let (method, path) = std::str::from_utf8(head).ok()?.split_once(' ')?;
    Some((method.parse().ok()?, path, body))
}

async fn ask(routes: &Router, (method, path, body): (&Method, &str, &[u8])) -> (StatusCode, Value) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json")
        .body(Body::from(body.to_vec()));
    let Ok(request) = request else {
        return (StatusCode::BAD_REQUEST, Value::Null);
    };
    let answer = routes.clone().oneshot(request).await.unwrap();
    let status = answer.status();
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8_lossy(&bytes);
    assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{text}");
    let value: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    assert_ne!(value["error"], "the bookkeeper has stopped", "it panicked");
    if value["error"].is_string() {
        assert!(
            value["help"].as_str().is_some_and(|help| !help.is_empty()),
            "{text}"
        );
    }
    (status, value)
}

fn start() -> (Handle, Router, TempDir) {
    let (clock, rng) = (Arc::new(Still), Arc::new(SeededRng::new(1)));
    let dir = scratch();
    let vault = Vault {
        merchant: "acme".to_owned(),
        key: Arc::new(SealKey::from_bytes([7; 32])),
        rng: rng.clone(),
    };
    let parked = ParkedFiles::reader(&dir.path().join("parked"), vault);
    let journal: Arc<dyn Journal> = Arc::new(MemoryDisk::new().open().unwrap().0);
    let limits = WriterLimits {
        queue_commands_max: 16,
        group_entries_max: 16,
    };
    let (writer, book) = Writer::new(
        Ledger::default(),
        journal.clone(),
        clock.clone(),
        limits,
        None,
    );
    let writing = writer.run(CancellationToken::new());
    TokioSpawn.spawn("writer", Box::pin(async { writing.await.unwrap() }));
    let read_movements = move |asked| -> futures_util::future::BoxFuture<'static, _> {
        let read = |from, bytes| journal.read(from, bytes);
        let page = movements(&read, &asked).map_err(|error| error.to_string());
        Box::pin(async { page })
    };
    let merchant = AdminMerchant {
        exposures: channelsync::board::Exposures::default(),
        files: BTreeMap::new(),
        book: book.clone(),
        parked: Arc::new(parked),
        movements: Arc::new(read_movements),
        channels: BTreeMap::new(),
    };
    let admin = Arc::new(Admin {
        settings: SettingsNote::default(),
        reload: Arc::new(|| Box::pin(async { None })),
        merchants: BTreeMap::from([("acme".to_owned(), merchant)]),
        clock,
        rng,
        read_rows_max: 2,
    });
    (book, routes(admin), dir)
}
