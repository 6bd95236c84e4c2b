//! Beside the writer: snapshots when the journal has grown, and a mark that tells when it lost its end.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use channelsync_contract::Clock;
use tokio_util::sync::CancellationToken;

use crate::bookkeeper::{Handle, take_snapshot};
use crate::store::{Head, Journal};

/// An end that was lost and is no older than this goes unnoticed.
const MARK_EVERY: Duration = Duration::from_secs(60);

/// Marks the journal's head whenever it moved.
pub(super) async fn keep_mark(journal: &dyn Journal, clock: &dyn Clock, stop: CancellationToken) {
    let mut marked = Head::default();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = clock.sleep(MARK_EVERY) => {}
        }
        let head = journal.head();
        if head == marked {
            continue;
        }
        match journal.mark().await {
            Ok(()) => marked = head,
            Err(error) => tracing::warn!(%error, "the journal's mark was not written"),
        }
    }
}

/// Takes a snapshot whenever the journal has grown enough. The writer never waits for it.
pub(super) async fn keep_snapshots(
    dir: PathBuf,
    journal: Arc<dyn Journal>,
    book: Handle,
    every: u64,
    stop: CancellationToken,
) {
    let mut published = book.watch();
    let mut last = published.borrow().head.seq;
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            changed = published.changed() => if changed.is_err() { return },
        }
        let seq = published.borrow_and_update().head.seq;
        if seq.saturating_sub(last) < every {
            continue;
        }
        let (at, source) = (dir.clone(), journal.clone());
        let taking = tokio::task::spawn_blocking(move || {
            let read = |from, bytes| source.read(from, bytes);
            take_snapshot(&at, &read)
        });
        match taking.await {
            Ok(Ok(taken)) => {
                last = taken.unwrap_or(seq);
                if let Err(error) = journal.mark().await {
                    tracing::warn!(%error, "the journal's mark was not written");
                }
                tracing::info!(entry = last, "snapshot taken");
            }
            Ok(Err(error)) => {
                last = seq;
                tracing::warn!(%error, "no snapshot taken, restarts take longer");
            }
            Err(error) => {
                last = seq;
                tracing::error!(%error, "taking a snapshot panicked");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::SystemClock;
    use crate::store::journal_file::{JournalFile, JournalOptions};
    use crate::store::{Group, JournalError};

    /// R65
    #[tokio::test(start_paused = true)]
    async fn an_end_that_was_lost_after_a_minute_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let options = JournalOptions::new(dir.path());
        let open = || JournalFile::open(&options);
        let (journal, clock) = (open().unwrap().journal, SystemClock::new());
        let file = dir.path().join("00000000000000000001.seg");
        let mut ends = Vec::new();
        for seq in 1..=2 {
            let payload = "entry".into();
            let group = Group {
                first: seq,
                last: seq,
                payload,
            };
            journal.append(group).await.unwrap();
            ends.push(file.metadata().unwrap().len());
        }
        let stop = CancellationToken::new();
        let passes = async {
            clock.sleep(MARK_EVERY * 2).await;
            stop.cancel();
        };
        tokio::join!(keep_mark(&journal, &clock, stop.clone()), passes);
        drop(journal);
        let cut = std::fs::File::options().write(true).open(&file).unwrap();
        cut.set_len(ends[0]).unwrap();
        assert!(matches!(open(), Err(JournalError::Damaged { seq: 2, .. })));
    }
}
