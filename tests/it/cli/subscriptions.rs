//! Webhook subscriptions: looked at every quarter of an hour, made anew where they are gone.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use channelsync::inbox::run_subscriptions;
use channelsync_contract::connector::{ConnectorError, Webhooks};
use channelsync_contract::ports::Clock;
use channelsync_contract::webhook::{BadSignature, Delivery, Subscription, Undecodable};
use channelsync_contract::{Connector, Timestamp};
use futures_util::FutureExt as _;
use http::HeaderMap;
use tokio_util::sync::CancellationToken;

use super::Daemon;

const ADDRESS: &str = "https://hooks.example/hooks/acme/shopify-us/token";

/// Time that passes by sleeping alone.
#[derive(Default)]
pub(super) struct Hasty(AtomicI64);

impl Hasty {
    pub(super) fn at(text: &str) -> Self {
        Self(Timestamp::parse(text).unwrap().0.into())
    }
}

#[async_trait]
impl Clock for Hasty {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }

    fn uptime(&self) -> Duration {
        self.now().since(Timestamp(0))
    }

    async fn sleep(&self, duration: Duration) {
        let us = i64::try_from(duration.as_micros()).unwrap();
        self.0.fetch_add(us, Ordering::Relaxed);
    }
}

/// A channel that deletes one of two subscriptions after the second look.
struct Forgetful {
    clock: Arc<Hasty>,
    standing: Mutex<Vec<&'static str>>,
    /// When it was looked, and what was subscribed when.
    looks: Mutex<Vec<Timestamp>>,
    made: Arc<Mutex<Vec<(i64, String)>>>,
    stop: CancellationToken,
}

#[async_trait]
impl Webhooks for Forgetful {
    fn verify(&self, _: &HeaderMap, _: &[u8], _: Timestamp) -> Result<(), BadSignature> {
        Err(BadSignature)
    }

    fn decode(&self, _: &HeaderMap, _: &[u8]) -> Result<Delivery, Undecodable> {
        panic!("nothing is delivered here")
    }

    fn topics(&self) -> &'static [&'static str] {
        &["orders/create", "orders/updated"]
    }

    async fn subscriptions(&self) -> Result<Vec<Subscription>, ConnectorError> {
        let mut looks = self.looks.lock().unwrap();
        looks.push(self.clock.now());
        let mut standing = self.standing.lock().unwrap();
        if looks.len() == 3 {
            standing.retain(|topic| *topic != "orders/updated");
        }
        if looks.len() == 4 {
            self.stop.cancel();
        }
        let row = |topic: &&'static str| Subscription {
            id: (*topic).to_owned(),
            topic: (*topic).to_owned(),
            address: ADDRESS.to_owned(),
        };
        Ok(standing.iter().map(row).collect())
    }

    async fn subscribe(&self, topic: &str, address: &str) -> Result<(), ConnectorError> {
        assert_eq!(address, ADDRESS);
        let known = self.topics().iter().find(|known| **known == topic).unwrap();
        self.standing.lock().unwrap().push(known);
        let minute = self.clock.now().0 / 60_000_000;
        self.made.lock().unwrap().push((minute, topic.to_owned()));
        Ok(())
    }
}

/// R4
#[tokio::test]
async fn a_subscription_that_vanished_is_made_anew_reported_and_its_time_polled() {
    let daemon = Daemon::start().await;
    let (clock, stop) = (Arc::new(Hasty::default()), CancellationToken::new());
    let made = Arc::new(Mutex::new(Vec::new()));
    let forgetful = Forgetful {
        clock: clock.clone(),
        standing: Mutex::default(),
        looks: Mutex::default(),
        made: made.clone(),
        stop: stop.clone(),
    };
    let mut feed = daemon.feed("secret");
    let connector = Arc::into_inner(feed.connector).unwrap();
    feed.connector = Arc::new(Connector {
        webhooks: Some(Box::new(forgetful)),
        ..connector
    });
    feed.clock = clock;
    run_subscriptions(&feed, ADDRESS.to_owned(), stop).await;
    let minutes: Vec<(i64, String)> = made.lock().unwrap().clone();
    let expected = [
        (0, "orders/create"),
        (0, "orders/updated"),
        (30, "orders/updated"),
    ];
    assert_eq!(
        minutes,
        expected.map(|(minute, topic)| (minute, topic.to_owned()))
    );
    let notes = feed.board.read();
    assert_eq!(notes.counts.get("subscriptions_recreated"), Some(&1));
    assert_eq!(notes.subscriptions, 2);
    assert!(
        feed.poll_now.notified().now_or_never().is_some(),
        "it is polled at once"
    );
}
