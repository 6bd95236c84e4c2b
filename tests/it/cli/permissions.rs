//! What credentials may do: asked at the start, every hour, and when the channel says that it changed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use channelsync::board::Board;
use channelsync::inbox::run_identity;
use channelsync_contract::connector::{ConnectorError, Identity};
use channelsync_contract::{Connector, Probe};
use tokio_util::sync::CancellationToken;

use super::Daemon;
use super::subscriptions::Hasty;

/// A channel that takes a permission away, does not answer, and gives it back.
struct Moody {
    board: Board,
    asked: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<Vec<String>>>>,
    stop: CancellationToken,
}

#[async_trait]
impl Identity for Moody {
    async fn probe(&self) -> Result<Probe, ConnectorError> {
        let notes = self.board.read();
        let told = [notes.missing_permissions, notes.warnings].concat();
        self.seen.lock().unwrap().push(told);
        let (missing, warnings) = match self.asked.fetch_add(1, Ordering::Relaxed) {
            1 => (vec!["write_inventory (quantities)".to_owned()], Vec::new()),
            2 => return Err(ConnectorError::NotDone("status 503".to_owned())),
            3 => (Vec::new(), vec!["answered by 2026-07".to_owned()]),
            5 => {
                self.stop.cancel();
                return Ok(Probe::default());
            }
            _ => Default::default(),
        };
        Ok(Probe {
            account: "acme".to_owned(),
            missing,
            warnings,
        })
    }
}

#[tokio::test]
async fn a_permission_that_was_taken_away_is_told_until_it_is_granted_again() {
    let daemon = Daemon::start().await;
    let (stop, seen) = (CancellationToken::new(), Arc::<Mutex<_>>::default());
    let mut feed = daemon.feed("secret");
    let moody = Moody {
        board: feed.board.clone(),
        asked: Arc::default(),
        seen: seen.clone(),
        stop: stop.clone(),
    };
    feed.clock = Arc::new(Hasty::default());
    let connector = Arc::into_inner(feed.connector).unwrap();
    feed.connector = Arc::new(Connector {
        probe: Box::new(moody),
        ..connector
    });
    run_identity(&feed, stop).await;
    let lacks = "write_inventory (quantities)";
    let expected: [&[&str]; 6] = [&[], &[], &[lacks], &[lacks], &["answered by 2026-07"], &[]];
    assert_eq!(*seen.lock().unwrap(), expected);
}
