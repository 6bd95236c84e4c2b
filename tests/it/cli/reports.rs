//! Reports of parcels whose task ended in the middle of one.

use channelsync::ledger::{Command, ReportState, ShipmentAct, ShipmentAt};
use channelsync::outbox::{Reporter, run_reports};
use tokio_util::sync::CancellationToken;

use super::Daemon;

#[tokio::test]
async fn a_report_left_over_by_a_task_that_ended_is_in_doubt_until_the_order_was_read() {
    let daemon = Daemon::start().await;
    daemon.ok("stock count MUG-RED 5 --at main").await;
    daemon.list_mugs().await;
    daemon.buy("shopify-us", "1", "#1001", 2).await;
    daemon.ok("orders ship #1001 --id s1").await;
    let at = ShipmentAt {
        channel: "shopify-us".into(),
        order: "1".into(),
        id: "s1".to_owned(),
    };
    daemon
        .book(Command::Shipment(at, ShipmentAct::Sending))
        .await;
    let feed = daemon.feed("secret");
    let reporter = Reporter {
        channel: feed.channel,
        connector: feed.connector,
        book: feed.book,
        clock: feed.clock,
        rng: feed.rng,
        board: feed.board,
        notify_buyers: false,
    };
    // It is told to stop before it looks for anything to report.
    let stop = CancellationToken::new();
    stop.cancel();
    run_reports(&reporter, stop).await.unwrap();
    let ledger = daemon.ledger().await;
    let channel = ledger.channel_named("shopify-us").unwrap();
    let state = &channel.orders.get("1").unwrap().shipments[0].state;
    assert!(matches!(state, ReportState::InDoubt(_)), "{state:?}");
    assert!(channel.wanted.contains_key("1"), "the order is to be read");
}
