//! How other tasks reach the bookkeeper.

use std::sync::Arc;
use std::time::Duration;

use channelsync_contract::Timestamp;
use channelsync_contract::ports::{Clock, within};
use tokio::sync::{mpsc, oneshot, watch};

use super::dirty::Dirty;
use super::writer::{Published, Request};
use crate::board::{Confirmations, Confirmed};
use crate::ledger::{Command, Draft, Entry, Ledger, Refusal};

/// A read of a book that cannot be written answers within this.
const READ_PATIENCE: Duration = Duration::from_secs(1);

/// Who wants something booked, and what caused it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// `webhook shopify-us`, `cli root`.
    pub actor: String,
    /// Delivery id, command id, call id.
    pub cause: String,
}

impl Origin {
    /// Both texts.
    pub fn new(actor: impl Into<String>, cause: impl Into<String>) -> Self {
        Self {
            actor: actor.into(),
            cause: cause.into(),
        }
    }

    /// The next entry of a ledger, from what was decided at a time.
    pub fn entry(self, ledger: &Ledger, draft: Draft, at: Timestamp) -> Entry {
        Entry {
            seq: ledger.seq.saturating_add(1),
            at,
            actor: self.actor,
            cause: self.cause,
            movements: draft.movements,
            facts: draft.facts,
        }
    }
}

/// A command was carried out and is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Booked {
    /// Its entry; none when it changed nothing.
    pub entry: Option<u64>,
}

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BookError {
    /// It makes no sense on this ledger.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Too many commands wait.
    #[error("the bookkeeper's queue is full, try again")]
    QueueFull,
    /// What is known cannot be made durable.
    #[error("journal cannot be written: {0}")]
    Unwritable(String),
    /// The daemon is stopping.
    #[error("the bookkeeper has stopped")]
    Stopped,
}

/// One end of the bookkeeper's queue.
#[derive(Clone)]
pub struct Handle {
    pub(super) queue: mpsc::Sender<Request>,
    pub(super) published: watch::Receiver<Arc<Published>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) confirmations: Confirmations,
}

impl Handle {
    /// Books a command and waits until it is durable; waits for a place in the queue too.
    ///
    /// # Errors
    /// `Refused` and `Stopped`.
    pub async fn book(&self, command: Command, origin: Origin) -> Result<Booked, BookError> {
        let (reply, answer) = oneshot::channel();
        let request = Request::Book {
            command,
            origin,
            reply,
        };
        self.queue
            .send(request)
            .await
            .map_err(|_| BookError::Stopped)?;
        answer.await.unwrap_or(Err(BookError::Stopped))
    }

    /// Books a command unless the queue is full or it is not durable within `limit`.
    ///
    /// After `Unwritable` it may still be booked later; commands are idempotent.
    ///
    /// # Errors
    /// Any [`BookError`].
    pub async fn book_within(
        &self,
        command: Command,
        origin: Origin,
        limit: Duration,
    ) -> Result<Booked, BookError> {
        let (reply, answer) = oneshot::channel();
        let request = Request::Book {
            command,
            origin,
            reply,
        };
        self.queue.try_send(request).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => BookError::QueueFull,
            mpsc::error::TrySendError::Closed(_) => BookError::Stopped,
        })?;
        match within(self.clock.as_ref(), limit, answer).await {
            Some(answer) => answer.unwrap_or(Err(BookError::Stopped)),
            None => Err(BookError::Unwritable(self.why_unwritable())),
        }
    }

    /// Works out a command on the present ledger and books it in the same step.
    ///
    /// # Errors
    /// `Refused` and `Stopped`.
    pub async fn plan<T: Send + 'static>(
        &self,
        origin: Origin,
        plan: impl FnOnce(&Ledger, &mut Dirty) -> (Option<Command>, T) + Send + 'static,
    ) -> Result<T, BookError> {
        let (reply, answer) = oneshot::channel();
        let (found, result) = oneshot::channel();
        let plan = Box::new(move |ledger: &Ledger, dirty: &mut Dirty| {
            let (command, value) = plan(ledger, dirty);
            drop(found.send(value));
            command
        });
        let request = Request::Plan {
            plan,
            origin,
            reply,
        };
        self.queue
            .send(request)
            .await
            .map_err(|_| BookError::Stopped)?;
        answer.await.unwrap_or(Err(BookError::Stopped))?;
        result.await.map_err(|_| BookError::Stopped)
    }

    /// Looks at the ledger between groups, when all of it is durable.
    ///
    /// The closure runs on the bookkeeper's time: at most `read_rows_max` rows.
    ///
    /// # Errors
    /// `Unwritable` within a second when the journal cannot be written, and `Stopped`.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Ledger) -> T + Send + 'static,
    ) -> Result<T, BookError> {
        let (found, mut result) = oneshot::channel();
        let read = Box::new(move |ledger: &Ledger| drop(found.send(read(ledger))));
        let sending = self.queue.send(Request::Read(read));
        match within(self.clock.as_ref(), READ_PATIENCE, sending).await {
            Some(sent) => sent.map_err(|_| BookError::Stopped)?,
            None => return Err(BookError::Unwritable(self.why_unwritable())),
        }
        loop {
            match within(self.clock.as_ref(), READ_PATIENCE, &mut result).await {
                Some(value) => return value.map_err(|_| BookError::Stopped),
                None if self.published.borrow().unwritable.is_some() => {
                    return Err(BookError::Unwritable(self.why_unwritable()));
                }
                None => {}
            }
        }
    }

    /// As [`Handle::read`], for tasks that nobody waits for: however long the journal cannot be
    /// written, the answer comes when it can.
    ///
    /// # Errors
    /// `Stopped`.
    pub async fn wait_and_read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Ledger) -> T + Send + 'static,
    ) -> Result<T, BookError> {
        let (found, result) = oneshot::channel();
        let read = Box::new(move |ledger: &Ledger| drop(found.send(read(ledger))));
        self.queue
            .send(Request::Read(read))
            .await
            .map_err(|_| BookError::Stopped)?;
        result.await.map_err(|_| BookError::Stopped)
    }

    /// What was true at the last durable group.
    pub fn published(&self) -> Arc<Published> {
        self.published.borrow().clone()
    }

    /// How long it took from orders to their units off the channels.
    pub fn confirmations(&self) -> Confirmed {
        self.confirmations.read()
    }

    /// Tells when something was published.
    pub fn watch(&self) -> watch::Receiver<Arc<Published>> {
        self.published.clone()
    }

    fn why_unwritable(&self) -> String {
        let published = self.published();
        published
            .unwritable
            .clone()
            .unwrap_or_else(|| "no answer in time".to_owned())
    }
}
