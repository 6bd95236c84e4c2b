//! A machine on which the daemon lives, dies, and lives again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use channelsync::bookkeeper::{self, Handle};
use channelsync::daemon::{self, Book, Daemon, World};
use channelsync::inbox;
use channelsync::ports::SeededRng;
use channelsync::settings::{self, Config};
use channelsync::store::Journal;
use channelsync::store::memory::{Fate, Fault, MemoryDisk};
use channelsync::store::parked::ParkedFiles;
use channelsync::store::sealed::SealKey;
use channelsync_contract::{Clock, MerchantId, Rng, Spawn, Transport};
use channelsync_sandbox::{Sandbox, ShopInfo, Truth, TruthPage};
use tempfile::TempDir;

use super::backups::Restored;
use super::fragile::Fragile;
use super::mishaps::Limits;
use super::plan::{Plan, dice};
use super::post::{Accepted, Answers, Door, Kept, Open, Postman};
use super::setup::{MERCHANT, options, write_config};
use super::tasks::{Queue, Tree};
use super::trace::{Trace, digest};
use super::wire::{Net, PausedClock, START, Wire};

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
    pub(super) kept: Arc<Kept>,
    pub(super) net: Arc<Net>,
    /// What was answered with an entry, by the id of its command.
    pub(super) promised: Mutex<BTreeMap<String, u64>>,
    files: Mutex<Files>,
    pub(super) restored: Mutex<Restored>,
    door: Arc<Door>,
    rng: Arc<SeededRng>,
    doom: Arc<Doom>,
    pub(super) now: Mutex<Now>,
    found: Mutex<Vec<String>>,
    pub(super) dir: TempDir,
}

/// The settings in the files.
struct Files {
    config: Config,
    rules: &'static str,
}

/// What changes with each life.
#[derive(Default)]
pub(super) struct Now {
    daemon: Option<Arc<Daemon>>,
    /// The settings that it has.
    in_force: Option<Config>,
    /// The next life begins on a copy of the disk that had so many groups.
    pub(super) copied: Option<usize>,
}

/// Ends lives.
pub(super) struct Doom {
    pub(super) dice: SeededRng,
    pub(super) mortal: Mutex<bool>,
    /// The last entry known to be durable.
    committed: Mutex<u64>,
    pub(super) life: Mutex<Option<Arc<Queue>>>,
    /// Tasks of the next life, and after how many of their polls it ends.
    aim: Mutex<Option<(&'static [&'static str], u64)>>,
}

impl Machine {
    pub(super) fn new(plan: Plan, outside: Arc<Queue>, trace: Arc<Trace>) -> Arc<Self> {
        let clock = PausedClock::start();
        let door = Arc::new(Door::default());
        let accepted = Accepted::default();
        let answers = Arc::<Mutex<Answers>>::default();
        let kept = Arc::new(Kept::new(&plan));
        let courier = Postman {
            door: door.clone(),
            clock: clock.clone(),
            trace: trace.clone(),
            accepted: accepted.clone(),
            answers: answers.clone(),
            dice: dice(plan.seed, 11),
            mischief: plan.mischief,
            seen: Mutex::default(),
            kept: kept.clone(),
        };
        let sandbox = Sandbox::new(&options(&plan), clock.clone(), Arc::new(courier));
        let net = Arc::new(Net {
            clock: clock.clone(),
            trace: trace.clone(),
            outside,
            dice: dice(plan.seed, 2),
            faults: Mutex::new(plan.network),
            limits: Limits::default(),
            held_up: Mutex::default(),
            sent: Mutex::default(),
            arrived: Mutex::default(),
        });
        let shops = sandbox.shops();
        let dir = TempDir::new().unwrap();
        write_config(dir.path(), &plan, &shops, START);
        let config = settings::load(dir.path(), &BTreeMap::new()).unwrap();
        let rules = plan.rules;
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
            kept,
            net,
            promised: Mutex::default(),
            files: Mutex::new(Files { config, rules }),
            restored: Mutex::default(),
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

    /// Whether crashes may come.
    pub(super) fn is_mortal(&self) -> bool {
        *self.doom.mortal.lock().unwrap()
    }

    /// Brings the deliveries that were kept back; whether there were any.
    pub(super) async fn bring_kept(&self) -> bool {
        let mut kept = self.kept.take();
        let any = !kept.is_empty();
        while let Some(request) = kept.pop() {
            self.trace.count("webhook when all was over");
            while !self.door.brings(request.clone()).await {
                self.clock.sleep(Duration::from_millis(300)).await;
            }
        }
        any
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

    /// The rules in the files.
    pub(super) fn rules(&self) -> &'static str {
        self.files.lock().unwrap().rules
    }

    /// Writes other settings, and tells a living daemon to read them.
    pub(super) fn change_settings(self: &Arc<Self>, plan: &Plan) {
        write_config(self.dir.path(), plan, &self.shops, START);
        let new = settings::load(self.dir.path(), &BTreeMap::new()).unwrap();
        *self.files.lock().unwrap() = Files {
            config: new,
            rules: plan.rules,
        };
        if let Some(life) = &*self.doom.life.lock().unwrap() {
            self.trace.count("settings changed");
            let reload = self.clone().reload(life.clone());
            life.spawn("reload", Box::pin(reload));
        }
    }

    /// What a daemon does when it is told to read its settings. Nobody may hold it meanwhile.
    async fn reload(self: Arc<Self>, queue: Arc<Queue>) {
        let mut daemon = loop {
            let taken = self.now.lock().unwrap().daemon.take();
            match taken.map(Arc::try_unwrap) {
                Some(Ok(daemon)) => break daemon,
                Some(Err(shared)) => self.now.lock().unwrap().daemon = Some(shared),
                None => {}
            }
            self.clock.sleep(Duration::from_millis(20)).await;
        };
        let mut config = self.now.lock().unwrap().in_force.take().unwrap();
        let new = self.files.lock().unwrap().config.clone();
        match daemon.reload(&self.world(queue), &mut config, new).await {
            Ok(told) => {
                self.trace.count("settings reloaded");
                assert_eq!(told.restart, [""; 0]);
            }
            Err(error) => self.find(format!("the settings are not taken: {error}")),
        }
        let mut now = self.now.lock().unwrap();
        (now.daemon, now.in_force) = (Some(Arc::new(daemon)), Some(config));
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
        if most == 0 || !self.is_mortal() {
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
        let (state_dir, bytes_max) = {
            let files = self.files.lock().unwrap();
            let config = &files.config;
            (config.state_dir.clone(), config.limits.parked_bytes_max)
        };
        let key = Arc::new(SealKey::from_bytes([7; 32]));
        let vault = daemon::vault("acme", key, self.rng.clone());
        let parked = ParkedFiles::open(&state_dir.join("parked"), vault, bytes_max);
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

    fn world(&self, spawn: Arc<Queue>) -> World {
        let (net, routes) = (self.net.clone(), self.sandbox.router());
        World {
            clock: self.clock.clone(),
            rng: self.rng.clone(),
            spawn,
            dial: Arc::new(move |account| {
                Ok(Arc::new(Wire {
                    net: net.clone(),
                    shops: routes.clone(),
                    timeout: account.timeout,
                }) as Arc<dyn Transport>)
            }),
        }
    }

    async fn start(self: Arc<Self>, queue: Arc<Queue>, book: Book) {
        let world = self.world(queue.clone());
        let config = self.files.lock().unwrap().config.clone();
        let books = BTreeMap::from([(MerchantId::new(MERCHANT), book)]);
        match daemon::start(&world, &config, books).await {
            Ok(daemon) => {
                self.door.set(Some(Open {
                    routes: inbox::router(daemon.hooks.clone()),
                    tasks: queue,
                }));
                let mut now = self.now.lock().unwrap();
                (now.daemon, now.in_force) = (Some(Arc::new(daemon)), Some(config));
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
        while self.is_mortal() {
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
