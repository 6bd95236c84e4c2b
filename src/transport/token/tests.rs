use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use channelsync_contract::transport::{GrantLease, GrantStore, Lane, TokenExchange};
use channelsync_contract::{Request, Response, Timestamp};

use super::super::testing::{Channel, ManualClock, fixed, poll, request, response};
use super::*;
use crate::ports::SeededRng;

/// Gives what the answer's body says: `token life`.
struct Asked(AtomicU64);

impl TokenExchange for Asked {
    fn request(&self) -> Request {
        self.0.fetch_add(1, Ordering::Relaxed);
        request("/token", 0, Lane::Poll)
    }

    fn decode(&self, answer: &Response) -> Result<(Secret, Option<Duration>), ConnectorError> {
        if !answer.status.is_success() {
            return Err(ConnectorError::Unauthorized("invalid client".into()));
        }
        let text = std::str::from_utf8(&answer.body).unwrap();
        let (token, life) = text.split_once(' ').unwrap();
        let life = Duration::from_secs(life.parse().unwrap());
        Ok((Secret::new(token), Some(life)))
    }
}

struct World {
    clock: Arc<ManualClock>,
    channel: Arc<Channel>,
    grant: Arc<Asked>,
    tokens: Tokens,
}

fn world() -> World {
    let clock = ManualClock::new();
    let grant = Arc::new(Asked(AtomicU64::new(0)));
    let source = TokenSource::Exchange(grant.clone());
    let rng = Arc::new(SeededRng::new(1));
    World {
        tokens: Tokens::new(source, clock.clone(), rng),
        channel: Channel::new(),
        clock,
        grant,
    }
}

impl World {
    fn asked(&self) -> u64 {
        self.grant.0.load(Ordering::Relaxed)
    }

    /// The current token when the channel answers an exchange like this.
    fn current(&self, answer: &'static str) -> String {
        let mut current = Box::pin(self.tokens.current(&*self.channel));
        let token = poll(&mut current).unwrap_or_else(|| {
            self.channel.next().answer(Ok(response(200, answer)));
            poll(&mut current).unwrap()
        });
        token.unwrap().secret.expose().to_owned()
    }
}

#[test]
fn a_fixed_token_is_never_asked_for() {
    let (clock, rng) = (ManualClock::new(), Arc::new(SeededRng::new(1)));
    let tokens = Tokens::new(fixed(), clock, rng);
    let channel = Channel::new();
    let token = poll(&mut Box::pin(tokens.current(&*channel))).unwrap();
    assert_eq!(token.unwrap().secret, Secret::new("canary-secret"));
    let renewed = poll(&mut Box::pin(tokens.renew(0, &*channel))).unwrap();
    assert!(matches!(renewed, Err(CallError::Unauthorized(_))));
}

/// R61
#[test]
fn how_long_a_token_lasts_is_told_down_to_zero() {
    let world = world();
    assert_eq!(world.tokens.expires_in(), None);
    world.current("one 100");
    for (later, left) in [(0, 100), (70, 30), (29, 1), (500, 0)] {
        world.clock.advance(Duration::from_secs(later));
        let expected = Some((Duration::from_secs(left), Duration::from_secs(100)));
        assert_eq!(world.tokens.expires_in(), expected, "{later} s later");
    }
    world.current("two 100");
    let whole = Duration::from_secs(100);
    assert_eq!(world.tokens.expires_in(), Some((whole, whole)));
}

#[test]
fn a_token_is_kept_until_80_percent_of_its_life() {
    let world = world();
    assert_eq!(world.current("one 100"), "one");
    world.clock.advance(Duration::from_secs(79));
    assert_eq!(world.current("two 100"), "one");
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.current("two 100"), "two");
    assert_eq!(world.asked(), 2);
}

#[test]
fn during_an_early_renewal_others_go_on_with_the_old_token() {
    let world = world();
    world.current("one 100");
    world.clock.advance(Duration::from_secs(90));
    let mut first = Box::pin(world.tokens.current(&*world.channel));
    assert!(poll(&mut first).is_none());
    assert_eq!(world.current("never 1"), "one");
    assert_eq!(world.channel.open(), 1);
    // The renewal fails, but the old token is still good.
    world.channel.next().answer(Ok(response(400, "")));
    assert_eq!(
        poll(&mut first).unwrap().unwrap().secret,
        Secret::new("one")
    );
    assert_eq!(world.current("never 1"), "one", "not asked again at once");
    assert_eq!(world.asked(), 2);
}

#[test]
fn many_callers_share_one_exchange() {
    let world = world();
    let mut callers: Vec<_> = (0..10)
        .map(|_| Box::pin(world.tokens.current(&*world.channel)))
        .collect();
    for caller in &mut callers {
        assert!(poll(caller).is_none());
    }
    world.channel.next().answer(Ok(response(200, "one 100")));
    for caller in &mut callers {
        assert_eq!(poll(caller).unwrap().unwrap().serial, 1);
    }
    assert_eq!(world.asked(), 1);
}

#[test]
fn when_the_asking_caller_vanishes_the_next_one_asks() {
    let world = world();
    let mut first = Box::pin(world.tokens.current(&*world.channel));
    let mut second = Box::pin(world.tokens.current(&*world.channel));
    assert!(poll(&mut first).is_none());
    assert!(poll(&mut second).is_none());
    drop(first);
    drop(world.channel.next());
    assert!(poll(&mut second).is_none());
    world.channel.next().answer(Ok(response(200, "one 100")));
    assert!(poll(&mut second).unwrap().is_ok());
}

#[test]
fn a_refused_exchange_is_repeated_only_after_a_pause() {
    let world = world();
    let ask = || Box::pin(world.tokens.current(&*world.channel));
    let mut first = ask();
    assert!(poll(&mut first).is_none());
    world.channel.next().answer(Ok(response(401, "")));
    assert!(matches!(
        poll(&mut first),
        Some(Err(CallError::Unauthorized(_)))
    ));
    assert!(matches!(
        poll(&mut ask()),
        Some(Err(CallError::Unauthorized(_)))
    ));
    assert_eq!(world.asked(), 1);
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(world.current("one 100"), "one");
}

#[test]
fn what_fails_on_the_way_is_not_remembered() {
    let world = world();
    for error in [
        CallError::NotSent("refused".into()),
        CallError::Unanswered("timeout".into()),
    ] {
        let mut ask = Box::pin(world.tokens.current(&*world.channel));
        assert!(poll(&mut ask).is_none());
        world.channel.next().answer(Err(error));
        assert!(matches!(poll(&mut ask), Some(Err(CallError::NotSent(_)))));
    }
    let mut ask = Box::pin(world.tokens.current(&*world.channel));
    assert!(poll(&mut ask).is_none());
    world.channel.next().status(502);
    assert!(matches!(poll(&mut ask), Some(Err(CallError::NotSent(_)))));
    assert_eq!(world.current("one 100"), "one");
}

#[test]
fn a_token_that_was_refused_is_renewed_once_for_all() {
    let world = world();
    world.current("one 100");
    let mut first = Box::pin(world.tokens.renew(1, &*world.channel));
    let mut second = Box::pin(world.tokens.renew(1, &*world.channel));
    assert!(poll(&mut first).is_none());
    assert!(poll(&mut second).is_none());
    world.channel.next().answer(Ok(response(200, "two 100")));
    assert_eq!(poll(&mut first).unwrap().unwrap().serial, 2);
    assert_eq!(poll(&mut second).unwrap().unwrap().serial, 2);
    // The fresh one is refused as well: no further exchange before the pause is over.
    drop(world.tokens.refused());
    let again = poll(&mut Box::pin(world.tokens.renew(2, &*world.channel)));
    assert!(matches!(again, Some(Err(CallError::Unauthorized(_)))));
    world.tokens.accepted();
    let mut third = Box::pin(world.tokens.renew(2, &*world.channel));
    assert!(poll(&mut third).is_none());
    assert_eq!(world.asked(), 3);
}

#[test]
fn an_exchange_is_sent_without_authorization() {
    let world = world();
    let mut ask = Box::pin(world.tokens.current(&*world.channel));
    assert!(poll(&mut ask).is_none());
    let open = world.channel.next();
    assert!(!open.request.authorize);
    assert_eq!(open.request.body, Bytes::from_static(b"{}"));
}

/// What is kept outside, and whether it can be written.
#[derive(Debug, Default)]
struct Outside {
    grant: Mutex<Option<Grant>>,
    is_full: std::sync::atomic::AtomicBool,
}

/// A lease on it; the tests never hold two at once.
struct Leased(Arc<Outside>, Grant);

#[derive(Debug)]
struct Shelf(Arc<Outside>);

#[async_trait]
impl GrantStore for Shelf {
    fn place(&self) -> String {
        "shelf".into()
    }

    async fn lease(&self) -> Result<Box<dyn GrantLease>, String> {
        let grant = self.0.grant.lock().unwrap().clone();
        let grant = grant.ok_or("nothing is kept")?;
        Ok(Box::new(Leased(self.0.clone(), grant)))
    }
}

#[async_trait]
impl GrantLease for Leased {
    fn grant(&self) -> &Grant {
        &self.1
    }

    async fn keep(&self, grant: &Grant) -> Result<(), String> {
        if self.0.is_full.load(Ordering::Relaxed) {
            return Err("no space left".into());
        }
        *self.0.grant.lock().unwrap() = Some(grant.clone());
        Ok(())
    }
}

/// Renews a grant: the answer's body says `token life refresh`, the path what it was asked for with.
struct Renews;

impl Renewal for Renews {
    fn request(&self, refresh: &Secret) -> Request {
        request(&format!("/{}", refresh.expose()), 0, Lane::Poll)
    }

    fn decode(&self, answer: &Response, asked_at: Timestamp) -> Result<Grant, ConnectorError> {
        if !answer.status.is_success() {
            return Err(ConnectorError::Unauthorized("the grant ended".into()));
        }
        let text = std::str::from_utf8(&answer.body).unwrap();
        let parts: Vec<&str> = text.split(' ').collect();
        let [token, life, refresh] = parts[..] else {
            panic!("{text}");
        };
        let life = Duration::from_secs(life.parse().unwrap());
        Ok(grant_of(token, asked_at.plus(life), refresh))
    }
}

fn grant_of(token: &str, expires_at: Timestamp, refresh: &str) -> Grant {
    Grant {
        token: Secret::new(token),
        expires_at,
        refresh: Secret::new(refresh),
    }
}

struct Granted {
    clock: Arc<ManualClock>,
    channel: Arc<Channel>,
    outside: Arc<Outside>,
}

impl Granted {
    /// A grant is kept that is valid for 100 s.
    fn new() -> Self {
        let clock = ManualClock::new();
        let outside = Arc::new(Outside::default());
        let until = clock.now().plus(Duration::from_secs(100));
        *outside.grant.lock().unwrap() = Some(grant_of("one", until, "r1"));
        Self {
            clock,
            channel: Channel::new(),
            outside,
        }
    }

    /// A process of its own.
    fn tokens(&self) -> Tokens {
        let source = TokenSource::Grant(Arc::new(Renews), Arc::new(Shelf(self.outside.clone())));
        Tokens::new(source, self.clock.clone(), Arc::new(SeededRng::new(1)))
    }

    /// The current token; where it is asked for, with `refresh`, and answered.
    fn current(&self, tokens: &Tokens, asks: Option<(&str, u16, &'static str)>) -> String {
        let mut current = Box::pin(tokens.current(&*self.channel));
        let token = match (poll(&mut current), asks) {
            (Some(token), None) => token,
            (None, Some((refresh, status, answer))) => {
                let call = self.channel.next();
                assert_eq!(call.request.path, format!("/{refresh}"));
                call.answer(Ok(response(status, answer)));
                poll(&mut current).unwrap()
            }
            (early, asks) => panic!("{asks:?}, ready {}", early.is_some()),
        };
        token.map_or_else(
            |error| error.to_string(),
            |token| token.secret.expose().into(),
        )
    }

    fn kept(&self) -> (String, String) {
        let grant = self.outside.grant.lock().unwrap().clone().unwrap();
        (grant.token.expose().into(), grant.refresh.expose().into())
    }
}

/// R61
#[test]
fn a_grant_is_kept_outside_before_its_token_is_used_and_each_refresh_counts_once() {
    let world = Granted::new();
    let tokens = world.tokens();
    assert_eq!(
        world.current(&tokens, None),
        "one",
        "nothing is asked while it counts"
    );
    world.clock.advance(Duration::from_secs(80));
    assert_eq!(
        world.current(&tokens, Some(("r1", 200, "two 100 r2"))),
        "two"
    );
    assert_eq!(world.kept(), ("two".into(), "r2".into()));
    let other = world.tokens();
    assert_eq!(
        world.current(&other, None),
        "two",
        "another process asks nothing"
    );
    world.clock.advance(Duration::from_secs(80));
    assert_eq!(
        world.current(&other, Some(("r2", 200, "three 100 r3"))),
        "three"
    );
    assert_eq!(
        world.current(&tokens, None),
        "three",
        "what another one renewed is taken"
    );
    world.clock.advance(Duration::from_secs(200));
    let ended = world.current(&tokens, Some(("r3", 401, "")));
    assert_eq!(
        ended,
        "unauthorized: no token: not allowed: the grant ended"
    );
    assert_eq!(world.kept().1, "r3", "a person decides what becomes of it");
}

#[test]
fn a_grant_that_cannot_be_kept_is_used_and_kept_as_soon_as_that_can_be() {
    let world = Granted::new();
    let tokens = world.tokens();
    world.current(&tokens, None);
    world.clock.advance(Duration::from_secs(90));
    world.outside.is_full.store(true, Ordering::Relaxed);
    assert_eq!(
        world.current(&tokens, Some(("r1", 200, "two 100 r2"))),
        "two"
    );
    assert_eq!(world.kept().0, "one");
    world.outside.is_full.store(false, Ordering::Relaxed);
    world.clock.advance(Duration::from_secs(61));
    assert_eq!(
        world.current(&tokens, None),
        "two",
        "it is not asked for again"
    );
    assert_eq!(world.kept(), ("two".into(), "r2".into()));
}

#[test]
fn a_refused_token_of_a_grant_is_replaced_at_once() {
    let world = Granted::new();
    let tokens = world.tokens();
    world.current(&tokens, None);
    let mut renewed = Box::pin(tokens.renew(1, &*world.channel));
    assert!(poll(&mut renewed).is_none());
    world.channel.next().answer(Ok(response(200, "two 100 r2")));
    assert_eq!(
        poll(&mut renewed).unwrap().unwrap().secret,
        Secret::new("two")
    );
}
