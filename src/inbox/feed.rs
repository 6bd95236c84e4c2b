//! What all inbox tasks of a channel share.

use std::sync::Arc;
use std::time::Duration;

use channelsync_contract::ChannelId;
use channelsync_contract::connector::{Connector, ConnectorError, NextStep};
use channelsync_contract::ports::{Clock, Rng};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::board::Board;
use crate::bookkeeper::{Handle, Origin};
use crate::ledger::ParkedBytes;
use crate::store::parked::{ParkedError, ParkedFiles};

const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// Not longer: a channel that is really gone is left alone by its breaker.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// A channel that needs a person is asked this often whether it goes on.
const PROBE_EVERY: Duration = Duration::from_secs(60);

/// A channel's inbox.
pub struct Feed {
    /// The channel.
    pub channel: ChannelId,
    /// Its connector.
    pub connector: Arc<Connector>,
    /// The merchant's book.
    pub book: Handle,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Ids and jitter.
    pub rng: Arc<dyn Rng>,
    /// Where to tell what happens.
    pub board: Board,
    /// Where unreadable bytes are kept.
    pub park: Park,
    /// Wakes the poller.
    pub poll_now: Arc<Notify>,
    /// Wakes the scanner.
    pub scan_now: Arc<Notify>,
    /// Pause between polls.
    pub poll_interval: Duration,
    /// How far before the newest change known a poll begins.
    pub poll_overlap: Duration,
    /// Pause between scans.
    pub scan_interval: Duration,
    /// Rows of one read of the ledger.
    pub read_rows_max: usize,
}

/// Keeps bytes that could not be read.
#[derive(Clone)]
pub struct Park(pub Arc<ParkedFiles>);

impl Park {
    /// Stores bytes before anybody is told that they were taken.
    ///
    /// Blocks for one small write and its sync: unreadable bytes are rare, and bounded in size.
    ///
    /// # Errors
    /// [`ParkedError`], also when the bound on all parked bytes is reached.
    pub fn keep(
        &self,
        channel: &ChannelId,
        (what, why): (&str, String),
        bytes: &[u8],
    ) -> Result<ParkedBytes, ParkedError> {
        // The same bytes come again, by a retry or the next poll, and are kept once.
        let id = self.0.id(channel.as_str(), bytes);
        let kept = self.0.store(&id, bytes)?;
        let sha256 = hex(&kept.sha256);
        let (channel, what) = (channel.clone(), what.to_owned());
        Ok(ParkedBytes {
            id,
            channel,
            what,
            why,
            length: kept.bytes,
            sha256,
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Feed {
    pub(super) fn origin(&self, activity: &str, cause: impl Into<String>) -> Origin {
        Origin::new(format!("{activity} {}", self.channel), cause)
    }

    /// Notes how an activity ended and gives the pause before it is tried again.
    pub(super) fn failed(
        &self,
        what: &'static str,
        error: &ConnectorError,
        failures: u32,
    ) -> Duration {
        let text = error.to_string();
        if self.board.ended(what, self.clock.now(), Some(text.clone())) {
            tracing::warn!(channel = %self.channel, error = text, "{what} failed, trying again");
        }
        let doubled = PAUSE_FIRST.saturating_mul(2_u32.saturating_pow(failures.min(10)));
        let pause = doubled.min(PAUSE_MAX) + Duration::from_millis(self.rng.below(250));
        match error.next_step() {
            // Transport holds back the whole account by itself.
            NextStep::RetryAfter(least) => least + Duration::from_millis(self.rng.below(250)),
            NextStep::PauseChannel => PROBE_EVERY,
            NextStep::RetryWithBackoff | NextStep::ReadBack | NextStep::Park => pause,
        }
    }

    /// Notes success.
    pub(super) fn succeeded(&self, what: &'static str) {
        if self.board.ended(what, self.clock.now(), None) {
            tracing::info!(channel = %self.channel, "{what} works again");
        }
    }

    /// A channel that answers is not paused: what a person had to do is done.
    pub(super) fn resume(&self) {
        if let Some(why) = self.board.paused() {
            tracing::info!(channel = %self.channel, was = why, "the channel answers, going on");
            self.board.pause(None);
        }
    }

    /// Waits for a while, a call, or the end; false at the end.
    pub(super) async fn rest(
        &self,
        pause: Duration,
        call: Option<&Notify>,
        stop: &CancellationToken,
    ) -> bool {
        let called = async {
            match call {
                Some(call) => call.notified().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => false,
            () = called => true,
            () = self.clock.sleep(pause) => true,
        }
    }
}
