//! A file that is master of a location: a warehouse writes it, buyers buy meanwhile.

use std::fs;
use std::time::Duration;

use channelsync::ledger::{Fact, FileTaken, Ledger};
use channelsync_contract::{Clock, LocationId};

use super::plan::Plan;
use super::pushes::count;
use super::scene::{Scene, scene};

const PLACE: &str = "place-1";
const FILE: &str =
    "[stock.place-1]\nmaster = \"file\"\npath = \"stock.csv\"\nlook_interval_secs = 10\n";
const FOLDER: &str =
    "[stock.place-1]\nmaster = \"file\"\npath = \"stock\"\nlook_interval_secs = 10\n";
const HEADER: &str = "sku,units,as_of\n";

fn plan(masters: &'static str, skus: u32) -> Plan {
    let mut plan = Plan::calm();
    (plan.size.skus, plan.size.on_hand, plan.size.locations) = (skus, 0, 1);
    (plan.masters, plan.read_back_secs) = (masters, 10);
    plan
}

impl Scene {
    /// A row about a SKU, given by its place in the catalogue, as of now.
    fn row(&self, sku: usize, units: &str) -> String {
        self.row_of(sku, units, Duration::ZERO)
    }

    /// A row as of so long ago.
    fn row_of(&self, sku: usize, units: &str, ago: Duration) -> String {
        let name = &self.machine.shops[0].variants[sku].sku;
        format!("{name},{units},{}\n", self.machine.clock.now().minus(ago))
    }

    fn write(&self, name: &str, rows: &[String]) {
        let text = format!("{HEADER}{}", rows.concat());
        fs::write(self.machine.dir.path().join(name), text).unwrap();
    }

    async fn on_hand(&self, sku: usize) -> i64 {
        let ledger = self.ledger().await;
        let place = ledger.location(PLACE).unwrap();
        let name = &self.machine.shops[0].variants[sku].sku;
        let number = ledger.sku_ix(name).unwrap();
        ledger.balance(number, place).on_hand().signed()
    }

    async fn taken(&self) -> Vec<FileTaken> {
        let ledger = self.ledger().await;
        let files = ledger.files.get(&LocationId::new(PLACE));
        let files = files.into_iter().flatten();
        files.map(|(taken, _)| taken.clone()).collect()
    }

    /// Why the file is not taken.
    fn told(&self) -> Option<String> {
        let daemon = self.machine.daemon().unwrap();
        let merchant = daemon.merchants.values().next().unwrap();
        let notes = merchant.files[&LocationId::new(PLACE)].board.read();
        notes.errors.values().next().map(|(_, why)| why.clone())
    }
}

/// R49: what the file says was there at a time is there, once, whoever sells meanwhile and dies after.
#[test]
fn a_file_is_taken_once_and_every_channel_follows() {
    scene(plan(FILE, 2), async |scene| {
        scene.begin_uncounted().await;
        assert!(scene.told().unwrap().contains("No such file"));
        scene.write("stock.csv", &[scene.row(0, "10"), scene.row(1, "7")]);
        scene.sleep(Duration::from_secs(300)).await;
        scene.rest().await;
        assert_eq!(scene.told(), None);
        assert_eq!((scene.on_hand(0).await, scene.on_hand(1).await), (10, 7));
        // What is sold after its time counts, though the file still says ten.
        scene.buy("north", 0, 3);
        scene.rest().await;
        scene.machine.kill();
        scene.sleep(Duration::from_secs(120)).await;
        scene.rest().await;
        let ledger = scene.audited().await;
        let taken = scene.taken().await;
        assert_eq!(taken.len(), 1, "{taken:?}");
        assert_eq!((taken[0].rows, taken[0].parked), (2, 0));
        assert_eq!(
            available(&scene.machine.shops[0].variants[0].sku, &ledger),
            7
        );
        // What says nothing new moves nothing.
        let moved = |fact: &Fact| matches!(fact, Fact::CountedAsOf(..));
        let before = scene.facts(moved);
        scene.write("stock.csv", &[scene.row(0, "10")]);
        scene.sleep(Duration::from_secs(300)).await;
        assert_eq!(scene.taken().await.len(), 2);
        assert_eq!((scene.on_hand(0).await, scene.facts(moved)), (10, before));
        scene.write("stock.csv", &[scene.row(0, "4")]);
        scene.sleep(Duration::from_secs(300)).await;
        scene.rest().await;
        assert_eq!((scene.on_hand(0).await, scene.on_hand(1).await), (4, 7));
        scene.audited().await;
    });
}

fn available(sku: &str, ledger: &Ledger) -> u32 {
    let (sku, place) = (ledger.sku_ix(sku).unwrap(), ledger.location(PLACE).unwrap());
    ledger.balance(sku, place).available.0
}

/// R49: rows that cannot be booked are set aside, once, and the others are booked.
#[test]
fn rows_that_cannot_be_booked_are_set_aside_and_the_others_are_booked() {
    scene(plan(FILE, 3), async |scene| {
        scene.begin_uncounted().await;
        count(scene, "all", 0..3, 5).await;
        scene.sleep(Duration::from_secs(120)).await;
        let write = |good: &str| {
            let rows = [
                scene.row(0, good),
                scene.row(1, "-1"),
                scene.row(2, "2"),
                scene.row(2, "3"),
            ];
            scene.write("stock.csv", &[rows.concat(), "cut,off".to_owned()]);
        };
        write("9");
        scene.sleep(Duration::from_secs(300)).await;
        scene.rest().await;
        assert_eq!(scene.told(), None);
        let on_hand = (
            scene.on_hand(0).await,
            scene.on_hand(1).await,
            scene.on_hand(2).await,
        );
        assert_eq!(on_hand, (9, 5, 5));
        let taken = scene.taken().await;
        assert_eq!((taken[0].rows, taken[0].parked), (1, 4));
        let ledger = scene.ledger().await;
        let [parked] = ledger.parked.values().collect::<Vec<_>>()[..] else {
            panic!("{:?}", ledger.parked);
        };
        assert_eq!(parked.bytes.channel.as_str(), PLACE);
        assert_eq!(parked.bytes.what, "rows of stock.csv: 4");
        for reason in [
            "line 3, units: -1 is no",
            "line 4: this SKU",
            "line 6: 2 values",
        ] {
            assert!(parked.bytes.why.contains(reason), "{}", parked.bytes.why);
        }
        // The next file repeats them.
        write("8");
        scene.sleep(Duration::from_secs(300)).await;
        assert_eq!(scene.on_hand(0).await, 8);
        assert_eq!(scene.ledger().await.parked.len(), 1);
    });
}

/// R49: a file that somebody is still writing is left alone, though all is known of its time.
#[test]
fn a_file_is_not_taken_while_it_is_written() {
    scene(plan(FOLDER, 12), async |scene| {
        scene.begin_uncounted().await;
        count(scene, "all", 0..12, 1).await;
        scene.sleep(Duration::from_secs(600)).await;
        fs::create_dir(scene.machine.dir.path().join("stock")).unwrap();
        let mut rows = Vec::new();
        for sku in 0..12 {
            rows.push(scene.row_of(sku, "20", Duration::from_secs(300)));
            scene.write("stock/a.csv", &rows);
            scene.sleep(Duration::from_secs(9)).await;
            assert_eq!((scene.taken().await, scene.told()), (vec![], None));
        }
        scene.sleep(Duration::from_secs(20)).await;
        let taken = scene.taken().await;
        assert_eq!((taken.len(), taken[0].rows), (1, 12));
        scene.rest().await;
        assert_eq!(scene.on_hand(11).await, 20);
        scene.audited().await;
    });
}

/// R49: a file of a time that is not known yet waits.
#[test]
fn a_file_is_not_taken_before_its_time_is_known() {
    let mut plan = plan(FOLDER, 12);
    // Nothing is known of the orders for long.
    (plan.poll_secs, plan.overlap_secs) = (600, 60);
    plan.shops.add("webhooks-lost=1").unwrap();
    scene(plan, async |scene| {
        scene.begin_uncounted().await;
        count(scene, "all", 0..12, 1).await;
        fs::create_dir(scene.machine.dir.path().join("stock")).unwrap();
        let rows: Vec<String> = (0..12).map(|sku| scene.row(sku, "20")).collect();
        scene.write("stock/b.csv", &rows);
        scene.sleep(Duration::from_secs(150)).await;
        assert_eq!(scene.taken().await, []);
        let told = scene.told().unwrap();
        assert!(told.contains("b.csv: orders of"), "{told}");
        assert_eq!(scene.on_hand(0).await, 1);
        scene.sleep(Duration::from_secs(700)).await;
        assert_eq!(scene.told(), None);
        assert_eq!(scene.taken().await.len(), 1);
        assert_eq!((scene.on_hand(0).await, scene.on_hand(11).await), (20, 20));
        // An earlier word that comes later says nothing any more.
        scene.write(
            "stock/c.csv",
            &[scene.row_of(0, "3", Duration::from_secs(1_800))],
        );
        scene.sleep(Duration::from_secs(700)).await;
        assert_eq!(scene.taken().await.len(), 2);
        assert_eq!(scene.on_hand(0).await, 20);
        scene.rest().await;
        scene.audited().await;
    });
}
