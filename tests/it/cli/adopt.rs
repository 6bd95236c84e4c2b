//! Opening counts by command line, from what a channel shows.

use channelsync::cli::Exit;

use super::{Daemon, head};

#[tokio::test]
async fn what_a_channel_shows_is_proposed_booked_once_and_not_proposed_again() {
    let daemon = Daemon::start().await;
    let (exit, _, err) = daemon.run("adopt shopify-us").await;
    assert_eq!(exit, Exit::TryAgain, "nothing is known of it yet");
    assert!(err.contains("the listings of shopify-us were not read yet"));
    daemon.list_mugs().await;
    daemon.shelf.put("77", "101", 7);
    daemon.shelf.put("78", "101", -2);
    daemon.buy("shopify-us", "450", "#1001", 3).await;
    insta::assert_snapshot!(daemon.ok("adopt shopify-us").await, @r"
        SKU      LISTING  LOCATION  SHOWN  OPEN  PROPOSED  WHY NOT
        MUG-RED  101      main          7     3         7
        GIFT     102      main         -2     0         -  -2 units: less than nothing lies nowhere
        nothing was booked: 1 count can be; `channelsync adopt shopify-us --yes` reads again and books
        ");
    assert_eq!(daemon.ok("stock").await, "no stock was ever booked\n");
    insta::assert_snapshot!(daemon.ok("adopt shopify-us --except 101 --yes").await, @r"
        SKU      LISTING  LOCATION  SHOWN  OPEN  PROPOSED  WHY NOT
        MUG-RED  101      main          7     3         -  left out by --except
        GIFT     102      main         -2     0         -  -2 units: less than nothing lies nowhere
        0 counts booked
        ");
    let left = daemon.ok("adopt shopify-us --except 102").await;
    let again = "`channelsync adopt shopify-us --except 102 --yes` reads again and books\n";
    assert!(left.ends_with(again), "{left}");
    let yes = "adopt shopify-us --location main --yes --wait 0";
    let (exit, _, err) = daemon.run(yes).await;
    assert_eq!(exit, Exit::TryAgain, "{err}");
    assert!(err.contains("(0 of 1 counts were booked)"), "{err}");
    for channel in ["shopify-us", "shopify-eu"] {
        daemon.polled(channel).await;
    }
    let booked = daemon.ok(yes).await;
    assert!(booked.ends_with("\n1 count booked\n"), "{booked}");
    insta::assert_snapshot!(daemon.ok("stock").await, @r"
        SKU      LOCATION  ON HAND  AVAILABLE  COMMITTED  UNAVAILABLE  IN TRANSIT  COUNTED  BACKORDERED  INCOMING  MASTER
        MUG-RED  main            7          4          3            0           0  yes                0         0  ledger
        ");
    let again = daemon.ok("adopt shopify-us --yes --json").await;
    let again: serde_json::Value = serde_json::from_str(&again).unwrap();
    assert_eq!(again["booked_rows"], 0);
    assert_eq!(
        again["rows"][0]["why_not"],
        "-2 units: less than nothing lies nowhere"
    );
    // The other channel shows the same shelf.
    let other = daemon.ok("adopt shopify-eu").await;
    assert_eq!(
        other,
        "nothing to adopt: all that the channel shows was counted\n"
    );
    for (line, said) in [
        ("adopt amazon", "error: merchant acme has no channel amazon"),
        (
            "adopt shopify-us --location moon",
            "error: no location moon",
        ),
        (
            "adopt shopify-us --except 101 --except 999",
            "error: no listing 999",
        ),
    ] {
        let (exit, _, err) = daemon.run(line).await;
        assert_eq!((exit, head(&err)), (Exit::Usage, said), "{line}");
    }
}
