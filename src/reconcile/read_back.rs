//! The reader of a channel.

use std::sync::Arc;
use std::time::Duration;

use channelsync_contract::connector::{Connector, ConnectorError, Counting};
use channelsync_contract::ports::Clock;
use channelsync_contract::{ChannelId, SlotKey, Timestamp};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::plan::{due, sweep};
use crate::board::Board;
use crate::bookkeeper::{BookError, Handle, Origin};
use crate::ledger::Command;
use crate::normalize;

/// Looks for due slots at least this often.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Between two reads, so that a busy slot is not read in a circle.
const BREATH: Duration = Duration::from_millis(100);
/// Not longer: a channel that is gone is left alone by its breaker.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// What the reader of a channel works with.
pub struct Reader {
    /// The channel.
    pub channel: ChannelId,
    /// Its connector.
    pub connector: Arc<Connector>,
    /// The merchant's book.
    pub book: Handle,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Where to tell what happens.
    pub board: Board,
    /// Wakes the poller: a fall may be an order on its way.
    pub poll_now: Arc<Notify>,
    /// All slots are read once in this time.
    pub interval: Duration,
    /// Corrections of a slot before it is parked.
    pub corrections_max: u32,
}

/// What is to be read now.
#[derive(Default)]
struct Job {
    slots: Vec<SlotKey>,
    /// Orders of before are known, as far as they can be seen at all.
    complete_to: Option<Timestamp>,
    /// Where the round through all slots goes on, if this is a part of it.
    next: Option<u32>,
    /// How many items there are.
    items: u32,
}

/// Reads until `stop`.
///
/// # Errors
/// When the bookkeeper is gone.
pub async fn run(reader: &Reader, stop: CancellationToken) -> Result<(), BookError> {
    let mut published = reader.book.watch();
    let mut failures = 0_u32;
    let mut from = 0;
    let mut sweep_at = reader.clock.uptime() + reader.interval;
    loop {
        published.mark_unchanged();
        let sweeping = reader.clock.uptime() >= sweep_at;
        let job = reader.job(sweeping.then_some(from)).await?;
        if sweeping {
            sweep_at = reader.clock.uptime() + reader.part_of_round(job.items);
        }
        let mut pause = LOOK_EVERY;
        if !job.slots.is_empty() {
            match reader.read(&job).await? {
                Ok(()) => {
                    failures = 0;
                    from = job.next.unwrap_or(from);
                    reader.board.ended("read_back", reader.clock.now(), None);
                    pause = BREATH;
                }
                Err(error) => {
                    let text = error.to_string();
                    reader
                        .board
                        .ended("read_back", reader.clock.now(), Some(text));
                    failures = failures.saturating_add(1);
                    let doubled = 2_u32.saturating_pow(failures.min(10));
                    pause = Duration::from_millis(500)
                        .saturating_mul(doubled)
                        .min(PAUSE_MAX);
                }
            }
        }
        let wait_for_news = pause == LOOK_EVERY;
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            changed = published.changed(), if wait_for_news => {
                changed.map_err(|_| BookError::Stopped)?;
            }
            () = reader.clock.sleep(pause) => {}
        }
    }
}

impl Reader {
    async fn job(&self, sweep_from: Option<u32>) -> Result<Job, BookError> {
        let channel = self.channel.clone();
        let most = self.connector.capabilities.read_back_max;
        let is_net = self.connector.capabilities.counting == Counting::Net;
        let read = self.book.wait_and_read(move |ledger| {
            let known = ledger.channel_named(channel.as_str());
            // New settings are booked before those of old end: they read another figure.
            let Some(known) = known.filter(|known| known.is_net() == is_net) else {
                return Job::default();
            };
            let sight = known.sight();
            let complete_to = sight.known_to.map(|to| to.minus(sight.lag));
            let mut job = Job {
                slots: due(ledger, known, complete_to, most),
                complete_to,
                next: None,
                items: known.items.len(),
            };
            if let Some(from) = sweep_from.filter(|_| job.slots.is_empty()) {
                let (slots, next) = sweep(known, from, most);
                (job.slots, job.next) = (slots, Some(next));
            }
            job
        });
        read.await
    }

    /// The time one read may take so that the round fits its interval.
    fn part_of_round(&self, items: u32) -> Duration {
        let most = u32::try_from(self.connector.capabilities.read_back_max).unwrap_or(u32::MAX);
        self.interval / items.div_ceil(most.max(1)).max(1)
    }

    async fn read(&self, job: &Job) -> Result<Result<(), ConnectorError>, BookError> {
        let (began, complete_to) = (self.clock.now(), job.complete_to);
        let shown = match self.connector.quantities.read_back(&job.slots).await {
            Ok(shown) => shown,
            Err(error) => return Ok(Err(error)),
        };
        self.board.count("read_back_calls", 1);
        let slots = shown.into_iter().map(normalize::shown).collect();
        let (channel, corrections_max) = (self.channel.clone(), self.corrections_max);
        let command = Command::Shown {
            channel,
            began,
            complete_to,
            slots,
            corrections_max,
        };
        let origin = Origin::new(format!("reconcile {}", self.channel), began.to_string());
        self.book.book(command, origin).await?;
        let channel = self.channel.clone();
        let waits = self.book.wait_and_read(move |ledger| {
            let known = ledger.channel_named(channel.as_str());
            known.is_some_and(|known| {
                let mut waiting = known.to_read.iter();
                waiting.any(|(item, place)| {
                    let slot = known.items.at(*item).slot(*place);
                    slot.is_some_and(|slot| slot.recheck.is_some())
                })
            })
        });
        if waits.await? {
            self.poll_now.notify_one();
        }
        Ok(Ok(()))
    }
}
