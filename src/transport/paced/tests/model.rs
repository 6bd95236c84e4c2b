//! Any traffic against a server that keeps its own bucket.

use channelsync_contract::transport::{Account, Bucket};
use proptest::prelude::*;

use super::super::super::testing::Open;
use super::*;

#[derive(Clone, Debug)]
enum Step {
    Begin { cost: u32, lane: Lane },
    Vanish(usize),
    Process(usize),
    Answer(usize),
    Fail(usize),
    Advance(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let lane = prop_oneof![Just(Lane::Push), Just(Lane::Poll), Just(Lane::Backfill)];
    prop_oneof![
        5 => (0..900_u32, lane).prop_map(|(cost, lane)| Step::Begin { cost, lane }),
        1 => any::<usize>().prop_map(Step::Vanish),
        2 => any::<usize>().prop_map(Step::Process),
        3 => any::<usize>().prop_map(Step::Answer),
        1 => any::<usize>().prop_map(Step::Fail),
        5 => (0..8000_u64).prop_map(Step::Advance),
    ]
}

/// A request at the server, and what it had left when it counted it.
struct Arrived {
    open: Open,
    left: Option<i128>,
}

/// The server's own bucket: it charges half of what a request may cost.
struct Server {
    /// In micro-points.
    available: i128,
    arrived: Vec<Arrived>,
    overdrawn: bool,
}

const CAPACITY: u32 = 1000;
const PER_SECOND: u32 = 50;

impl Server {
    fn process(&mut self, index: usize) {
        let arrived = &mut self.arrived[index];
        if arrived.left.is_none() {
            // The last number of the path is the cost.
            let path = &arrived.open.request.path;
            let cost: u32 = path.rsplit('/').next().unwrap().parse().unwrap();
            self.overdrawn |= self.available < i128::from(cost) * 1_000_000;
            self.available -= i128::from(cost / 2) * 1_000_000;
            arrived.left = Some(self.available);
        }
    }

    fn answer(&mut self, index: usize) {
        self.process(index);
        let Arrived { open, left } = self.arrived.remove(index);
        let left = left.unwrap_or_default().max(0) / 1_000_000;
        let cost: u32 = open
            .request
            .path
            .rsplit('/')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        let body = format!("{left}/{CAPACITY}/{PER_SECOND}/{}", cost / 2);
        open.answer(Ok(response(200, &body)));
    }

    fn advance(&mut self, millis: u64) {
        let gained = i128::from(PER_SECOND) * i128::from(millis) * 1000;
        self.available = (self.available + gained).min(i128::from(CAPACITY) * 1_000_000);
    }
}

struct Play {
    world: World,
    server: Server,
    calls: Vec<Call>,
}

impl Play {
    fn new() -> Self {
        let account = Account {
            buckets: vec![Bucket {
                name: "graphql",
                capacity: CAPACITY,
                restore_per_kilosecond: PER_SECOND * 1000,
            }],
            ..account(fixed())
        };
        Self {
            world: world_with(account),
            server: Server {
                available: 0,
                arrived: Vec::new(),
                overdrawn: false,
            },
            calls: Vec::new(),
        }
    }

    fn step(&mut self, step: &Step) {
        let at = |at: usize| at.checked_rem(self.server.arrived.len());
        match *step {
            Step::Begin { cost, lane } => {
                let request = request(&format!("/{cost}"), cost, lane);
                let paced = Arc::clone(&self.world.paced);
                let call = Box::pin(async move { paced.call(request).await });
                self.calls.push(call);
            }
            Step::Vanish(index) => {
                if let Some(index) = index.checked_rem(self.calls.len()) {
                    drop(self.calls.remove(index));
                }
            }
            Step::Process(index) => at(index).map_or((), |index| self.server.process(index)),
            Step::Answer(index) => at(index).map_or((), |index| self.server.answer(index)),
            Step::Fail(index) => {
                if let Some(index) = at(index) {
                    self.server.process(index);
                    let lost = CallError::Unanswered("cut".into());
                    self.server.arrived.remove(index).open.answer(Err(lost));
                }
            }
            Step::Advance(millis) => {
                self.world.clock.advance(Duration::from_millis(millis));
                self.server.advance(millis);
            }
        }
        self.settle();
    }

    /// Polls every call until nothing moves, as a runtime would.
    fn settle(&mut self) {
        for _ in 0..3 {
            self.calls.retain_mut(|call| poll(call).is_none());
        }
        while self.world.channel.open() > 0 {
            let open = self.world.channel.next();
            self.server.arrived.push(Arrived { open, left: None });
        }
    }
}

proptest! {
    /// R35
    #[test]
    fn no_traffic_overdraws_the_server_and_every_call_ends(
        steps in proptest::collection::vec(step(), 1..80),
    ) {
        let mut play = Play::new();
        for step in &steps {
            play.step(step);
            prop_assert!(!play.server.overdrawn, "after {step:?}");
            prop_assert!(play.world.paced.stats().under_way <= 4);
        }
        for _ in 0..2000 {
            if play.calls.is_empty() {
                break;
            }
            play.step(&Step::Answer(0));
            play.step(&Step::Advance(1000));
            prop_assert!(!play.server.overdrawn);
        }
        prop_assert_eq!(play.calls.len(), 0, "a call waits for ever");
        let stats = play.world.paced.stats();
        prop_assert_eq!((stats.under_way, stats.waiting), (0, 0));
    }
}
