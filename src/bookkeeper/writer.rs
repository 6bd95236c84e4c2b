//! The writer's turn: take, decide, write, answer, publish.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use channelsync_contract::Timestamp;
use channelsync_contract::ports::Clock;
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::dirty::Dirty;
use super::handle::{BookError, Booked, Handle, Origin};
use super::history::{Recorded, recorded};
use super::pen::Pen;
use crate::ats::{self, Verdict};
use crate::ledger::{Command, Entry, Frozen, Ledger, Scope, decide, evolve};
use crate::store::{Head, Journal, JournalError};

/// A group is closed when its entries hold this many movements and facts.
const GROUP_FACTS_MAX: usize = 20_000;

/// Freezes that are published with their reasons.
const FREEZES_TOLD_MAX: usize = 20;

/// Changes of records that are handed over together while there is other work.
const RECORDS_TOGETHER: usize = 400;

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
    /// Entry of the newest exception.
    pub exception: Option<u64>,
    /// How many freezes there are.
    pub frozen: usize,
    /// Channels that are held because too much would change at once: since which entry, when, and why.
    pub interlocks: BTreeMap<String, (u64, Timestamp, String)>,
    /// The widest freezes, as many as are told in one go.
    pub freezes: Vec<(Scope, Frozen)>,
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
    /// Orders with a parcel of ours that the channel does not fully know of.
    pub reports: usize,
    /// Those of them that wait for a person.
    pub refused_reports: usize,
    /// Since when the channel is held because the book was restored.
    pub restored_at: Option<Timestamp>,
    /// How long it hid an order lately, where that is longer than it was believed to.
    pub slow: Option<Duration>,
    /// Since when it is retired.
    pub retired_at: Option<Timestamp>,
    /// Since when what it shipped counts.
    pub book_from: Option<Timestamp>,
}

impl ChannelCounts {
    /// Whether all calls came back, all slots show their number, and no order waits to be read. Parcels
    /// that wait for a person do not count.
    pub fn is_at_rest(&self) -> bool {
        let slots = [self.dirty, self.in_flight, self.in_doubt, self.to_read];
        let orders = [
            self.wanted,
            self.reports.saturating_sub(self.refused_reports),
        ];
        slots.into_iter().chain(orders).all(|left| left == 0)
    }
}

/// The one task that owns a merchant's ledger.
pub struct Writer {
    ledger: Ledger,
    dirty: Dirty,
    watch: ats::Watch,
    pen: Pen,
    limits: WriterLimits,
    queue: mpsc::Receiver<Request>,
    records: Option<mpsc::Sender<Recorded>>,
    /// Not handed over yet.
    recorded: Recorded,
}

/// What a turn has decided and not yet made durable.
#[derive(Default)]
struct Turn {
    entries: Vec<Entry>,
    facts: usize,
    answers: Vec<(Answer, Result<Booked, BookError>)>,
    reads: Vec<Read>,
}

/// A turn on its way to the disk, and what is true once it is there.
struct Closed {
    answers: Vec<(Answer, Result<Booked, BookError>)>,
    now: Published,
    recorded: Recorded,
}

type Writing = BoxFuture<'static, (Closed, Result<(), JournalError>)>;

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
            confirmations: dirty.sold.told.clone(),
        };
        let writer = Self {
            ledger,
            dirty,
            watch: ats::Watch::default(),
            pen: Pen::new(journal, clock, published),
            limits,
            queue,
            records,
            recorded: Recorded::default(),
        };
        writer.pen.publish(writer.now());
        (writer, handle)
    }

    /// Works until `stop`, then finishes what is in the queue.
    ///
    /// While one group is on its way to the disk the next one is decided: it is written when that one
    /// is durable. A read waits until all that was decided before it is, and holds back what comes
    /// after it.
    ///
    /// # Errors
    /// When another writer was first, or the journal is closed: this one must not go on.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), JournalError> {
        let mut turn = Turn::default();
        let mut writing: Option<Writing> = None;
        let mut group = 0;
        loop {
            if writing.is_none() && !turn.is_empty() {
                self.fill(&mut turn, group);
                group = turn.entries.len();
                writing = self.close(&mut turn).await;
            }
            if writing.is_none() && turn.is_empty() {
                self.send_records().await;
            }
            let takes = self.has_room(&turn);
            let request = tokio::select! {
                biased;
                (closed, written) = ended(&mut writing) => {
                    written?;
                    self.settle(closed).await;
                    continue;
                }
                request = self.queue.recv(), if takes => request,
                () = stop.cancelled(), if takes && !self.queue.is_closed() => {
                    self.queue.close();
                    continue;
                }
            };
            match request {
                Some(request) => self.take(request, &mut turn),
                None if writing.is_none() => return Ok(()),
                None => {
                    let (closed, written) = ended(&mut writing).await;
                    written?;
                    self.settle(closed).await;
                }
            }
        }
    }

    fn has_room(&self, turn: &Turn) -> bool {
        turn.entries.len() < self.limits.group_entries_max
            && turn.facts < GROUP_FACTS_MAX
            && turn.reads.is_empty()
    }

    /// Takes of what waits as much as makes the group no smaller than the one before: of two groups
    /// that take turns, one would stay large and the other small for ever.
    fn fill(&mut self, turn: &mut Turn, before: usize) {
        let share = (before + turn.entries.len()).div_ceil(2);
        while turn.entries.len() < share && self.has_room(turn) {
            let Ok(request) = self.queue.try_recv() else {
                return;
            };
            self.take(request, turn);
        }
    }

    /// Sends a turn to the disk. One that booked nothing needs none: it is done at once, and with it
    /// the reads, as nothing is on its way.
    async fn close(&mut self, turn: &mut Turn) -> Option<Writing> {
        if turn.entries.is_empty() {
            let Turn { answers, reads, .. } = std::mem::take(turn);
            let (now, recorded) = (self.now(), Recorded::default());
            let closed = Closed {
                answers,
                now,
                recorded,
            };
            self.settle(closed).await;
            for read in reads {
                read(&self.ledger);
            }
            return None;
        }
        let reads = std::mem::take(&mut turn.reads);
        let Turn {
            entries, answers, ..
        } = std::mem::replace(
            turn,
            Turn {
                reads,
                ..Turn::default()
            },
        );
        let closed = Closed {
            answers,
            now: self.now(),
            recorded: match self.records {
                Some(_) => recorded(&self.ledger, &entries),
                None => Recorded::default(),
            },
        };
        let pen = self.pen.clone();
        Some(Box::pin(async move {
            let written = pen.write(&entries).await;
            (closed, written)
        }))
    }

    /// Tells everybody what is durable now.
    async fn settle(&mut self, closed: Closed) {
        // First, so that who was answered finds it in the status.
        self.pen.publish(closed.now);
        for (reply, answer) in closed.answers {
            drop(reply.send(answer));
        }
        let Recorded { changes, seq } = closed.recorded;
        if !changes.is_empty() {
            self.recorded.changes.extend(changes);
            self.recorded.seq = seq;
        }
        if self.recorded.changes.len() >= RECORDS_TOGETHER {
            self.send_records().await;
        }
    }

    /// Hands over what was collected. Each hand-over costs the disk a sync that groups wait behind,
    /// so under load there are few of them; at rest nothing is held back.
    async fn send_records(&mut self) {
        let recorded = std::mem::take(&mut self.recorded);
        if let Some(records) = &self.records
            && !recorded.changes.is_empty()
        {
            drop(records.send(recorded).await);
        }
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
        let Some(suspect) = ats::suspect(command) else {
            return self.book(command, origin, turn);
        };
        let cause = format!("{} ({}, {})", suspect.what, origin.actor, origin.cause);
        let before = ats::before(&self.ledger, &suspect);
        let booked = self.book(command, origin, turn)?;
        if booked.entry.is_some() {
            self.interlock(&cause, &before, turn);
        }
        Ok(booked)
    }

    /// Holds channels on which too much would change at once, and ends holds whose cause was corrected.
    /// That is in the group of the command.
    fn interlock(&mut self, cause: &str, before: &[ats::Before], turn: &mut Turn) {
        for (channel, verdict) in self.watch.judge(&self.ledger, before, cause) {
            let command = match verdict {
                Verdict::Hold(change) => {
                    tracing::error!(
                        %channel, %change,
                        "too much would change at once, the channel is held: see `channelsync status`"
                    );
                    Command::Interlock(channel, change)
                }
                Verdict::GoOn => {
                    tracing::info!(%channel, "what the channel was held for is corrected");
                    Command::GoOn(channel)
                }
            };
            let booked = self.book(&command, Origin::new("interlock", cause), turn);
            booked.expect("a known channel can be held and go on");
        }
    }

    fn book(
        &mut self,
        command: &Command,
        origin: Origin,
        turn: &mut Turn,
    ) -> Result<Booked, BookError> {
        let at = self.pen.clock.now().max(self.ledger.at);
        let draft = decide(&self.ledger, command, at)?;
        if draft.is_empty() {
            return Ok(Booked { entry: None });
        }
        let entry = origin.entry(&self.ledger, draft, at);
        let touched = evolve(&mut self.ledger, &entry);
        self.dirty.mark_touched(&self.ledger, &touched);
        match command {
            Command::Report(_) => self.dirty.sold.follow(&self.ledger, &entry, &touched.items),
            Command::Pushed { .. } | Command::Shown { .. } => {
                let items = touched.items.iter().copied();
                self.dirty.sold.look(&self.ledger, items, at);
            }
            _ => {}
        }
        turn.facts += entry.movements.len() + entry.facts.len();
        turn.entries.push(entry);
        Ok(Booked {
            entry: Some(self.ledger.seq),
        })
    }

    /// What is true of the ledger; the head is filled in once that is durable.
    fn now(&self) -> Published {
        let channels = (0_u16..).zip(&self.ledger.channels);
        let mut counts: Vec<ChannelCounts> = channels
            .map(|(number, channel)| ChannelCounts {
                dirty: self.dirty.count(number),
                to_read: channel.to_read.len(),
                wanted: channel.wanted.len(),
                reports: channel.reports.len(),
                refused_reports: channel.refused_reports.len(),
                restored_at: channel.restored.as_ref().map(|restored| restored.at),
                slow: channel.slow.map(|slow| slow.lag),
                retired_at: channel.retired.map(|retired| retired.at),
                book_from: channel.setup.as_ref().and_then(|setup| setup.book_from),
                ..ChannelCounts::default()
            })
            .collect();
        for call in self.ledger.calls.values() {
            if let Some(counts) = counts.get_mut(usize::from(call.channel)) {
                let rows = if call.in_doubt {
                    &mut counts.in_doubt
                } else {
                    &mut counts.in_flight
                };
                *rows += call.rows.len();
            }
        }
        let names = self.ledger.channels.iter();
        let freezes = self.ledger.frozen.iter().take(FREEZES_TOLD_MAX);
        let held = self.ledger.channels.iter().filter_map(|channel| {
            let lock = channel.interlock.as_ref()?;
            let told = (lock.seq, lock.at, lock.why.clone());
            Some((channel.id.to_string(), told))
        });
        let channels = self.ledger.channels.iter();
        let too_old = channels.map(|channel| {
            let rows = channel.too_old.values();
            rows.filter(|row| !row.dismissed).count()
        });
        Published {
            interlocks: held.collect(),
            head: Head::default(),
            unwritable: None,
            names: names.map(|channel| channel.id.to_string()).collect(),
            channels: counts,
            parked: self.ledger.parked.len().saturating_add(too_old.sum()),
            exception: self.ledger.exceptions.back().map(|(entry, _)| *entry),
            frozen: self.ledger.frozen.len(),
            freezes: freezes
                .map(|(scope, frozen)| (scope.clone(), frozen.clone()))
                .collect(),
        }
    }
}

impl Turn {
    fn is_empty(&self) -> bool {
        self.answers.is_empty() && self.reads.is_empty()
    }
}

/// Waits for the group on its way; for ever where there is none.
async fn ended(writing: &mut Option<Writing>) -> (Closed, Result<(), JournalError>) {
    match writing {
        Some(under_way) => {
            let ended = under_way.await;
            *writing = None;
            ended
        }
        None => std::future::pending().await,
    }
}
