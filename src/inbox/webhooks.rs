//! Takes deliveries: verified, decoded, journaled, answered; everything slower happens elsewhere.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
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
        .route("/authorized", get(authorized))
        .with_state(hooks.into())
}

/// Where a channel sends the browser of a merchant who let us in.
async fn authorized() -> &'static str {
    "Copy the whole address of this page into the terminal where `channelsync credentials authorize` waits.\n"
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
        Content::Permissions => {
            feed.probe_now.notify_one();
            return Reply::Taken;
        }
        Content::Uninstalled => {
            tracing::error!(channel = %feed.channel, "the app was uninstalled, channel paused");
            feed.board
                .pause(Some("the app was uninstalled on the channel".to_owned()));
            return Reply::Taken;
        }
        Content::Erase(of) => return erase(feed, Some(&of), id).await,
        Content::EraseAll => return erase(feed, None, id).await,
        Content::Disclose(of) => return disclose(feed, &of).await,
        Content::Quantity(told) => {
            if !feed.told.put(told, feed.clock.uptime()) {
                feed.board.count("quantities_passed_over", 1);
            }
            return Reply::Taken;
        }
        Content::Nothing => return Reply::Taken,
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

/// Forgets what mentions one of these texts, or all of the channel. The fact is durable before the
/// bytes go, so that no end in between leaves a book that misses them.
async fn erase(feed: &Feed, of: Option<&[String]>, cause: String) -> Reply {
    let found = match feed.mentioning(of).await {
        Ok(found) => found,
        Err(reply) => return reply,
    };
    feed.board.count("erasures_asked", 1);
    if found.is_empty() {
        return Reply::Taken;
    }
    let reply = book(feed, Command::Erase(found.clone()), cause).await;
    if reply != Reply::Taken {
        return reply;
    }
    for id in &found {
        if let Err(error) = feed.park.0.delete(id) {
            tracing::error!(channel = %feed.channel, parked = id, %error, "erased bytes are still there, the next start deletes them");
        }
    }
    tracing::warn!(channel = %feed.channel, count = found.len(), "parked deliveries were erased on a privacy request");
    Reply::Taken
}

/// A person must answer the buyer; what is kept is named to them.
async fn disclose(feed: &Feed, of: &[String]) -> Reply {
    match feed.mentioning(Some(of)).await {
        Ok(found) => {
            feed.board.count("disclosures_asked", 1);
            tracing::warn!(
                channel = %feed.channel, parked = found.join(", "),
                "a buyer asks what is kept: answer within 30 days, `channelsync parked show` gives it"
            );
            Reply::Taken
        }
        Err(reply) => reply,
    }
}

impl Feed {
    /// Ids of this channel's parked bytes that mention one of these texts; without texts all. What
    /// cannot be opened might, and is named too.
    async fn mentioning(&self, texts: Option<&[String]>) -> Result<Vec<String>, Reply> {
        let channel = self.channel.clone();
        let read = self.book.read(move |ledger| {
            let parked = ledger.parked.values().map(|row| &row.bytes);
            let own = parked.filter(|bytes| bytes.channel == channel);
            own.map(|bytes| bytes.id.clone()).collect::<Vec<String>>()
        });
        let mut ids = read.await.map_err(|_| Reply::Later)?;
        if let Some(texts) = texts {
            let mut found = Vec::new();
            for id in ids {
                match self.park.mentions(&id, texts) {
                    Ok(true) => found.push(id),
                    Ok(false) => {}
                    Err(error) => {
                        tracing::error!(channel = %self.channel, parked = id, %error, "parked bytes cannot be searched");
                        return Err(Reply::Later);
                    }
                }
            }
            ids = found;
        }
        Ok(ids)
    }
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
