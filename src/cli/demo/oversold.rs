//! What is oversold while the demo runs, against what the daemon says may be.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use channelsync_contract::{Clock, MerchantId};
use channelsync_sandbox::{Sandbox, TruthPage};
use tokio_util::sync::CancellationToken;

use super::super::audit::Audit;
use super::LOOK_EVERY;
use crate::ats::exposure;
use crate::bookkeeper::Handle;
use crate::catalog::SkuIx;
use crate::daemon::{Daemon, World};
use crate::ledger::Ledger;

/// The bookkeeper waits while it is looked: that may take this part of its time.
const REST_TIMES: u32 = 20;

/// What was seen so far.
#[derive(Default)]
struct Seen {
    /// The most that each SKU was oversold by.
    worst: BTreeMap<String, i64>,
    /// The most that might have been, of all SKUs together.
    exposure: i64,
    /// SKUs that were oversold by more than that, or at all where none may be.
    beyond: BTreeMap<String, String>,
}

/// Looks at shops and book at once.
pub(super) struct Watch {
    seen: Arc<Mutex<Seen>>,
    stop: CancellationToken,
}

impl Watch {
    /// Looks from now on. Where everything is guarded nothing may be oversold.
    pub(super) fn start(
        world: &World,
        daemon: &Daemon,
        sandbox: &Arc<Sandbox>,
        is_guarded: bool,
    ) -> Self {
        let (seen, stop) = (Arc::<Mutex<Seen>>::default(), CancellationToken::new());
        if let Some(merchant) = daemon.merchants.get(&MerchantId::new("demo")) {
            let looks = looks(
                merchant.book.clone(),
                (sandbox.clone(), is_guarded),
                (seen.clone(), stop.clone()),
                world.clock.clone(),
            );
            world.spawn.spawn("oversold", Box::pin(looks));
        }
        Self { seen, stop }
    }

    /// Ends, and tells the audit.
    pub(super) fn tell(&self, audit: &mut Audit) {
        self.stop.cancel();
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        audit.summary.oversold_units = seen.worst.values().sum();
        audit.summary.exposure_units = seen.exposure;
        for finding in seen.beyond.values() {
            audit.oversold_beyond(finding.clone());
        }
    }
}

async fn looks(
    book: Handle,
    (sandbox, is_guarded): (Arc<Sandbox>, bool),
    (seen, stop): (Arc<Mutex<Seen>>, CancellationToken),
    clock: Arc<dyn Clock>,
) {
    while !stop.is_cancelled() {
        let began = clock.uptime();
        let (sandbox, all) = (sandbox.clone(), seen.clone());
        let looked = book.read(move |ledger| {
            let mut seen = all.lock().unwrap_or_else(PoisonError::into_inner);
            look(&mut seen, &sandbox, ledger, is_guarded);
        });
        if looked.await.is_err() {
            return;
        }
        let took = clock.uptime().saturating_sub(began);
        clock
            .sleep(LOOK_EVERY.max(took.saturating_mul(REST_TIMES)))
            .await;
    }
}

fn look(seen: &mut Seen, sandbox: &Sandbox, ledger: &Ledger, is_guarded: bool) {
    let mut placed: BTreeMap<String, i64> = BTreeMap::new();
    for shop in sandbox.shops() {
        let page = TruthPage {
            orders_after: 0,
            orders_max: usize::MAX,
            sets_from: usize::MAX,
        };
        let truth = sandbox
            .truth(&shop.name, page)
            .map(|truth| truth.placed(&shop));
        for (sku, units) in truth.into_iter().flatten() {
            *placed.entry(sku).or_default() += units;
        }
    }
    let mut together = 0_i64;
    for (number, name, row) in ledger.skus.iter() {
        let held = exposure(ledger, SkuIx(number));
        let Some(bound) = held.units() else { continue };
        together += bound;
        let stocks = row.stocks.iter().map(|stock| {
            let balance = stock.balance;
            balance.on_hand().signed() + balance.in_transit.signed()
        });
        let owned = stocks.sum::<i64>() + row.outside.customer;
        let placed = placed.get(name.as_str()).copied().unwrap_or(0);
        let oversold = (placed - owned).max(0);
        if oversold > 0 {
            let worst = seen.worst.entry(name.to_string()).or_default();
            *worst = oversold.max(*worst);
        }
        if oversold > if is_guarded { 0 } else { bound } {
            let why = format!(
                "{name}: {placed} ordered of {owned} while at most {bound} might be oversold"
            );
            seen.beyond.entry(name.to_string()).or_insert(why);
        }
    }
    seen.exposure = seen.exposure.max(together);
}
