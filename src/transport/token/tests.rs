use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use channelsync_contract::transport::Lane;
use channelsync_contract::{Request, Response};

use super::super::testing::{Channel, ManualClock, fixed, poll, request, response};
use super::*;
use crate::ports::SeededRng;

/// Gives what the answer's body says: `token life`.
struct Grant(AtomicU64);

impl TokenExchange for Grant {
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
    grant: Arc<Grant>,
    tokens: Tokens,
}

fn world() -> World {
    let clock = ManualClock::new();
    let grant = Arc::new(Grant(AtomicU64::new(0)));
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
        let expected = Some(Duration::from_secs(left));
        assert_eq!(world.tokens.expires_in(), expected, "{later} s later");
    }
    world.current("two 100");
    assert_eq!(world.tokens.expires_in(), Some(Duration::from_secs(100)));
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
