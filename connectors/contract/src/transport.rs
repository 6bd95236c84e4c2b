//! One HTTP exchange with a channel, described as values.
//!
//! A connector builds a [`Request`] and is given a [`Transport`]; pacing, tokens, retries of tokens,
//! recording and redaction happen behind it, once. The same trait is the port to the world: the
//! system's version dials out, the simulator's hands the request to an in-process router.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, StatusCode};

use crate::connector::ConnectorError;
use crate::time::Timestamp;

/// Sends a request and gives the whole answer.
#[async_trait]
pub trait Transport: Send + Sync {
    /// One attempt; nothing is repeated here except after a refreshed token.
    ///
    /// # Errors
    /// [`CallError`], cut by what is known of the effect.
    async fn call(&self, request: Request) -> Result<Response, CallError>;

    /// One attempt to read a part of a file that lies at an address of its own. Nothing of the account
    /// goes there: no token, no header of the connector.
    ///
    /// # Errors
    /// [`CallError`].
    async fn download(&self, _part: FilePart) -> Result<Response, CallError> {
        Err(CallError::NotSent("files are not read here".to_owned()))
    }
}

/// Bytes of a file that a channel keeps at an address of its own.
#[derive(Clone, Debug)]
pub struct FilePart {
    /// The address, which lets in whoever has it.
    pub url: Secret,
    /// The first byte.
    pub from: u64,
    /// How many at most.
    pub bytes_max: u64,
}

impl FilePart {
    /// The value of the `Range` header that asks for it.
    pub fn range(&self) -> String {
        let last = self.from.saturating_add(self.bytes_max.saturating_sub(1));
        format!("bytes={}-{last}", self.from)
    }
}

/// What happened to a call that gave no answer worth reading.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Nothing was sent, or it surely had no effect.
    #[error("not sent: {0}")]
    NotSent(String),
    /// It was sent and the answer is unknown: the effect may or may not have happened.
    #[error("no answer: {0}")]
    Unanswered(String),
    /// The channel refused for its rate limit.
    #[error("throttled, retry after {} ms", retry_after.as_millis())]
    Throttled {
        /// How long to wait at least.
        retry_after: Duration,
    },
    /// The credentials were refused, also after a fresh token.
    #[error("unauthorized: {0}")]
    Unauthorized(String),
}

/// Which work goes first when a limit binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Quantities and shipments.
    Push,
    /// Reading changes.
    Poll,
    /// Catalog scans and history.
    Backfill,
}

/// Whether repeating the request can change anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A read: repeating is harmless.
    Read,
    /// A write: an unknown outcome is in doubt.
    Write,
}

/// One request to one account of a channel.
#[derive(Clone)]
pub struct Request {
    /// HTTP method.
    pub method: Method,
    /// Path and query below the account's base URL, starting with `/`.
    pub path: String,
    /// Headers besides authorization.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Name of the rate limit it draws from, one of the account's [`Bucket`]s.
    pub bucket: &'static str,
    /// What it may cost at most, in the bucket's points.
    pub cost: u32,
    /// Its place in the queue for that bucket.
    pub lane: Lane,
    /// Read or write.
    pub effect: Effect,
    /// Whether the account's token is added.
    pub authorize: bool,
    /// Reads the channel's own figures about limits from an answer.
    pub report: fn(&Response) -> Report,
}

impl fmt::Debug for Request {
    /// Without headers and body: they may hold secrets and buyers' data.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} {} ({} bytes)",
            self.method,
            self.path,
            self.body.len()
        )
    }
}

/// An answer, whatever its status.
#[derive(Clone)]
pub struct Response {
    /// HTTP status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// The whole body, bounded by the account's limit.
    pub body: Bytes,
}

impl fmt::Debug for Response {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({} bytes)", self.status, self.body.len())
    }
}

/// What an answer said about the channel's limits. All fields may be absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The server's own bucket after this request.
    pub level: Option<Level>,
    /// What the request really cost.
    pub cost: Option<u32>,
    /// The answer is a throttle in disguise (Shopify answers 200): wait this long.
    pub throttled: Option<Duration>,
}

impl Report {
    /// For answers that say nothing.
    pub fn none(_: &Response) -> Self {
        Self::default()
    }
}

/// A bucket as a server describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Points that may be spent now.
    pub available: u32,
    /// Points it holds when full.
    pub capacity: u32,
    /// Points it gains per 1,000 seconds.
    pub restore_per_kilosecond: u32,
}

/// A rate limit of an account, as assumed until the server says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Name used by requests.
    pub name: &'static str,
    /// Assumed capacity in points.
    pub capacity: u32,
    /// Assumed gain in points per 1,000 seconds.
    pub restore_per_kilosecond: u32,
}

/// A secret text. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the secret as it is.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself; only for signing, verifying and sending.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[redacted]")
    }
}

/// How requests of an account are authorized.
#[derive(Clone)]
pub struct Auth {
    /// Header that carries the token.
    pub header: HeaderName,
    /// Where the token comes from.
    pub token: TokenSource,
}

/// Where a token comes from.
#[derive(Clone)]
pub enum TokenSource {
    /// One that does not expire.
    Fixed(Secret),
    /// One asked for when needed, kept by transport, refreshed at 80 % of its life.
    Exchange(Arc<dyn TokenExchange>),
    /// One of a grant that each renewal replaces, renewed at 80 % of its life.
    Grant(Arc<dyn Renewal>, Arc<dyn GrantStore>),
}

/// Describes how to ask for a token; transport does the asking.
pub trait TokenExchange: Send + Sync {
    /// The request; sent without authorization.
    fn request(&self) -> Request;
    /// The token in the answer and how long it is valid.
    ///
    /// # Errors
    /// When the answer refuses or cannot be read.
    fn decode(&self, answer: &Response) -> Result<(Secret, Option<Duration>), ConnectorError>;
}

/// A token, and what the next grant is asked for with. Whoever loses the latter is not let in again
/// before a person agrees anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The token.
    pub token: Secret,
    /// Until when it is valid.
    pub expires_at: Timestamp,
    /// What the next one is asked for with, once.
    pub refresh: Secret,
}

/// Describes how a grant is renewed; transport does the asking.
pub trait Renewal: Send + Sync {
    /// The request; sent without authorization.
    fn request(&self, refresh: &Secret) -> Request;
    /// The grant in the answer to a request that was sent at a time.
    ///
    /// # Errors
    /// When the answer refuses or cannot be read.
    fn decode(&self, answer: &Response, asked_at: Timestamp) -> Result<Grant, ConnectorError>;
}

/// Keeps the grant of an account where it outlives this process. Others may use it, too.
#[async_trait]
pub trait GrantStore: fmt::Debug + Send + Sync {
    /// Where, for messages. Two stores of one place hold one grant.
    fn place(&self) -> String;
    /// Opens it; nobody else renews the grant before the lease is dropped.
    ///
    /// # Errors
    /// Why it cannot be opened.
    async fn lease(&self) -> Result<Box<dyn GrantLease>, String>;
}

/// A grant that only its holder may renew.
#[async_trait]
pub trait GrantLease: Send + Sync {
    /// What is kept.
    fn grant(&self) -> &Grant;
    /// Keeps another one in its place; durable on return.
    ///
    /// # Errors
    /// Why it cannot be kept.
    async fn keep(&self, grant: &Grant) -> Result<(), String>;
}

/// All that transport must know of an account.
#[derive(Clone)]
pub struct Account {
    /// Scheme and host, without a trailing slash.
    pub base_url: String,
    /// Authorization.
    pub auth: Auth,
    /// Rate limits, each request names one.
    pub buckets: Vec<Bucket>,
    /// Calls under way at once, all buckets together.
    pub calls_max: usize,
    /// Whole answer within this time.
    pub timeout: Duration,
    /// Largest answer in bytes.
    pub response_bytes_max: usize,
    /// When the account is left alone for a while.
    pub patience: Patience,
}

/// How many failures in a row are borne before an account is left alone, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Failures in a row.
    pub failures_max: u32,
    /// The first pause; each further one doubles.
    pub pause: Duration,
    /// The longest pause.
    pub pause_max: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let (pause, pause_max) = (Duration::from_secs(1), Duration::from_secs(60));
        Self {
            failures_max: 5,
            pause,
            pause_max,
        }
    }
}
