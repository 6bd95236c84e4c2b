//! HTTP listeners: an accept loop of our own, so that every limit is ours.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::{Extension, Router};
use channelsync_contract::ports::Spawn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Limits of a listener.
#[derive(Clone, Copy, Debug)]
pub struct Edge {
    /// Open connections.
    pub connections_max: usize,
    /// Open connections of one address; loopback is a proxy's and has no such limit.
    pub connections_per_ip_max: usize,
    /// Head of a request, in bytes.
    pub header_bytes_max: usize,
    /// The head must have come by then, also on an idle connection.
    pub header_timeout: Duration,
}

/// The user at the other end of a unix socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub Option<u32>);

/// hyper's least buffer.
const BUFFER_BYTES_MIN: usize = 8_192;

/// A bound listener.
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// Unix socket.
    Unix(UnixListener),
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Self {
        Self::Unix(listener)
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

type PerAddress = Arc<Mutex<BTreeMap<IpAddr, usize>>>;

/// One connection of an address; counted off when dropped.
struct Counted(PerAddress, IpAddr);

impl Counted {
    fn new(counts: &PerAddress, address: IpAddr, most: usize) -> Option<Self> {
        let mut open = counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(address).or_default();
        if *count >= most && !address.is_loopback() {
            return None;
        }
        *count += 1;
        Some(Self(counts.clone(), address))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.1);
            }
        }
    }
}

/// Serves until `stop`; then takes no more connections and ends idle ones. Requests in hand finish.
pub async fn serve(
    listener: impl Into<Listener>,
    routes: Router,
    edge: Edge,
    spawn: Arc<dyn Spawn>,
    stop: CancellationToken,
) {
    let listener = listener.into();
    let places = Arc::new(Semaphore::new(edge.connections_max));
    let counts = PerAddress::default();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            accepted = accept(&listener) => accepted,
        };
        let Ok((stream, address, peer)) = accepted else {
            continue;
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            tracing::warn!(
                max = edge.connections_max,
                "too many connections, one was closed"
            );
            continue;
        };
        let counted = match address {
            Some(address) => {
                let Some(counted) = Counted::new(&counts, address, edge.connections_per_ip_max)
                else {
                    continue;
                };
                Some(counted)
            }
            None => None,
        };
        let routes = routes.clone().layer(Extension(peer));
        let connection = converse(stream, routes, edge, stop.clone());
        spawn.spawn(
            "connection",
            Box::pin(async move {
                connection.await;
                drop((place, counted));
            }),
        );
    }
}

async fn accept(listener: &Listener) -> std::io::Result<(Box<dyn Stream>, Option<IpAddr>, Peer)> {
    match listener {
        Listener::Tcp(listener) => {
            let (stream, address) = listener.accept().await?;
            stream.set_nodelay(true)?;
            Ok((Box::new(stream), Some(address.ip()), Peer(None)))
        }
        Listener::Unix(listener) => {
            let (stream, _) = listener.accept().await?;
            let peer = Peer(stream.peer_cred().ok().map(|user| user.uid()));
            Ok((Box::new(stream), None, peer))
        }
    }
}

async fn converse(stream: Box<dyn Stream>, routes: Router, edge: Edge, stop: CancellationToken) {
    let service = TowerToHyperService::new(tower::util::MapErr::new(
        routes,
        |never: Infallible| match never {},
    ));
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(edge.header_timeout)
        .max_buf_size(edge.header_bytes_max.max(BUFFER_BYTES_MIN))
        .keep_alive(true);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}
