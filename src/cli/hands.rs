//! The merchant's hands in the demo: units are sent to another location, where they come or do not,
//! and units are held and freed.

use channelsync_contract::ports::Rng;
use channelsync_contract::{LocationId, MerchantId, Sku, Units};
use channelsync_sandbox::ShopInfo;

use super::failure::Failure;
use crate::bookkeeper::{BookError, Origin};
use crate::daemon::Daemon;
use crate::ledger::{Command, StockLine, StockMove};
use crate::ports::SeededRng;

/// Moves that are waited for at most.
const BEGUN_MAX: usize = 16;

/// What they began and have to finish.
pub(super) struct Hands {
    dice: SeededRng,
    number: u64,
    skus: Vec<Sku>,
    places: Vec<LocationId>,
    begun: Vec<(StockMove, StockLine)>,
}

impl Hands {
    /// For the SKUs and locations of the demo's shops.
    pub(super) fn new(shops: &[ShopInfo], seed: u64) -> Self {
        let variants = shops.iter().take(1).flat_map(|shop| &shop.variants);
        let pieces = variants.filter(|variant| variant.parts.is_empty());
        let places = shops.iter().map(|shop| shop.locations.len()).max();
        let place = |number: usize| LocationId::new(format!("place-{number}"));
        Self {
            dice: SeededRng::new(seed),
            number: 0,
            skus: pieces.map(|variant| Sku::new(&variant.sku)).collect(),
            places: (1..=places.unwrap_or(0)).map(place).collect(),
            begun: Vec::new(),
        }
    }

    /// Begins a move, or finishes one that was begun. What is not there stays where it is.
    ///
    /// # Errors
    /// When the daemon does not book any more.
    pub(super) async fn act(&mut self, daemon: &Daemon) -> Result<(), Failure> {
        let is_full = self.begun.len() >= BEGUN_MAX;
        if is_full || (!self.begun.is_empty() && self.dice.below(2) == 0) {
            return self.finish_one(daemon).await;
        }
        let (Some(sku), Some(here)) = (self.pick(&self.skus), self.pick(&self.places)) else {
            return Ok(());
        };
        let there = self.pick(&self.places).filter(|there| *there != here);
        let units = Units(1 + u32::from(self.dice.below(2) == 0));
        let line = |location: &LocationId| StockLine {
            id: String::new(),
            sku: sku.clone(),
            location: location.clone(),
            units,
        };
        let (begin, end) = match &there {
            Some(there) => {
                let end = match self.dice.below(4) {
                    0 => StockMove::Lose,
                    _ => StockMove::Arrive,
                };
                (StockMove::Send(there.clone()), (end, line(there)))
            }
            None => (StockMove::Hold, (StockMove::Free, line(&here))),
        };
        if self.book(daemon, begin, line(&here)).await? {
            self.begun.push(end);
        }
        Ok(())
    }

    /// Finishes all that was begun.
    ///
    /// # Errors
    /// When the daemon does not book any more.
    pub(super) async fn finish(&mut self, daemon: &Daemon) -> Result<(), Failure> {
        while !self.begun.is_empty() {
            self.finish_one(daemon).await?;
        }
        Ok(())
    }

    async fn finish_one(&mut self, daemon: &Daemon) -> Result<(), Failure> {
        let (what, line) = self.begun.remove(0);
        self.book(daemon, what, line).await.map(drop)
    }

    /// Whether it was booked; false where the units are not there.
    async fn book(
        &mut self,
        daemon: &Daemon,
        what: StockMove,
        mut line: StockLine,
    ) -> Result<bool, Failure> {
        let merchant = daemon.merchants.get(&MerchantId::new("demo"));
        let merchant = merchant.ok_or_else(|| super::demo::trouble("the merchant is missing"))?;
        self.number += 1;
        line.id = format!("demo-move-{}", self.number);
        let origin = Origin::new("demo", "by hand");
        match merchant.book.book(Command::Move(what, line), origin).await {
            Ok(_) => Ok(true),
            Err(BookError::Refused(_)) => Ok(false),
            Err(error) => Err(super::demo::trouble(error)),
        }
    }

    fn pick<T: Clone>(&self, all: &[T]) -> Option<T> {
        let bound = u64::try_from(all.len()).ok().filter(|bound| *bound > 0)?;
        let at = usize::try_from(self.dice.below(bound)).ok()?;
        all.get(at).cloned()
    }
}
