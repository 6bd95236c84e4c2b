//! Files of much at once, from asking for them to their last row.
//!
//! What was asked for, and how far it was taken, is a fact of the book: a restart goes on with the same
//! file. Its address is not, because whoever has that may read; it is asked for anew.

use std::time::Duration;

use channelsync_contract::Timestamp;
use channelsync_contract::bulk::{Bulk, BulkOf, BulkRows, BulkState};
use channelsync_contract::connector::{ConnectorError, NextStep};
use channelsync_contract::transport::Secret;
use tokio_util::sync::CancellationToken;

use super::feed::Feed;
use crate::bookkeeper::BookError;
use crate::ledger::{BulkFile, Command};

/// Listings in the book.
pub(super) const LISTINGS: &str = "listings";
/// A file is asked about this often while it is written.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Refusals, and parts that did not come, in a row before a file is given up.
const TRIES_MAX: u32 = 12;

/// What a file has next.
pub(super) enum Next {
    /// Rows; they count as taken once more is asked for.
    Rows(BulkRows),
    /// Nothing: all of it was taken.
    Whole,
    /// Nothing, and there will be no more, for this reason.
    Failed(String),
    /// The end of the task came first.
    Stopped,
}

/// A file that is under way.
pub(super) struct File<'a> {
    feed: &'a Feed,
    bulk: &'a dyn Bulk,
    of: BulkOf,
    at: BulkFile,
    url: Option<Secret>,
    /// Where the next part begins; none after the last.
    from: Option<u64>,
}

enum Step {
    Rows(BulkRows),
    Again,
    Wait,
    Failed(String),
}

enum Broken {
    Channel(ConnectorError),
    Book(BookError),
}

/// The file of this that is under way.
pub(super) async fn known(feed: &Feed, what: &'static str) -> Result<Option<BulkFile>, BookError> {
    let channel = feed.channel.clone();
    let read = feed.book.wait_and_read(move |ledger| {
        let known = ledger.channel_named(channel.as_str())?;
        known.bulks.get(what).cloned()
    });
    read.await
}

/// Notes that a file is wanted; nothing where one is.
pub(super) async fn ask(
    feed: &Feed,
    what: &'static str,
    since: Option<Timestamp>,
) -> Result<BulkFile, BookError> {
    if let Some(known) = known(feed, what).await? {
        return Ok(known);
    }
    let file = BulkFile {
        since,
        asked: feed.clock.now(),
        mark: format!("channelsync_{}", feed.rng.uuid().simple()),
        started: None,
        taken: 0,
    };
    book(feed, what, Some(&file)).await?;
    tracing::info!(channel = %feed.channel, "{what} are many: asking for a file of them");
    Ok(file)
}

/// Notes that a file is over.
pub(super) async fn end(feed: &Feed, what: &'static str) -> Result<(), BookError> {
    book(feed, what, None).await
}

async fn book(feed: &Feed, what: &str, file: Option<&BulkFile>) -> Result<(), BookError> {
    let file = file.map(|file| Box::new(file.clone()));
    let command = Command::Bulk(feed.channel.clone(), what.to_owned(), file);
    let origin = feed.origin("bulk", what);
    feed.book.book(command, origin).await.map(drop)
}

impl<'a> File<'a> {
    /// A file that was asked for. Orders go on where they are; listings begin anew, because only a
    /// whole list tells which are gone.
    pub(super) fn new(feed: &'a Feed, bulk: &'a dyn Bulk, at: BulkFile) -> Self {
        let (of, from) = match at.since {
            Some(since) => (BulkOf::Orders(since), at.taken),
            None => (BulkOf::Listings, 0),
        };
        Self {
            feed,
            bulk,
            of,
            at,
            url: None,
            from: Some(from),
        }
    }

    /// When it began, by the channel's clock.
    pub(super) fn began(&self) -> Option<Timestamp> {
        self.at.started.as_ref().map(|(_, at)| *at)
    }

    /// The next rows, as soon as there are any.
    pub(super) async fn next(&mut self, stop: &CancellationToken) -> Result<Next, BookError> {
        self.note_taken().await?;
        let mut failures = 0;
        loop {
            let is_ready = self.url.is_some();
            let pause = match self.step().await {
                Ok(Step::Rows(rows)) => {
                    self.feed.succeeded("bulk");
                    return Ok(Next::Rows(rows));
                }
                Ok(Step::Again) if self.from.is_none() => return Ok(Next::Whole),
                Ok(Step::Again) => Duration::ZERO,
                Ok(Step::Wait) => LOOK_EVERY,
                Ok(Step::Failed(why)) => return Ok(Next::Failed(why)),
                Err(Broken::Book(error)) => return Err(error),
                Err(Broken::Channel(error)) => {
                    // A channel that is away is waited for; a file that does not come is not.
                    failures += u32::from(is_ready || error.next_step() == NextStep::Park);
                    if failures >= TRIES_MAX {
                        return Ok(Next::Failed(error.to_string()));
                    }
                    self.url = None;
                    self.feed.failed("bulk", &error, failures)
                }
            };
            if !self.feed.rest(pause, None, stop).await {
                return Ok(Next::Stopped);
            }
        }
    }

    async fn step(&mut self) -> Result<Step, Broken> {
        let Some(from) = self.from else {
            return Ok(Step::Again);
        };
        let Some((id, _)) = &self.at.started else {
            let started = self.bulk.start(self.of, &self.at.mark).await;
            let started = started.map_err(Broken::Channel)?;
            self.at.started = Some((started.id, started.at));
            self.book().await.map_err(Broken::Book)?;
            return Ok(Step::Wait);
        };
        let Some(url) = &self.url else {
            return match self.bulk.state(id).await.map_err(Broken::Channel)? {
                BulkState::Running(_) => Ok(Step::Wait),
                BulkState::Failed(why) => Ok(Step::Failed(why)),
                BulkState::Ready(url) => {
                    self.from = url.as_ref().map(|_| from);
                    self.url = url;
                    Ok(Step::Again)
                }
            };
        };
        let part = self.bulk.part(self.of, url, from).await;
        let part = part.map_err(Broken::Channel)?;
        self.from = part.next;
        Ok(Step::Rows(part.rows))
    }

    async fn note_taken(&mut self) -> Result<(), BookError> {
        match (self.of, self.from) {
            (BulkOf::Orders(_), Some(from)) if from > self.at.taken => {
                self.at.taken = from;
                self.book().await
            }
            _ => Ok(()),
        }
    }

    async fn book(&self) -> Result<(), BookError> {
        let what = match self.of {
            BulkOf::Orders(_) => self.bulk.stream(),
            BulkOf::Listings => LISTINGS,
        };
        book(self.feed, what, Some(&self.at)).await
    }
}
