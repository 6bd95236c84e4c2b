//! HTTP listeners: an accept loop of our own, so that every limit is ours.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::IntoResponse;
use axum::{Extension, Router};
use channelsync_contract::ports::Spawn;
use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Whether an address is a proxy whose word about its client is believed.
pub type Trusts = Arc<dyn Fn(IpAddr) -> bool + Send + Sync>;

/// Limits of a listener.
#[derive(Clone)]
pub struct Edge {
    /// Open connections.
    pub connections_max: usize,
    /// Open connections of one address, or requests in hand of one client of a trusted proxy.
    /// Loopback is a proxy's own and has no such limit.
    pub connections_per_ip_max: usize,
    /// Proxies whose `X-Forwarded-For` is believed; over a unix socket it always is.
    pub trusts: Trusts,
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
        if *count >= most {
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

/// Requests in hand of the clients behind proxies.
#[derive(Clone)]
struct Clients {
    trusts: Trusts,
    in_hand: PerAddress,
    most: usize,
}

impl Clients {
    /// The last address that a proxy of ours named and that is no proxy itself: what stands before it
    /// anybody may have written.
    fn client(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let lists = headers.get_all("x-forwarded-for").iter().rev();
        let named = lists.filter_map(|list| list.to_str().ok());
        let named = named.flat_map(|list| list.rsplit(','));
        let mut addresses = named.map_while(|text| text.trim().parse().ok());
        addresses.find(|address| !(self.trusts)(*address))
    }
}

async fn limit_client(
    State(clients): State<Clients>,
    request: Request,
    next: Next,
) -> axum::response::Response {
    let _counted = match clients.client(request.headers()) {
        Some(client) => match Counted::new(&clients.in_hand, client, clients.most) {
            Some(counted) => Some(counted),
            None => {
                let answer = (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, "1")]);
                return answer.into_response();
            }
        },
        None => None,
    };
    next.run(request).await
}

/// Serves until `stop`; then takes no more connections, ends idle ones, and waits for requests in
/// hand. Who had connected and not asked yet is answered once: nothing that reached us is refused.
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
    let clients = Clients {
        trusts: edge.trusts.clone(),
        in_hand: PerAddress::default(),
        most: edge.connections_per_ip_max,
    };
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
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
        let is_proxy = address.is_none_or(|address| (edge.trusts)(address));
        let counted = match address {
            Some(address) if !is_proxy && !address.is_loopback() => {
                let Some(counted) = Counted::new(&counts, address, edge.connections_per_ip_max)
                else {
                    continue;
                };
                Some(counted)
            }
            Some(_) | None => None,
        };
        let mut routes = routes.clone().layer(Extension(peer));
        if is_proxy {
            let clients = clients.clone();
            routes = routes.layer(from_fn_with_state(clients, limit_client));
        }
        let connection = converse(stream, routes, edge.clone(), stop.clone());
        spawn.spawn(
            "connection",
            Box::pin(async move {
                connection.await;
                drop((place, counted));
            }),
        );
    }
    // The listener is no more; every place comes back when its connection has ended.
    drop(listener);
    let all = u32::try_from(edge.connections_max).unwrap_or(u32::MAX);
    drop(places.acquire_many(all).await);
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
    let asked = CancellationToken::new();
    let (first, inner) = (asked.clone(), routes);
    let noted = tower::service_fn(move |request: http::Request<hyper::body::Incoming>| {
        first.cancel();
        tower::ServiceExt::oneshot(inner.clone(), request)
    });
    let service =
        TowerToHyperService::new(tower::util::MapErr::new(
            noted,
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
        () = stop.cancelled() => tokio::select! {
            biased;
            // `header_timeout` ends it, too.
            ended = connection.as_mut() => ended,
            () = asked.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        },
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clients(most: usize) -> Clients {
        let ours = |address: IpAddr| address.to_string().starts_with("10.");
        Clients {
            trusts: Arc::new(ours),
            in_hand: PerAddress::default(),
            most,
        }
    }

    fn client(lists: &[&'static str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for list in lists {
            headers.append("x-forwarded-for", http::HeaderValue::from_static(list));
        }
        clients(1).client(&headers).map(|client| client.to_string())
    }

    #[test]
    fn the_client_is_whom_the_first_of_our_proxies_saw() {
        assert_eq!(client(&[]), None);
        assert_eq!(client(&["203.0.113.9"]).as_deref(), Some("203.0.113.9"));
        assert_eq!(
            client(&["192.0.2.1, 203.0.113.9"]).as_deref(),
            Some("203.0.113.9")
        );
        assert_eq!(
            client(&["203.0.113.9, 10.0.0.7"]).as_deref(),
            Some("203.0.113.9")
        );
        assert_eq!(
            client(&["192.0.2.1", "203.0.113.9,10.0.0.7"]).as_deref(),
            Some("203.0.113.9")
        );
        assert_eq!(
            client(&["192.0.2.1, unknown"]),
            None,
            "not what stands before it"
        );
        assert_eq!(client(&["2001:db8::1"]).as_deref(), Some("2001:db8::1"));
    }

    #[test]
    fn one_client_has_so_many_requests_in_hand_and_no_more() {
        let clients = clients(2);
        let take = || Counted::new(&clients.in_hand, [203, 0, 113, 9].into(), clients.most);
        let (first, second) = (take(), take());
        assert!(first.is_some() && second.is_some() && take().is_none());
        assert!(Counted::new(&clients.in_hand, [203, 0, 113, 8].into(), 2).is_some());
        drop(first);
        assert!(take().is_some());
    }
}
