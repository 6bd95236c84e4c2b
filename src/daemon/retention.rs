//! Once a day: what is older than the merchant wants it kept leaves book and journal.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use channelsync_contract::Clock;
use tokio_util::sync::CancellationToken;

use crate::bookkeeper::{BookError, Handle, Origin, prepare_cut};
use crate::ledger::Command;
use crate::store::Journal;

/// After the start: what is urgent then comes first.
const FIRST_AFTER: Duration = Duration::from_secs(600);
const EVERY: Duration = Duration::from_secs(86_400);

/// Keeps a book no longer than it must.
pub(super) struct Keeper {
    /// The directory of its snapshots.
    pub(super) snapshots: PathBuf,
    /// Its journal.
    pub(super) journal: Arc<dyn Journal>,
    /// The book.
    pub(super) book: Handle,
    /// Time.
    pub(super) clock: Arc<dyn Clock>,
    /// How long.
    pub(super) keep: Duration,
}

impl Keeper {
    /// Looks every day until `stop`.
    ///
    /// # Errors
    /// When the bookkeeper is gone.
    pub(super) async fn run(self, stop: CancellationToken) -> Result<(), BookError> {
        let mut pause = FIRST_AFTER;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                () = self.clock.sleep(pause) => {}
            }
            pause = EVERY;
            match self.forget_orders().await {
                Err(BookError::Stopped) => return Ok(()),
                Err(error) => tracing::warn!(%error, "old orders stay another day"),
                Ok(()) => self.cut_journal().await,
            }
        }
    }

    async fn forget_orders(&self) -> Result<(), BookError> {
        let before = self.clock.now().minus(self.keep);
        loop {
            let origin = Origin::new("daemon", "retention");
            let booked = self.book.book(Command::Forget(before), origin).await?;
            if booked.entry.is_none() {
                return Ok(());
            }
        }
    }

    /// What fails is tried again the next day; what is there until then is whole.
    async fn cut_journal(&self) {
        let before = self.clock.now().minus(self.keep);
        let (dir, journal) = (self.snapshots.clone(), self.journal.clone());
        let prepared =
            tokio::task::spawn_blocking(move || prepare_cut(&dir, journal.as_ref(), before));
        let bound = match prepared.await {
            Ok(Ok(Some(bound))) => bound,
            Ok(Ok(None)) => return,
            Ok(Err(error)) => {
                return tracing::warn!(%error, "old entries stay in the journal another day");
            }
            Err(error) => return tracing::error!(%error, "looking for old entries panicked"),
        };
        match self.journal.cut(&bound).await {
            Ok(()) => tracing::info!(up_to = bound.seq, "old entries left the journal"),
            Err(error) => tracing::warn!(%error, "old entries stay in the journal another day"),
        }
    }
}
