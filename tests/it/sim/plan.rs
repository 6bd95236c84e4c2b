//! What a seed decides before anything happens.
//!
//! Each fault is off, low or extreme on its own draw, so that some seeds see one fault alone and at
//! its worst: evenly mixed faults hide each other's bugs.

use std::time::Duration;

use channelsync::ports::SeededRng;
use channelsync_contract::Rng;
use channelsync_sandbox::{Demo, Faults, Rate};

use super::mishaps::Mishaps;

/// How a run goes.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// Everything follows from it.
    pub(super) seed: u64,
    /// What goes wrong in the shops.
    pub(super) shops: Faults,
    /// What still goes wrong in them after the traffic: in some runs all of it.
    pub(super) healed: Faults,
    /// What goes wrong on the way there.
    pub(super) network: Network,
    /// When the daemon dies.
    pub(super) crashes: Crashes,
    /// Appends in a thousand whose write or sync fails.
    pub(super) disk_fails: u64,
    /// Seconds that the disk is full at a time; 0 for never.
    pub(super) disk_full_secs: u64,
    /// What happens to the accounts.
    pub(super) mishaps: Mishaps,
    /// How long shoppers, clerks and the merchant act.
    pub(super) busy: Duration,
    /// Between two buyers, on average.
    pub(super) buyer_gap: Duration,
    /// Deliveries in a thousand that somebody repeats later, alters, or brings to another door.
    pub(super) mischief: u64,
    /// Between two commands of the merchant, at most.
    pub(super) command_gap: Duration,
    /// Units of one receipt, at most.
    pub(super) receipt_units: u64,
    /// Units counted in of a SKU at a location, at most.
    pub(super) opening_units: u64,
    /// Whether only buyers take units away: the merchant counts, corrects and moves nothing.
    pub(super) only_sold: bool,
    /// Whether the merchant stops SKUs from being sold, now and then.
    pub(super) freezes: bool,
    /// The shops, and the units that they claim to have at the start.
    pub(super) size: Demo,
    /// Seconds between polls.
    pub(super) poll_secs: u64,
    /// How far a poll goes back.
    pub(super) overlap_secs: u64,
    /// Seconds in which all slots are read back once.
    pub(super) read_back_secs: u64,
    /// How long searches of a shop lag behind, on average.
    pub(super) search_lag: Duration,
    /// How long a shop takes to answer.
    pub(super) answer_delay: Duration,
    /// The shops' cost bucket.
    pub(super) limit: channelsync_sandbox::Plan,
    /// The merchant's rules, as in its file.
    pub(super) rules: &'static str,
    /// Who is master of which location, as in the merchant's file.
    pub(super) masters: &'static str,
    /// Whether quantities are written, as in the merchant's file.
    pub(super) mode: &'static str,
    /// Who says what came back, as in the merchant's file.
    pub(super) returns: &'static str,
    /// Percent of a shop's listings that may change by much at once; 100 for all.
    pub(super) mass_change_percent: u32,
    /// Which figure of the shops is set.
    pub(super) quantity_name: &'static str,
    /// The daemon's limits, as in its file.
    pub(super) limits: &'static str,
    /// How long the disk takes to make a group durable.
    pub(super) append_takes: Duration,
}

/// Requests in a thousand that go wrong between the daemon and a shop.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Network {
    /// Never arrive.
    pub(super) lost: u64,
    /// Arrive up to a minute and a half late, when the caller has long given up.
    pub(super) late: u64,
    /// Arrive in time and are answered up to ten seconds later.
    pub(super) slow: u64,
    /// Are answered with half a body, or with one that makes no sense.
    pub(super) spoiled: u64,
    /// A shop whose requests all vanish.
    pub(super) silent: Option<&'static str>,
}

/// When the daemon dies.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Crashes {
    /// After so many polls of its tasks at most; 0 for never.
    pub(super) polls_max: u64,
    /// Writes in a thousand that are the last: before, in the middle, or after they are durable.
    pub(super) writes: u64,
    /// How long it stays down, at most.
    pub(super) down_max: Duration,
}

/// Names of catalogue rules that a file may hold.
pub(super) const RULES: [&str; 4] = [
    "",
    "safety_stock_units = 2\n",
    "share_percent = 60\n",
    "cap_units = 3\nmin_units = 2\n",
];

/// Every unit stands on one shop only.
pub(super) const GUARDED: &str = "policy = \"guarded\"\n";

/// Slots are read back so seldom that no run sees it: then all must be right without. What a late
/// request did shows only in a reading, so these runs have none.
pub(super) const NEVER: u64 = 86_400;

/// Cost buckets of shops: the largest, the smallest, and one smaller than any plan has.
pub(super) const LIMITS: [channelsync_sandbox::Plan; 3] = [
    channelsync_sandbox::Plan::PLUS,
    channelsync_sandbox::Plan::STANDARD,
    channelsync_sandbox::Plan {
        restore_per_sec: 50,
        points_max: 1_000,
    },
];

/// Shops of a usual run, with nothing on their shelves.
const SIZE: Demo = Demo {
    shops: 2,
    skus: 12,
    kits: 0,
    locations: 2,
    on_hand: 0,
};

/// Randomness of a seed for one purpose.
pub(super) fn dice(seed: u64, purpose: u64) -> SeededRng {
    SeededRng::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ purpose)
}

/// Where half of all calls fail, a row of failures may last longer than anybody waits.
fn bearable(rate: &str) -> &str {
    match rate {
        "0.3" | "0.4" => "0.1",
        rate => rate,
    }
}

/// What goes wrong in the shops, and what still does after the traffic: nothing that anybody waits for,
/// or as much of it as is bearable.
fn shop_faults(dice: &SeededRng) -> (Faults, Faults, Faults) {
    let mut shops = Faults::default();
    let (mut healed, mut lasting) = (Faults::default(), Faults::default());
    let rates: [(&str, [&str; 4]); 6] = [
        ("webhooks-lost", ["0", "0.1", "1", "1"]),
        ("webhooks-doubled", ["0", "0", "0.1", "1"]),
        ("webhooks-reordered", ["0", "0", "0.1", "1"]),
        ("answer-429", ["0", "0", "0.03", "0.3"]),
        ("answer-5xx", ["0", "0", "0.03", "0.3"]),
        ("applied-then-timeout", ["0", "0", "0.03", "0.4"]),
    ];
    for (name, choices) in rates {
        let rate = choices[usize::try_from(dice.below(4)).unwrap()];
        shops.add(&format!("{name}={rate}")).unwrap();
        lasting.add(&format!("{name}={}", bearable(rate))).unwrap();
        if name == "webhooks-lost" {
            healed.add(&format!("{name}={rate}")).unwrap();
        }
    }
    (shops, healed, lasting)
}

/// Adds a fault that is drawn apart, so that the other draws of a seed stay what they were.
fn cut_pages(seed: u64, faults: [&mut Faults; 2]) {
    let choices = ["0", "0", "0.1", "1"];
    let rate = choices[usize::try_from(dice(seed, 14).below(4)).unwrap()];
    for faults in faults {
        faults.add(&format!("pages-cut={rate}")).unwrap();
    }
}

impl Plan {
    /// A plan in which nothing goes wrong, with more on the shelves than anybody buys.
    pub(super) fn calm() -> Self {
        Self {
            seed: 1,
            shops: Faults::default(),
            healed: Faults::default(),
            network: Network::default(),
            crashes: Crashes::default(),
            disk_fails: 0,
            disk_full_secs: 0,
            mishaps: Mishaps::default(),
            busy: Duration::ZERO,
            buyer_gap: Duration::from_secs(2),
            mischief: 0,
            command_gap: Duration::ZERO,
            receipt_units: 0,
            opening_units: 0,
            only_sold: false,
            freezes: false,
            size: Demo {
                on_hand: 10_000,
                ..SIZE
            },
            poll_secs: 5,
            overlap_secs: 15,
            read_back_secs: NEVER,
            search_lag: Duration::from_secs(1),
            answer_delay: Duration::ZERO,
            limit: channelsync_sandbox::Plan::PLUS,
            rules: "",
            masters: "",
            mode: "live",
            returns: "channel",
            mass_change_percent: 100,
            quantity_name: "on_hand",
            limits: "",
            append_takes: Duration::ZERO,
        }
    }

    /// The plan of a seed in which all is guarded and only buyers take units away.
    pub(super) fn guarded(seed: u64) -> Self {
        let mut plan = Self::of(seed);
        (plan.rules, plan.only_sold, plan.size.on_hand) = (GUARDED, true, 0);
        // What was received since the backup was made is sold and not in the book.
        plan.mishaps.restores = 0;
        plan
    }

    /// The plan of a seed as it was before mishaps were played: there a seed once found a bug.
    pub(super) fn without_mishaps(seed: u64) -> Self {
        let mut plan = Self::of(seed);
        plan.mishaps = Mishaps::default();
        (plan.shops.pages_cut, plan.healed.pages_cut) = (Rate::NEVER, Rate::NEVER);
        plan
    }

    /// The plan of a seed.
    pub(super) fn of(seed: u64) -> Self {
        let dice = dice(seed, 1);
        let pick = |choices: [u64; 4]| {
            let at = usize::try_from(dice.below(4)).unwrap();
            choices[at]
        };
        let (mut shops, healed, mut lasting) = shop_faults(&dice);
        cut_pages(seed, [&mut shops, &mut lasting]);
        shops.away = match dice.below(4) {
            0 => Some(Duration::from_secs(5 + dice.below(20))),
            1 => Some(Duration::from_secs(60 + dice.below(120))),
            _ => None,
        };
        let read_back_secs = pick([10, 60, NEVER, NEVER]);
        let more = self::dice(seed, 10);
        let late = pick([0, 10, 40, 100]);
        Self {
            seed,
            shops,
            healed: [healed, lasting][usize::from(seed.is_multiple_of(3))].clone(),
            network: Network {
                lost: pick([0, 0, 10, 150]),
                slow: [0, 0, 20, 100][usize::try_from(more.below(4)).unwrap()],
                spoiled: [0, 0, 10, 60][usize::try_from(more.below(4)).unwrap()],
                late: if read_back_secs == NEVER { 0 } else { late },
                silent: None,
            },
            crashes: Crashes {
                polls_max: pick([0, 20_000, 4_000, 800]),
                writes: pick([0, 4, 20, 100]),
                down_max: Duration::from_secs(pick([1, 5, 5, 90])),
            },
            disk_fails: pick([0, 0, 20, 200]),
            disk_full_secs: pick([0, 0, 3, 45]),
            mishaps: Mishaps::of(seed),
            busy: Duration::from_secs(pick([60, 240, 420, 600])),
            mischief: [0, 50][usize::from(more.below(2) == 0)],
            buyer_gap: Duration::from_millis(pick([700, 1_500, 3_000, 8_000])),
            command_gap: Duration::from_secs(pick([5, 20, 60, 60])),
            receipt_units: pick([2, 6, 12, 24]),
            opening_units: pick([2, 5, 9, 40]),
            freezes: self::dice(seed, 9).below(4) == 0,
            size: Demo {
                on_hand: i64::try_from(pick([0, 0, 3, 30])).unwrap(),
                kits: [0, 0, 2, 5][usize::try_from(self::dice(seed, 8).below(4)).unwrap()],
                ..SIZE
            },
            poll_secs: pick([5, 5, 10, 30]),
            overlap_secs: 15,
            read_back_secs,
            search_lag: Duration::from_secs(pick([0, 1, 1, 5])),
            answer_delay: Duration::from_millis(pick([0, 0, 120, 2_000])),
            limit: LIMITS[usize::try_from(pick([0, 0, 1, 2])).unwrap()],
            rules: RULES[usize::try_from(pick([0, 1, 2, 3])).unwrap()],
            quantity_name: "on_hand",
            append_takes: Duration::from_millis(
                [0, 0, 20, 200][usize::try_from(more.below(4)).unwrap()],
            ),
            ..Self::calm()
        }
    }
}
