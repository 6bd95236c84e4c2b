//! Asks doubles and daemon from outside: `/control` over TCP, the ledger over the admin socket.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use channelsync_contract::ports::{Clock, Spawn, within};
use channelsync_sandbox::{ShopInfo, Truth};
use http::Request;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

const ANSWER_WITHIN: Duration = Duration::from_secs(30);
const ANSWER_BYTES_MAX: usize = 256 << 20;
const ORDERS_PAGE: usize = 5_000;

/// Why something could not be asked.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {why}")]
pub(super) struct ProbeError {
    /// What was asked.
    pub(super) what: String,
    /// What happened.
    pub(super) why: String,
}

/// The way to one pair of doubles and daemon.
pub(super) struct Probe {
    /// Where the doubles listen.
    pub(super) doubles: SocketAddr,
    /// The daemon's admin socket.
    pub(super) socket: PathBuf,
    /// The merchant that sells on the doubles.
    pub(super) merchant: String,
    /// Time.
    pub(super) clock: Arc<dyn Clock>,
    /// Tasks.
    pub(super) spawn: Arc<dyn Spawn>,
}

impl Probe {
    /// All shops.
    ///
    /// # Errors
    /// [`ProbeError`].
    pub(super) async fn shops(&self) -> Result<Vec<ShopInfo>, ProbeError> {
        self.control("/control/shops").await
    }

    /// Everything that is true of a shop.
    ///
    /// # Errors
    /// [`ProbeError`].
    pub(super) async fn truth(&self, shop: &str) -> Result<Truth, ProbeError> {
        let path = |after: u64, sets: usize| {
            format!(
                "/control/shops/{shop}/truth?orders_after={after}&orders_max={ORDERS_PAGE}&sets_from={sets}"
            )
        };
        let mut truth: Truth = self.control(&path(0, 0)).await?;
        while let Some(after) = truth.orders_after {
            let page: Truth = self.control(&path(after, usize::MAX)).await?;
            truth.orders.extend(page.orders);
            truth.orders_after = page.orders_after;
        }
        Ok(truth)
    }

    /// What the daemon tells of itself.
    ///
    /// # Errors
    /// [`ProbeError`].
    pub(super) async fn status(&self) -> Result<Value, ProbeError> {
        self.admin("/v1/status").await
    }

    /// All rows of a list of the ledger.
    ///
    /// # Errors
    /// [`ProbeError`].
    pub(super) async fn ledger(&self, list: &str) -> Result<Vec<Value>, ProbeError> {
        let (mut rows, mut from) = (Vec::new(), 0);
        loop {
            let path = format!("/v1/{}/{list}from={from}", self.merchant);
            let mut page: Value = self.admin(&path).await?;
            if let Some(Value::Array(more)) = page.get_mut("rows").map(Value::take) {
                rows.extend(more);
            }
            match page["next"].as_u64() {
                Some(next) => from = next,
                None => return Ok(rows),
            }
        }
    }

    async fn control<T: DeserializeOwned>(&self, path: &str) -> Result<T, ProbeError> {
        let stream = TcpStream::connect(self.doubles)
            .await
            .map_err(|error| fault(path, &error))?;
        self.ask(stream, path).await
    }

    async fn admin<T: DeserializeOwned>(&self, path: &str) -> Result<T, ProbeError> {
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|error| fault(path, &error))?;
        self.ask(stream, path).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        path: &str,
    ) -> Result<T, ProbeError> {
        let body = within(self.clock.as_ref(), ANSWER_WITHIN, self.get(stream, path)).await;
        let body = body.unwrap_or_else(|| Err(fault(path, &"no answer in 30 s")))?;
        serde_json::from_slice(&body).map_err(|error| fault(path, &error))
    }

    async fn get(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        path: &str,
    ) -> Result<Bytes, ProbeError> {
        let shaken = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = shaken.map_err(|error| fault(path, &error))?;
        self.spawn
            .spawn("probe", Box::pin(async move { drop(connection.await) }));
        let request = Request::get(path).header(http::header::HOST, "localhost");
        let request = request
            .body(Empty::<Bytes>::new())
            .map_err(|error| fault(path, &error))?;
        let answer = sender
            .send_request(request)
            .await
            .map_err(|error| fault(path, &error))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX)
            .collect()
            .await;
        let body = body.map_err(|error| fault(path, &error))?.to_bytes();
        if status.is_success() {
            Ok(body)
        } else {
            Err(fault(
                path,
                &format!("{status}: {}", String::from_utf8_lossy(&body)),
            ))
        }
    }
}

fn fault(what: &str, why: &dyn std::fmt::Display) -> ProbeError {
    ProbeError {
        what: what.to_owned(),
        why: why.to_string(),
    }
}
