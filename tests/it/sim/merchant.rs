//! A merchant who counts, receives, corrects and ships, and repeats what was not answered.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use channelsync::bookkeeper::{BookError, Origin};
use channelsync::ledger::{
    Command, Ledger, MapRow, Scope, ShipLine, StockLine, StockMove, Tracking,
};
use channelsync::ports::SeededRng;
use channelsync_contract::{Clock, LocationId, Rng, Sku, Units};
use channelsync_sandbox::{ShopInfo, VariantInfo};

use super::machine::Machine;
use super::plan::dice;

/// Between two tries of one command.
const AGAIN: Duration = Duration::from_millis(900);

/// The carrier's number of each parcel of ours.
pub(super) const NUMBER: &str = "1Z 999";

/// The merchant, and what was promised to it.
pub(super) struct Merchant {
    machine: Arc<Machine>,
    dice: SeededRng,
    stopped: AtomicBool,
    idle: AtomicBool,
    /// All commands, by id.
    asked: Mutex<BTreeMap<String, Command>>,
}

impl Merchant {
    pub(super) fn new(machine: Arc<Machine>) -> Arc<Self> {
        Arc::new(Self {
            dice: dice(machine.plan.seed, 6),
            machine,
            stopped: AtomicBool::new(false),
            idle: AtomicBool::new(false),
            asked: Mutex::default(),
        })
    }

    /// No new command follows.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Nothing is counted, and nothing follows.
    pub(super) fn leave(&self) {
        self.stop();
        self.idle.store(true, Ordering::Relaxed);
    }

    /// Whether the last command was answered.
    pub(super) fn is_idle(&self) -> bool {
        self.idle.load(Ordering::Relaxed) && !self.machine.is_lost()
    }

    /// All commands so far, by their ids.
    pub(super) fn asked(&self) -> BTreeMap<String, Command> {
        self.asked.lock().unwrap().clone()
    }

    pub(super) async fn run(self: Arc<Self>) {
        let (mut number, mut kits, mut restores) = (0, self.kits(), 0);
        let whims = dice(self.machine.plan.seed, 9);
        self.book("opening".to_owned(), self.opening()).await;
        while !self.stopped.load(Ordering::Relaxed) {
            let gap = self.machine.plan.command_gap.as_millis();
            let gap = self.dice.below(u64::try_from(gap).unwrap());
            self.machine.clock.sleep(Duration::from_millis(gap)).await;
            number += 1;
            let id = format!("command-{number}");
            if let Some(command) = self.draw(&id).await {
                self.book(id, command).await;
            }
            self.enter_again(&mut restores, &mut kits).await;
            self.map_kits(&mut kits).await;
            self.freeze(&whims).await;
        }
        while !kits.is_empty() || self.machine.restores() != restores {
            self.machine.clock.sleep(AGAIN).await;
            self.enter_again(&mut restores, &mut kits).await;
            self.map_kits(&mut kits).await;
        }
        self.idle.store(true, Ordering::Relaxed);
    }

    /// Books until there is an answer; sometimes asks again after it.
    async fn book(&self, id: String, command: Command) {
        let mut tries = 0;
        self.asked
            .lock()
            .unwrap()
            .insert(id.clone(), command.clone());
        let booked = loop {
            tries += 1;
            let Some(book) = self.machine.book() else {
                self.machine.clock.sleep(AGAIN).await;
                continue;
            };
            let origin = Origin::new("merchant", id.clone());
            match book.book(command.clone(), origin).await {
                Ok(booked) => break booked,
                Err(BookError::Refused(_)) => return self.machine.trace.count("command refused"),
                Err(_) => self.machine.clock.sleep(AGAIN).await,
            }
        };
        self.machine.trace.count("command booked");
        if tries > 1 && booked.entry.is_none() {
            self.machine.trace.count("command repeated after a crash");
        }
        if let Some(seq) = booked.entry {
            let mut promised = self.machine.promised.lock().unwrap();
            promised.insert(id.clone(), seq);
        }
        if self.dice.below(4) == 0 {
            self.repeat(id, command).await;
        }
    }

    /// What was booked once is not booked again.
    async fn repeat(&self, id: String, command: Command) {
        let Some(book) = self.machine.book() else {
            return;
        };
        let restores = self.machine.restores();
        let origin = Origin::new("merchant", id.clone());
        let booked = book.book(command, origin).await;
        if self.machine.restores() != restores {
            return;
        }
        match booked {
            Ok(booked) if booked.entry.is_none() => {
                self.machine.trace.count("command repeated without effect");
            }
            Ok(booked) => self
                .machine
                .find(format!("{id} was booked twice: {booked:?}")),
            Err(BookError::Refused(refusal)) => {
                self.machine
                    .find(format!("{id} was booked, then refused: {refusal}"));
            }
            Err(_) => {}
        }
    }

    /// After a backup was restored, what was ordered since it was made is entered again. Not the
    /// parcels: of which the shops know is told by them, and the others are packed anew.
    async fn enter_again(&self, restores: &mut u64, kits: &mut Vec<MapRow>) {
        if *restores == self.machine.restores() || self.machine.is_lost() {
            return;
        }
        *restores = self.machine.restores();
        *kits = self.kits();
        while let Some(id) = self.machine.next_lost() {
            let command = self.asked.lock().unwrap().get(&id).cloned().unwrap();
            if !matches!(command, Command::Ship { .. }) {
                self.machine.trace.count("command entered again");
                self.book(id, command).await;
            }
        }
    }

    /// Says what sets and packs are made of, as soon as the daemon has read of them.
    async fn map_kits(&self, kits: &mut Vec<MapRow>) {
        let Some(book) = self.machine.book().filter(|_| !kits.is_empty()) else {
            return;
        };
        let origin = Origin::new("merchant", "kits");
        let mapped = book.book(Command::Map(kits.clone()), origin).await;
        if mapped.is_ok() {
            self.machine.trace.count("kits mapped");
            kits.clear();
        }
    }

    /// In some runs, stops SKUs from being sold, and lets them go again.
    async fn freeze(&self, whims: &SeededRng) {
        let Some(book) = self.machine.book().filter(|_| self.machine.plan.freezes) else {
            return;
        };
        let mut skus = self.skus();
        let bound = u64::try_from(skus.len()).unwrap();
        let sku = skus.swap_remove(usize::try_from(whims.below(bound)).unwrap());
        let (scope, reason) = (Scope::Sku(sku), "a recall".to_owned());
        let command = match whims.below(6) {
            0 => Command::Freeze { scope, reason },
            1 | 2 => Command::Unfreeze(scope),
            _ => return,
        };
        let is_freeze = matches!(command, Command::Freeze { .. });
        let booked = book.book(command, Origin::new("merchant", "freeze")).await;
        if is_freeze && booked.is_ok() {
            self.machine.trace.count("frozen");
        }
    }

    fn kits(&self) -> Vec<MapRow> {
        let row = |shop: &ShopInfo, kit: &VariantInfo| MapRow {
            channel: shop.name.as_str().into(),
            listing: kit.id.to_string().as_str().into(),
            parts: kit
                .parts
                .iter()
                .map(|(sku, per)| (Sku::new(sku), *per))
                .collect(),
        };
        let kits = |shop: &ShopInfo| {
            let kits = shop.variants.iter().filter(|one| !one.parts.is_empty());
            kits.map(|kit| row(shop, kit)).collect::<Vec<_>>()
        };
        self.machine.shops.iter().flat_map(kits).collect()
    }

    fn skus(&self) -> Vec<Sku> {
        let variants = self.machine.shops[0].variants.iter();
        let pieces = variants.filter(|one| one.parts.is_empty());
        pieces.map(|one| Sku::new(&one.sku)).collect()
    }

    fn opening(&self) -> Command {
        let mut lines = Vec::new();
        for sku in self.skus() {
            for place in 1..=2 {
                let units = self.dice.below(self.machine.plan.opening_units + 1);
                lines.push(StockLine {
                    id: String::new(),
                    sku: sku.clone(),
                    location: LocationId::new(format!("place-{place}")),
                    units: Units(u32::try_from(units).unwrap()),
                });
            }
        }
        Command::Import {
            id: "opening".to_owned(),
            counts: true,
            lines,
        }
    }

    async fn draw(&self, id: &str) -> Option<Command> {
        let (kind, units) = (self.dice.below(13), self.dice.below(4));
        let receipt = 1 + self.dice.below(self.machine.plan.receipt_units);
        let mut skus = self.skus();
        let bound = u64::try_from(skus.len()).unwrap();
        let at = usize::try_from(self.dice.below(bound)).unwrap();
        let sku = skus.swap_remove(at);
        let location = LocationId::new(format!("place-{}", 1 + self.dice.below(2)));
        let (id, units) = (id.to_owned(), Units(u32::try_from(units).unwrap()));
        match kind {
            6..9 if self.machine.plan.only_sold => None,
            0..6 => Some(Command::Receive(StockLine {
                units: Units(u32::try_from(receipt).unwrap()),
                id,
                sku,
                location,
            })),
            6 => {
                let (sku_there, there) = (sku.clone(), location.clone());
                let found = self.read(move |ledger| on_hand(ledger, &sku_there, &there));
                let units = found.await?.plus(units).minus_or_zero(Units(2));
                let line = StockLine {
                    id,
                    sku,
                    location,
                    units,
                };
                Some(Command::Count(line))
            }
            7 => Some(Command::Adjust {
                id,
                sku,
                location,
                by: units.signed() - 2,
            }),
            8 => {
                let other = LocationId::new(format!("place-{}", 1 + self.dice.below(2)));
                let what = match self.dice.below(6) {
                    0 => StockMove::Hold,
                    1 => StockMove::Free,
                    2 => StockMove::WriteOff,
                    3 => StockMove::Lose,
                    4 => StockMove::Arrive,
                    _ => StockMove::Send(other),
                };
                let units = Units(1);
                let line = StockLine {
                    id,
                    sku,
                    location,
                    units,
                };
                Some(Command::Move(what, line))
            }
            _ => self.ship(id).await,
        }
    }

    /// A parcel of an order with open units.
    async fn ship(&self, id: String) -> Option<Command> {
        let (draw, partly) = (self.dice.next_u64(), self.dice.below(2) == 0);
        let open = self.read(move |ledger| {
            let mut open = Vec::new();
            for channel in &ledger.channels {
                for (_, order, row) in channel.orders.iter() {
                    let line = row.lines.iter().find(|line| !line.committed().is_zero());
                    if let Some(line) = line {
                        open.push((channel.id.clone(), order.clone(), line.id.clone()));
                    }
                }
            }
            let count = u64::try_from(open.len()).unwrap();
            let at = draw.checked_rem(count)?;
            Some(open.swap_remove(usize::try_from(at).unwrap()))
        });
        let (channel, order, line) = open.await??;
        let units = Units(1);
        let lines = partly.then_some(ShipLine { line, units });
        self.machine.trace.count("shipped by us");
        Some(Command::Ship {
            id,
            channel,
            order,
            lines: lines.into_iter().collect(),
            from: None,
            tracking: Some(Tracking {
                number: NUMBER.to_owned(),
                company: None,
            }),
        })
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Ledger) -> T + Send + 'static,
    ) -> Option<T> {
        self.machine.book()?.read(read).await.ok()
    }
}

pub(super) fn on_hand(ledger: &Ledger, sku: &Sku, location: &LocationId) -> Units {
    let (Some(sku), Some(location)) = (
        ledger.sku_ix(sku.as_str()),
        ledger.location(location.as_str()),
    ) else {
        return Units::ZERO;
    };
    ledger.balance(sku, location).on_hand()
}
