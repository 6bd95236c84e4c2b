//! The running daemon as the command line sees it: HTTP/1 over its unix socket.
//!
//! In: a path, and JSON for a command. Out: JSON, or a failure in the daemon's own words. One
//! connection for each request; both time and size of an answer are bounded.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use channelsync_contract::ports::{Clock, within};
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;

use super::failure::{Exit, Failure};

/// An answer has come by then. Commands wait for the journal, so this is not short.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);
const ANSWER_BYTES_MAX: usize = 64 << 20;
const ERROR_CHARS_MAX: usize = 1_000;

/// Talks to one daemon.
pub(super) struct Client {
    socket: PathBuf,
    clock: Arc<dyn Clock>,
}

/// A whole answer.
struct Answer {
    status: StatusCode,
    body: Bytes,
}

impl Client {
    pub(super) fn new(socket: &Path, clock: Arc<dyn Clock>) -> Self {
        Self {
            socket: socket.to_owned(),
            clock,
        }
    }

    /// What is at `path`.
    pub(super) async fn get(&self, path: &str) -> Result<Value, Failure> {
        let answer = self.exchange(Method::GET, path, Bytes::new()).await?;
        self.read(&answer)
    }

    /// What is at `path`; none where there is nothing.
    pub(super) async fn find(&self, path: &str) -> Result<Option<Value>, Failure> {
        let answer = self.exchange(Method::GET, path, Bytes::new()).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        self.read(&answer).map(Some)
    }

    /// Orders something.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let body = Bytes::from(body.to_string());
        let answer = self.exchange(Method::POST, path, body).await?;
        self.read(&answer)
    }

    /// All rows of a list, a page at a time.
    pub(super) async fn pages(
        &self,
        path: &str,
        mut each: impl FnMut(Vec<Value>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut from = 0;
        loop {
            let page = query(path, &[("from", &from.to_string())]);
            let mut answer = self.get(&page).await?;
            match answer["rows"].take() {
                Value::Array(rows) => each(rows)?,
                _ => return Err(self.unreadable("a list without rows")),
            }
            match &answer["next"] {
                Value::Null => return Ok(()),
                next => match next.as_u64().filter(|next| *next > from) {
                    Some(next) => from = next,
                    None => return Err(self.unreadable("a list that does not go on")),
                },
            }
        }
    }

    async fn exchange(&self, method: Method, path: &str, body: Bytes) -> Result<Answer, Failure> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "channelsync")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body));
        let request = request.map_err(|error| {
            let error = format!("no request can be made for {path}: {error}");
            Failure::usage(error, "check the names on the command line")
        })?;
        let connecting = UnixStream::connect(&self.socket);
        let connected = within(self.clock.as_ref(), ANSWER_TIME_MAX, connecting).await;
        let stream = match connected {
            Some(connected) => connected.map_err(|error| self.unreachable(&error))?,
            None => return Err(self.silent("takes no connection")),
        };
        let answering = Box::pin(converse(stream, request));
        match within(self.clock.as_ref(), ANSWER_TIME_MAX, answering).await {
            Some(answer) => answer.map_err(|why| self.broken_off(&why)),
            None => Err(self.silent("does not answer")),
        }
    }

    /// The JSON of a good answer; otherwise what the daemon says is wrong.
    fn read(&self, answer: &Answer) -> Result<Value, Failure> {
        let value = serde_json::from_slice::<Value>(&answer.body);
        if answer.status.is_success() {
            return value.map_err(|_| self.unreadable("no JSON"));
        }
        let exit = match answer.status {
            StatusCode::SERVICE_UNAVAILABLE => Exit::TryAgain,
            status if status.is_client_error() => Exit::Usage,
            _ => Exit::Unavailable,
        };
        let value = value.unwrap_or_default();
        let Some(error) = value["error"].as_str() else {
            let text = String::from_utf8_lossy(&answer.body);
            let text: String = text.chars().take(ERROR_CHARS_MAX).collect();
            let error = format!("the daemon answers {}: {text}", answer.status);
            return Err(Failure::new(exit, error.trim_end(), HELP_VERSIONS));
        };
        let help = value["help"].as_str().map(ToOwned::to_owned);
        Err(Failure::advised(exit, error, help))
    }

    fn unreachable(&self, error: &io::Error) -> Failure {
        let socket = self.socket.display();
        let (what, help) = match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => (
                format!("the daemon is not running: nothing answers on {socket}"),
                "start it with `channelsync run`",
            ),
            io::ErrorKind::PermissionDenied => (
                format!("the socket {socket} may not be used by this user"),
                "use the daemon's user or group",
            ),
            _ => (
                format!("the daemon cannot be reached on {socket}: {error}"),
                "check `admin_socket` under `[listen]` in channelsync.toml",
            ),
        };
        Failure::new(Exit::Unavailable, what, help)
    }

    fn silent(&self, what: &str) -> Failure {
        let limit = ANSWER_TIME_MAX.as_secs();
        let error = format!(
            "the daemon on {} {what} within {limit} s",
            self.socket.display()
        );
        let help = "it may still do what was ordered; `channelsync status` and its log say why";
        Failure::new(Exit::TryAgain, error, help)
    }

    fn broken_off(&self, why: &str) -> Failure {
        let error = format!("the daemon on {} broke off: {why}", self.socket.display());
        let help = "it may still have done what was ordered; see its log";
        Failure::new(Exit::TryAgain, error, help)
    }

    fn unreadable(&self, what: &str) -> Failure {
        let error = format!("the daemon on {} answers {what}", self.socket.display());
        Failure::new(Exit::Unavailable, error, HELP_VERSIONS)
    }
}

const HELP_VERSIONS: &str = "use the same version of channelsync as the daemon";

/// Sends the request and takes the whole answer.
async fn converse(stream: UnixStream, request: Request<Full<Bytes>>) -> Result<Answer, String> {
    let opened = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = opened.map_err(|error| error.to_string())?;
    let exchange = async move {
        let response = sender.send_request(request).await;
        let (head, body) = response.map_err(|error| error.to_string())?.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        Ok(Answer {
            status: head.status,
            body,
        })
    };
    // Nothing is spawned: the connection is driven here, for as long as the exchange lasts.
    let (mut exchange, connection) = (std::pin::pin!(exchange), std::pin::pin!(connection));
    tokio::select! {
        biased;
        answer = exchange.as_mut() => answer,
        _ended = connection => exchange.await,
    }
}

/// A path of these names below `/v1`, each escaped.
pub(super) fn path(names: &[&str]) -> String {
    names.iter().fold("/v1".to_owned(), |path, name| {
        format!("{path}/{}", escaped(name))
    })
}

/// A path with (more) parameters.
pub(super) fn query(path: &str, parameters: &[(&str, &str)]) -> String {
    let mut query = path.to_owned();
    for (name, value) in parameters {
        query.push(if query.contains('?') { '&' } else { '?' });
        query.push_str(name);
        query.push('=');
        query.push_str(&escaped(value));
    }
    query
}

/// Everything but unreserved characters (RFC 3986) as `%XX`.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_place_in_a_path() {
        assert_eq!(
            path(&["acme", "orders", "shopify-us", "#1001/..?a=b c"]),
            "/v1/acme/orders/shopify-us/%231001%2F..%3Fa%3Db%20c"
        );
        assert_eq!(
            query("/v1/acme/stock", &[("sku", "A&B"), ("from", "10")]),
            "/v1/acme/stock?sku=A%26B&from=10"
        );
    }

    #[test]
    fn answers_end_in_the_exit_code_that_says_what_to_do() {
        let clock = Arc::new(crate::ports::SystemClock::new());
        let client = Client::new(Path::new("admin.sock"), clock);
        let read = |status, body: &'static str| {
            let (status, body) = (StatusCode::from_u16(status).unwrap(), body.into());
            client.read(&Answer { status, body })
        };
        assert_eq!(read(200, "{}"), Ok(serde_json::json!({})));
        let told = r#"{"error":"e","help":"h"}"#;
        for (status, body, exit) in [
            (200, "<html>", Exit::Unavailable),
            (400, "Failed to deserialize", Exit::Usage),
            (404, told, Exit::Usage),
            (422, told, Exit::Usage),
            (500, told, Exit::Unavailable),
            (503, told, Exit::TryAgain),
        ] {
            let failure = read(status, body).unwrap_err();
            assert_eq!(failure.exit(), exit, "{status}");
            if body == told {
                assert_eq!(failure.to_string(), "error: e\nhelp: h\n");
            }
        }
    }
}
