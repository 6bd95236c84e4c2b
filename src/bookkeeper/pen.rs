//! Puts groups into the journal, however long it takes, and tells what is durable.

use std::sync::Arc;
use std::time::Duration;

use channelsync_contract::ports::Clock;
use tokio::sync::watch;

use super::code::encode;
use super::writer::Published;
use crate::ledger::Entry;
use crate::store::{Group, Journal, JournalError};

/// First pause after a failed write; doubles up to the next.
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(1);

/// The writer's way to the disk.
#[derive(Clone)]
pub(super) struct Pen {
    journal: Arc<dyn Journal>,
    pub(super) clock: Arc<dyn Clock>,
    published: Arc<watch::Sender<Arc<Published>>>,
}

impl Pen {
    pub(super) fn new(
        journal: Arc<dyn Journal>,
        clock: Arc<dyn Clock>,
        published: watch::Sender<Arc<Published>>,
    ) -> Self {
        let published = Arc::new(published);
        Self {
            journal,
            clock,
            published,
        }
    }

    /// Writes a group, however long it takes: nothing is answered before.
    pub(super) async fn write(&self, entries: &[Entry]) -> Result<(), JournalError> {
        let first = entries.first().map_or(0, |entry| entry.seq);
        let last = entries.last().map_or(0, |entry| entry.seq);
        let group = Group {
            first,
            last,
            payload: encode(entries),
        };
        let mut pause = RETRY_FIRST;
        loop {
            match self.journal.append(group.clone()).await {
                Ok(_) => return Ok(()),
                Err(error) if error.retryable() => {
                    self.tell_unwritable(&error.to_string());
                    self.clock.sleep(pause).await;
                    pause = (pause * 2).min(RETRY_MAX);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn tell_unwritable(&self, why: &str) {
        if self.published.borrow().unwritable.is_none() {
            tracing::error!(
                error = why,
                "journal cannot be written, trying again until it can"
            );
        }
        self.published.send_modify(|published| {
            let mut now = Published::clone(published);
            now.unwritable = Some(why.to_owned());
            *published = Arc::new(now);
        });
    }

    /// Tells what is true at the end of the journal. Only news wakes those who wait for it.
    pub(super) fn publish(&self, mut now: Published) {
        if self.published.borrow().unwritable.is_some() {
            tracing::info!("journal is written again");
        }
        now.head = self.journal.head();
        self.published.send_if_modified(|known| {
            let news = **known != now;
            if news {
                *known = Arc::new(now);
            }
            news
        });
    }
}
