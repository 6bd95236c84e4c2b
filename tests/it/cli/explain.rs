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

#[tokio::test]
async fn an_order_that_is_short_tells_who_took_its_units_and_what_would_have_prevented_it() {
    let daemon = Daemon::start().await;
    daemon.ok("stock count MUG-RED 3 --at main").await;
    daemon.list_mugs().await;
    daemon.buy("shopify-eu", "450", "#1001", 2).await;
    daemon.buy("shopify-us", "451", "#1002", 3).await;
    let filled = daemon.ok("explain order #1001").await;
    assert!(
        filled.contains("line 1: MUG-RED was never short"),
        "{filled}"
    );
    let short = daemon.ok("explain order #1002 --channel shopify-us").await;
    for told in [
        "order #1002 (451) on shopify-us, placed 2026-11-20T09:00:00Z, booked ",
        "MUG-RED was short of 2 since ",
        "2 are owed now",
        "why: other orders took 2 after it was placed and before it was known",
        "would have prevented it: policy = \"guarded\"",
        "#1001 on shopify-eu",
    ] {
        assert!(short.contains(told), "{told}: {short}");
    }
    daemon.ok("stock receive MUG-RED 2 --at main").await;
    let filled = daemon.ok("explain order 451 --json").await;
    let filled: serde_json::Value = serde_json::from_str(&filled).unwrap();
    let line = &filled["lines"][0]["short"];
    assert_eq!((&line["units"], &line["still"]), (&2.into(), &0.into()));
    let shown = line["shown"].as_array().unwrap();
    assert_eq!(shown.len(), 2, "each channel that sells it: {shown:?}");
    let (exit, _, err) = daemon.run("explain order #9").await;
    assert_eq!(exit, Exit::Usage);
    assert!(err.contains("no channel has an order #9"), "{err}");
}

#[tokio::test]
async fn units_that_an_order_lost_later_are_told_with_the_entry_that_took_them() {
    let daemon = Daemon::start().await;
    daemon.ok("stock count MUG-RED 3 --at main").await;
    daemon.list_mugs().await;
    daemon.buy("shopify-us", "451", "#1002", 3).await;
    daemon.ok("stock count MUG-RED 1 --at main").await;
    let short = daemon.ok("explain order #1002").await;
    assert!(
        short.contains("why: it had its units, and lost them to a count that found fewer, entry"),
        "{short}"
    );
    assert!(short.contains("safety_stock_units = 2"), "{short}");
}

#[tokio::test]
async fn units_that_an_edit_adds_are_no_loss() {
    let daemon = Daemon::start().await;
    daemon.ok("stock count MUG-RED 3 --at main").await;
    daemon.list_mugs().await;
    let order = ("shopify-us", "451", "#1002");
    daemon.buy("shopify-us", "451", "#1002", 2).await;
    daemon.buy("shopify-eu", "450", "#1001", 1).await;
    daemon.buy_or_edit(order, 4, "2026-11-20T09:00:05Z").await;
    let short = daemon.ok("explain order #1002").await;
    assert!(short.contains("was short of 2 since"), "{short}");
    assert!(!short.contains("lost them"), "{short}");
    assert!(short.contains("#1001 on shopify-eu"), "{short}");
}
