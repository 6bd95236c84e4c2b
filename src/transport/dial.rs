//! The socket: one account's requests over HTTP/1.1 and TLS.
//!
//! In: requests whose path is an absolute URL below the account's base URL, and addresses of files
//! that the channel keeps elsewhere. Out: whole answers within time and size limits. No redirect is followed, no proxy of the environment is used,
//! nothing is repeated, and neither bodies nor headers nor queries are logged or named in errors.
//!
//! **What an error proves.** No connection (name, refusal, TLS, connect timeout): not sent.
//! Anything later: no answer, because bytes may have arrived, for reads and writes alike; what that
//! means is for the connector.
//!
//! **Files elsewhere.** A channel says where its files lie, so the host is of nobody's choosing: https
//! to a public address, no header but the range. Only a channel on this machine may keep them here.
//!
//! **Kept connections.** A server may close one just as we write to it, and from outside a request
//! that was read and then dropped looks the same as one that was never read. So no request is
//! repeated once a byte of it may have been written: it ends as *no answer*. All that hyper does by
//! itself is to move a request on, that it had not begun to write, to a new connection. To meet
//! such a server rarely, connections idle for 15 s are not used again.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use channelsync_contract::ports::within;
use channelsync_contract::transport::{Account, FilePart};
use channelsync_contract::{CallError, Clock, Request, Response, Transport};
use http::Method;
use http::header::RANGE;
use reqwest::{Client, RequestBuilder, Url, redirect, retry};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use tracing::debug;

use super::hosts::{BadBaseUrl, Host, PublicOnly, check_base_url};

/// Time for name, TCP and TLS together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Kept connections that are idle for longer are closed.
const IDLE_MAX: Duration = Duration::from_secs(15);
/// Idle connections that are kept.
const IDLE_CONNECTIONS_MAX: usize = 8;

/// Limits of one account's connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Everything sent must be below this; https, or http to a loopback literal.
    pub base_url: String,
    /// Who chose the host.
    pub host: Host,
    /// Time for name, TCP and TLS together.
    pub connect_timeout: Duration,
    /// Time for the whole answer.
    pub timeout: Duration,
    /// Largest body of an answer.
    pub response_bytes_max: usize,
}

impl Options {
    /// Those that an account asks for.
    pub fn of(account: &Account, host: Host) -> Self {
        Self {
            base_url: account.base_url.clone(),
            host,
            connect_timeout: CONNECT_TIMEOUT.min(account.timeout),
            timeout: account.timeout,
            response_bytes_max: account.response_bytes_max,
        }
    }
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The base URL is refused.
    #[error("base url {base_url} is refused")]
    BaseUrl {
        /// As configured.
        base_url: String,
        /// Why.
        #[source]
        why: BadBaseUrl,
    },
    /// No certificate authorities on this machine.
    #[error("cannot load the system's certificate authorities")]
    Roots(#[source] rustls::Error),
    /// The client cannot be built.
    #[error("cannot build the http client")]
    Client(#[source] reqwest::Error),
}

/// Dials out for one account.
pub struct Dial {
    client: Client,
    /// For files elsewhere: other connections, public addresses only.
    files: Client,
    clock: Arc<dyn Clock>,
    base_url: Url,
    timeout: Duration,
    response_bytes_max: usize,
}

impl Dial {
    /// A client with its own connections. Certificate authorities are loaded only if the base URL
    /// is https.
    ///
    /// # Errors
    /// [`DialError`].
    pub fn new(clock: Arc<dyn Clock>, options: Options) -> Result<Self, DialError> {
        let base_url = match check_base_url(&options.base_url, options.host) {
            Ok(base_url) => base_url,
            Err(why) => {
                let base_url = options.base_url;
                return Err(DialError::BaseUrl { base_url, why });
            }
        };
        let client = client(&options, base_url.scheme() == "https", options.host)?;
        let files = match base_url.scheme() {
            "https" => self::client(&options, true, Host::Untrusted)?,
            _ => client.clone(),
        };
        Ok(Self {
            client,
            files,
            clock,
            base_url,
            timeout: options.timeout,
            response_bytes_max: options.response_bytes_max,
        })
    }

    async fn exchange(&self, request: RequestBuilder) -> Result<Response, CallError> {
        let mut answer = request.send().await.map_err(classify)?;
        let too_large = || {
            let bytes_max = self.response_bytes_max;
            CallError::Unanswered(format!("the answer is larger than {bytes_max} bytes"))
        };
        let promised = answer.content_length().unwrap_or(0);
        if usize::try_from(promised).map_or(true, |bytes| bytes > self.response_bytes_max) {
            return Err(too_large());
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(lost)? {
            if body.len().saturating_add(chunk.len()) > self.response_bytes_max {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response {
            status: answer.status(),
            headers: std::mem::take(answer.headers_mut()),
            body: Bytes::from(body),
        })
    }

    /// The URL, if it leads to the account's own host: the token must not go anywhere else.
    fn below_base(&self, text: &str) -> Result<Url, CallError> {
        let url = parse(text)?;
        if url.origin() == self.base_url.origin() && url.username().is_empty() {
            Ok(url)
        } else {
            Err(refused(
                "the request leads to another host than the account's",
            ))
        }
    }

    /// The URL of a file, if the channel may send us there.
    fn elsewhere(&self, text: &str) -> Result<Url, CallError> {
        let url = parse(text)?;
        let host = match self.base_url.scheme() {
            "https" => Host::Untrusted,
            _ => Host::Trusted,
        };
        if let Err(why) = check_base_url(&url.origin().ascii_serialization(), host) {
            return Err(refused(&format!("a file lies where we do not go: {why}")));
        }
        match (url.username(), url.password()) {
            ("", None) => Ok(url),
            _ => Err(refused("the address of a file holds a user")),
        }
    }

    /// The whole answer in time.
    async fn answered(
        &self,
        (method, path): (&Method, &str),
        request: RequestBuilder,
    ) -> Result<Response, CallError> {
        let began = self.clock.uptime();
        let exchange = self.exchange(request);
        let result = match within(&*self.clock, self.timeout, exchange).await {
            Some(result) => result,
            None => Err(CallError::Unanswered(format!(
                "no whole answer within {} ms",
                self.timeout.as_millis()
            ))),
        };
        let took_ms = self.clock.uptime().saturating_sub(began).as_millis();
        let took_ms = u64::try_from(took_ms).unwrap_or(u64::MAX);
        match &result {
            Ok(answer) => {
                let (status, bytes) = (answer.status.as_u16(), answer.body.len());
                debug!(%method, path, status, bytes, took_ms, "request answered");
            }
            Err(error) => debug!(%method, path, %error, took_ms, "request not answered"),
        }
        result
    }
}

#[async_trait]
impl Transport for Dial {
    async fn call(&self, request: Request) -> Result<Response, CallError> {
        let url = self.below_base(&request.path)?;
        let (method, path) = (request.method.clone(), url.path().to_owned());
        let builder = self.client.request(request.method, url);
        let builder = builder.headers(request.headers).body(request.body);
        self.answered((&method, &path), builder).await
    }

    async fn download(&self, part: FilePart) -> Result<Response, CallError> {
        let url = self.elsewhere(part.url.expose())?;
        let builder = self.files.get(url).header(RANGE, part.range());
        self.answered((&Method::GET, "a file"), builder).await
    }
}

fn client(options: &Options, https: bool, host: Host) -> Result<Client, DialError> {
    let mut builder = Client::builder()
        .tls_backend_preconfigured(tls(https)?)
        .user_agent(concat!("channelsync/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .no_proxy()
        .connect_timeout(options.connect_timeout)
        .pool_idle_timeout(IDLE_MAX)
        .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX);
    if host == Host::Untrusted {
        builder = builder.dns_resolver(PublicOnly);
    }
    builder.build().map_err(DialError::Client)
}

fn refused(why: &str) -> CallError {
    CallError::NotSent(why.to_owned())
}

fn parse(text: &str) -> Result<Url, CallError> {
    Url::parse(text).map_err(|_| refused("the request has no valid URL"))
}

/// TLS with ring. Without https there is nobody to trust, and no store is needed.
fn tls(https: bool) -> Result<ClientConfig, DialError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(DialError::Roots)?;
    let builder = if https {
        builder.with_platform_verifier().map_err(DialError::Roots)?
    } else {
        builder.with_root_certificates(RootCertStore::empty())
    };
    Ok(builder.with_no_client_auth())
}

/// An error before the head of the answer.
fn classify(error: reqwest::Error) -> CallError {
    if error.is_connect() || error.is_builder() {
        CallError::NotSent(causes(error))
    } else {
        CallError::Unanswered(causes(error))
    }
}

/// An error after the head of the answer.
fn lost(error: reqwest::Error) -> CallError {
    CallError::Unanswered(causes(error))
}

/// The whole chain in one line, without the URL: its query may hold a secret.
fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;
