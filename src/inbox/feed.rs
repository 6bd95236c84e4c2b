//! What all inbox tasks of a channel share.

use std::sync::Arc;
use std::time::Duration;

use channelsync_contract::ChannelId;
use channelsync_contract::connector::{Connector, ConnectorError, NextStep};
use channelsync_contract::ports::{Clock, Rng};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::quantities::Told;
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
    /// Has the permissions looked at.
    pub probe_now: Arc<Notify>,
    /// Quantities it told of that are to be compared.
    pub told: Told,
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
        self.keep_as(id, channel, (what, why), bytes)
    }

    /// Stores bytes under an id that is not theirs.
    pub(super) fn keep_as(
        &self,
        id: String,
        channel: &ChannelId,
        (what, why): (&str, String),
        bytes: &[u8],
    ) -> Result<ParkedBytes, ParkedError> {
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

impl Park {
    /// Whether parked bytes mention one of these texts. Bytes that nothing opens any more might.
    ///
    /// # Errors
    /// When they cannot be read now.
    pub(super) fn mentions(&self, id: &str, texts: &[String]) -> Result<bool, ParkedError> {
        match self.0.read(id) {
            Ok(Some(bytes)) => Ok(texts.iter().any(|text| mentions(&bytes, text))),
            Ok(None) => Ok(false),
            Err(ParkedError::Sealed { .. } | ParkedError::KeyGone { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }
}

/// Whether the text stands in the bytes as a word of its own, in capitals or not: order 17 is not
/// mentioned by order 1712.
fn mentions(bytes: &[u8], text: &str) -> bool {
    let text = text.as_bytes();
    if text.is_empty() || text.len() > bytes.len() {
        return false;
    }
    let is_word = |at: Option<&u8>| at.is_some_and(u8::is_ascii_alphanumeric);
    (0..=bytes.len() - text.len()).any(|at| {
        let end = at + text.len();
        bytes[at..end].eq_ignore_ascii_case(text)
            && !(at > 0 && is_word(bytes.get(at - 1)))
            && !is_word(bytes.get(end))
    })
}

pub(super) fn hex(bytes: &[u8]) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::SeededRng;
    use crate::store::sealed::{SealKey, Vault};

    /// R68
    #[test]
    fn a_buyer_is_found_in_sealed_bytes_by_id_and_address_and_by_nothing_near() {
        let dir = tempfile::tempdir().unwrap();
        let vault = Vault {
            merchant: "acme".to_owned(),
            key: Arc::new(SealKey::from_bytes([7; 32])),
            rng: Arc::new(SeededRng::new(1)),
        };
        let files = ParkedFiles::open(&dir.path().join("parked"), vault, 1 << 20).unwrap();
        let park = Park(Arc::new(files));
        let body = br#"{"id":1712,"email":"A.Buyer@example.com","phone":"+15550100""#;
        let channel = ChannelId::new("us");
        let kept = park.keep(&channel, ("orders/create", "cut off".to_owned()), body);
        let id = kept.unwrap().id;
        for (text, found) in [
            ("1712", true),
            ("a.buyer@example.com", true),
            ("+15550100", true),
            ("17", false),
            ("712", false),
            ("buyer@example.co", false),
            ("other@example.com", false),
            ("", false),
        ] {
            let texts = ["nobody".to_owned(), text.to_owned()];
            assert_eq!(park.mentions(&id, &texts).unwrap(), found, "{text}");
        }
        assert!(!park.mentions("us-gone", &["1712".to_owned()]).unwrap());
        std::fs::remove_file(dir.path().join("parked-keys").join(&id)).unwrap();
        assert!(
            park.mentions(&id, &[]).unwrap(),
            "what nothing opens may mention anybody"
        );
    }
}
