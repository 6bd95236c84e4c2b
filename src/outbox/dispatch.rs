//! Sends what the plan says, one dispatcher per channel.
//!
//! A call's intent is durable before it is sent. Its outcome is booked and nobody waits for it: an
//! outcome that is lost leaves the call in doubt, and doubt is settled by asking, never by assuming.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use channelsync_contract::connector::{Connector, Counting, NextStep};
use channelsync_contract::ports::{Clock, Rng};
use channelsync_contract::quantity::{Push, PushOutcome};
use channelsync_contract::{CallId, ChannelId, SlotKey, Timestamp};
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio_util::sync::CancellationToken;

use super::plan::{look, next_rows};
use crate::board::Board;
use crate::bookkeeper::{BookError, Handle, Origin};
use crate::ledger::{Command, Ledger, Row, RowOutcome};
use crate::normalize;

/// Pause after a call that could not be made, and the first one before doubt is settled.
const PAUSE_FIRST: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// Looks for calls in doubt at least this often, and not more often than that.
const LOOK_EVERY: Duration = Duration::from_secs(5);
const BREATH: Duration = Duration::from_millis(100);
/// Tries with the same key and rows before the slots are read back instead.
const SAME_KEY_TRIES_MAX: u32 = 3;
/// Channels remember a key for a day; after this it is no longer trusted.
const SAME_KEY_FOR: Duration = Duration::from_secs(20 * 60 * 60);

/// Everything a channel's dispatcher works with.
pub struct Dispatcher {
    /// The channel.
    pub channel: ChannelId,
    /// The channel's connector.
    pub connector: Arc<Connector>,
    /// The merchant's book.
    pub book: Handle,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Ids of calls.
    pub rng: Arc<dyn Rng>,
    /// Where to tell what happens.
    pub board: Board,
    /// Whether anything may be written.
    pub live: bool,
    /// Items looked at in one plan.
    pub read_rows_max: usize,
}

/// A call that came back.
struct Ended {
    call: CallId,
    next: After,
}

/// What follows a call.
enum After {
    /// Go on.
    Done,
    /// The whole call was refused without naming a row: send its halves.
    Split(Vec<Row>),
    /// Nothing was sent: wait before the next.
    Wait(Duration),
    /// A person must act.
    Pause(String),
}

/// What is to be done about a call.
enum Work {
    /// Make it for the first time.
    Send(CallId, Vec<Row>),
    /// Make it again: it may have had its effect.
    Again(CallId, Vec<Row>),
    /// Look what it did.
    Ask(CallId, Vec<SlotKey>),
}

/// Pushes until `stop`; then waits for the calls under way.
///
/// # Errors
/// When the bookkeeper is gone.
pub async fn run(dispatcher: &Dispatcher, stop: CancellationToken) -> Result<(), BookError> {
    let mut under_way: FuturesUnordered<BoxFuture<'_, Result<Ended, BookError>>> =
        FuturesUnordered::new();
    let mut published = dispatcher.book.watch();
    let mut pending = Pending::default();
    let mut failures = 0_u32;
    let mut resting: Option<Duration> = None;
    loop {
        let may_send = dispatcher.connector.capabilities.pushes_max > under_way.len()
            && resting.is_none()
            && dispatcher.board.paused().is_none()
            && !stop.is_cancelled();
        if may_send {
            published.mark_unchanged();
            // Only the book is asked here: who waits for the channel must be polled beside the others.
            if let Some(work) = dispatcher.next(&mut pending).await? {
                under_way.push(Box::pin(dispatcher.carry_out(work)));
                continue;
            }
        }
        if stop.is_cancelled() && under_way.is_empty() {
            return Ok(());
        }
        let pause = match resting {
            Some(pause) => pause,
            None if may_send => pending.doubts.pause(dispatcher.clock.now()),
            None => LOOK_EVERY,
        };
        tokio::select! {
            biased;
            Some(ended) = under_way.next(), if !under_way.is_empty() => {
                let ended = ended?;
                pending.doubts.ended(ended.call, dispatcher.clock.now());
                failures = dispatcher.after(ended, failures, &mut pending.halves, &mut resting);
            }
            () = dispatcher.clock.sleep(pause) => resting = None,
            changed = published.changed(), if resting.is_none() => {
                changed.map_err(|_| BookError::Stopped)?;
            }
            // While calls are under way there is time to find out which comes next.
            looked = dispatcher.plan(0), if pending.unlooked && !may_send => {
                pending.unlooked = looked?.1;
            }
            () = stop.cancelled(), if !stop.is_cancelled() => {}
        }
    }
}

/// What is to be done before what differs, and what is not known of that.
#[derive(Default)]
struct Pending {
    /// Halves of a refused call.
    halves: Vec<Vec<Row>>,
    doubts: Doubts,
    /// Marked items wait to be looked at.
    unlooked: bool,
}

/// Calls in doubt: how often each was tried, and when it may be again; none while it is.
#[derive(Default)]
struct Doubts(BTreeMap<CallId, (u32, Option<Timestamp>)>);

impl Doubts {
    /// A call of the channel that is due, with how often it was tried.
    fn due(
        &mut self,
        ledger: &Ledger,
        channel: u16,
        now: Timestamp,
    ) -> Option<(CallId, Vec<Row>, u32)> {
        self.0.retain(|call, _| ledger.calls.contains_key(call));
        let mut in_doubt = ledger
            .calls
            .iter()
            .filter(|(_, call)| call.in_doubt && call.channel == channel);
        let is_due = |tried: &(u32, Option<Timestamp>)| tried.1.is_some_and(|at| at <= now);
        let (id, call) = in_doubt.find(|(id, _)| self.0.get(id).is_none_or(is_due))?;
        let (tries, not_before) = self.0.entry(*id).or_default();
        *not_before = None;
        *tries = tries.saturating_add(1);
        Some((*id, call.rows.clone(), tries.saturating_sub(1)))
    }

    /// Until the next one may be tried again.
    fn pause(&self, now: Timestamp) -> Duration {
        let soonest = self.0.values().filter_map(|(_, not_before)| *not_before);
        let wait = soonest.min().map(|at| at.since(now));
        wait.unwrap_or(LOOK_EVERY).clamp(BREATH, LOOK_EVERY)
    }

    /// A call came back, or was asked about.
    fn ended(&mut self, call: CallId, now: Timestamp) {
        if let Some((tries, not_before)) = self.0.get_mut(&call) {
            let wait = PAUSE_FIRST.saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1)));
            *not_before = Some(now.plus(wait.min(PAUSE_MAX)));
        }
    }
}

impl Dispatcher {
    fn origin(&self, call: CallId) -> Origin {
        Origin::new(format!("outbox {}", self.channel), call.to_string())
    }

    /// The next call to make: doubt first, then halves of a refused one, then what differs.
    async fn next(&self, pending: &mut Pending) -> Result<Option<Work>, BookError> {
        let channel = self.channel.clone();
        let now = self.clock.now();
        let mut known = std::mem::take(&mut pending.doubts);
        let (due, known) = self
            .book
            .wait_and_read(move |ledger| {
                let number = ledger.channel_ix(channel.as_str());
                let due = number.and_then(|number| known.due(ledger, number, now));
                (due, known)
            })
            .await?;
        pending.doubts = known;
        if let Some((call, rows, tries)) = due {
            return self.settle(call, rows, tries).await.map(Some);
        }
        if let Some(rows) = pending.halves.pop() {
            let call = CallId(self.rng.uuid());
            let channel = self.channel.clone();
            let command = Command::Push {
                call,
                channel,
                rows: rows.clone(),
            };
            return match self.book.book(command, self.origin(call)).await {
                Ok(_) => Ok(Some(Work::Send(call, rows))),
                Err(BookError::Refused(_)) => Ok(None),
                Err(error) => Err(error),
            };
        }
        let batch_max = self.connector.capabilities.batch_max;
        let (work, unlooked) = self.plan(batch_max).await?;
        pending.unlooked = unlooked;
        Ok(work)
    }

    /// Doubt is settled with the same key and rows, and where that does not help by reading back.
    async fn settle(&self, call: CallId, rows: Vec<Row>, tries: u32) -> Result<Work, BookError> {
        let begun = call_age(self, call).await?;
        if self.live && tries < SAME_KEY_TRIES_MAX && begun.is_none_or(|age| age < SAME_KEY_FOR) {
            return Ok(Work::Again(call, rows));
        }
        let slots = rows.into_iter().map(|row| row.slot).collect();
        Ok(Work::Ask(call, slots))
    }

    async fn carry_out(&self, work: Work) -> Result<Ended, BookError> {
        match work {
            Work::Send(call, rows) => self.send(call, rows, RowOutcome::NotApplied).await,
            Work::Again(call, rows) => self.send(call, rows, RowOutcome::InDoubt).await,
            Work::Ask(call, slots) => self.ask(call, slots).await,
        }
    }

    async fn ask(&self, call: CallId, slots: Vec<SlotKey>) -> Result<Ended, BookError> {
        let began = self.clock.now();
        match self.connector.quantities.read_back(&slots).await {
            Ok(shown) => {
                let slots = shown.into_iter().map(normalize::shown).collect();
                let channel = self.channel.clone();
                let (complete_to, corrections_max) = (None, u32::MAX);
                let command = Command::Shown {
                    channel,
                    began,
                    complete_to,
                    slots,
                    corrections_max,
                };
                self.book.book(command, self.origin(call)).await?;
            }
            Err(error) => self.tell("read_back", Some(error.to_string())),
        }
        let next = After::Done;
        Ok(Ended { call, next })
    }

    /// Looks at marked items, and takes the most pressing of those that differ; the call that writes
    /// them, and whether marked items wait to be looked at.
    async fn plan(&self, batch_max: usize) -> Result<(Option<Work>, bool), BookError> {
        let (call, now) = (CallId(self.rng.uuid()), self.clock.now());
        let channel = self.channel.clone();
        let is_net = self.connector.capabilities.counting == Counting::Net;
        let rows_max = self.read_rows_max;
        let make = move |ledger: &Ledger, dirty: &mut crate::bookkeeper::Dirty| {
            let nothing = (None, false);
            let Some(number) = ledger.channel_ix(channel.as_str()) else {
                return (None, nothing);
            };
            let known = ledger.channel(number);
            if known.restored.is_some() {
                let caught_up = known.has_caught_up();
                return (caught_up.then_some(Command::CatchUp(channel)), nothing);
            }
            // New settings are booked before those of old end: they write another figure.
            if known.is_net() != is_net || known.complete_to().is_none() {
                return (None, nothing);
            }
            look(ledger, number, dirty, rows_max, now);
            let more = dirty.is_unlooked(number);
            let rows = next_rows(ledger, number, dirty, batch_max, now);
            if rows.is_empty() {
                return (None, (None, more));
            }
            let command = Command::Push {
                call,
                channel,
                rows: rows.clone(),
            };
            (Some(command), (Some(Work::Send(call, rows)), more))
        };
        match self.book.plan(self.origin(call), make).await {
            Err(BookError::Refused(refusal)) => {
                tracing::error!(channel = %self.channel, %refusal, "a planned push was refused");
                Ok((None, false))
            }
            planned => planned,
        }
    }

    /// `undone` is what became of the rows where this request had no effect.
    async fn send(
        &self,
        call: CallId,
        rows: Vec<Row>,
        undone: RowOutcome,
    ) -> Result<Ended, BookError> {
        let began = self.clock.uptime();
        let push = Push {
            call,
            rows: rows.iter().map(normalize::row).collect(),
        };
        let result = self.connector.quantities.push(&push).await;
        self.board
            .took("push", self.clock.uptime().saturating_sub(began));
        self.board.count("push_calls", 1);
        self.tell("push", result.as_ref().err().map(ToString::to_string));
        let count = rows.len();
        let (outcomes, next) = match result {
            Ok(outcomes) => judge(outcomes, rows),
            Err(error) => match error.next_step() {
                NextStep::RetryAfter(pause) => (all(undone, count), After::Wait(pause)),
                NextStep::RetryWithBackoff => (all(undone, count), After::Wait(Duration::ZERO)),
                NextStep::ReadBack => (all(RowOutcome::InDoubt, count), After::Done),
                NextStep::PauseChannel => (all(undone, count), After::Pause(error.to_string())),
                NextStep::Park if count > 1 => {
                    (all(RowOutcome::NotApplied, count), After::Split(rows))
                }
                NextStep::Park => (vec![RowOutcome::Refused(error.to_string())], After::Done),
            },
        };
        let applied = outcomes
            .iter()
            .filter(|outcome| **outcome == RowOutcome::Applied)
            .count();
        self.board.count(
            "slots_confirmed",
            u64::try_from(applied).unwrap_or(u64::MAX),
        );
        let command = Command::Pushed { call, outcomes };
        match self.book.book(command, self.origin(call)).await {
            Ok(_) | Err(BookError::Refused(_)) => Ok(Ended { call, next }),
            Err(error) => Err(error),
        }
    }

    fn after(
        &self,
        ended: Ended,
        failures: u32,
        halves: &mut Vec<Vec<Row>>,
        resting: &mut Option<Duration>,
    ) -> u32 {
        match ended.next {
            After::Done => 0,
            After::Split(mut rows) => {
                tracing::warn!(
                    channel = %self.channel, call = %ended.call, rows = rows.len(),
                    "a push was refused as a whole, sending its halves"
                );
                let second = rows.split_off(rows.len() / 2);
                halves.extend([rows, second]);
                0
            }
            // Transport holds back the whole account by itself.
            After::Wait(least) if !least.is_zero() => {
                *resting = Some(least + Duration::from_millis(self.rng.below(250)));
                failures
            }
            After::Wait(_) => {
                let doubled = PAUSE_FIRST.saturating_mul(2_u32.saturating_pow(failures.min(10)));
                let jitter = Duration::from_millis(self.rng.below(250));
                *resting = Some(doubled.min(PAUSE_MAX) + jitter);
                failures.saturating_add(1)
            }
            After::Pause(why) => {
                tracing::error!(channel = %self.channel, error = why, "channel paused");
                self.board.pause(Some(why));
                0
            }
        }
    }

    fn tell(&self, what: &'static str, error: Option<String>) {
        if self.board.ended(what, self.clock.now(), error.clone())
            && let Some(error) = error
        {
            tracing::warn!(channel = %self.channel, error, "{what} failed, trying again");
        }
    }
}

/// How long ago a call's intent was booked, as far as the ledger's times tell.
async fn call_age(dispatcher: &Dispatcher, call: CallId) -> Result<Option<Duration>, BookError> {
    let now = dispatcher.clock.now();
    let begun = dispatcher
        .book
        .wait_and_read(move |ledger| ledger.calls.get(&call).map(|call| call.at));
    Ok(begun.await?.map(|at| now.since(at)))
}

fn all(outcome: RowOutcome, count: usize) -> Vec<RowOutcome> {
    vec![outcome; count]
}

fn judge(outcomes: Vec<PushOutcome>, rows: Vec<Row>) -> (Vec<RowOutcome>, After) {
    let as_a_whole = outcomes
        .iter()
        .all(|outcome| matches!(outcome, PushOutcome::BatchRefused { .. }));
    if as_a_whole && rows.len() > 1 {
        return (all(RowOutcome::NotApplied, rows.len()), After::Split(rows));
    }
    (
        outcomes.into_iter().map(normalize::outcome).collect(),
        After::Done,
    )
}
