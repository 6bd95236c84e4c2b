//! The smallest plan that still fails: `SIM_SHRINK=1 SIM_FROM=7 SIM_SEEDS=1`.

use std::time::Duration;

use channelsync_sandbox::{Faults, Rate};

use super::plan::Plan;

/// What makes a run simpler.
const SIMPLER: &[fn(&mut Plan)] = &[
    |plan| (plan.shops, plan.healed) = Default::default(),
    |plan| plan.network = Default::default(),
    |plan| plan.crashes = Default::default(),
    |plan| (plan.disk_fails, plan.disk_full_secs) = (0, 0),
    |plan| plan.mishaps = Default::default(),
    |plan| plan.busy /= 2,
    |plan| plan.size.shops = 1,
    |plan| plan.size.skus = (plan.size.skus / 2).max(1),
    |plan| plan.size.kits = 0,
    |plan| plan.rules = "",
    |plan| plan.freezes = false,
    |plan| plan.mischief = 0,
    |plan| plan.search_lag = Duration::ZERO,
    |plan| plan.answer_delay = Duration::ZERO,
    |plan| plan.append_takes = Duration::ZERO,
    |plan| plan.network.lost = 0,
    |plan| plan.network.slow = 0,
    |plan| plan.network.late = 0,
    |plan| plan.network.spoiled = 0,
    |plan| plan.crashes.polls_max = 0,
    |plan| plan.crashes.writes = 0,
    |plan| plan.disk_fails = 0,
    |plan| plan.disk_full_secs = 0,
    |plan| plan.mishaps.tokens_end = 0,
    |plan| plan.mishaps.subscriptions_end = 0,
    |plan| plan.mishaps.limits_change = 0,
    |plan| plan.mishaps.webhooks_kept = 0,
    |plan| plan.mishaps.reloads = 0,
    |plan| plan.mishaps.restores = 0,
    |plan| both(plan, |faults| faults.pages_cut = Rate::NEVER),
    |plan| both(plan, |faults| faults.webhooks_lost = Rate::NEVER),
    |plan| both(plan, |faults| faults.webhooks_doubled = Rate::NEVER),
    |plan| both(plan, |faults| faults.webhooks_reordered = Rate::NEVER),
    |plan| both(plan, |faults| faults.answer_429 = Rate::NEVER),
    |plan| both(plan, |faults| faults.answer_5xx = Rate::NEVER),
    |plan| both(plan, |faults| faults.applied_then_timeout = Rate::NEVER),
    |plan| both(plan, |faults| faults.away = None),
];

fn both(plan: &mut Plan, change: fn(&mut Faults)) {
    change(&mut plan.shops);
    change(&mut plan.healed);
}

/// Makes a plan that fails simpler, one thing after the other, as long as it fails.
///
/// A simpler plan is another story, so what it fails with may be something else.
pub(super) fn shrink(plan: &Plan, fails: impl Fn(&Plan) -> bool) -> Plan {
    let mut least = plan.clone();
    loop {
        let before = format!("{least:?}");
        for simpler in SIMPLER {
            let mut plan = least.clone();
            simpler(&mut plan);
            if format!("{plan:?}") != format!("{least:?}")
                && plan.busy.as_secs() > 0
                && fails(&plan)
            {
                least = plan;
            }
        }
        if before == format!("{least:?}") {
            return least;
        }
    }
}

#[test]
fn a_failing_plan_shrinks_to_what_makes_it_fail() {
    let plan = (1..)
        .map(Plan::of)
        .find(|plan| plan.network.lost > 0 && plan.busy.as_secs() > 60);
    let plan = plan.unwrap();
    let least = shrink(&plan, |plan| {
        plan.network.lost > 0 && plan.busy.as_secs() > 60
    });
    assert_eq!((least.size.shops, least.size.skus), (1, 1));
    assert_eq!(least.network.lost, plan.network.lost);
    assert!(
        (61..=120).contains(&least.busy.as_secs()),
        "{:?}",
        least.busy
    );
    assert_eq!(
        format!("{:?}", least.shops),
        format!("{:?}", Faults::default())
    );
}
