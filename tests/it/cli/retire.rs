//! A channel is ended by command line.

use channelsync::cli::Exit;

use super::{Daemon, head};

/// R72
#[tokio::test]
async fn a_channel_with_open_orders_ends_once_it_is_said_what_becomes_of_them() {
    let daemon = Daemon::start().await;
    daemon.ok("stock count MUG-RED 5 --at main").await;
    daemon.list_mugs().await;
    daemon.buy("shopify-us", "450", "#1001", 3).await;
    let (exit, _, err) = daemon.run("channels retire shopify-us").await;
    assert_eq!(exit, Exit::Usage);
    assert_eq!(
        head(&err),
        "error: shopify-us has open orders (1): `--keep-orders` lets them be shipped, \
         `--release-orders` frees their units"
    );
    let kept = daemon.ok("channels retire shopify-us --keep-orders").await;
    assert!(
        kept.starts_with("shopify-us is retired by entry "),
        "{kept}"
    );
    let again = daemon.ok("channels retire shopify-us").await;
    assert!(
        again.starts_with("shopify-us is retired already; "),
        "{again}"
    );
    let channels = daemon.ok("channels").await;
    let left = "acme/shopify-us: retired; open orders 1, slots that still show stock 0: once both";
    assert!(channels.contains(left), "{channels}");
    let explained = daemon.ok("explain 101 --channel shopify-us").await;
    assert!(
        explained.contains("the channel is retired, so none is shown"),
        "{explained}"
    );
    let stock = daemon.ok("stock MUG-RED --json").await;
    assert!(stock.contains(r#""committed":3"#), "{stock}");
    daemon
        .ok("channels retire shopify-us --release-orders")
        .await;
    let stock = daemon.ok("stock MUG-RED --json").await;
    assert!(stock.contains(r#""available":5"#), "{stock}");
    let channels = daemon.ok("channels").await;
    let left = "acme/shopify-us: retired and at its end: it may go from the files";
    assert!(channels.contains(left), "{channels}");
    for told in [daemon.ok("channels").await, daemon.ok("status").await] {
        assert!(told.contains("retired"), "{told}");
    }
    // It was never polled here, and a channel that ended need not be.
    let (_, doctor, _) = daemon.run("doctor").await;
    assert!(
        !doctor.contains("acme/shopify-us: orders are known"),
        "{doctor}"
    );
    assert!(
        doctor.contains("acme/shopify-eu: orders are known"),
        "{doctor}"
    );
    daemon.ok("channels revive shopify-us").await;
    let channels = daemon.ok("channels --json").await;
    assert!(channels.contains(r#""mode":"live""#), "{channels}");
    daemon
        .ok("freeze --channel shopify-us --reason recall")
        .await;
    daemon.ok("freeze MUG-RED --reason recall").await;
    let channels = daemon.ok("channels").await;
    let told = channels
        .matches(": recall\n  do: channelsync unfreeze ")
        .count();
    assert_eq!(told, 1, "a SKU's freeze is none of a channel: {channels}");
    let (exit, ..) = daemon.run("channels retire amazon").await;
    assert_eq!(exit, Exit::Usage);
}
