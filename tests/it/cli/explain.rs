//! Why a listing shows its number, by command line.

use channelsync::cli::Exit;
use channelsync_contract::Timestamp;

use super::{Daemon, head};

#[tokio::test]
async fn a_number_is_explained_now_and_as_it_was() {
    let daemon = Daemon::start().await;
    daemon.ok("stock count MUG-RED 10 --at main").await;
    daemon.list_mugs().await;
    let before = daemon.now();
    daemon.buy("shopify-us", "450", "#1001", 3).await;
    let (exit, _, err) = daemon.run("explain 101").await;
    assert_eq!(exit, Exit::Usage);
    assert_eq!(head(&err), "error: several channels have a listing 101");
    let (exit, _, err) = daemon.run("explain MUG-RED").await;
    assert_eq!(exit, Exit::Usage);
    assert_eq!(
        err,
        "error: no channel has a listing MUG-RED\n\
         help: SKU MUG-RED is sold by: channelsync explain 101 --channel shopify-eu; \
         channelsync explain 101 --channel shopify-us\n"
    );
    let now = daemon.ok("explain 101 --channel shopify-us").await;
    assert!(now.contains("main: available 7, committed 3"), "{now}");
    assert!(
        now.contains("order #1001 (450) on shopify-us: 3 committed at main"),
        "{now}"
    );
    let line = format!("explain 101 --channel shopify-us --at {before}");
    let then = daemon.ok(&line).await;
    assert!(then.contains("main: available 10, committed 0"), "{then}");
    let early = format!("explain 101 --at {}", Timestamp(0));
    let (exit, _, err) = daemon.run(&early).await;
    assert_eq!(exit, Exit::Usage);
    let told = format!("error: the book has no entry of {} or before", Timestamp(0));
    assert_eq!(head(&err), told);
}
