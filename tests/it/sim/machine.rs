//! A machine on which the daemon lives, dies, and lives again.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use channelsync::bookkeeper::{self, Handle, Origin};
use channelsync::daemon::{self, Book, Daemon, World};
use channelsync::inbox;
use channelsync::ledger::Ledger;
use channelsync::ports::SeededRng;
use channelsync::settings::{self, Config};
use channelsync::store::memory::{Fate, Fault, MemoryDisk};
use channelsync::store::parked::ParkedFiles;
use channelsync::store::sealed::SealKey;
use channelsync::store::{Group, Head, Journal, JournalError};
use channelsync_contract::{Clock, MerchantId, Rng, Spawn, Transport};
use channelsync_sandbox::{Sandbox, ShopInfo, Truth, TruthPage};
use tempfile::TempDir;

use super::plan::{Plan, dice};
use super::setup::{MERCHANT, options, write_config};
use super::tasks::{Queue, Tree};
use super::trace::{Trace, digest};
use super::wire::{Accepted, Answers, Door, Net, Open, PausedClock, Postman, Wire};

/// Everything of one run.
pub(super) struct Machine {
    pub(super) plan: Plan,
    pub(super) clock: Arc<PausedClock>,
    pub(super) trace: Arc<Trace>,
    pub(super) sandbox: Arc<Sandbox>,
    pub(super) shops: Vec<ShopInfo>,
    pub(super) disk: MemoryDisk,
    /// New orders whose delivery was accepted.
    pub(super) accepted: Accepted,
    pub(super) answers: Arc<Mutex<Answers>>,
    pub(super) net: Arc<Net>,
    config: Config,
    door: Arc<Door>,
    rng: Arc<SeededRng>,
    doom: Arc<Doom>,
    now: Mutex<Now>,
    found: Mutex<Vec<String>>,
    pub(super) dir: TempDir,
}

/// What changes with each life.
#[derive(Default)]
struct Now {
    daemon: Option<Arc<Daemon>>,
    /// The next life begins on a copy of the disk that had so many groups.
    copied: Option<usize>,
}

/// Ends lives.
struct Doom {
    dice: SeededRng,
    mortal: Mutex<bool>,
    /// The last entry known to be durable.
    committed: Mutex<u64>,
    life: Mutex<Option<Arc<Queue>>>,
    /// Tasks of the next life, and after how many of their polls it ends.
    aim: Mutex<Option<(&'static [&'static str], u64)>>,
}

impl Machine {
    pub(super) fn new(plan: Plan, outside: Arc<Queue>, trace: Arc<Trace>) -> Arc<Self> {
        let clock = PausedClock::start();
        let door = Arc::new(Door::default());
        let accepted = Accepted::default();
        let answers = Arc::<Mutex<Answers>>::default();
        let courier = Postman {
            door: door.clone(),
            clock: clock.clone(),
            trace: trace.clone(),
            accepted: accepted.clone(),
            answers: answers.clone(),
            dice: dice(plan.seed, 11),
            mischief: plan.mischief,
            seen: Mutex::default(),
        };
        let sandbox = Sandbox::new(&options(&plan), clock.clone(), Arc::new(courier));
        let net = Arc::new(Net {
            clock: clock.clone(),
            trace: trace.clone(),
            outside,
            dice: dice(plan.seed, 2),
            faults: Mutex::new(plan.network),
            sent: Mutex::default(),
            arrived: Mutex::default(),
        });
        let shops = sandbox.shops();
        let dir = TempDir::new().unwrap();
        write_config(dir.path(), &plan, &shops, &clock.now().to_string());
        let config = settings::load(dir.path(), &BTreeMap::new()).unwrap();
        let doom = Arc::new(Doom {
            dice: dice(plan.seed, 3),
            mortal: Mutex::new(true),
            committed: Mutex::default(),
            life: Mutex::default(),
            aim: Mutex::default(),
        });
        let disk = MemoryDisk::new();
        watch_commits(&disk, &doom, &trace, &clock);
        Arc::new(Self {
            rng: Arc::new(dice(plan.seed, 4)),
            plan,
            clock,
            trace,
            sandbox,
            shops,
            disk,
            accepted,
            answers,
            net,
            config,
            door,
            doom,
            now: Mutex::default(),
            found: Mutex::default(),
            dir,
        })
    }

    /// The book of the living daemon; none while it is down or starting.
    pub(super) fn book(&self) -> Option<Handle> {
        let daemon = self.daemon()?;
        let merchant = daemon.merchants.values().next()?;
        Some(merchant.book.clone())
    }

    pub(super) fn daemon(&self) -> Option<Arc<Daemon>> {
        self.now.lock().unwrap().daemon.clone()
    }

    /// What is true of all shops.
    pub(super) fn truths(&self) -> Vec<(ShopInfo, Truth)> {
        let truth = |shop: &ShopInfo| {
            let truth = self.sandbox.truth(&shop.name, TruthPage::default());
            (shop.clone(), truth.unwrap())
        };
        self.shops.iter().map(truth).collect()
    }

    /// Notes something that must not be.
    pub(super) fn find(&self, what: impl Into<String>) {
        let what = what.into();
        let mut found = self.found.lock().unwrap();
        if found.len() < 20 {
            let at = self.clock.now();
            found.push(format!("{at}: {what}"));
        }
    }

    pub(super) fn found(&self) -> Vec<String> {
        self.found.lock().unwrap().clone()
    }

    /// No crash comes by itself any more.
    pub(super) fn spare(&self) {
        *self.doom.mortal.lock().unwrap() = false;
        if let Some(life) = &*self.doom.life.lock().unwrap() {
            life.spare();
        }
    }

    /// The daemon dies now.
    pub(super) fn kill(&self) {
        if let Some(life) = &*self.doom.life.lock().unwrap() {
            life.strike();
        }
    }

    /// How many groups the disk holds now: what a copy made now would hold.
    pub(super) fn groups(&self) -> usize {
        let daemon = self.daemon().unwrap();
        let merchant = daemon.merchants.values().next().unwrap();
        merchant.journal.read(1, usize::MAX).unwrap().len()
    }

    /// The machine is lost, and a copy of its disk with so many groups takes its place.
    pub(super) fn restore(&self, groups: usize) {
        self.now.lock().unwrap().copied = Some(groups);
        self.accepted.lock().unwrap().clear();
        *self.net.arrived.lock().unwrap() = Some(Vec::new());
        self.kill();
    }

    /// What `restore` does with files.
    async fn take_copy(&self) {
        let Some(groups) = self.now.lock().unwrap().copied.take() else {
            return;
        };
        self.disk.lose_tail(groups);
        let (journal, _) = self.disk.open().unwrap();
        let read = |from, bytes| journal.read(from, bytes);
        let ledger = bookkeeper::open(&read, journal.head(), Ledger::default()).unwrap();
        let origin = Origin::new("cli", "restore");
        let group = bookkeeper::restored(&ledger, self.clock.now(), origin);
        journal.append(group).await.unwrap();
        let snapshots = self.dir.path().join("snapshots");
        // Where none was taken there is nothing to remove.
        let _none: std::io::Result<()> = std::fs::remove_dir_all(snapshots);
    }

    /// The next life ends after so many polls of tasks with these names.
    pub(super) fn aim(&self, tasks: &'static [&'static str], polls: u64) {
        *self.doom.aim.lock().unwrap() = Some((tasks, polls));
    }

    /// Lets the daemon live, die and live again.
    pub(super) async fn lives(self: Arc<Self>) {
        loop {
            let dice = SeededRng::new(self.doom.dice.next_u64());
            let queue = Queue::new(self.trace.clone(), dice, self.life_polls());
            self.take_copy().await;
            let book = match self.open_book() {
                Ok(book) => book,
                Err(error) => return self.find(format!("the book cannot be opened: {error}")),
            };
            if let Some((tasks, polls)) = self.doom.aim.lock().unwrap().take() {
                queue.aim(tasks, polls);
            }
            *self.doom.life.lock().unwrap() = Some(queue.clone());
            let start = self.clone().start(queue.clone(), book);
            queue.spawn("start", Box::pin(start));
            Tree::of(queue).await;
            *self.doom.life.lock().unwrap() = None;
            self.door.set(None);
            self.now.lock().unwrap().daemon = None;
            self.crash();
            let down_max = u64::try_from(self.plan.crashes.down_max.as_millis()).unwrap();
            let down = Duration::from_millis(self.doom.dice.below(down_max));
            self.clock.sleep(down).await;
        }
    }

    fn life_polls(&self) -> u64 {
        let most = self.plan.crashes.polls_max;
        let mortal = *self.doom.mortal.lock().unwrap();
        if most == 0 || !mortal {
            return u64::MAX;
        }
        1 + self.doom.dice.below(most)
    }

    /// What the disk makes of a write in hand.
    fn crash(&self) {
        self.trace.count("crash");
        let fate = match self.doom.dice.below(3) {
            0 => Fate::Forgotten,
            1 => Fate::Torn,
            _ => Fate::Kept,
        };
        self.disk.crash(fate);
        let line = format!("died, a write in hand is {fate:?}");
        self.trace.note(self.clock.now(), "machine", &line);
    }

    fn open_book(&self) -> Result<Book, String> {
        let (journal, report) = self.disk.open().map_err(|error| error.to_string())?;
        if report.torn_bytes_cut > 0 {
            self.trace.count("write in hand torn");
        }
        let journal: Arc<dyn Journal> = Arc::new(journal);
        if journal.head().seq > *self.doom.committed.lock().unwrap() {
            self.trace.count("write in hand kept");
        }
        let read = |from, bytes| journal.read(from, bytes);
        let snapshots = self.dir.path().join("snapshots");
        if self.doom.dice.below(3) == 0 {
            self.trace.count("snapshot taken");
            bookkeeper::take_snapshot(&snapshots, &read).map_err(|error| error.to_string())?;
        }
        let loaded = bookkeeper::load_newest(&snapshots).map_err(|error| error.to_string())?;
        let ledger = bookkeeper::open(&read, journal.head(), loaded.ledger);
        let ledger = ledger.map_err(|error| error.to_string())?;
        let dir = self.config.state_dir.join("parked");
        let key = Arc::new(SealKey::from_bytes([7; 32]));
        let vault = daemon::vault("acme", key, self.rng.clone());
        let parked = ParkedFiles::open(&dir, vault, self.config.limits.parked_bytes_max);
        let journal = Fragile {
            inner: journal,
            doom: self.doom.clone(),
            trace: self.trace.clone(),
            fatal: self.plan.crashes.writes,
            clock: self.clock.clone(),
            takes: self.plan.append_takes,
        };
        Ok(Book {
            ledger,
            journal: Arc::new(journal),
            records: None,
            parked: Arc::new(parked.map_err(|error| error.to_string())?),
            snapshots: None,
        })
    }

    async fn start(self: Arc<Self>, queue: Arc<Queue>, book: Book) {
        let (net, routes) = (self.net.clone(), self.sandbox.router());
        let world = World {
            clock: self.clock.clone(),
            rng: self.rng.clone(),
            spawn: queue.clone(),
            dial: Arc::new(move |account| {
                Ok(Arc::new(Wire {
                    net: net.clone(),
                    shops: routes.clone(),
                    timeout: account.timeout,
                }) as Arc<dyn Transport>)
            }),
        };
        let books = BTreeMap::from([(MerchantId::new(MERCHANT), book)]);
        match daemon::start(&world, &self.config, books).await {
            Ok(daemon) => {
                self.door.set(Some(Open {
                    routes: inbox::router(daemon.hooks.clone()),
                    tasks: queue,
                }));
                self.now.lock().unwrap().daemon = Some(Arc::new(daemon));
            }
            Err(error) => self.find(format!("the daemon does not start: {error}")),
        }
    }

    /// Every entry, for a person who asked for the trace.
    pub(super) fn tell_journal(&self) {
        if let Some(daemon) = self.daemon()
            && let Some(merchant) = daemon.merchants.values().next()
        {
            for group in merchant.journal.read(1, usize::MAX).unwrap() {
                self.trace.tell(&String::from_utf8_lossy(&group.payload));
            }
        }
    }

    /// Lets writes fail and the disk fill up, while daemons die.
    pub(super) async fn disk_trouble(self: Arc<Self>) {
        let dice = dice(self.plan.seed, 5);
        let (fails, full_secs) = (self.plan.disk_fails, self.plan.disk_full_secs);
        while *self.doom.mortal.lock().unwrap() {
            self.clock.sleep(Duration::from_millis(700)).await;
            let (fate, form, fills) = (dice.below(1_000), dice.below(2), dice.below(100));
            if fate < fails {
                self.trace.count("write failed");
                self.disk
                    .fail([if form == 0 { Fault::Write } else { Fault::Sync }]);
            }
            if full_secs > 0 && fills == 0 {
                self.trace.count("disk full");
                self.disk.set_full(true);
                self.clock.sleep(Duration::from_secs(full_secs)).await;
                self.disk.set_full(false);
            }
        }
    }
}

fn watch_commits(
    disk: &MemoryDisk,
    doom: &Arc<Doom>,
    trace: &Arc<Trace>,
    clock: &Arc<PausedClock>,
) {
    let (doom, trace, clock) = (doom.clone(), trace.clone(), clock.clone());
    disk.on_commit(move |head| {
        let line = format!("entry {} {}", head.seq, digest(&head.hash));
        trace.note(clock.now(), "commit", &line);
        *doom.committed.lock().unwrap() = head.seq;
    });
}

/// A journal during whose writes the daemon dies.
struct Fragile {
    inner: Arc<dyn Journal>,
    doom: Arc<Doom>,
    trace: Arc<Trace>,
    /// Writes in a thousand.
    fatal: u64,
    clock: Arc<PausedClock>,
    /// How long every write takes.
    takes: Duration,
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
