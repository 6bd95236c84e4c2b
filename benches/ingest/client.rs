//! A client of many keep-alive connections that does as little as it can beside the server.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What the client saw.
pub(crate) struct Seen {
    /// From the first request to the last answer.
    pub(crate) took: Duration,
    /// Each request's time, in microseconds.
    pub(crate) latency_us: Histogram<u64>,
}

/// Sends all requests over so many connections, each its share one after the other, on a thread of
/// its own.
///
/// # Panics
/// When an answer is not 200.
pub(crate) fn send(address: SocketAddr, connections: usize, requests: &[Vec<u8>]) -> Seen {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mut shares: Vec<Vec<&[u8]>> = vec![Vec::new(); connections];
    for (number, request) in requests.iter().enumerate() {
        shares[number % connections].push(request);
    }
    runtime.block_on(async {
        let mut streams = Vec::new();
        for _ in 0..connections {
            let stream = TcpStream::connect(address).await.expect("a connection");
            stream.set_nodelay(true).expect("no delay");
            streams.push(stream);
        }
        let began = Instant::now();
        let conversations = streams
            .into_iter()
            .zip(shares)
            .map(|(stream, share)| converse(stream, share));
        let all = futures_util::future::join_all(conversations).await;
        let took = began.elapsed();
        let mut latency_us = histogram();
        for one in all {
            latency_us.add(one).expect("the same bounds");
        }
        Seen { took, latency_us }
    })
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("bounds")
}

async fn converse(mut stream: TcpStream, share: Vec<&[u8]>) -> Histogram<u64> {
    let mut latency_us = histogram();
    let mut answer = [0; 1_024];
    for request in share {
        let began = Instant::now();
        stream.write_all(request).await.expect("a request");
        let mut length = 0;
        while !answer[..length].ends_with(b"\r\n\r\n") {
            let read = stream.read(&mut answer[length..]).await.expect("an answer");
            assert!(read > 0, "the connection stays open");
            length += read;
        }
        let (status, empty) = (b"HTTP/1.1 200", b"content-length: 0");
        assert!(
            answer.starts_with(status),
            "{}",
            String::from_utf8_lossy(&answer[..length])
        );
        let is_empty = answer[..length]
            .windows(empty.len())
            .any(|part| part == empty);
        assert!(is_empty, "an answer without a body");
        let us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        latency_us.saturating_record(us);
    }
    latency_us
}
