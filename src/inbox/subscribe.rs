//! Keeps the webhook subscriptions of a channel.

use std::time::Duration;

use channelsync_contract::Timestamp;
use channelsync_contract::connector::{ConnectorError, Webhooks};
use channelsync_contract::webhook::Subscription;
use tokio_util::sync::CancellationToken;

use super::feed::Feed;

/// Channels delete subscriptions that failed; they are looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(15 * 60);

/// Creates what is missing at the start and every quarter of an hour, until `stop`.
pub async fn run(feed: &Feed, address: String, stop: CancellationToken) {
    let Some(webhooks) = &feed.connector.webhooks else {
        return;
    };
    let mut failures = 0;
    // When all of them were last seen to stand.
    let mut stood = None;
    loop {
        let looked = feed.clock.now();
        let pause = match keep(feed, webhooks.as_ref(), &address, stood).await {
            Ok(()) => {
                failures = 0;
                stood = Some(looked);
                feed.succeeded("subscriptions");
                LOOK_EVERY
            }
            Err(error) => {
                failures += 1;
                feed.failed("subscriptions", &error, failures - 1)
            }
        };
        if !feed.rest(pause, None, &stop).await {
            return;
        }
    }
}

/// Looks, creates what is missing, and has what nobody told of in between polled.
async fn keep(
    feed: &Feed,
    webhooks: &dyn Webhooks,
    address: &str,
    stood: Option<Timestamp>,
) -> Result<(), ConnectorError> {
    let standing = webhooks.subscriptions().await?;
    let (mut created, mut failed) = (0, None);
    let mut missing = Vec::from(webhooks.topics());
    missing.retain(|topic| {
        let stands = |own: &Subscription| own.topic == *topic && own.address == address;
        !standing.iter().any(stands)
    });
    for topic in &missing {
        match webhooks.subscribe(topic, address).await {
            Ok(()) => created += 1,
            Err(error) => failed = Some(error),
        }
    }
    feed.board
        .subscribed(webhooks.topics().len() - missing.len() + created);
    if created > 0 {
        // The poll begins at its cursor, which is before any of this.
        feed.poll_now.notify_one();
        let topics = missing.join(", ");
        match stood {
            Some(since) => {
                feed.board.count(
                    "subscriptions_recreated",
                    u64::try_from(created).unwrap_or(u64::MAX),
                );
                tracing::warn!(
                    channel = %feed.channel, topics, blind_since = %since,
                    "webhook subscriptions were gone and are made anew; what happened meanwhile is polled"
                );
            }
            None => {
                tracing::info!(channel = %feed.channel, topics, "webhook subscriptions created");
            }
        }
    }
    failed.map_or(Ok(()), Err)
}
