//! What happens to an account besides lost words: tokens end, subscriptions vanish, limits change.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use channelsync::ports::SeededRng;
use channelsync_contract::{Clock, Rng};
use channelsync_sandbox::Action;

use super::machine::Machine;
use super::plan::{GUARDED, LIMITS, Plan, RULES, dice};

/// How often fate is asked.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Requests that left before a new limit was told may arrive so much later.
const STRAGGLES: Duration = Duration::from_secs(120);

/// How often it happens, in ten thousand looks at each shop.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mishaps {
    /// All tokens of a shop end before their time.
    pub(super) tokens_end: u64,
    /// A shop deletes all subscriptions.
    pub(super) subscriptions_end: u64,
    /// A shop's limit becomes another.
    pub(super) limits_change: u64,
    /// The settings become others, and are read anew.
    pub(super) reloads: u64,
    /// The machine is lost, and a backup takes the place of its book.
    pub(super) restores: u64,
    /// Deliveries in a thousand that are taken and come when all is over.
    pub(super) webhooks_kept: u64,
}

impl Mishaps {
    /// Those of a seed: each is off, rare or frequent.
    pub(super) fn of(seed: u64) -> Self {
        let dice = dice(seed, 12);
        let pick = |choices: [u64; 4]| choices[usize::try_from(dice.below(4)).unwrap()];
        Self {
            tokens_end: pick([0, 0, 60, 1_000]),
            subscriptions_end: pick([0, 0, 30, 600]),
            limits_change: pick([0, 0, 50, 300]),
            reloads: pick([0, 0, 60, 500]),
            restores: pick([0, 0, 0, 60]),
            webhooks_kept: pick([0, 0, 50, 700]),
        }
    }
}

fn falls(dice: &SeededRng, rate: u64) -> bool {
    dice.below(10_000) < rate
}

/// The same shops, looked at otherwise, under other rules; what is guarded stays so.
fn other_settings(plan: &Plan, dice: &SeededRng) -> Plan {
    let (poll, rules) = (dice.below(3), dice.below(4));
    let rules = RULES[usize::try_from(rules).unwrap()];
    Plan {
        poll_secs: [5, 10, 30][usize::try_from(poll).unwrap()],
        rules: if plan.rules == GUARDED {
            GUARDED
        } else {
            rules
        },
        ..plan.clone()
    }
}

/// Lets it happen, while daemons die.
pub(super) async fn happen(machine: Arc<Machine>) {
    let (dice, mishaps) = (dice(machine.plan.seed, 13), machine.plan.mishaps);
    while machine.is_mortal() {
        machine.clock.sleep(LOOK_EVERY).await;
        if falls(&dice, mishaps.reloads) {
            machine.change_settings(&other_settings(&machine.plan, &dice));
        }
        if falls(&dice, mishaps.restores)
            && let Some(groups) = machine.groups()
        {
            machine.trace.count("backup restored");
            let bound = u64::try_from(groups).unwrap();
            machine.restore(1 + usize::try_from(dice.below(bound)).unwrap());
        }
        for shop in &machine.shops {
            strike(&machine, &shop.name, &dice);
        }
    }
}

/// Lets happen what happens to one shop.
fn strike(machine: &Machine, shop: &str, dice: &SeededRng) {
    let mishaps = machine.plan.mishaps;
    let act = |action| machine.sandbox.act(shop, action).unwrap();
    let limit = LIMITS[usize::try_from(dice.below(3)).unwrap()];
    if falls(dice, mishaps.tokens_end) {
        act(Action::EndTokens);
    }
    if falls(dice, mishaps.subscriptions_end) {
        act(Action::EndSubscriptions);
    }
    if falls(dice, mishaps.limits_change) {
        machine.trace.count("limit changed");
        machine.net.limits.changed(shop, machine.clock.uptime());
        act(Action::Plan(limit));
    }
}

/// Whether requests beyond a limit are the daemon's own fault.
#[derive(Default)]
pub(super) struct Limits(Mutex<BTreeMap<String, Limit>>);

#[derive(Clone, Copy, Default)]
struct Limit {
    /// When it last became another.
    changed: Option<Duration>,
    /// When the daemon got the first answer to what it sent after that.
    told: Option<Duration>,
    /// Refusals that are nobody's fault.
    forgiven: u64,
}

impl Limits {
    fn changed(&self, shop: &str, now: Duration) {
        let mut limits = self.0.lock().unwrap();
        let limit = limits.entry(shop.to_owned()).or_default();
        (limit.changed, limit.told) = (Some(now), None);
    }

    /// The daemon got an answer with the shop's figures to what it sent then.
    pub(super) fn told(&self, shop: &str, sent: Duration, now: Duration) {
        if let Some(limit) = self.0.lock().unwrap().get_mut(shop)
            && limit.changed.is_some_and(|changed| changed < sent)
        {
            limit.told.get_or_insert(now);
        }
    }

    /// Of so many refusals of a shop, those that must not have been.
    pub(super) fn beyond(&self, shop: &str, refused: u64, now: Duration) -> u64 {
        let mut limits = self.0.lock().unwrap();
        let Some(limit) = limits.get_mut(shop) else {
            return refused;
        };
        let is_known = limit.told.is_some_and(|told| told + STRAGGLES < now);
        if !is_known {
            limit.forgiven = refused;
        }
        refused - limit.forgiven
    }
}
