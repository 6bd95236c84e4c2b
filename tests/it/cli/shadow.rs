//! What would be written to a channel in shadow mode.

use channelsync::cli::Exit;
use channelsync::ledger::{Command, Row, RowOutcome, ShownReport};
use channelsync_contract::{CallId, SlotKey, Units};

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
    daemon.list_mugs().await;
    let out = daemon.ok("shadow").await;
    assert!(out.contains("1 listing stands for nothing"), "{out}");
    let expects = "stock po add P1 --supplier Mill --expected 2026-12-05 --line MUG-RED=24";
    daemon.ok(expects).await;
    let out = daemon.ok("shadow").await;
    assert!(out.contains("1 item was never counted"), "{out}");
    daemon.ok("stock count MUG-RED 10 --at main").await;
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

#[tokio::test]
async fn slots_tell_what_is_wanted_sent_confirmed_and_read_back() {
    let daemon = Daemon::start().await;
    daemon.ok("stock count MUG-RED 10 --at main").await;
    daemon.list_mugs().await;
    read(&daemon, "shopify-us", ("77", "101"), 4).await;
    let slots = async |line: &str| -> Vec<serde_json::Value> {
        let slots = daemon.ok(&format!("slots {line} --json")).await;
        serde_json::from_str(&slots).unwrap()
    };
    let rows = slots("--channel shopify-us --differ").await;
    let slot = &rows[0]["slots"][0];
    assert_eq!((&slot["number"], &slot["shown"]), (&10.into(), &4.into()));
    assert!(slot["shown_at"].is_string(), "{slot}");
    let slot = SlotKey {
        item: "77".into(),
        location: Some("101".into()),
    };
    let row = Row {
        slot,
        quantity: Units(10),
        expected: Some(4),
    };
    let call = CallId(uuid::Uuid::from_u128(7));
    let channel = "shopify-us".into();
    let rows = vec![row];
    daemon
        .book(Command::Push {
            call,
            channel,
            rows,
        })
        .await;
    let rows = slots("--listing 101 --channel shopify-us").await;
    let slot = &rows[0]["slots"][0];
    assert_eq!(slot["sent"], 10);
    let text = daemon.ok("slots --channel shopify-us").await;
    assert!(
        text.contains(" ago") && text.contains("in flight, call"),
        "{text}"
    );
    daemon
        .book(Command::Pushed {
            call,
            outcomes: vec![RowOutcome::Applied],
        })
        .await;
    assert_eq!(slots("--channel shopify-us --differ").await.len(), 0);
    let rows = slots("--listing 101 --channel shopify-us").await;
    let slot = &rows[0]["slots"][0];
    assert_eq!(
        (&slot["sent"], &slot["confirmed"]),
        (&().into(), &10.into())
    );
}

#[tokio::test]
async fn what_our_numbers_would_have_changed_since_the_beginning_is_reported() {
    let daemon = Daemon::start().await;
    daemon.ok("stock count MUG-RED 5 --at main").await;
    daemon.list_mugs().await;
    read(&daemon, "shopify-eu", ("88", "202"), 9).await;
    daemon.buy_now(("shopify-eu", "700", "#2001"), &[1]).await;
    daemon.buy_now(("shopify-us", "450", "#1001"), &[3]).await;
    daemon
        .buy_now(("shopify-eu", "701", "#2002"), &[2, 1])
        .await;
    let report = daemon.ok("shadow report").await;
    let (first, rest) = report.split_once('\n').unwrap();
    assert!(
        first.starts_with("shopify-eu is in shadow mode since "),
        "{first}"
    );
    assert!(
        first.ends_with("since then 3 lines were ordered, 4 units"),
        "{first}"
    );
    // Without the times of the orders, whose width is the clock's.
    let bare = |line| match str::strip_prefix(line, "PLACED") {
        Some(head) => head.trim_start(),
        None => line.split_once("Z  ").map_or(line, |(_, rest)| rest),
    };
    let rest: Vec<&str> = rest.lines().map(bare).collect();
    insta::assert_snapshot!(rest.join("\n"), @"
      oversold: 2 on 2 lines, which could not be filled when they came
        avoided with our number: 2, it was lower
        caused by our number: 0, the channel showed less than was bought
      turned away with our number: 0 on 0 lines that could be filled
      What buyers would have bought beyond what the channel showed leaves no trace: `channelsync exposure` bounds what of that may be oversold
    ORDER  LISTING  UNITS  SHORT  OUR NUMBER  SHOWN  AVOIDED  REFUSED
    #2002  101          2      1           1      8        1        0
    #2002  101          1      1          -1      6        1        0
    ");
    let (exit, _, err) = daemon.run("shadow report shopify-us").await;
    assert_eq!(exit, Exit::Usage);
    assert!(err.starts_with("error: shopify-us is live"), "{err}");
}
