//! Once a day: what is older than the merchant wants it kept leaves book and journal.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use channelsync_contract::{Clock, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::bookkeeper::{BookError, Handle, Origin, prepare_cut};
use crate::ledger::Command;
use crate::store::Journal;
use crate::store::parked::ParkedFiles;

/// After the start: what is urgent then comes first.
const FIRST_AFTER: Duration = Duration::from_secs(600);
const EVERY: Duration = Duration::from_secs(86_400);
/// Parked deliveries erased in one day.
const ERASED_MAX: usize = 1_000;

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
    /// Its parked bytes.
    pub(super) parked: Arc<ParkedFiles>,
    /// How long orders and entries are kept.
    pub(super) keep: Duration,
    /// How long parked bytes are.
    pub(super) keep_parked: Duration,
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
            let now = self.clock.now();
            let erased = self.erase_parked(now.minus(self.keep_parked)).await;
            let done = match erased {
                Ok(()) => self.forget_orders(now.minus(self.keep)).await,
                failed => failed,
            };
            match done {
                Err(BookError::Stopped) => return Ok(()),
                Err(error) => tracing::warn!(%error, "what is old stays another day"),
                Ok(()) => self.cut_journal(now.minus(self.keep)).await,
            }
        }
    }

    /// Erases bytes that were parked before a time.
    async fn erase_parked(&self, before: Timestamp) -> Result<(), BookError> {
        let old = self.book.read(move |ledger| {
            let rows = ledger.parked.iter();
            let old = rows.filter(|(_, row)| row.at < before).take(ERASED_MAX);
            old.map(|(id, _)| id.clone()).collect::<Vec<String>>()
        });
        let old = old.await?;
        if old.is_empty() {
            return Ok(());
        }
        tracing::warn!(
            parked = old.join(", "),
            "nobody looked at these deliveries in time, erased"
        );
        let origin = Origin::new("daemon", "retention");
        self.book.book(Command::Erase(old.clone()), origin).await?;
        let parked = self.parked.clone();
        let deleted = tokio::task::spawn_blocking(move || {
            let mut old = old.iter();
            old.try_for_each(|id| parked.delete(id).map(drop))
        });
        match deleted.await {
            Ok(Ok(())) => {}
            // The next start deletes what the book does not name.
            Ok(Err(error)) => tracing::error!(%error, "erased bytes are still there"),
            Err(error) => tracing::error!(%error, "erasing bytes panicked"),
        }
        Ok(())
    }

    async fn forget_orders(&self, before: Timestamp) -> Result<(), BookError> {
        loop {
            let origin = Origin::new("daemon", "retention");
            let booked = self.book.book(Command::Forget(before), origin).await?;
            if booked.entry.is_none() {
                return Ok(());
            }
        }
    }

    /// What fails is tried again the next day; what is there until then is whole.
    async fn cut_journal(&self, before: Timestamp) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bookkeeper::{Writer, WriterLimits};
    use crate::inbox::Park;
    use crate::ledger::Ledger;
    use crate::ports::{SeededRng, SystemClock};
    use crate::store::memory::MemoryDisk;
    use crate::store::sealed::{SealKey, Vault};

    /// R68
    #[tokio::test]
    async fn parked_deliveries_are_erased_with_their_keys_after_their_time() {
        let dir = tempfile::tempdir().unwrap();
        let vault = Vault {
            merchant: "acme".to_owned(),
            key: Arc::new(SealKey::from_bytes([7; 32])),
            rng: Arc::new(SeededRng::new(1)),
        };
        let files = ParkedFiles::open(&dir.path().join("parked"), vault, 1 << 20).unwrap();
        let parked = Arc::new(files);
        let journal: Arc<dyn Journal> = Arc::new(MemoryDisk::new().open().unwrap().0);
        let clock = Arc::new(SystemClock::new());
        let limits = WriterLimits {
            queue_commands_max: 16,
            group_entries_max: 16,
        };
        let start = Ledger::default();
        let (writer, book) = Writer::new(start, journal.clone(), clock.clone(), limits, None);
        let stop = CancellationToken::new();
        let writing = writer.run(stop.clone());
        let bytes = Park(parked.clone());
        let kept = bytes.keep(
            &"us".into(),
            ("orders/create", "cut off".to_owned()),
            b"{\"a\"",
        );
        let kept = kept.unwrap();
        let id = kept.id.clone();
        let keeper = Keeper {
            snapshots: dir.path().join("snapshots"),
            journal,
            book: book.clone(),
            clock: clock.clone(),
            parked: parked.clone(),
            keep: EVERY,
            keep_parked: EVERY,
        };
        let looking = async {
            let park = Command::Park(Box::new(kept));
            book.book(park, Origin::new("test", "test")).await.unwrap();
            let now = clock.now();
            keeper.erase_parked(now.minus(EVERY)).await.unwrap();
            assert!(parked.read(&id).unwrap().is_some(), "too early");
            keeper.erase_parked(now.plus(EVERY)).await.unwrap();
            assert_eq!(parked.read(&id).unwrap(), None);
            assert!(!dir.path().join("parked-keys").join(&id).exists());
            let left = book.read(|ledger| ledger.parked.len()).await.unwrap();
            assert_eq!(left, 0);
            stop.cancel();
        };
        let (written, ()) = tokio::join!(writing, looking);
        written.unwrap();
    }
}
