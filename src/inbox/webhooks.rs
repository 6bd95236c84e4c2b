//! Takes deliveries: verified, decoded, journaled, answered; everything slower happens elsewhere.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use channelsync_contract::order::Changed;
use channelsync_contract::webhook::{Content, Delivery};
use http_body_util::BodyExt as _;

use super::feed::Feed;
use crate::bookkeeper::BookError;
use crate::ledger::{Change, Command, Happened, Source};
use crate::normalize;
use crate::swap::Swap;

/// Channels give up after 5 s; we say so before.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);
const RETRY_AFTER_SECS: &str = "5";
/// A body beyond the limit is read to nowhere up to so many times the limit.
const PASSED_OVER_TIMES: usize = 8;

/// Where deliveries of one channel arrive.
#[derive(Clone)]
pub struct Hook {
    /// The channel's inbox.
    pub feed: Arc<Feed>,
    /// The unguessable part of the path.
    pub token: String,
}

/// All hooks, by merchant and channel.
pub struct Hooks {
    /// The hooks.
    pub hooks: BTreeMap<(String, String), Hook>,
    /// Largest body.
    pub body_bytes_max: usize,
    /// A body must have come by then.
    pub body_timeout: Duration,
}

/// The answer to a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Durable, or nothing for us.
    Taken,
    /// No such path.
    Unknown,
    /// Signature missing or wrong.
    Forged,
    /// Larger than the limit.
    TooLarge,
    /// Not read in time, or broken off.
    Broken,
    /// Not now: ask again.
    Later,
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        match self {
            Self::Taken => StatusCode::OK.into_response(),
            Self::Unknown => StatusCode::NOT_FOUND.into_response(),
            Self::Forged => StatusCode::UNAUTHORIZED.into_response(),
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
            Self::Broken => StatusCode::REQUEST_TIMEOUT.into_response(),
            Self::Later => {
                let wait = [(header::RETRY_AFTER, RETRY_AFTER_SECS)];
                (StatusCode::SERVICE_UNAVAILABLE, wait).into_response()
            }
        }
    }
}

/// The routes of the webhook listener.
pub fn router(hooks: impl Into<Swap<Hooks>>) -> Router {
    Router::new()
        .route("/hooks/{merchant}/{channel}/{token}", post(receive))
        .with_state(hooks.into())
}

async fn receive(
    State(hooks): State<Arc<Hooks>>,
    Path((merchant, channel, token)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Reply {
    let Some(hook) = hooks
        .hooks
        .get(&(merchant, channel))
        .filter(|hook| hook.fits(&token))
    else {
        return Reply::Unknown;
    };
    let feed = &hook.feed;
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    let announced = announced
        .and_then(|text| text.parse::<usize>().ok())
        .unwrap_or(0);
    if announced > hooks.body_bytes_max {
        feed.board.count("webhooks_too_large", 1);
        let passing = pass_over(body, hooks.body_bytes_max.saturating_mul(PASSED_OVER_TIMES));
        let clock = feed.clock.as_ref();
        let within = channelsync_contract::ports::within(clock, hooks.body_timeout, passing);
        // However it ends: the answer is the same.
        let _passed: Option<()> = within.await;
        return Reply::TooLarge;
    }
    let began = feed.clock.uptime();
    let reading = to_bytes(body, hooks.body_bytes_max);
    let read =
        channelsync_contract::ports::within(feed.clock.as_ref(), hooks.body_timeout, reading);
    let body = match read.await {
        Some(Ok(body)) => body,
        Some(Err(error)) if is_too_large(&error) => {
            feed.board.count("webhooks_too_large", 1);
            return Reply::TooLarge;
        }
        Some(Err(_)) | None => return Reply::Broken,
    };
    let reply = take(feed, &headers, &body).await;
    feed.board
        .took("webhook", feed.clock.uptime().saturating_sub(began));
    reply
}

/// Reads a body to nowhere, up to so many bytes: a client that is still sending when the connection
/// closes does not see the answer.
async fn pass_over(body: Body, bytes_max: usize) {
    let mut body = body;
    let mut passed = 0_usize;
    while let Some(Ok(frame)) = body.frame().await {
        passed = passed.saturating_add(frame.data_ref().map_or(0, Bytes::len));
        if passed > bytes_max {
            return;
        }
    }
}

fn is_too_large(error: &axum::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if cause.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        source = cause.source();
    }
    false
}

impl Hook {
    /// Compares all bytes, wherever the first difference is.
    fn fits(&self, token: &str) -> bool {
        let (own, given) = (self.token.as_bytes(), token.as_bytes());
        let different = own
            .iter()
            .zip(given)
            .fold(0, |sum, (own, given)| sum | (own ^ given));
        own.len() == given.len() && different == 0 && !own.is_empty()
    }
}

/// Takes one delivery. Nothing is answered 2xx before it is durable or surely nothing for us.
async fn take(feed: &Feed, headers: &HeaderMap, body: &Bytes) -> Reply {
    let Some(webhooks) = &feed.connector.webhooks else {
        return Reply::Unknown;
    };
    if webhooks.verify(headers, body, feed.clock.now()).is_err() {
        feed.board.count("webhooks_forged", 1);
        return Reply::Forged;
    }
    feed.board.count("webhooks_taken", 1);
    let delivery = match webhooks.decode(headers, body) {
        Ok(delivery) => delivery,
        Err(error) => {
            let what = format!("delivery {}", error.topic);
            return park(feed, &what, error.to_string(), body).await;
        }
    };
    let began = feed.clock.now();
    tracing::debug!(channel = %feed.channel, topic = delivery.topic, id = delivery.id, "delivery");
    let Delivery {
        id, content, topic, ..
    } = delivery;
    let change = match content {
        Content::Order(Changed::Order(snapshot)) => {
            Change::Order(Box::new(normalize::order(*snapshot)))
        }
        Content::Order(Changed::Hint(hint)) => Change::Hint(normalize::hint(hint)),
        Content::Order(Changed::Unreadable { why, record, .. }) => {
            return park(feed, &format!("delivery {topic}"), why, &record).await;
        }
        Content::Listings => {
            feed.scan_now.notify_one();
            return Reply::Taken;
        }
        Content::Poll(_) => {
            feed.poll_now.notify_one();
            return Reply::Taken;
        }
        Content::Uninstalled => {
            tracing::error!(channel = %feed.channel, "the app was uninstalled, channel paused");
            feed.board
                .pause(Some("the app was uninstalled on the channel".to_owned()));
            return Reply::Taken;
        }
        Content::Quantity(_) | Content::Nothing => return Reply::Taken,
    };
    let (channel, source) = (feed.channel.clone(), Source::Webhook);
    let changes = vec![change];
    let happened = Happened {
        channel,
        source,
        began,
        changes,
        polled: None,
    };
    book(feed, Command::Report(happened), id).await
}

async fn park(feed: &Feed, what: &str, why: String, bytes: &[u8]) -> Reply {
    feed.board.count("webhooks_parked", 1);
    match feed.park.keep(&feed.channel, (what, why), bytes) {
        Ok(kept) => {
            let id = kept.id.clone();
            tracing::warn!(
                channel = %feed.channel, parked = id, why = kept.why,
                "a delivery cannot be read and is parked"
            );
            book(feed, Command::Park(Box::new(kept)), id).await
        }
        Err(error) => {
            tracing::error!(channel = %feed.channel, %error, "a delivery cannot be parked");
            Reply::Later
        }
    }
}

async fn book(feed: &Feed, command: Command, cause: String) -> Reply {
    match feed
        .book
        .book_within(command, feed.origin("webhook", cause), ANSWER_WITHIN)
        .await
    {
        Ok(_) => Reply::Taken,
        Err(BookError::QueueFull | BookError::Unwritable(_) | BookError::Stopped) => {
            feed.board.count("webhooks_refused", 1);
            Reply::Later
        }
        Err(BookError::Refused(refusal)) => {
            tracing::error!(channel = %feed.channel, %refusal, "a delivery cannot be booked");
            Reply::Later
        }
    }
}
