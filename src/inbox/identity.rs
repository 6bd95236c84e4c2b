//! Asks a channel what our credentials may do, and which version of it answers.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::feed::Feed;

/// Permissions change when a person changes them, and versions with the calendar.
const LOOK_EVERY: Duration = Duration::from_secs(3_600);

/// Asks at the start, every hour, and when called, until `stop`; notes what a person must know.
pub async fn run(feed: &Feed, stop: CancellationToken) {
    let mut failures = 0;
    loop {
        let pause = match feed.connector.probe.probe().await {
            Ok(probe) => {
                failures = 0;
                feed.succeeded("probe");
                for what in feed.board.probed(&probe.missing, &probe.warnings) {
                    tracing::warn!(channel = %feed.channel, what, "the channel answers otherwise than it should");
                }
                LOOK_EVERY
            }
            Err(error) => {
                failures += 1;
                feed.failed("probe", &error, failures - 1)
            }
        };
        if !feed.rest(pause, Some(&feed.probe_now), &stop).await {
            return;
        }
    }
}
