//! A journal during whose writes the daemon dies.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use channelsync::store::{Group, Head, Journal, JournalError};
use channelsync_contract::{Clock, Rng};

use super::machine::Doom;
use super::trace::Trace;
use super::wire::PausedClock;

/// The journal, and how its writer dies.
pub(super) struct Fragile {
    pub(super) inner: Arc<dyn Journal>,
    pub(super) doom: Arc<Doom>,
    pub(super) trace: Arc<Trace>,
    /// Writes in a thousand.
    pub(super) fatal: u64,
    pub(super) clock: Arc<PausedClock>,
    /// How long every write takes.
    pub(super) takes: Duration,
}

#[async_trait]
impl Journal for Fragile {
    fn head(&self) -> Head {
        self.inner.head()
    }

    async fn append(&self, group: Group) -> Result<Head, JournalError> {
        if !self.takes.is_zero() {
            self.clock.sleep(self.takes).await;
        }
        let mut append = self.inner.append(group);
        let (fate, mut polls) = (self.doom.dice.below(1_000), 1 + self.doom.dice.below(3));
        if fate >= self.fatal || !*self.doom.mortal.lock().unwrap() {
            return append.await;
        }
        poll_fn(|context| {
            // The writer may look once more within the poll that ends it.
            if polls == 0 {
                return Poll::Pending;
            }
            let polled = append.as_mut().poll(context);
            polls -= 1;
            if polls == 0 {
                self.trace.count("crash during a write");
                if let Some(life) = &*self.doom.life.lock().unwrap() {
                    life.strike();
                }
                return Poll::Pending;
            }
            polled
        })
        .await
    }

    fn read(&self, from_seq: u64, limit_bytes: usize) -> Result<Vec<Group>, JournalError> {
        self.inner.read(from_seq, limit_bytes)
    }

    async fn mark(&self) -> Result<(), JournalError> {
        self.inner.mark().await
    }

    async fn close(&self) -> Result<(), JournalError> {
        self.inner.close().await
    }
}
