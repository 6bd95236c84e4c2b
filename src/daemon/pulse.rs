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
