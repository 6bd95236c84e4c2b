//! Tasks as one tree of futures that can be dropped between any two polls.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use channelsync_contract::Spawn;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, Stream};

use super::trace::Trace;

/// The Spawn port: tasks that wait for their tree to take them.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    trace: Arc<Trace>,
    /// Polls that are left to its tasks.
    polls: AtomicU64,
    struck: AtomicBool,
}

#[derive(Default)]
struct Waiting {
    tasks: Vec<Task>,
    waker: Option<Waker>,
}

struct Task {
    name: &'static str,
    work: BoxFuture<'static, ()>,
}

impl Queue {
    /// A queue whose tasks are polled `polls` times altogether.
    pub(super) fn new(trace: Arc<Trace>, polls: u64) -> Arc<Self> {
        Arc::new(Self {
            waiting: Mutex::default(),
            trace,
            polls: AtomicU64::new(polls),
            struck: AtomicBool::new(false),
        })
    }

    /// From now on none of its tasks is polled.
    pub(super) fn strike(&self) {
        self.struck.store(true, Ordering::Relaxed);
        self.wake();
    }

    /// From now on its tasks may be polled for ever.
    pub(super) fn spare(&self) {
        self.polls.store(u64::MAX, Ordering::Relaxed);
    }

    pub(super) fn is_struck(&self) -> bool {
        self.struck.load(Ordering::Relaxed)
    }

    fn may_poll(&self) -> bool {
        if self.is_struck() {
            return false;
        }
        match self.polls.load(Ordering::Relaxed) {
            0 => {
                self.trace.count("crash between two polls");
                self.strike();
                false
            }
            left => {
                self.polls.store(left - 1, Ordering::Relaxed);
                true
            }
        }
    }

    fn wake(&self) {
        let waker = self.waiting.lock().unwrap().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Spawn for Queue {
    fn spawn(&self, name: &'static str, task: BoxFuture<'static, ()>) {
        let work = task;
        self.waiting.lock().unwrap().tasks.push(Task { name, work });
        self.wake();
    }
}

/// All tasks of a queue. Ends when it is struck; whoever holds it drops them all.
pub(super) struct Tree {
    queue: Arc<Queue>,
    running: FuturesUnordered<Guarded>,
}

struct Guarded {
    queue: Arc<Queue>,
    task: Task,
}

impl Tree {
    pub(super) fn of(queue: Arc<Queue>) -> Self {
        Self {
            queue,
            running: FuturesUnordered::new(),
        }
    }

    fn take_in(&self) -> bool {
        let tasks = std::mem::take(&mut self.queue.waiting.lock().unwrap().tasks);
        let any = !tasks.is_empty();
        for task in tasks {
            let queue = self.queue.clone();
            self.running.push(Guarded { queue, task });
        }
        any
    }
}

impl Future for Tree {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.queue.waiting.lock().unwrap().waker = Some(context.waker().clone());
        loop {
            self.take_in();
            let polled = Pin::new(&mut self.running).poll_next(context);
            if self.queue.is_struck() {
                return Poll::Ready(());
            }
            let more = self.take_in();
            match polled {
                Poll::Ready(Some(())) => {}
                Poll::Ready(None) | Poll::Pending if more => {}
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl Future for Guarded {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if !self.queue.may_poll() {
            return Poll::Pending;
        }
        self.queue.trace.enter(self.task.name);
        self.task.work.as_mut().poll(context)
    }
}
