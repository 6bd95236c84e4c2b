//! The writer's turn: take, decide, write, answer, publish.

use std::sync::Arc;
use std::time::Duration;

use channelsync_contract::ports::Clock;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::code::encode;
use super::dirty::Dirty;
use super::handle::{BookError, Booked, Handle, Origin};
use super::history::{Recorded, recorded};
use crate::ledger::{Command, Entry, Ledger, decide, evolve};
use crate::store::{Group, Head, Journal};

/// A group is closed when its entries hold this many movements and facts.
const GROUP_FACTS_MAX: usize = 20_000;
/// First pause after a failed write; doubles up to the next.
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(1);

type Answer = oneshot::Sender<Result<Booked, BookError>>;
type Plan = Box<dyn FnOnce(&Ledger, &mut Dirty) -> Option<Command> + Send>;
type Read = Box<dyn FnOnce(&Ledger) + Send>;

/// What comes through the queue.
pub(super) enum Request {
    /// Book this.
    Book {
        command: Command,
        origin: Origin,
        reply: Answer,
    },
    /// Work out a command and book it.
    Plan {
        plan: Plan,
        origin: Origin,
        reply: Answer,
    },
    /// Look at what is durable.
    Read(Read),
}

/// Limits of the writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriterLimits {
    /// Commands that wait.
    pub queue_commands_max: usize,
    /// Entries in one group.
    pub group_entries_max: usize,
}

/// What was true at the last durable group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// The end of the journal.
    pub head: Head,
    /// Why the journal cannot be written, while it cannot.
    pub unwritable: Option<String>,
    /// Names of channels, by number.
    pub names: Vec<String>,
    /// Counts by channel number.
    pub channels: Vec<ChannelCounts>,
    /// Bytes set aside for a person.
    pub parked: usize,
}

/// Work that is left for a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChannelCounts {
    /// Items whose number may differ.
    pub dirty: usize,
    /// Slots with a call under way.
    pub in_flight: usize,
    /// Slots whose last call is in doubt.
    pub in_doubt: usize,
    /// Slots to be read before they can be pushed.
    pub to_read: usize,
    /// Orders to be read.
    pub wanted: usize,
}

/// The one task that owns a merchant's ledger.
pub struct Writer {
    ledger: Ledger,
    dirty: Dirty,
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
    limits: WriterLimits,
    queue: mpsc::Receiver<Request>,
    published: watch::Sender<Arc<Published>>,
    records: Option<mpsc::Sender<Recorded>>,
}

/// What a turn has decided and not yet made durable.
#[derive(Default)]
struct Turn {
    entries: Vec<Entry>,
    facts: usize,
    answers: Vec<(Answer, Result<Booked, BookError>)>,
    reads: Vec<Read>,
}

impl Writer {
    /// Takes over a ledger as replayed from `journal`. All items are maybe dirty.
    pub fn new(
        ledger: Ledger,
        journal: Arc<dyn Journal>,
        clock: Arc<dyn Clock>,
        limits: WriterLimits,
        records: Option<mpsc::Sender<Recorded>>,
    ) -> (Self, Handle) {
        let (sender, queue) = mpsc::channel(limits.queue_commands_max);
        let mut dirty = Dirty::default();
        dirty.mark_all(&ledger);
        let (published, watching) = watch::channel(Arc::default());
        let handle = Handle {
            queue: sender,
            published: watching,
            clock: clock.clone(),
        };
        let writer = Self {
            ledger,
            dirty,
            journal,
            clock,
            limits,
            queue,
            published,
            records,
        };
        writer.publish();
        (writer, handle)
    }

    /// Works until `stop`, then finishes what is in the queue.
    ///
    /// # Errors
    /// When another writer was first, or the journal is closed: this one must not go on.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), crate::store::JournalError> {
        loop {
            let next = tokio::select! {
                biased;
                request = self.queue.recv() => request,
                () = stop.cancelled() => {
                    self.queue.close();
                    self.queue.recv().await
                }
            };
            match next {
                Some(request) => self.turn(request).await?,
                None => return Ok(()),
            }
        }
    }

    async fn turn(&mut self, first: Request) -> Result<(), crate::store::JournalError> {
        let mut turn = Turn::default();
        let mut next = Some(first);
        while let Some(request) = next {
            self.take(request, &mut turn);
            let full = turn.entries.len() >= self.limits.group_entries_max
                || turn.facts >= GROUP_FACTS_MAX;
            next = if full {
                None
            } else {
                self.queue.try_recv().ok()
            };
        }
        if !turn.entries.is_empty() {
            self.write(&turn.entries).await?;
        }
        for (reply, answer) in turn.answers {
            drop(reply.send(answer));
        }
        self.publish();
        for read in turn.reads {
            read(&self.ledger);
        }
        if let Some(records) = &self.records {
            let closed = recorded(&self.ledger, &turn.entries);
            if !closed.changes.is_empty() {
                drop(records.send(closed).await);
            }
        }
        Ok(())
    }

    fn take(&mut self, request: Request, turn: &mut Turn) {
        let (command, origin, reply) = match request {
            Request::Book {
                command,
                origin,
                reply,
            } => (Some(command), origin, reply),
            Request::Plan {
                plan,
                origin,
                reply,
            } => (plan(&self.ledger, &mut self.dirty), origin, reply),
            Request::Read(read) => return turn.reads.push(read),
        };
        let answer = match command {
            Some(command) => self.decide(&command, origin, turn),
            None => Ok(Booked { entry: None }),
        };
        turn.answers.push((reply, answer));
    }

    fn decide(
        &mut self,
        command: &Command,
        origin: Origin,
        turn: &mut Turn,
    ) -> Result<Booked, BookError> {
        let at = self.clock.now().max(self.ledger.at);
        let draft = decide(&self.ledger, command, at)?;
        if draft.is_empty() {
            return Ok(Booked { entry: None });
        }
        let entry = Entry {
            seq: self.ledger.seq + 1,
            at,
            actor: origin.actor,
            cause: origin.cause,
            movements: draft.movements,
            facts: draft.facts,
        };
        let touched = evolve(&mut self.ledger, &entry);
        self.dirty.mark_touched(&self.ledger, &touched);
        turn.facts += entry.movements.len() + entry.facts.len();
        turn.entries.push(entry);
        Ok(Booked {
            entry: Some(self.ledger.seq),
        })
    }

    /// Writes a group, however long it takes: nothing is answered before.
    async fn write(&self, entries: &[Entry]) -> Result<(), crate::store::JournalError> {
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

    fn publish(&self) {
        if self.published.borrow().unwritable.is_some() {
            tracing::info!("journal is written again");
        }
        let channels = (0_u16..)
            .zip(&self.ledger.channels)
            .map(|(number, channel)| {
                let calls = self
                    .ledger
                    .calls
                    .values()
                    .filter(|call| call.channel == number);
                let (mut in_flight, mut in_doubt) = (0, 0);
                for call in calls {
                    let rows = if call.in_doubt {
                        &mut in_doubt
                    } else {
                        &mut in_flight
                    };
                    *rows += call.rows.len();
                }
                let dirty = self.dirty.count(number);
                ChannelCounts {
                    dirty,
                    in_flight,
                    in_doubt,
                    to_read: channel.to_read.len(),
                    wanted: channel.wanted.len(),
                }
            });
        let published = Published {
            head: self.journal.head(),
            unwritable: None,
            names: self
                .ledger
                .channels
                .iter()
                .map(|channel| channel.id.to_string())
                .collect(),
            channels: channels.collect(),
            parked: self.ledger.parked.len(),
        };
        // Only news wakes those who wait for it.
        self.published.send_if_modified(|known| {
            let news = **known != published;
            if news {
                *known = Arc::new(published);
            }
            news
        });
    }
}
