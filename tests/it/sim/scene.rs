//! Scenes: a machine without accidents of its own, and a script that acts on it.

use std::sync::Arc;
use std::time::Duration;

use channelsync::bookkeeper::{Origin, decode};
use channelsync::ledger::{Command, Fact, Ledger};
use channelsync_contract::{Clock, Spawn};
use channelsync_sandbox::{Action, Buying, Truth, TruthPage, Wanted};
use futures_util::future::{Either, select};

use super::audit::audit;
use super::machine::Machine;
use super::merchant::Merchant;
use super::plan::{Plan, dice};
use super::run::{in_no_time, look, rest};
use super::tasks::{Queue, Tree};
use super::trace::Trace;

/// A machine and those who act on it.
pub(super) struct Scene {
    pub(super) machine: Arc<Machine>,
    pub(super) trace: Arc<Trace>,
    outside: Arc<Queue>,
    merchant: Arc<Merchant>,
}

/// Plays a script. What the machine found meanwhile fails the test.
pub(super) fn scene<T>(plan: Plan, script: impl AsyncFnOnce(&Scene) -> T) -> T {
    super::count_panics();
    in_no_time(async {
        let trace = Arc::new(Trace::new());
        let outside = Queue::new(trace.clone(), dice(plan.seed, 7), u64::MAX);
        let machine = Machine::new(plan, outside.clone(), trace.clone());
        let merchant = Merchant::new(machine.clone());
        // It counts what is there and does nothing more.
        merchant.stop();
        let scene = Scene {
            machine,
            trace,
            outside: outside.clone(),
            merchant,
        };
        let ended = match select(std::pin::pin!(script(&scene)), Tree::of(outside)).await {
            Either::Left((ended, _)) => ended,
            Either::Right(((), _)) => panic!("the world ended"),
        };
        assert_eq!(scene.machine.found(), [""; 0], "{:#?}", scene.trace.tail());
        assert_eq!(super::panics(), 0);
        ended
    })
}

impl Scene {
    /// Lets the daemon live, and the merchant count what is on the shelves.
    pub(super) fn open(&self) {
        let (shops, machine) = (self.machine.sandbox.clone(), self.machine.clone());
        self.spawn(async move { shops.run().await });
        self.spawn(machine.lives());
        self.spawn(self.merchant.clone().run());
    }

    /// Lets the daemon live and come to rest; nobody counts what is on the shelves.
    pub(super) async fn begin_uncounted(&self) {
        self.merchant.leave();
        let (shops, machine) = (self.machine.sandbox.clone(), self.machine.clone());
        self.spawn(async move { shops.run().await });
        self.spawn(machine.lives());
        self.rest().await;
    }

    /// Lets the daemon live and come to rest.
    pub(super) async fn begin(&self) {
        self.open();
        self.rest().await;
    }

    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.outside.spawn("scene", Box::pin(work));
    }

    /// Waits until nothing is left to do.
    pub(super) async fn rest(&self) {
        let rested = rest(&self.machine, &self.merchant).await;
        assert!(rested, "{:#?}", self.machine.found());
    }

    /// Holds what was accepted so far against the ledger.
    pub(super) async fn look(&self) {
        look(&self.machine).await;
        assert_eq!(self.machine.found(), [""; 0]);
    }

    /// The ledger, after everything in it was held against the shops.
    pub(super) async fn audited(&self) -> Ledger {
        let ledger = self.ledger().await;
        assert_eq!(audit(&self.machine, &ledger), [""; 0]);
        ledger
    }

    pub(super) async fn ledger(&self) -> Ledger {
        let book = self.machine.book().unwrap();
        book.read(Ledger::clone).await.unwrap()
    }

    /// How many such facts the journal holds.
    pub(super) fn facts(&self, is_such: impl Fn(&Fact) -> bool) -> usize {
        let daemon = self.machine.daemon().unwrap();
        let merchant = daemon.merchants.values().next().unwrap();
        let groups = merchant.journal.read(1, usize::MAX).unwrap();
        let entries = groups
            .iter()
            .flat_map(|group| decode(&group.payload, group.first).unwrap());
        entries
            .flat_map(|entry| entry.facts)
            .filter(|fact| is_such(fact))
            .count()
    }

    pub(super) async fn book(&self, command: Command) {
        let book = self.machine.book().unwrap();
        book.book(command, Origin::new("scene", "scene"))
            .await
            .unwrap();
    }

    pub(super) fn act(&self, shop: &str, action: Action) -> u64 {
        let done = self.machine.sandbox.act(shop, action).unwrap();
        done.id.unwrap_or_default()
    }

    /// Somebody buys units of one SKU, given by its place in the catalogue.
    pub(super) fn buy(&self, shop: &str, sku: usize, units: u32) -> u64 {
        let info = self.machine.shops.iter().find(|info| info.name == shop);
        let variant = Some(info.unwrap().variants[sku].id);
        let lines = vec![Wanted { variant, units }];
        let (test, on_terms) = (false, false);
        self.act(
            shop,
            Action::Place(Buying {
                lines,
                test,
                on_terms,
            }),
        )
    }

    pub(super) fn truth(&self, shop: &str) -> Truth {
        let all = TruthPage::default();
        self.machine.sandbox.truth(shop, all).unwrap()
    }

    pub(super) async fn sleep(&self, duration: Duration) {
        self.machine.clock.sleep(duration).await;
    }

    /// Sleeps until so long after the beginning of the run.
    pub(super) async fn sleep_until(&self, uptime: Duration) {
        let left = uptime.checked_sub(self.machine.clock.uptime());
        self.sleep(left.expect("that time is over")).await;
    }
}
