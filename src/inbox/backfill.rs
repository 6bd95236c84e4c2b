//! Orders of a long window out of a file, beside the polls.
//!
//! A window of many pages is left to a file that the channel writes: reading each of its orders by itself
//! would spend what the channel's limit gives for hours. Until the file is booked to its end no watermark
//! moves; polls read what changed since it began. Where no file comes, pages go on where they were.

use std::sync::atomic::{AtomicBool, Ordering};

use channelsync_contract::Timestamp;
use channelsync_contract::bulk::{Bulk, BulkRows};
use channelsync_contract::order::Changed;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::bulk::{self, File, Next};
use super::feed::Feed;
use super::poll::{self, Broken};
use crate::bookkeeper::BookError;
use crate::ledger::{BulkFile, Polled};

/// Pages of a window before the rest is left to a file: a thousand orders, five minutes of reading
/// under the smallest plan, where a file takes a minute or two before its first row.
const PAGES_MAX: usize = 4;
/// Orders of a file in one entry.
const ENTRY_ORDERS_MAX: usize = 250;

/// What polls and files of a channel's orders tell each other.
#[derive(Default)]
pub(super) struct Backfill {
    asked: Notify,
    /// A file failed: the rest of this life goes by pages.
    pages_only: AtomicBool,
}

impl Backfill {
    /// Leaves the rest of a window to a file where it is long enough; whether it did.
    pub(super) async fn take(
        &self,
        feed: &Feed,
        stream: &str,
        (pages, reached): (usize, Timestamp),
    ) -> Result<bool, BookError> {
        let is_long = pages >= PAGES_MAX && !self.pages_only.load(Ordering::Relaxed);
        let Some(bulk) = feed.connector.bulk.as_deref().filter(|_| is_long) else {
            return Ok(false);
        };
        if bulk.stream() != stream {
            return Ok(false);
        }
        bulk::ask(feed, bulk.stream(), Some(reached)).await?;
        self.asked.notify_one();
        Ok(true)
    }

    /// Reads files that were asked for, until `stop`.
    ///
    /// # Errors
    /// When the bookkeeper is gone.
    pub(super) async fn run(&self, feed: &Feed, stop: &CancellationToken) -> Result<(), BookError> {
        let Some(bulk) = feed.connector.bulk.as_deref() else {
            return Ok(());
        };
        loop {
            let mut pause = None;
            if let Some(at) = bulk::known(feed, bulk.stream()).await? {
                match self.read(feed, bulk, at, stop).await {
                    Ok(()) => feed.poll_now.notify_one(),
                    Err(Broken::Book(BookError::Stopped)) => return Err(BookError::Stopped),
                    Err(broken) => pause = Some(poll::note("bulk", feed, broken)),
                }
            }
            let asked = async {
                match pause {
                    Some(pause) => feed.clock.sleep(pause).await,
                    None => self.asked.notified().await,
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                () = asked => {}
            }
        }
    }

    async fn read(
        &self,
        feed: &Feed,
        bulk: &dyn Bulk,
        at: BulkFile,
        stop: &CancellationToken,
    ) -> Result<(), Broken> {
        let asked = at.asked;
        let mut file = File::new(feed, bulk, at);
        loop {
            match file.next(stop).await.map_err(Broken::Book)? {
                Next::Rows(BulkRows::Orders(orders)) => book(feed, asked, orders).await?,
                Next::Rows(BulkRows::Listings(_)) => {}
                Next::Stopped => return Ok(()),
                Next::Whole => {
                    complete(feed, bulk.stream(), (asked, file.began())).await?;
                    break;
                }
                Next::Failed(why) => {
                    let channel = feed.channel.as_str();
                    tracing::warn!(channel, why, "no file of orders comes, going on by pages");
                    self.pages_only.store(true, Ordering::Relaxed);
                    break;
                }
            }
        }
        bulk::end(feed, bulk.stream()).await.map_err(Broken::Book)
    }
}

async fn book(feed: &Feed, asked: Timestamp, mut orders: Vec<Changed>) -> Result<(), Broken> {
    while !orders.is_empty() {
        let rest = orders.split_off(orders.len().min(ENTRY_ORDERS_MAX));
        poll::book(feed, asked, std::mem::replace(&mut orders, rest), None).await?;
    }
    Ok(())
}

/// The stream is complete to when the file was asked for; polls go on where it began.
async fn complete(
    feed: &Feed,
    stream: &'static str,
    (asked, began): (Timestamp, Option<Timestamp>),
) -> Result<(), Broken> {
    let to = asked.minus(poll::SKEW);
    let polled = Polled {
        stream: stream.to_owned(),
        to: Some(to),
        came_to: began,
        book: true,
    };
    poll::book(feed, asked, Vec::new(), Some(polled)).await?;
    feed.board.cover(stream, to);
    tracing::info!(channel = %feed.channel, "the file of orders is booked to its end");
    Ok(())
}
