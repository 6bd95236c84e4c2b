//! One run: life, then rest, then the audit.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use channelsync::ledger::{Ledger, ReportState, Shipment};
use channelsync_contract::{Clock, Spawn};
use channelsync_sandbox::{ShopInfo, Traffic, TruthPage};
use futures_util::future::{Either, select};

use super::audit::{audit, replays};
use super::exposure;
use super::history::{history, places};
use super::machine::Machine;
use super::merchant::Merchant;
use super::mishaps;
use super::plan::{GUARDED, NEVER, Network, Plan, dice};
use super::tasks::{Queue, Tree};
use super::trace::Trace;

/// Rest must come within this after the last event.
const REST_WITHIN: Duration = Duration::from_secs(1_200);
/// A search may not show a change for so long.
const SETTLED: Duration = Duration::from_secs(12);
const LOOK_EVERY: Duration = Duration::from_millis(1_700);

/// What a run came to.
pub(super) struct Report {
    pub(super) found: Vec<String>,
    pub(super) counts: BTreeMap<&'static str, u64>,
    pub(super) hash: (u64, String),
    pub(super) tail: Vec<String>,
    pub(super) simulated: Duration,
}

/// Plays a plan from beginning to end, in this thread and in no time.
pub(super) fn play(plan: Plan) -> Report {
    in_no_time(async {
        let trace = Arc::new(Trace::new());
        let outside = Queue::new(trace.clone(), dice(plan.seed, 7), u64::MAX);
        let machine = Machine::new(plan, outside.clone(), trace.clone());
        let story = std::pin::pin!(story(machine.clone(), outside.clone()));
        match select(story, Tree::of(outside)).await {
            Either::Left(((), _)) => {}
            Either::Right(((), _)) => machine.find("the world ended".to_owned()),
        }
        count_faults(&machine);
        machine.tell_journal();
        Report {
            found: machine.found(),
            counts: trace.counts(),
            hash: trace.hash(),
            tail: trace.tail(),
            simulated: machine.clock.uptime(),
        }
    })
}

/// Runs something on the paused clock.
pub(crate) fn in_no_time<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(work)
}

async fn story(machine: Arc<Machine>, outside: Arc<Queue>) {
    let traffic = Traffic::new(machine.sandbox.clone(), machine.plan.buyer_gap);
    let traffic = Arc::new(traffic.with_returns());
    let merchant = Merchant::new(machine.clone());
    let (shops, acting) = (machine.sandbox.clone(), traffic.clone());
    outside.spawn("shops", Box::pin(async move { shops.run().await }));
    outside.spawn("traffic", Box::pin(async move { acting.run().await }));
    outside.spawn("merchant", Box::pin(merchant.clone().run()));
    outside.spawn("machine", Box::pin(machine.clone().lives()));
    outside.spawn("mishaps", Box::pin(mishaps::happen(machine.clone())));
    outside.spawn("disk", Box::pin(machine.clone().disk_trouble()));
    let until = machine.clock.uptime() + machine.plan.busy;
    while machine.clock.uptime() < until && machine.found().is_empty() {
        machine.clock.sleep(LOOK_EVERY).await;
        look(&machine).await;
    }
    traffic.stop();
    merchant.stop();
    machine.spare();
    machine.disk.set_full(false);
    *machine.net.faults.lock().unwrap() = Network::default();
    machine.sandbox.set_faults(&machine.plan.healed);
    if !judge(&machine, &merchant).await {
        return;
    }
    // What comes too late to be of use does no harm.
    if machine.bring_kept().await && !judge(&machine, &merchant).await {
        return;
    }
    // What is settled stays settled: a restart finds nothing to do.
    let written = changed_rows(&machine);
    machine.kill();
    machine.clock.sleep(LOOK_EVERY).await;
    if judge(&machine, &merchant).await && changed_rows(&machine) != written {
        machine.find("a restart at rest wrote quantities".to_owned());
    }
}

/// Waits for rest, lets all slots be read back twice, waits for rest again, and audits; whether all
/// is well.
///
/// What a request did that arrived after its caller was gone shows only in a reading.
async fn judge(machine: &Arc<Machine>, merchant: &Arc<Merchant>) -> bool {
    let rounds = Duration::from_secs(2 * machine.plan.read_back_secs);
    if machine.plan.read_back_secs != NEVER && rest(machine, merchant).await {
        machine.clock.sleep(rounds).await;
    }
    if !rest(machine, merchant).await {
        return false;
    }
    let ledger = match machine.book() {
        Some(book) => book.read(Ledger::clone).await.ok(),
        None => None,
    };
    match ledger {
        Some(ledger) => {
            count_parcels(machine, &ledger);
            audit(machine, &ledger)
                .into_iter()
                .for_each(|what| machine.find(what));
            let daemon = machine.daemon().unwrap();
            let running = daemon.merchants.values().next().unwrap();
            let journal = running.journal.as_ref();
            replays(journal, &ledger)
                .into_iter()
                .for_each(|what| machine.find(what));
            let (found, sent) = history(journal, &merchant.asked());
            let found = found
                .into_iter()
                .chain(places(&ledger, &sent, &machine.truths()));
            found.for_each(|what| machine.find(what));
        }
        None => machine.find("no ledger to audit".to_owned()),
    }
    machine.found().is_empty()
}

/// Waits until nothing is left to do; whether it came to that.
pub(super) async fn rest(machine: &Arc<Machine>, merchant: &Arc<Merchant>) -> bool {
    let until = machine.clock.uptime() + REST_WITHIN;
    while machine.found().is_empty() {
        machine.clock.sleep(LOOK_EVERY).await;
        look(machine).await;
        let why = match unrest(machine, merchant) {
            None => reporting(machine).await,
            why => why,
        };
        match why {
            None => return machine.found().is_empty(),
            Some(why) if machine.clock.uptime() > until => machine.find(format!("no rest: {why}")),
            Some(_) => {}
        }
    }
    false
}

/// A parcel of ours of which the channel is still to be told.
async fn reporting(machine: &Machine) -> Option<String> {
    let book = machine.book()?;
    let found = book.read(|ledger: &Ledger| {
        let channels = ledger.channels.iter();
        let mut parcels = channels.flat_map(|channel| channel.unsettled());
        let is_parked = |shipment: &Shipment| matches!(shipment.state, ReportState::Refused(_));
        let waiting = parcels.find(|(_, shipment)| !is_parked(shipment));
        waiting.map(|(_, shipment)| format!("{shipment:?}"))
    });
    found.await.ok()?
}

/// Why there is no rest yet.
fn unrest(machine: &Machine, merchant: &Merchant) -> Option<String> {
    if !merchant.is_idle() {
        return Some("the merchant waits".to_owned());
    }
    let Some(daemon) = machine.daemon() else {
        return Some("the daemon is down".to_owned());
    };
    let last = machine.sandbox.last_event_at();
    let running = daemon.merchants.values().next().unwrap();
    let published = running.book.published();
    for (name, connected) in &running.channels {
        let counts = published
            .names
            .iter()
            .position(|known| known == name.as_str())
            .and_then(|at| published.channels.get(at).copied())
            .unwrap_or_default();
        let left =
            counts.dirty + counts.in_flight + counts.in_doubt + counts.to_read + counts.wanted;
        let left = left + counts.reports.saturating_sub(counts.refused_reports);
        let notes = connected.board.read();
        if left > 0 || notes.scanned_at.is_none() {
            return Some(format!("{name}: {counts:?} {notes:?}"));
        }
        let streams = connected.connector.capabilities.streams;
        let complete_to = connected.board.complete_to(streams);
        if last.is_some_and(|last| complete_to.is_none_or(|to| to <= last.plus(SETTLED))) {
            return Some(format!(
                "{name}: orders are known to {complete_to:?} {notes:?}"
            ));
        }
    }
    None
}

/// No more is asked of a shop than it allows.
fn keep_limits(machine: &Machine) {
    for shop in &machine.shops {
        let page = TruthPage {
            orders_max: 0,
            sets_from: usize::MAX,
            orders_after: u64::MAX - 1,
        };
        let counters = machine.sandbox.truth(&shop.name, page).unwrap().counters;
        let refused = counters.throttled_by_limit + counters.refused_too_costly;
        let limits = &machine.net.limits;
        let throttled = limits.beyond(&shop.name, refused, machine.clock.uptime());
        if throttled > 0 {
            machine.find(format!(
                "{}: {throttled} requests beyond the limit",
                shop.name
            ));
        }
    }
}

/// What must hold at every moment.
pub(super) async fn look(machine: &Machine) {
    keep_limits(machine);
    let forged = machine.answers.lock().unwrap().forged_taken;
    if forged > 0 {
        machine.find(format!("{forged} forged deliveries were taken"));
    }
    let panics = super::panics();
    if panics > 0 {
        machine.find(format!("{panics} panics"));
    }
    let Some(daemon) = machine.daemon() else {
        return;
    };
    for why in [daemon.tasks.fatal(), daemon.books.fatal()]
        .into_iter()
        .flatten()
    {
        machine.find(format!("the daemon gave up: {why}"));
    }
    let Some(book) = machine.book() else { return };
    let (promised, accepted) = (
        machine.promised.lock().unwrap().clone(),
        machine.accepted.lock().unwrap().clone(),
    );
    let (sandbox, shops) = (machine.sandbox.clone(), machine.shops.clone());
    let (trace, is_guarded) = (machine.trace.clone(), machine.plan.rules == GUARDED);
    let asked = book.read(move |ledger| {
        let seen = exposure::look(&sandbox, &shops, ledger, is_guarded);
        for (what, times) in [
            ("SKU with a bound", seen.bounded),
            ("SKU oversold", seen.oversold),
            ("SKU oversold to its bound", seen.to_the_full),
        ] {
            (0..times).for_each(|_| trace.count(what));
        }
        let mut broken = seen.beyond;
        for (id, seq) in promised {
            if !ledger.done.contains_key(&id) || seq > ledger.seq {
                broken.push(format!("{id} was answered with entry {seq} and is gone"));
            }
        }
        for (channel, order) in accepted {
            let is_there = ledger.channel_named(&channel).is_some_and(|known| {
                known.orders.find(&order).is_some() || known.wanted.contains_key(order.as_str())
            });
            if !is_there {
                broken.push(format!("{channel} {order} was accepted and is gone"));
            }
        }
        broken
    });
    for what in asked.await.unwrap_or_default() {
        machine.find(what);
    }
}

/// What became of parcels of ours.
fn count_parcels(machine: &Machine, ledger: &Ledger) {
    let orders = ledger
        .channels
        .iter()
        .flat_map(|channel| channel.orders.iter());
    for parcel in orders.flat_map(|(_, _, order)| &order.shipments) {
        let what = match &parcel.state {
            ReportState::Told { .. } => "parcel told",
            ReportState::Refused(_) => "parcel waits for a person",
            ReportState::Unsent
            | ReportState::InFlight
            | ReportState::InDoubt(_)
            | ReportState::Waiting(_) => "parcel not told",
        };
        machine.trace.count(what);
    }
}

/// Rows that were set to something else than they held.
fn changed_rows(machine: &Machine) -> usize {
    let rows = |shop: &ShopInfo| {
        let truth = machine
            .sandbox
            .truth(&shop.name, TruthPage::default())
            .unwrap();
        truth.sets.iter().filter(|set| set.changed).count()
    };
    machine.shops.iter().map(rows).sum()
}

/// What the shops counted, under the names of the batch.
fn count_faults(machine: &Machine) {
    for shop in &machine.shops {
        let truth = machine.sandbox.truth(&shop.name, TruthPage::default());
        let truth = truth.unwrap();
        let counters = truth.counters;
        if counters.subscriptions_deleted > 0 && !truth.subscriptions.is_empty() {
            machine.trace.count("subscription made again");
        }
        for (what, count) in [
            ("order placed", counters.orders_placed),
            ("order cancelled", counters.orders_cancelled),
            ("order edited", counters.orders_edited),
            ("units disposed of", counters.dispositions),
            ("fulfillment order moved", counters.fulfillment_orders_moved),
            ("fulfilled by the channel", counters.fulfillments),
            ("buyer refused", counters.refused_to_buyers),
            ("subscription deleted", counters.subscriptions_deleted),
            ("webhook lost", counters.webhooks_lost),
            ("webhook doubled", counters.webhooks_doubled),
            ("webhook failed", counters.webhooks_failed),
            ("throttled by fault", counters.throttled_injected),
            ("server error by fault", counters.answers_failed_injected),
            ("row set", counters.rows_set),
        ] {
            machine.trace.count_by(what, count);
        }
    }
}
