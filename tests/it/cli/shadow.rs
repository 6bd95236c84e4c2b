//! What would be written to a channel in shadow mode.

use channelsync::cli::Exit;
use channelsync::ledger::{Command, ShownReport};
use channelsync_contract::{SlotKey, Units};

use super::Daemon;

/// The red mug's slot was read on a channel.
async fn read(daemon: &Daemon, channel: &str, (item, location): (&str, &str), written: i64) {
    let slot = SlotKey {
        item: item.into(),
        location: Some(location.into()),
    };
    let shown = ShownReport {
        slot,
        written: Some(written),
        sellable: written,
        unsellable: Units::ZERO,
    };
    daemon
        .book(Command::Shown {
            channel: channel.into(),
            began: daemon.now(),
            complete_to: None,
            slots: vec![shown],
            corrections_max: 3,
        })
        .await;
}

#[tokio::test]
async fn what_would_be_written_is_told_until_all_agrees() {
    let daemon = Daemon::start().await;
    let (exit, out, err) = daemon.run("shadow --json").await;
    assert_eq!((exit, out.as_str()), (Exit::TryAgain, ""), "{err}");
    daemon.ok("stock count MUG-RED 10 --at main").await;
    daemon.list_mugs().await;
    let (exit, out, _) = daemon.run("shadow").await;
    assert_eq!(exit, Exit::Found);
    assert!(out.contains("not read yet"), "{out}");
    read(&daemon, "shopify-eu", ("88", "202"), 4).await;
    let (exit, out, _) = daemon.run("shadow").await;
    assert_eq!(exit, Exit::Found);
    insta::assert_snapshot!(out, @r#"
    CHANNEL     LISTING  SKU      LOCATION  SHOWN  WOULD BE  WHY
    shopify-eu  101      MUG-RED  main          4        10  10 for sale
    1 slot differs; `channelsync explain LISTING` tells every step
    to write them: `mode = "live"` for shopify-eu in the merchant's file, then `channelsync reload`
    "#);
    daemon.ok("freeze MUG-RED --reason recall").await;
    let (_, out, _) = daemon.run("shadow shopify-eu --json").await;
    let rows: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(rows[0]["slots"][0]["number"], 0);
    assert_eq!(rows[0]["slots"][0]["why"], "SKU MUG-RED is frozen: recall");
    daemon.ok("unfreeze MUG-RED").await;
    daemon.ok("stock count MUG-RED 4 --at main").await;
    let out = daemon.ok("shadow").await;
    assert!(
        out.starts_with("shopify-eu: every slot shows its number\n"),
        "{out}"
    );
    let (_, out, _) = daemon.run("shadow shopify-us").await;
    assert!(out.contains("shopify-us is live"), "{out}");
    let (exit, out, _) = daemon.run("doctor").await;
    assert_eq!(exit, Exit::Found);
    assert!(out.contains("acme/shopify-eu: shadow mode"), "{out}");
}
