use std::net::SocketAddr;

use channelsync_contract::ConnectorError;
use channelsync_contract::transport::{Lane, Secret, TokenExchange, TokenSource};
use futures_util::future::join;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wiremock::matchers::{body_bytes, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::super::Paced;
use super::super::testing::{ManualClock, account, request};
use super::*;
use crate::ports::SeededRng;

fn dial_with(clock: Arc<ManualClock>, base_url: &str) -> Dial {
    let options = Options {
        base_url: base_url.to_owned(),
        host: Host::Trusted,
        connect_timeout: Duration::from_secs(10),
        timeout: Duration::from_secs(30),
        response_bytes_max: 100,
    };
    Dial::new(clock, options).unwrap()
}

fn dial(base_url: &str) -> Dial {
    dial_with(ManualClock::new(), base_url)
}

async fn get(dial: &Dial, url: &str) -> Result<Response, CallError> {
    dial.call(request(url, 1, Lane::Push)).await
}

fn unanswered(result: Result<Response, CallError>) -> String {
    match result {
        Err(CallError::Unanswered(why)) => why,
        other => panic!("unanswered: {other:?}"),
    }
}

/// A server by hand, for what a well-behaved one does not do.
struct Raw {
    listener: TcpListener,
    base_url: String,
}

impl Raw {
    async fn start() -> Self {
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        let listener = TcpListener::bind(any).await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        Self { listener, base_url }
    }

    async fn accept(&self) -> TcpStream {
        self.listener.accept().await.unwrap().0
    }
}

/// Reads one request with the body `{}`.
async fn read_request(stream: &mut TcpStream) {
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n{}") {
        assert_ne!(
            stream.read_buf(&mut seen).await.unwrap(),
            0,
            "a whole request"
        );
    }
}

/// Accepts one connection, reads one request, writes `bytes` and closes.
async fn answer_once(raw: &Raw, bytes: &[u8]) {
    let mut stream = raw.accept().await;
    read_request(&mut stream).await;
    // The client may have seen enough and gone.
    drop(stream.write_all(bytes).await);
}

#[tokio::test]
async fn request_and_answer_go_over_the_wire_as_they_are() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(418)
        .insert_header("x-request-id", "r1")
        .set_body_string("teapot");
    Mock::given(method("POST"))
        .and(path("/graphql.json"))
        .and(query_param("a", "b c"))
        .and(header("x-idempotency", "k1"))
        .and(body_bytes(b"{}"))
        .respond_with(answer)
        .expect(1)
        .mount(&server)
        .await;
    let url = format!("{}/graphql.json?a=b%20c", server.uri());
    let mut sent = request(&url, 1, Lane::Push);
    sent.headers.insert("x-idempotency", "k1".parse().unwrap());
    let answer = dial(&server.uri()).call(sent).await.unwrap();
    assert_eq!(answer.status.as_u16(), 418);
    assert_eq!(answer.headers["x-request-id"], "r1");
    assert_eq!(answer.body, "teapot");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let server = MockServer::start().await;
    let target = format!("{}/elsewhere", server.uri());
    let redirect = ResponseTemplate::new(307).insert_header("location", target.as_str());
    Mock::given(path("/"))
        .respond_with(redirect)
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(path("/elsewhere"))
        .respond_with(ResponseTemplate::new(200))
        .expect(0)
        .mount(&server)
        .await;
    let answer = get(&dial(&server.uri()), &format!("{}/", server.uri())).await;
    assert_eq!(answer.unwrap().status.as_u16(), 307);
}

/// R69
#[tokio::test]
async fn a_larger_answer_than_allowed_is_cut_off() {
    let server = MockServer::start().await;
    for (bytes, fits) in [(100, true), (101, false)] {
        let body = ResponseTemplate::new(200).set_body_bytes(vec![b'x'; bytes]);
        let at = format!("/{bytes}");
        Mock::given(path(at.as_str()))
            .respond_with(body)
            .mount(&server)
            .await;
        let result = get(&dial(&server.uri()), &format!("{}{at}", server.uri())).await;
        assert_eq!(result.is_ok(), fits, "{bytes} bytes");
    }
    // The same without a length to be warned by.
    let raw = Raw::start().await;
    let mut chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    chunked.extend(b"20\r\n01234567890123456789012345678901\r\n".repeat(4));
    let dial = dial(&raw.base_url);
    let (result, ()) = join(get(&dial, &raw.base_url), answer_once(&raw, &chunked)).await;
    assert_eq!(unanswered(result), "the answer is larger than 100 bytes");
}

#[tokio::test]
async fn a_refused_connection_is_not_sent() {
    let raw = Raw::start().await;
    let base_url = raw.base_url.clone();
    drop(raw);
    let url = format!("{base_url}/?token=canary");
    let Err(CallError::NotSent(why)) = get(&dial(&base_url), &url).await else {
        panic!("not sent");
    };
    assert!(why.contains("refused"), "{why}");
    assert!(!why.contains("canary"), "{why}");
}

#[tokio::test]
async fn half_an_answer_is_no_answer() {
    for bytes in [
        "",
        "HTTP/1.1 200",
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
        "not http at all\r\n\r\n",
    ] {
        let raw = Raw::start().await;
        let url = format!("{}/?token=canary", raw.base_url);
        let dial = dial(&raw.base_url);
        let (result, ()) = join(get(&dial, &url), answer_once(&raw, bytes.as_bytes())).await;
        let why = unanswered(result);
        assert!(!why.contains("canary"), "{why}");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_no_answer() {
    for head in ["", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"] {
        let (raw, clock) = (Raw::start().await, ManualClock::new());
        let dial = dial_with(clock.clone(), &raw.base_url);
        let silent = async {
            let mut stream = raw.accept().await;
            read_request(&mut stream).await;
            stream.write_all(head.as_bytes()).await.unwrap();
            clock.advance(Duration::from_secs(30));
            stream
        };
        let (result, _open) = join(get(&dial, &raw.base_url), silent).await;
        assert_eq!(unanswered(result), "no whole answer within 30000 ms");
    }
}

#[tokio::test]
async fn a_kept_connection_that_dies_under_a_request_does_not_repeat_it() {
    let raw = Raw::start().await;
    let dial = dial(&raw.base_url);
    let server = async {
        let mut stream = raw.accept().await;
        read_request(&mut stream).await;
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .await
            .unwrap();
        read_request(&mut stream).await;
    };
    let client = async {
        assert!(get(&dial, &raw.base_url).await.is_ok());
        get(&dial, &raw.base_url).await
    };
    let (result, ()) = join(client, server).await;
    unanswered(result);
    let again = futures_util::FutureExt::now_or_never(raw.accept());
    assert!(again.is_none(), "no second connection was made");
}

#[tokio::test]
async fn requests_to_another_host_are_refused() {
    let dial = dial("http://127.0.0.1:9");
    for url in [
        "http://127.0.0.1:10/",
        "https://127.0.0.1:9/",
        "http://127.0.0.1:9@other/",
        "/",
    ] {
        assert!(
            matches!(get(&dial, url).await, Err(CallError::NotSent(_))),
            "{url}"
        );
    }
}

#[test]
fn a_refused_base_url_is_named() {
    let options = Options::of(&account(super::super::testing::fixed()), Host::Trusted);
    let base_url = "http://shop.example".to_owned();
    let dial = Dial::new(
        ManualClock::new(),
        Options {
            base_url,
            ..options
        },
    );
    let error = dial.err().unwrap();
    assert_eq!(error.to_string(), "base url http://shop.example is refused");
    let why = error.source().unwrap().to_string();
    assert!(
        why.starts_with("plain http goes only to 127.0.0.1"),
        "{why}"
    );
}

/// Hands out what the server says.
struct Exchange;

impl TokenExchange for Exchange {
    fn request(&self) -> Request {
        request("/token", 0, Lane::Poll)
    }

    fn decode(&self, answer: &Response) -> Result<(Secret, Option<Duration>), ConnectorError> {
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        Ok((Secret::new(text), Some(Duration::from_secs(86_400))))
    }
}

async fn token_server(tokens: &[&str], good: &str) -> MockServer {
    let server = MockServer::start().await;
    for token in tokens {
        Mock::given(path("/token"))
            .respond_with(ResponseTemplate::new(200).set_body_string(*token))
            .up_to_n_times(1)
            .expect(1)
            .mount(&server)
            .await;
    }
    Mock::given(path("/work"))
        .and(header("x-token", good))
        .respond_with(ResponseTemplate::new(200).set_body_string("done"))
        .mount(&server)
        .await;
    Mock::given(path("/work"))
        .respond_with(ResponseTemplate::new(401))
        .with_priority(9)
        .mount(&server)
        .await;
    server
}

fn paced(base_url: String) -> Arc<Paced> {
    let clock = ManualClock::new();
    let mut account = account(TokenSource::Exchange(Arc::new(Exchange)));
    account.base_url = base_url;
    let dial = Dial::new(clock.clone(), Options::of(&account, Host::Trusted)).unwrap();
    let rng = Arc::new(SeededRng::new(1));
    let paced = Paced::new(account, "shop", Arc::new(dial), clock.clone(), rng);
    clock.advance(Duration::from_secs(60));
    paced
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_and_the_call_repeated() {
    let server = token_server(&["stale", "fresh"], "fresh").await;
    let paced = paced(server.uri());
    let (one, two) = join(
        paced.call(request("/work", 1, Lane::Push)),
        paced.call(request("/work", 1, Lane::Push)),
    )
    .await;
    assert_eq!(
        (one.unwrap().body, two.unwrap().body),
        ("done".into(), "done".into())
    );
    assert_eq!(paced.stats().outcomes.unauthorized, 0);
}

#[tokio::test]
async fn a_fresh_token_that_is_refused_too_ends_the_call() {
    let server = token_server(&["stale", "worse"], "none of them").await;
    let paced = paced(server.uri());
    for _ in 0..2 {
        let result = paced.call(request("/work", 1, Lane::Push)).await;
        assert!(matches!(result, Err(CallError::Unauthorized(_))));
    }
    let stats = paced.stats();
    assert_eq!(stats.outcomes.unauthorized, 2);
    // Two exchanges and two attempts, then one attempt and no further exchange.
    assert_eq!(stats.requests, 5);
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// R67
#[tokio::test]
async fn no_log_and_no_figure_holds_a_secret() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    // Where there is but one subscriber, what another thread logs first counts as wanted by nobody.
    let _second = tracing::Dispatch::new(tracing_subscriber::fmt().finish());
    let guard = tracing::subscriber::set_default(subscriber);
    let server = token_server(&["canary-stale", "canary-fresh"], "canary-fresh").await;
    let paced = paced(server.uri());
    let mut sent = request("/work?key=canary", 1, Lane::Push);
    sent.headers.insert("x-key", "canary".parse().unwrap());
    sent.body = Bytes::from_static(b"canary");
    assert!(paced.call(sent.clone()).await.is_ok());
    // A second account, where nobody listens.
    let dead = self::paced(Raw::start().await.base_url);
    let mut told = String::new();
    for _ in 0..6 {
        let error = dead.call(sent.clone()).await.unwrap_err();
        told = format!("{told} {error} {error:?}");
    }
    drop(guard);
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("circuit opened"), "{logged}");
    assert!(logged.contains("request answered"), "{logged}");
    let all = format!(
        "{logged} {told} {:?} {sent:?} {:?}",
        paced.stats(),
        dead.stats()
    );
    let without_path = all.replace("POST /work?key=canary", "");
    assert!(!without_path.contains("canary"), "{without_path}");
}

#[tokio::test]
async fn a_file_elsewhere_is_asked_for_with_its_range_and_nothing_of_the_account() {
    let (shop, files) = (MockServer::start().await, MockServer::start().await);
    Mock::given(method("GET"))
        .and(header("range", "bytes=5-14"))
        .and(query_param("signature", "canary-signature"))
        .respond_with(ResponseTemplate::new(206).set_body_string("0123456789"))
        .mount(&files)
        .await;
    let clock = ManualClock::new();
    let dial = Arc::new(dial_with(clock.clone(), &shop.uri()));
    let rng = Arc::new(SeededRng::new(1));
    let token = TokenSource::Fixed(Secret::new("canary-secret"));
    let paced = Paced::new(account(token), "us", dial, clock, rng);
    let part = |url: String| FilePart {
        url: Secret::new(url),
        from: 5,
        bytes_max: 10,
    };
    let url = format!("{}/file?signature=canary-signature", files.uri());
    let answer = paced.download(part(url.clone())).await.unwrap();
    assert_eq!(
        (answer.status.as_u16(), &answer.body[..]),
        (206, b"0123456789".as_slice())
    );
    let received = files.received_requests().await.unwrap();
    for name in ["x-token", "authorization", "cookie", "referer"] {
        assert!(!received[0].headers.contains_key(name), "{name}");
    }
    assert!(shop.received_requests().await.unwrap().is_empty());
    assert!(!format!("{:?}", part(url)).contains("canary"));
    paced.close();
    let closed = paced.download(part(files.uri())).await.unwrap_err();
    assert!(matches!(closed, CallError::NotSent(_)), "{closed}");
}

/// A channel that says where its files lie cannot send us into the house.
#[tokio::test]
async fn files_lie_at_public_addresses_and_behind_tls() {
    let dial = dial("https://shop.example");
    for url in [
        "http://files.example/1",
        "https://127.0.0.1/1",
        "https://10.0.0.7/1",
        "https://[::1]/1",
        "https://169.254.169.254/latest/meta-data",
        "http://169.254.169.254/latest/meta-data",
        "https://localhost/1",
        "https://user:word@files.example/1",
        "file:///etc/passwd",
        "files.example",
    ] {
        let part = FilePart {
            url: Secret::new(url),
            from: 0,
            bytes_max: 10,
        };
        let error = dial.download(part).await.unwrap_err();
        assert!(matches!(error, CallError::NotSent(_)), "{url}: {error}");
    }
}
