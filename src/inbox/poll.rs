//! Polls a channel's streams of changes: the source of truth.
//!
//! Keyset windows with overlap: a window begins before the newest change known, is read page by page,
//! oldest first, and moves the watermark only after its last page is booked. How far it came is booked
//! with each page: a restart goes on there. What is too long for pages is left to a file (`backfill`).

use std::collections::BTreeMap;
use std::time::Duration;

use channelsync_contract::Timestamp;
use channelsync_contract::bulk::Bulk;
use channelsync_contract::connector::{ConnectorError, NextStep};
use channelsync_contract::order::{Changed, ChangedPage};
use futures_util::future::try_join;
use tokio_util::sync::CancellationToken;

use super::backfill::Backfill;
use super::feed::Feed;
use super::reach::Reach;
use crate::bookkeeper::BookError;
use crate::ledger::{Change, Channel, Command, Happened, Polled, Source};
use crate::normalize;
use crate::store::parked::ParkedError;

/// Pages of one window; a longer one goes on from where it came to.
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
/// What went wrong on our side is left alone this long.
const OURS: Duration = Duration::from_secs(10);
/// Clocks of a channel and ours differ at least this much.
pub(super) const SKEW: Duration = Duration::from_secs(1);

/// Why a window was not finished.
pub(super) enum Broken {
    Channel(ConnectorError),
    Book(BookError),
    Park(ParkedError),
}

/// How far polls came beside a file that is under way, by stream.
type Ahead = BTreeMap<&'static str, Timestamp>;

/// Polls until `stop`.
///
/// # Errors
/// When the bookkeeper is gone.
pub async fn run(feed: &Feed, stop: CancellationToken) -> Result<(), BookError> {
    let backfill = Backfill::default();
    let polls = polls(feed, &backfill, &stop);
    try_join(polls, backfill.run(feed, &stop)).await.map(drop)
}

async fn polls(
    feed: &Feed,
    backfill: &Backfill,
    stop: &CancellationToken,
) -> Result<(), BookError> {
    let (mut failures, mut ahead) = (0, Ahead::new());
    loop {
        let mut pause = feed.poll_interval;
        for stream in feed.connector.capabilities.streams {
            match window(feed, backfill, (stream, &mut ahead), stop).await {
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
                Err(broken) => {
                    note("poll", feed, broken);
                    break;
                }
            }
        }
        let gap = feed.rest(GAP, None, stop).await;
        if !gap || !feed.rest(pause, Some(&feed.poll_now), stop).await {
            return Ok(());
        }
    }
}

/// Tells what went wrong on our side, and how long to leave it alone.
pub(super) fn note(what: &'static str, feed: &Feed, broken: Broken) -> Duration {
    let error = match broken {
        Broken::Channel(error) => return feed.failed(what, &error, 0),
        Broken::Book(error) => error.to_string(),
        Broken::Park(error) => error.to_string(),
    };
    feed.board.ended(what, feed.clock.now(), Some(error));
    OURS
}

/// Where a stream stands in the book.
struct Start {
    /// Where its window begins.
    since: Timestamp,
    /// How far before what is known it reaches back.
    overlap: Duration,
    /// A file is under way that the window runs ahead of: it proves nothing complete.
    is_ahead: bool,
    book: bool,
}

async fn start(feed: &Feed, stream: &'static str) -> Result<Start, BookError> {
    let (channel, overlap, now) = (feed.channel.clone(), feed.poll_overlap, feed.clock.now());
    let bulk = feed.connector.bulk.as_deref().map(Bulk::stream);
    let read = feed.book.wait_and_read(move |ledger| {
        let known = ledger.channel_named(channel.as_str());
        // An order that hides for longer than windows reach back would be missed.
        let slow = known.and_then(|known| known.slow);
        let overlap = slow.map_or(overlap, |slow| overlap.max(slow.lag));
        if let Some(file) = known.and_then(|known| known.bulks.get(bulk?)) {
            let began = file.started.as_ref().map_or(file.asked, |(_, at)| *at);
            return Start {
                since: began.minus(overlap),
                overlap,
                is_ahead: true,
                book: false,
            };
        }
        let opened = known
            .and_then(|known| known.setup.as_ref())
            .and_then(|setup| setup.book_from);
        let first = opened.unwrap_or(now).minus(OPEN_ORDERS_SINCE);
        let at = known.and_then(|known| known.streams.get(stream));
        let waits = |known: &Channel| {
            !known.to_read.is_empty() || known.may_have_sold_unseen() || known.restored.is_some()
        };
        let waits = known.is_some_and(waits);
        let fresh = at.is_some_and(|at| now.since(at.watermark) < BOOK_EVERY);
        let reached = known.and_then(|known| known.reached.get(stream));
        let reached = reached.copied().or(at.map(|at| at.cursor));
        Start {
            since: reached.map_or(first, |reached| reached.minus(overlap)),
            overlap,
            is_ahead: false,
            book: waits || !fresh,
        }
    });
    read.await
}

async fn window(
    feed: &Feed,
    backfill: &Backfill,
    (stream, ahead): (&'static str, &mut Ahead),
    stop: &CancellationToken,
) -> Result<(), Broken> {
    let began = feed.clock.now();
    let start = start(feed, stream).await.map_err(Broken::Book)?;
    let mut since = start.since;
    match ahead.get(stream) {
        Some(reached) if start.is_ahead => since = since.max(reached.minus(start.overlap)),
        _ => drop(ahead.remove(stream)),
    }
    let (mut reach, mut page, mut pages) = (Reach::default(), None::<String>, 0);
    let mut first_read = None;
    loop {
        let read = page_of(feed, stream, since, page.as_deref(), stop).await?;
        let now = feed.clock.uptime();
        let took = now.saturating_sub(*first_read.get_or_insert(now));
        reach.add(&read.times, start.overlap);
        pages += 1;
        page.clone_from(&read.next);
        let came_to = match page {
            Some(_) => reach.so_far(),
            None => reach.whole(took),
        };
        let polled = (!start.is_ahead).then(|| Polled {
            stream: stream.to_owned(),
            to: page.is_none().then(|| began.minus(SKEW)),
            came_to,
            book: start.book,
        });
        book(feed, began, read.changes, polled).await?;
        if start.is_ahead {
            ahead.extend(came_to.map(|came_to| (stream, came_to)));
        }
        if page.is_none() {
            if !start.is_ahead {
                feed.board.cover(stream, began.minus(SKEW));
            }
            return Ok(());
        }
        let reached = came_to.unwrap_or(since);
        let so_far = (pages, reached);
        let taken = !start.is_ahead
            && backfill
                .take(feed, stream, so_far)
                .await
                .map_err(Broken::Book)?;
        if taken {
            return Ok(());
        }
        if pages >= WINDOW_PAGES_MAX && reached > since {
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

/// Books what changed, and how far the poll came.
pub(super) async fn book(
    feed: &Feed,
    began: Timestamp,
    changed: Vec<Changed>,
    polled: Option<Polled>,
) -> Result<(), Broken> {
    let mut changes = Vec::with_capacity(changed.len());
    for changed in changed {
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
    if changes.is_empty() && polled.as_ref().is_none_or(|polled| !polled.book) {
        return Ok(());
    }
    let (channel, source) = (feed.channel.clone(), Source::Fetch);
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
