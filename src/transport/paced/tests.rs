mod model;

use std::time::Duration;

use channelsync_contract::transport::{Account, Lane};
use channelsync_contract::{CallError, Request, Response};
use futures_util::future::BoxFuture;
use http::HeaderValue;

use super::super::breaker;
use super::super::testing::{Channel, ManualClock, account, fixed, poll, request, response};
use super::*;
use crate::ports::SeededRng;

type Call = BoxFuture<'static, Result<Response, CallError>>;

struct World {
    clock: Arc<ManualClock>,
    channel: Arc<Channel>,
    paced: Arc<Paced>,
}

fn world_with(account: Account) -> World {
    let (clock, channel) = (ManualClock::new(), Channel::new());
    let rng = Arc::new(SeededRng::new(1));
    World {
        paced: Paced::new(account, "shop", channel.clone(), clock.clone(), rng),
        clock,
        channel,
    }
}

/// A fixed token, and 900 points to spend: it has stood for long.
fn world() -> World {
    let world = world_with(account(fixed()));
    world.clock.advance(Duration::from_secs(60));
    world
}

impl World {
    /// A call that has begun: it waits at the gate or is at the channel.
    fn begin(&self, request: Request) -> Call {
        let paced = Arc::clone(&self.paced);
        let mut call: Call = Box::pin(async move { paced.call(request).await });
        assert!(poll(&mut call).is_none(), "the call takes time");
        call
    }

    fn push(&self, path: &str, cost: u32) -> Call {
        self.begin(request(path, cost, Lane::Push))
    }

    /// One call from begin to end.
    fn exchange(
        &self,
        cost: u32,
        answer: Result<Response, CallError>,
    ) -> Result<Response, CallError> {
        let mut call = self.push("/", cost);
        self.channel.next().answer(answer);
        poll(&mut call).unwrap()
    }

    fn refused_at_once(&self, request: Request) -> String {
        let paced = Arc::clone(&self.paced);
        match poll(&mut Box::pin(async move { paced.call(request).await })) {
            Some(Err(CallError::NotSent(why))) => why,
            other => panic!("not sent at once: {other:?}"),
        }
    }

    fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    fn points(&self) -> u32 {
        self.paced.stats().buckets[0].points
    }
}

#[test]
fn the_channel_sees_an_absolute_url_and_the_token() {
    let world = world();
    let mut call = world.push("/graphql.json?a=b", 10);
    let open = world.channel.next();
    assert_eq!(open.request.path, "https://shop.example/graphql.json?a=b");
    assert_eq!(open.header("x-token"), "canary-secret");
    assert!(open.request.headers["x-token"].is_sensitive());
    open.status(200);
    assert!(poll(&mut call).unwrap().is_ok());
}

#[test]
fn a_path_that_could_name_another_host_is_refused() {
    let why = world().refused_at_once(request("@elsewhere.example/", 1, Lane::Push));
    assert_eq!(why, "the path does not start with /");
}

/// R35
#[test]
fn after_a_restart_nothing_leaves_before_it_was_earned() {
    let world = world_with(account(fixed()));
    let mut call = world.push("/", 45);
    assert_eq!(world.channel.open(), 0);
    world.clock.advance(Duration::from_millis(999));
    assert!(poll(&mut call).is_none());
    assert_eq!(world.channel.open(), 0);
    world.clock.advance(Duration::from_millis(2));
    assert!(poll(&mut call).is_none());
    assert_eq!(world.channel.open(), 1);
}

#[test]
fn a_cheaper_answer_gives_points_back_to_level_and_pace() {
    let world = world();
    for _ in 0..50 {
        let answer = world.exchange(900, Ok(response(200, "1000/1000/50/0")));
        assert!(answer.is_ok(), "no time passes, and nothing was spent");
    }
    assert_eq!(world.points(), 900);
}

#[test]
fn what_lost_and_failed_calls_took_is_settled_by_the_servers_next_figure() {
    let world = world();
    let lost = Err(CallError::Unanswered("connection closed".into()));
    assert!(world.exchange(400, lost).is_err());
    assert!(world.exchange(400, Ok(response(500, ""))).is_ok());
    assert_eq!(world.points(), 100);
    world.pass(3);
    let figure = || Ok(response(200, "1000/1000/50/0"));
    assert!(world.exchange(10, figure()).is_ok());
    assert_eq!(world.points(), 900);
    assert!(world.exchange(900, figure()).is_ok(), "without waiting");
}

#[test]
fn another_rate_of_the_server_replaces_the_pace_emptied() {
    let world = world();
    assert!(
        world
            .exchange(10, Ok(response(200, "19990/20000/1000/10")))
            .is_ok()
    );
    let stats = world.paced.stats().buckets[0];
    assert_eq!((stats.points, stats.capacity), (17_990, 20_000));
    let mut call = world.push("/", 900);
    assert_eq!(world.channel.open(), 0, "the new pace begins empty");
    world.clock.advance(Duration::from_millis(1001));
    assert!(poll(&mut call).is_none());
    assert_eq!(world.channel.open(), 1);
}

#[test]
fn waiting_pushes_leave_before_polls_before_backfill() {
    let world = world();
    drop(world.exchange(900, Ok(response(200, ""))));
    let mut calls = vec![
        world.begin(request("/scan", 45, Lane::Backfill)),
        world.begin(request("/poll", 45, Lane::Poll)),
        world.begin(request("/push-1", 45, Lane::Push)),
        world.begin(request("/push-2", 45, Lane::Push)),
    ];
    assert_eq!(world.paced.stats().waiting, 4);
    for expected in ["/push-1", "/push-2", "/poll", "/scan"] {
        assert_eq!(world.channel.open(), 0);
        world.clock.advance(Duration::from_millis(1001));
        for call in &mut calls {
            assert!(poll(call).is_none());
        }
        assert_eq!(world.channel.path(), expected);
        world.channel.next().status(200);
        calls.retain_mut(|call| poll(call).is_none());
    }
    assert!(calls.is_empty());
}

#[test]
fn at_most_calls_max_are_under_way_and_a_free_slot_goes_to_the_best_lane() {
    let world = world();
    let mut calls: Vec<Call> = (0..4).map(|_| world.push("/first", 1)).collect();
    let mut scan = world.begin(request("/scan", 1, Lane::Backfill));
    let mut elsewhere = request("/other", 1, Lane::Poll);
    elsewhere.bucket = "other";
    let mut other = world.begin(elsewhere);
    let mut push = world.push("/push", 1);
    assert_eq!(
        (world.channel.open(), world.paced.stats().under_way),
        (4, 4)
    );
    for (index, expected) in ["/push", "/other", "/scan"].into_iter().enumerate() {
        world.channel.next().status(200);
        assert!(poll(&mut calls[index]).is_some());
        for call in [&mut scan, &mut other, &mut push] {
            assert!(poll(call).is_none());
        }
        let last = world.channel.open() - 1;
        assert_eq!(last, 3, "the slot is taken again");
        let paths = world.channel.paths();
        assert!(paths[last].ends_with(expected), "{paths:?}");
    }
}

#[test]
fn waiting_calls_are_bounded() {
    let world = world_with(account(fixed()));
    let calls: Vec<Call> = (0..1024).map(|_| world.push("/", 45)).collect();
    let why = world.refused_at_once(request("/", 45, Lane::Push));
    assert_eq!(why, "1024 calls are waiting already");
    drop(calls);
    assert_eq!(world.paced.stats().waiting, 0);
}

#[test]
fn unknown_and_unpayable_requests_are_refused_at_once() {
    let world = world();
    let mut unknown = request("/", 1, Lane::Push);
    unknown.bucket = "rest";
    let why = world.refused_at_once(unknown);
    assert_eq!(why, "the account has no rate limit named rest");
    let why = world.refused_at_once(request("/", 1001, Lane::Push));
    assert_eq!(why, "costs more than the 1000 points that graphql holds");
}

/// R35
#[test]
fn a_throttle_pauses_the_bucket_for_everybody() {
    for (answer, pause) in [
        (response(200, "throttled/7"), 7),
        (with_retry_after(429, "3"), 3),
        (with_retry_after(430, "2.0"), 2),
    ] {
        let world = world();
        let result = world.exchange(100, Ok(answer));
        let retry_after = Duration::from_secs(pause);
        assert!(
            matches!(result, Err(CallError::Throttled { retry_after: at }) if at == retry_after)
        );
        assert_eq!(world.points(), 0, "the level is empty");
        assert!(world.paced.stats().buckets[0].paused);
        let mut call = world.push("/", 1);
        world.clock.advance(retry_after - Duration::from_millis(1));
        assert!(poll(&mut call).is_none());
        assert_eq!(world.channel.open(), 0);
        world.clock.advance(Duration::from_millis(2));
        assert!(poll(&mut call).is_none());
        assert_eq!(world.channel.open(), 1);
        let stats = world.paced.stats();
        assert_eq!(
            stats.breaker,
            breaker::State::Closed,
            "a throttle is no failure"
        );
        assert_eq!(stats.outcomes.throttled, 1);
    }
}

#[test]
fn throttles_without_a_time_wait_longer_each_time() {
    let world = world();
    for full in [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000] {
        let result = world.exchange(1, Ok(response(429, "")));
        let Err(CallError::Throttled { retry_after }) = result else {
            panic!("throttled");
        };
        let millis = retry_after.as_millis();
        assert!((full / 2..=full).contains(&millis), "{millis} of {full}");
        world.pass(120);
    }
    assert!(world.exchange(1, Ok(response(200, ""))).is_ok());
    let Err(CallError::Throttled { retry_after }) = world.exchange(1, Ok(response(429, ""))) else {
        panic!("throttled");
    };
    assert!(
        retry_after.as_millis() <= 1000,
        "an answer between begins anew"
    );
}

#[test]
fn refusals_of_one_wave_count_once() {
    let world = world();
    let mut calls: Vec<Call> = (0..4).map(|_| world.push("/", 1)).collect();
    for call in &mut calls {
        world.clock.advance(Duration::from_millis(1));
        world.channel.next().status(429);
        let Some(Err(CallError::Throttled { retry_after })) = poll(call) else {
            panic!("throttled");
        };
        assert!(retry_after.as_millis() <= 1000);
    }
}

/// R37
#[test]
fn a_dead_channel_is_left_alone_and_tried_again() {
    let world = world();
    let failures = [
        Err(CallError::NotSent("refused".into())),
        Err(CallError::Unanswered("timeout".into())),
        Ok(response(503, "")),
        Err(CallError::NotSent("refused".into())),
    ];
    for failure in failures {
        drop(world.exchange(1, failure));
    }
    let mut fifth = world.push("/", 1);
    let mut waiting = world.push("/", 900);
    world
        .channel
        .next()
        .answer(Err(CallError::Unanswered("timeout".into())));
    assert!(matches!(
        poll(&mut fifth),
        Some(Err(CallError::Unanswered(_)))
    ));
    let refused = poll(&mut waiting);
    assert!(
        matches!(refused, Some(Err(CallError::NotSent(_)))),
        "those who wait are told, too"
    );
    let why = world.refused_at_once(request("/", 1, Lane::Push));
    assert_eq!(why, "the channel failed 5 times in a row, circuit is open");
    assert_eq!(
        world.paced.stats().last_error.unwrap().text,
        "no answer: timeout"
    );
    world.pass(1);
    let trial = world.push("/", 1);
    world.refused_at_once(request("/", 1, Lane::Push));
    drop(trial);
    drop(world.channel.next());
    assert!(
        world.exchange(1, Ok(response(200, "{}"))).is_ok(),
        "a trial given up is made again"
    );
    assert_eq!(world.paced.stats().breaker, breaker::State::Closed);
}

#[test]
fn once_closed_nothing_leaves_and_what_is_under_way_is_answered() {
    let world = world();
    let mut under_way = world.push("/first", 900);
    let mut waiting = world.push("/second", 900);
    world.paced.close();
    assert!(matches!(
        poll(&mut waiting),
        Some(Err(CallError::NotSent(_)))
    ));
    let why = world.refused_at_once(request("/third", 1, Lane::Push));
    assert_eq!(why, "the channel is being stopped");
    world.channel.next().status(200);
    assert!(poll(&mut under_way).unwrap().is_ok());
    assert_eq!(world.channel.open(), 0);
}

#[test]
fn a_vanished_caller_returns_its_place_and_unspent_points() {
    let world = world();
    let under_way = world.push("/", 400);
    let waiting = world.push("/", 900);
    let mut behind = world.push("/", 500);
    assert_eq!((world.channel.open(), world.points()), (1, 500));
    drop(waiting);
    assert!(poll(&mut behind).is_none());
    assert_eq!(world.channel.open(), 2, "the next in line was woken");
    drop((under_way, behind));
    let stats = world.paced.stats();
    assert_eq!((stats.under_way, stats.waiting), (0, 0));
    assert_eq!(world.points(), 0, "what had left stays spent");
}

#[test]
fn a_caller_that_vanishes_between_verdict_and_leaving_gives_all_back() {
    let world = world();
    let first: Vec<Call> = (0..4).map(|_| world.push("/", 1)).collect();
    let waiting = world.push("/", 100);
    drop(first);
    assert_eq!(
        world.paced.stats().under_way,
        1,
        "it may leave, and does not know yet"
    );
    assert_eq!(world.points(), 796);
    drop(waiting);
    assert_eq!(world.paced.stats().under_way, 0);
    assert_eq!(world.points(), 896);
}

/// R60
#[test]
fn a_401_with_a_fixed_token_is_final_and_counted_as_such() {
    let world = world();
    let result = world.exchange(1, Ok(response(401, "")));
    assert!(matches!(result, Err(CallError::Unauthorized(_))));
    drop(world.exchange(1, Ok(response(200, ""))));
    drop(world.exchange(1, Ok(response(200, "{}"))));
    drop(world.exchange(1, Ok(response(404, "{}"))));
    drop(world.exchange(1, Ok(response(500, "{}"))));
    let outcomes = world.paced.stats().outcomes;
    let seen = (outcomes.unauthorized, outcomes.empty, outcomes.succeeded);
    assert_eq!(seen, (1, 1, 1));
    assert_eq!((outcomes.refused, outcomes.server_errors), (1, 1));
    assert_eq!(world.paced.stats().requests, 5);
}

fn with_retry_after(status: u16, text: &'static str) -> Response {
    let mut answer = response(status, "");
    let value = HeaderValue::from_static(text);
    answer.headers.insert(http::header::RETRY_AFTER, value);
    answer
}
