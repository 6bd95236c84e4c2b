use proptest::prelude::*;

use super::*;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn reported(available: u32, capacity: u32, per_second: u32) -> Reported {
    Reported {
        available,
        capacity,
        restore_per_kilosecond: per_second * 1000,
    }
}

/// A level of 1,000 points and 50 per second that holds `points` at uptime zero.
fn holding(points: u32) -> Level {
    let mut level = Level::empty(1000, 50_000, secs(0));
    level.level = milli(points);
    level
}

#[test]
fn a_new_level_is_empty_and_gains_nine_tenths_of_the_rate() {
    let mut level = Level::empty(1000, 50_000, secs(5));
    assert_eq!(level.take(45, secs(5)), Err(Short::Wait(secs(1))));
    assert_eq!(level.points(secs(6)), 45);
    let held = level.take(45, secs(6)).unwrap();
    assert_eq!(level.points(secs(6)), 0);
    assert_eq!(
        level.points(secs(600)),
        855,
        "a call under way may not have been counted yet"
    );
    level.settle(held, None, None, secs(6));
    assert_eq!(level.points(secs(600)), 900, "the last tenth is headroom");
}

#[test]
fn waiting_as_told_is_enough_to_the_nanosecond() {
    for rate in [1, 7, 999, 50_000, 1_000_003] {
        let mut level = Level::empty(1000, rate, secs(0));
        let Err(Short::Wait(wait)) = level.check(3, secs(0)) else {
            panic!("an empty level cannot pay");
        };
        if wait == WAIT_MAX {
            continue;
        }
        let early = wait - Duration::from_nanos(1);
        assert!(level.clone().check(3, early).is_err(), "rate {rate}");
        assert_eq!(level.check(3, wait), Ok(()), "rate {rate}");
    }
}

#[test]
fn many_small_steps_gain_as_much_as_one_large_one() {
    let mut steps = Level::empty(1000, 7, secs(0));
    let mut now = Duration::ZERO;
    for _ in 0..10_000 {
        now += Duration::from_nanos(12_345_678);
        steps.advance(now);
    }
    let mut leap = Level::empty(1000, 7, secs(0));
    leap.advance(now);
    assert_eq!((steps.level, steps.rest), (leap.level, leap.rest));
}

#[test]
fn a_cost_above_the_capacity_is_never_waited_for() {
    let mut level = holding(900);
    let too_expensive = Err(Short::TooExpensive { capacity: 1000 });
    assert_eq!(level.take(1001, secs(0)), too_expensive);
    assert!(
        level.take(1000, secs(0)).is_ok(),
        "a full level pays for it"
    );
    assert_eq!(level.points(secs(0)), 0);
    assert_eq!(
        level.check(0, secs(0)),
        Err(Short::Wait(Duration::from_nanos(2_222_222_223)))
    );
}

#[test]
fn a_refund_comes_back_and_a_surcharge_is_taken() {
    for (actual, points) in [
        (Some(10), 890),
        (Some(100), 800),
        (Some(300), 600),
        (None, 800),
    ] {
        let mut level = holding(900);
        let held = level.take(100, secs(0)).unwrap();
        level.settle(held, actual, None, secs(0));
        assert_eq!(level.points(secs(0)), points, "{actual:?}");
    }
}

#[test]
fn a_call_that_never_left_costs_nothing_and_a_lost_one_all() {
    let mut level = holding(900);
    let held = level.take(100, secs(0)).unwrap();
    level.give_back(held, secs(0));
    assert_eq!(level.points(secs(0)), 900);
    let held = level.take(100, secs(0)).unwrap();
    level.lose(held, LATE_MAX, secs(0));
    assert_eq!(level.points(secs(0)), 800);
}

#[test]
fn a_report_raises_a_level_that_knew_nothing() {
    let mut level = Level::empty(1000, 50_000, secs(0));
    let held = level.take(45, secs(1)).unwrap();
    level.settle(
        held,
        Some(45),
        Some(reported(19_955, 20_000, 1000)),
        secs(1),
    );
    assert_eq!(level.points(secs(1)), 17_955);
    assert_eq!(level.points(secs(2)), 18_000);
}

#[test]
fn calls_beside_the_reporting_one_are_subtracted() {
    let mut level = Level::empty(1000, 50_000, secs(0));
    let now = secs(20);
    let first = level.take(300, now).unwrap();
    let second = level.take(200, now).unwrap();
    // The server counted only the first: its 700 must still pay for the second.
    level.settle(first, Some(300), Some(reported(700, 1000, 50)), now);
    assert_eq!(level.points(now), 400);
    // The answer to the second may have been made before the first was counted.
    level.settle(second, Some(200), Some(reported(800, 1000, 50)), now);
    assert_eq!(level.points(now), 400);
}

#[test]
fn somebody_else_in_the_bucket_lowers_the_level_below_zero() {
    let mut level = holding(900);
    let held = level.take(100, secs(0)).unwrap();
    level.settle(held, Some(100), Some(reported(50, 1000, 50)), secs(0));
    assert_eq!(level.level, milli(50) - milli(100));
    assert_eq!(level.take(40, secs(0)), Err(Short::Wait(secs(2))));
}

#[test]
fn a_lowered_limit_holds_at_once() {
    let mut level = holding(900);
    let held = level.take(100, secs(0)).unwrap();
    level.settle(held, None, Some(reported(80, 100, 10)), secs(0));
    assert_eq!((level.capacity(), level.points(secs(0))), (100, 70));
    assert_eq!(level.points(secs(1)), 79);
    assert_eq!(level.points(secs(99)), 90);
    let too_expensive = Err(Short::TooExpensive { capacity: 100 });
    assert_eq!(level.take(101, secs(99)), too_expensive);
}

#[test]
fn a_drained_level_starts_again_from_nothing() {
    let mut level = holding(900);
    level.drain(secs(3));
    assert_eq!(level.points(secs(3)), 0);
    assert_eq!(level.points(secs(4)), 45);
}

#[test]
fn a_saved_level_is_never_above_what_could_have_been_restored() {
    let at = |points| Level::saved(1000, 50_000, points, secs(7)).points(secs(7));
    assert_eq!(
        [at(0), at(100), at(600), at(1000), at(u32::MAX)],
        [0, 0, 500, 900, 900]
    );
}

#[test]
fn a_server_that_restores_nothing_is_asked_again_after_an_hour() {
    let mut level = Level::empty(100, 0, secs(0));
    assert_eq!(level.check(1, secs(0)), Err(Short::Wait(WAIT_MAX)));
}

/// What a test does next; indices are taken modulo the calls there are.
#[derive(Clone, Debug)]
enum Step {
    Advance(u64),
    Send { cost: u32, actual_percent: u32 },
    Process(usize),
    Answer(usize),
    Lose(usize, Duration),
    Restart { keep: bool },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..3000_u64).prop_map(Step::Advance),
        1 => (0..60_000_u64).prop_map(Step::Advance),
        6 => (0..1100_u32, 0..=100_u32)
            .prop_map(|(cost, actual_percent)| Step::Send { cost, actual_percent }),
        4 => any::<usize>().prop_map(Step::Process),
        4 => any::<usize>().prop_map(Step::Answer),
        1 => (any::<usize>(), prop_oneof![Just(LATE_MAX), Just(BROKEN_LATE_MAX)])
            .prop_map(|(at, late_max)| Step::Lose(at, late_max)),
        1 => any::<bool>().prop_map(|keep| Step::Restart { keep }),
    ]
}

#[derive(Clone, Copy)]
struct Sent {
    held: Held,
    actual: u32,
    report: Option<Reported>,
    /// Nobody waits for it; the server counts it until then.
    lost: Option<Duration>,
}

/// The server's bucket in micro-points (its rate per millisecond is then whole), and our belief.
struct Model {
    now: Duration,
    available: i128,
    capacity: u32,
    per_second: u32,
    level: Level,
    calls: Vec<Sent>,
    reports: bool,
    overdrawn: bool,
}

impl Model {
    fn advance(&mut self, millis: u64) {
        for index in 0..self.calls.len() {
            let until = self.calls[index].lost;
            if until.is_some_and(|at| at < self.now + Duration::from_millis(millis)) {
                self.process(index);
            }
        }
        let gained = i128::from(self.per_second) * i128::from(millis) * 1000;
        self.now += Duration::from_millis(millis);
        self.available = (self.available + gained).min(i128::from(self.capacity) * 1_000_000);
    }

    fn process(&mut self, index: usize) {
        let sent = &mut self.calls[index];
        if sent.report.is_some() {
            return;
        }
        self.overdrawn |= self.available < i128::from(sent.held.cost) * 1_000_000;
        self.available -= i128::from(sent.actual) * 1_000_000;
        sent.report = Some(Reported {
            available: u32::try_from(self.available.max(0) / 1_000_000).unwrap(),
            capacity: self.capacity,
            restore_per_kilosecond: self.per_second * 1000,
        });
    }

    fn answer(&mut self, index: usize) {
        self.process(index);
        let sent = self.calls.remove(index);
        if sent.lost.is_some() {
            return;
        }
        let report = sent.report.filter(|_| self.reports);
        self.level
            .settle(sent.held, Some(sent.actual), report, self.now);
    }

    fn step(&mut self, step: &Step) {
        let index = |at: usize| at.checked_rem(self.calls.len());
        match *step {
            Step::Advance(millis) => self.advance(millis),
            Step::Send {
                cost,
                actual_percent,
            } => {
                if let Ok(held) = self.level.take(cost, self.now) {
                    let actual = cost * actual_percent / 100;
                    self.calls.push(Sent {
                        held,
                        actual,
                        report: None,
                        lost: None,
                    });
                }
            }
            Step::Process(at) => {
                if let Some(index) = index(at) {
                    self.process(index);
                }
            }
            Step::Answer(at) => {
                if let Some(index) = index(at) {
                    self.answer(index);
                }
            }
            Step::Lose(at, late_max) => {
                // It stays under way at the server and is counted any time within this.
                if let Some(sent) = index(at).map(|index| &mut self.calls[index])
                    && sent.lost.is_none()
                {
                    sent.lost = Some(self.now + late_max);
                    self.level.lose(sent.held, late_max, self.now);
                }
            }
            Step::Restart { keep } => {
                // What was under way is processed before the next run sends anything.
                for index in 0..self.calls.len() {
                    self.process(index);
                }
                self.calls.clear();
                let (capacity, rate) = (self.level.capacity, self.level.restore_per_kilosecond);
                let points = self.level.points(self.now);
                self.level = if keep {
                    Level::saved(capacity, rate, points, self.now)
                } else {
                    Level::empty(capacity, rate, self.now)
                };
            }
        }
    }
}

proptest! {
    /// R35
    #[test]
    fn the_server_is_never_overdrawn(
        capacity in 10..2000_u32,
        per_second in 1..200_u32,
        start_percent in 0..=100_i128,
        reports in any::<bool>(),
        steps in proptest::collection::vec(step(), 1..120),
    ) {
        let mut model = Model {
            now: secs(1),
            available: i128::from(capacity) * 10_000 * start_percent,
            capacity,
            per_second,
            level: Level::empty(capacity, per_second * 1000, secs(1)),
            calls: Vec::new(),
            reports,
            overdrawn: false,
        };
        for step in &steps {
            model.step(step);
            prop_assert!(!model.overdrawn, "after {step:?}");
        }
    }

    #[test]
    fn no_window_spends_more_than_capacity_and_rate_allow(
        capacity in 10..2000_u32,
        per_second in 1..200_u32,
        tries in proptest::collection::vec((0..20_000_u64, 0..2000_u32), 1..80),
    ) {
        let mut level = Level::empty(capacity, per_second * 1000, secs(0));
        let mut now = Duration::ZERO;
        let mut spent: Vec<(Duration, u32)> = Vec::new();
        for (millis, cost) in tries {
            now += Duration::from_millis(millis);
            if let Ok(held) = level.take(cost, now) {
                level.settle(held, None, None, now);
                spent.push((now, cost));
            }
        }
        for (index, (from, _)) in spent.iter().enumerate() {
            let mut sum = 0_u128;
            for (to, cost) in &spent[index..] {
                sum += u128::from(*cost);
                let restored = u128::from(per_second) * (*to - *from).as_millis() * 9;
                prop_assert!(sum * 10_000 <= u128::from(capacity) * 10_000 + restored);
            }
        }
    }

    /// R69
    #[test]
    fn no_figure_of_a_server_breaks_the_arithmetic(
        figures in proptest::collection::vec(any::<(u32, u32, u32, u64, u32)>(), 1..20),
    ) {
        let mut level = Level::empty(1, 1, secs(0));
        let mut now = Duration::ZERO;
        for (available, capacity, restore_per_kilosecond, nanos, cost) in figures {
            now = now.saturating_add(Duration::from_nanos(nanos));
            if let Ok(held) = level.take(cost, now) {
                let reported = Reported { available, capacity, restore_per_kilosecond };
                level.settle(held, Some(available), Some(reported), now);
            } else {
                level.drain(now);
            }
            prop_assert!(level.points(now) <= level.capacity());
        }
    }
}
