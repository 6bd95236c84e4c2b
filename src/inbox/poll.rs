//! Polls a channel's streams of changes: the source of truth.
//!
//! Keyset windows with overlap: a window begins before the newest change known, is read page by page,
//! oldest first, and moves the watermark only after its last page is booked. How far it came is booked
//! with each page: a restart goes on there.

use std::time::Duration;

use channelsync_contract::Timestamp;
use channelsync_contract::connector::{ConnectorError, NextStep};
use channelsync_contract::order::{Changed, ChangedPage};
use tokio_util::sync::CancellationToken;

use super::feed::Feed;
use crate::bookkeeper::BookError;
use crate::ledger::{Change, Command, Happened, Polled, Source};
use crate::normalize;
use crate::store::parked::ParkedError;

/// Pages of one window; a longer one goes on from the newest change seen.
const WINDOW_PAGES_MAX: usize = 80;
/// Tries of one page before its window begins anew.
const PAGE_TRIES_MAX: u32 = 6;
const PAGE_PAUSE_MAX: Duration = Duration::from_secs(2);
/// Before the books opened: how far back orders that are still open may have been placed.
const OPEN_ORDERS_SINCE: Duration = Duration::from_secs(60 * 24 * 60 * 60);
/// An idle stream's watermark is journaled this often.
const BOOK_EVERY: Duration = Duration::from_secs(60);
/// Calls to poll at once are bundled over this.
const GAP: Duration = Duration::from_millis(500);
/// Clocks of a channel and ours differ at least this much.
const SKEW: Duration = Duration::from_secs(1);

/// Why a window was not finished.
enum Broken {
    Channel(ConnectorError),
    Book(BookError),
    Park(ParkedError),
}

/// Polls until `stop`.
///
/// # Errors
/// When the bookkeeper is gone.
pub async fn run(feed: &Feed, stop: CancellationToken) -> Result<(), BookError> {
    let mut failures = 0;
    loop {
        let mut pause = feed.poll_interval;
        for stream in feed.connector.capabilities.streams {
            match window(feed, stream, &stop).await {
                Ok(()) => {
                    failures = 0;
                    feed.succeeded("poll");
                    feed.resume();
                }
                Err(Broken::Channel(error)) => {
                    pause = feed
                        .failed("poll", &error, failures)
                        .min(feed.poll_interval);
                    failures = failures.saturating_add(1);
                    break;
                }
                Err(Broken::Book(BookError::Stopped)) => return Err(BookError::Stopped),
                Err(Broken::Book(error)) => {
                    feed.board
                        .ended("poll", feed.clock.now(), Some(error.to_string()));
                    break;
                }
                Err(Broken::Park(error)) => {
                    feed.board
                        .ended("poll", feed.clock.now(), Some(error.to_string()));
                    break;
                }
            }
        }
        let gap = feed.rest(GAP, None, &stop).await;
        if !gap || !feed.rest(pause, Some(&feed.poll_now), &stop).await {
            return Ok(());
        }
    }
}

/// Where a stream stands in the book.
struct Start {
    since: Timestamp,
    book: bool,
}

async fn start(feed: &Feed, stream: &'static str) -> Result<Start, BookError> {
    let (channel, overlap, now) = (feed.channel.clone(), feed.poll_overlap, feed.clock.now());
    let read = feed.book.wait_and_read(move |ledger| {
        let known = ledger.channel_named(channel.as_str());
        let opened = known
            .and_then(|known| known.setup.as_ref())
            .map(|setup| setup.book_from);
        let first = opened.unwrap_or(now).minus(OPEN_ORDERS_SINCE);
        let at = known.and_then(|known| known.streams.get(stream));
        let waits = known.is_some_and(|known| !known.to_read.is_empty());
        let fresh = at.is_some_and(|at| now.since(at.watermark) < BOOK_EVERY);
        let reached = known.and_then(|known| known.reached.get(stream));
        let reached = reached.copied().or(at.map(|at| at.cursor));
        let since = reached.map_or(first, |reached| reached.minus(overlap));
        Start {
            since,
            book: waits || !fresh,
        }
    });
    read.await
}

async fn window(feed: &Feed, stream: &'static str, stop: &CancellationToken) -> Result<(), Broken> {
    let began = feed.clock.now();
    let start = start(feed, stream).await.map_err(Broken::Book)?;
    let (mut since, mut newest) = (start.since, None);
    let mut page: Option<String> = None;
    let mut pages = 0;
    loop {
        let read = page_of(feed, stream, since, page.as_deref(), stop).await?;
        newest = newest.max(read.newest);
        pages += 1;
        page.clone_from(&read.next);
        let polled = Polled {
            stream: stream.to_owned(),
            to: page.is_none().then(|| began.minus(SKEW)),
            newest,
            book: start.book,
        };
        book(feed, began, read, polled).await?;
        if page.is_none() {
            feed.board.cover(stream, began.minus(SKEW));
            return Ok(());
        }
        if pages >= WINDOW_PAGES_MAX
            && let Some(reached) = newest.filter(|newest| *newest > since)
        {
            (since, page, pages) = (reached, None, 0);
        }
    }
}

/// One page; a failed one is asked for again where it is, so that a long window ends too.
async fn page_of(
    feed: &Feed,
    stream: &str,
    since: Timestamp,
    page: Option<&str>,
    stop: &CancellationToken,
) -> Result<ChangedPage, Broken> {
    let mut failures = 0;
    loop {
        let error = match feed.connector.orders.changed(stream, since, page).await {
            Ok(read) => return Ok(read),
            Err(error) => error,
        };
        // Short enough for a stop in between.
        let passing = match error.next_step() {
            NextStep::RetryAfter(least) => least <= PAGE_PAUSE_MAX,
            NextStep::RetryWithBackoff | NextStep::ReadBack => true,
            NextStep::PauseChannel | NextStep::Park => false,
        };
        if !passing || failures >= PAGE_TRIES_MAX {
            return Err(Broken::Channel(error));
        }
        let pause = feed.failed("poll", &error, failures.min(1));
        failures += 1;
        if !feed.rest(pause, None, stop).await {
            return Err(Broken::Channel(error));
        }
    }
}

async fn book(
    feed: &Feed,
    began: Timestamp,
    page: ChangedPage,
    polled: Polled,
) -> Result<(), Broken> {
    let mut changes = Vec::with_capacity(page.changes.len());
    for changed in page.changes {
        changes.push(match changed {
            Changed::Order(snapshot) => Change::Order(Box::new(normalize::order(*snapshot))),
            Changed::Hint(hint) => Change::Hint(normalize::hint(hint)),
            Changed::Unreadable { why, record, .. } => {
                let kept = feed
                    .park
                    .keep(&feed.channel, ("polled order", why), &record);
                Change::Parked(Box::new(kept.map_err(Broken::Park)?))
            }
        });
    }
    if changes.is_empty() && !polled.book {
        return Ok(());
    }
    let (channel, source, polled) = (feed.channel.clone(), Source::Fetch, Some(polled));
    let happened = Happened {
        channel,
        source,
        began,
        changes,
        polled,
    };
    let origin = feed.origin("poll", began.to_string());
    feed.book
        .book(Command::Report(happened), origin)
        .await
        .map_err(Broken::Book)?;
    Ok(())
}
