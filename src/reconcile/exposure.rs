//! Adds up what may be oversold, SKU by SKU, again and again.

use std::sync::Arc;
use std::time::Duration;

use channelsync_contract::{Clock, Sku};
use tokio_util::sync::CancellationToken;

use crate::ats::{Unseen, exposure};
use crate::board::{Exposed, Exposures};
use crate::bookkeeper::{BookError, Handle};
use crate::catalog::SkuIx;
use crate::ledger::Ledger;

/// The bookkeeper waits while it is asked: so many SKUs at a time.
const SKUS_MAX: u32 = 500;
/// Between two looks at all of them, and for how long at least compared to what the look took.
const LOOK_EVERY: Duration = Duration::from_secs(5);
const REST_TIMES: u32 = 10;
/// SKUs that are told one by one.
const TOLD_MAX: usize = 100;

/// What looks at a merchant's SKUs.
pub struct ExposureWatch {
    /// The merchant's book.
    pub book: Handle,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Where to tell.
    pub exposures: Exposures,
}

impl ExposureWatch {
    /// Looks until `stop`.
    ///
    /// # Errors
    /// When the bookkeeper is gone.
    pub async fn run(self, stop: CancellationToken) -> Result<(), BookError> {
        loop {
            let began = self.clock.uptime();
            self.look().await?;
            let took = self.clock.uptime().saturating_sub(began);
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                () = self.clock.sleep(LOOK_EVERY.max(took.saturating_mul(REST_TIMES))) => {}
            }
        }
    }

    async fn look(&self) -> Result<(), BookError> {
        let (mut all, mut from) = (Exposed::default(), Some(0));
        while let Some(at) = from {
            let read = self.book.wait_and_read(move |ledger| add(ledger, at, all));
            (all, from) = read.await?;
        }
        all.at = self.clock.now();
        self.exposures.tell(all);
        Ok(())
    }
}

/// Adds some SKUs, and says where the next begin.
fn add(ledger: &Ledger, from: u32, mut all: Exposed) -> (Exposed, Option<u32>) {
    let end = ledger.skus.len().min(from.saturating_add(SKUS_MAX));
    for sku in (from..end).map(SkuIx) {
        let held = exposure(ledger, sku);
        match held.units() {
            Some(0) => {}
            Some(units) => {
                all.units = all.units.saturating_add(units);
                all.skus = all.skus.saturating_add(1);
                keep(&mut all.most, (units, ledger.sku_id(sku).clone()));
            }
            None => {
                let mut sellers = held.sellers.iter();
                let is_endless = sellers.any(|seller| seller.unseen == Unseen::Unbounded);
                let kind = match is_endless {
                    true => &mut all.unbounded,
                    false => &mut all.unknown,
                };
                *kind = kind.saturating_add(1);
            }
        }
    }
    let next = (end < ledger.skus.len()).then_some(end);
    (all, next)
}

/// Keeps the largest, the largest first.
fn keep(most: &mut Vec<(i64, Sku)>, one: (i64, Sku)) {
    let place = most.partition_point(|known| known.0 >= one.0);
    if place < TOLD_MAX {
        most.insert(place, one);
        most.truncate(TOLD_MAX);
    }
}
