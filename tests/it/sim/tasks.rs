//! Tasks as one tree of futures that can be dropped between any two polls.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use channelsync::ports::SeededRng;
use channelsync_contract::{Rng, Spawn};
use futures_util::future::BoxFuture;

use super::trace::Trace;

/// The Spawn port: tasks that wait for their tree to take them.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    trace: Arc<Trace>,
    dice: SeededRng,
    /// Polls that are left to its tasks.
    polls: AtomicU64,
    /// Names of tasks, and polls that are left to them.
    aim: Mutex<Option<(&'static [&'static str], u64)>>,
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
    pub(super) fn new(trace: Arc<Trace>, dice: SeededRng, polls: u64) -> Arc<Self> {
        Arc::new(Self {
            waiting: Mutex::default(),
            trace,
            dice,
            polls: AtomicU64::new(polls),
            aim: Mutex::default(),
            struck: AtomicBool::new(false),
        })
    }

    /// After so many polls of tasks with these names none is polled any more.
    pub(super) fn aim(&self, tasks: &'static [&'static str], polls: u64) {
        *self.aim.lock().unwrap() = Some((tasks, polls));
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

    fn may_poll(&self, task: &str) -> bool {
        if self.is_struck() {
            return false;
        }
        if let Some((tasks, left)) = &mut *self.aim.lock().unwrap()
            && tasks.contains(&task)
        {
            if *left == 0 {
                self.trace.count("crash between two polls");
                self.struck.store(true, Ordering::Relaxed);
                return false;
            }
            *left -= 1;
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
///
/// Which of the woken tasks goes next is drawn from the seed, never taken from the order of wakes:
/// some primitives wake their waiters in an order of their own randomness.
pub(super) struct Tree {
    queue: Arc<Queue>,
    tasks: BTreeMap<u64, Running>,
    next: u64,
    woken: Arc<Woken>,
}

struct Running {
    task: Task,
    waker: Waker,
}

/// Tasks that want to be polled.
#[derive(Default)]
struct Woken {
    tasks: Mutex<BTreeSet<u64>>,
    root: Mutex<Option<Waker>>,
}

struct Alarm {
    task: u64,
    woken: Arc<Woken>,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.woken.tasks.lock().unwrap().insert(self.task);
        let root = self.woken.root.lock().unwrap().clone();
        if let Some(root) = root {
            root.wake();
        }
    }
}

impl Tree {
    pub(super) fn of(queue: Arc<Queue>) -> Self {
        Self {
            queue,
            tasks: BTreeMap::new(),
            next: 0,
            woken: Arc::default(),
        }
    }

    fn take_in(&mut self) {
        let tasks = std::mem::take(&mut self.queue.waiting.lock().unwrap().tasks);
        for task in tasks {
            self.next += 1;
            let alarm = Arc::new(Alarm {
                task: self.next,
                woken: self.woken.clone(),
            });
            self.woken.tasks.lock().unwrap().insert(self.next);
            let waker = Waker::from(alarm);
            self.tasks.insert(self.next, Running { task, waker });
        }
    }

    /// Any of the woken tasks.
    fn draw(&self) -> Option<u64> {
        let mut woken = self.woken.tasks.lock().unwrap();
        let count = u64::try_from(woken.len()).unwrap();
        let at = usize::try_from(self.queue.dice.below(count)).unwrap();
        let task = woken.iter().nth(at).copied()?;
        woken.remove(&task);
        Some(task)
    }

    fn run(&mut self, number: u64) {
        let Some(running) = self.tasks.get_mut(&number) else {
            return;
        };
        self.queue.trace.enter(running.task.name);
        let mut context = Context::from_waker(&running.waker);
        if running.task.work.as_mut().poll(&mut context).is_ready() {
            self.tasks.remove(&number);
        }
    }
}

impl Future for Tree {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let root = context.waker().clone();
        self.queue.waiting.lock().unwrap().waker = Some(root.clone());
        *self.woken.root.lock().unwrap() = Some(root);
        loop {
            if self.queue.is_struck() {
                return Poll::Ready(());
            }
            self.take_in();
            let Some(task) = self.draw() else {
                return Poll::Pending;
            };
            let name = self
                .tasks
                .get(&task)
                .map_or("", |running| running.task.name);
            if self.queue.may_poll(name) {
                self.run(task);
            }
            // Others may come in between.
            if self.queue.dice.below(4) == 0 {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
    }
}
