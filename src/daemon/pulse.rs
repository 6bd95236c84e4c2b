//! Whether the daemon still moves: what the service manager's watchdog stands on.
//!
//! A round asks every task to take a step, and every book for an answer that it gives only when all
//! it decided is durable. What waits (for a channel, for the next poll, for work) takes its step and
//! waits on; what is stuck in a step, on a lock or on the disk does not. A write that fails is no
//! hang: it is tried again, and that is a step too.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use channelsync_contract::ports::Clock;
use futures_util::future::{BoxFuture, join, join_all};
use futures_util::task::AtomicWaker;
use tokio::sync::watch;

use crate::bookkeeper::{BookError, Handle, Published};

/// All tasks that must move; cheap to clone.
#[derive(Clone, Default)]
pub struct Pulse(Arc<Mutex<Vec<Weak<Beat>>>>);

/// One task.
struct Beat {
    name: &'static str,
    waker: AtomicWaker,
    asked: AtomicBool,
}

impl Pulse {
    fn beats(&self) -> MutexGuard<'_, Vec<Weak<Beat>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same task, which from now on must move when it is asked, until it ends.
    pub(super) fn of(
        &self,
        name: &'static str,
        task: BoxFuture<'static, ()>,
    ) -> BoxFuture<'static, ()> {
        let beat = Arc::new(Beat {
            name,
            waker: AtomicWaker::new(),
            asked: AtomicBool::new(false),
        });
        self.beats().push(Arc::downgrade(&beat));
        let mut task = task;
        Box::pin(poll_fn(move |context| {
            beat.waker.register(context.waker());
            let step = task.as_mut().poll(context);
            beat.asked.store(false, Ordering::Release);
            step
        }))
    }

    /// Asks every task for a step.
    fn ask(&self) {
        let mut beats = self.beats();
        beats.retain(|beat| beat.strong_count() > 0);
        for beat in beats.iter().filter_map(Weak::upgrade) {
            beat.asked.store(true, Ordering::Release);
            beat.waker.wake();
        }
    }

    /// Who was asked and has not finished a step since.
    fn still(&self) -> Vec<&'static str> {
        let beats = self.beats();
        let asked = beats.iter().filter_map(Weak::upgrade);
        asked
            .filter(|beat| beat.asked.load(Ordering::Acquire))
            .map(|beat| beat.name)
            .collect()
    }
}

/// A book, and the question it has not answered yet.
pub struct Watched {
    merchant: String,
    book: Handle,
    published: watch::Receiver<Arc<Published>>,
    question: Option<BoxFuture<'static, Result<(), BookError>>>,
}

impl Watched {
    /// Nothing was asked yet.
    pub fn new(merchant: String, book: Handle) -> Self {
        Self {
            merchant,
            published: book.watch(),
            book,
            question: None,
        }
    }

    /// Whether it answered within `limit`, or told of a write that failed meanwhile.
    async fn moved(&mut self, clock: &dyn Clock, limit: Duration) -> bool {
        let book = &self.book;
        let question = self.question.get_or_insert_with(|| {
            let book = book.clone();
            // Kept over rounds: a book that cannot be written is not asked more and more.
            Box::pin(async move { book.wait_and_read(|_| ()).await })
        });
        self.published.mark_unchanged();
        let published = &mut self.published;
        let failed = async {
            while published.changed().await.is_ok() {
                if published.borrow_and_update().unwritable.is_some() {
                    return;
                }
            }
            std::future::pending().await
        };
        tokio::select! {
            biased;
            _ = question => self.question = None,
            () = failed => {}
            () = clock.sleep(limit) => return false,
        }
        true
    }
}

/// One round of `length`: what did not move in it, if anything.
pub async fn round(
    pulse: &Pulse,
    books: &mut [Watched],
    clock: &dyn Clock,
    length: Duration,
) -> Vec<String> {
    pulse.ask();
    let asked = books.iter_mut().map(async |watched| {
        let moved = watched.moved(clock, length).await;
        (!moved).then(|| format!("book of {}", watched.merchant))
    });
    let (books, ()) = join(join_all(asked), clock.sleep(length)).await;
    let tasks = pulse.still().into_iter().map(ToOwned::to_owned);
    books.into_iter().flatten().chain(tasks).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU8;
    use std::task::{Context, Waker};

    use async_trait::async_trait;
    use futures_util::FutureExt as _;

    use super::*;
    use crate::bookkeeper::{Origin, Writer, WriterLimits};
    use crate::ledger::{Command, Ledger, Setup};
    use crate::ports::SystemClock;
    use crate::store::{Group, Head, Journal, JournalError};

    const ROUND: Duration = Duration::from_secs(10);
    const WELL: u8 = 0;
    const FULL: u8 = 1;
    const STUCK: u8 = 2;

    /// A disk that is well, full, or never answers.
    #[derive(Default)]
    struct Disk {
        state: AtomicU8,
        head: Mutex<Head>,
    }

    #[async_trait]
    impl Journal for Disk {
        fn head(&self) -> Head {
            *self.head.lock().unwrap()
        }

        async fn append(&self, group: Group) -> Result<Head, JournalError> {
            match self.state.load(Ordering::Relaxed) {
                WELL => {
                    let mut head = self.head.lock().unwrap();
                    head.seq = group.last;
                    Ok(*head)
                }
                FULL => Err(JournalError::Full {
                    what: "write",
                    path: "segment".into(),
                    source: std::io::ErrorKind::StorageFull.into(),
                }),
                _ => std::future::pending().await,
            }
        }

        fn read(&self, _: u64, _: usize) -> Result<Vec<Group>, JournalError> {
            Ok(Vec::new())
        }

        async fn mark(&self) -> Result<(), JournalError> {
            Ok(())
        }

        async fn close(&self) -> Result<(), JournalError> {
            Ok(())
        }
    }

    #[test]
    fn a_task_that_waits_moves_and_one_that_is_not_polled_does_not() {
        let pulse = Pulse::default();
        let mut task = pulse.of("waits", Box::pin(std::future::pending()));
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(pulse.still(), Vec::<&str>::new(), "nobody was asked");
        pulse.ask();
        assert_eq!(pulse.still(), ["waits"]);
        assert!(task.poll_unpin(&mut context).is_pending());
        assert_eq!(pulse.still(), Vec::<&str>::new());
        pulse.ask();
        drop(task);
        assert_eq!(pulse.still(), Vec::<&str>::new(), "it has ended");
    }

    #[expect(clippy::disallowed_methods, reason = "tasks of a test")]
    #[tokio::test(start_paused = true)]
    async fn a_book_at_rest_and_on_a_full_disk_moves_and_on_one_that_never_answers_does_not() {
        let (clock, disk) = (Arc::new(SystemClock::new()), Arc::new(Disk::default()));
        let limits = WriterLimits {
            queue_commands_max: 16,
            group_entries_max: 16,
        };
        let (writer, book) =
            Writer::new(Ledger::default(), disk.clone(), clock.clone(), limits, None);
        let pulse = Pulse::default();
        let stop = tokio_util::sync::CancellationToken::new();
        let writing = writer.run(stop).map(drop);
        tokio::spawn(pulse.of("bookkeeper", Box::pin(writing)));
        let mut books = [Watched::new("acme".to_owned(), book.clone())];
        let mut still = async || round(&pulse, &mut books, clock.as_ref(), ROUND).await;
        let nothing = Vec::<String>::new();
        assert_eq!(still().await, nothing, "at rest");

        let write = |location: &str| {
            let setup = Setup {
                locations: vec![location.into()],
                ..Setup::default()
            };
            let (book, command) = (book.clone(), Command::Configure(Box::new(setup)));
            tokio::spawn(async move { book.book(command, Origin::new("test", "test")).await })
        };
        disk.state.store(FULL, Ordering::Relaxed);
        let waits = write("main");
        for _ in 0..9 {
            assert_eq!(still().await, nothing, "tried again and again");
        }
        disk.state.store(WELL, Ordering::Relaxed);
        waits.await.unwrap().unwrap();
        assert_eq!(still().await, nothing);

        disk.state.store(STUCK, Ordering::Relaxed);
        write("annex");
        assert_eq!(still().await, nothing, "asked before it was told to write");
        assert_eq!(still().await, ["book of acme"]);
    }
}
