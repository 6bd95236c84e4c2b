//! The history of a SKU, its names, what suppliers are to send, and what buyers sent back.

use channelsync::cli::Exit;
use channelsync::ledger::{
    Change, Command, Happened, OrderReport, PutBack, ReportLine, ReportRestock, Source,
};
use channelsync_contract::{Timestamp, Units};

use super::{Daemon, head};

/// R27
#[tokio::test]
async fn the_history_of_a_sku_shows_every_movement_also_under_its_former_name() {
    let daemon = Daemon::start().await;
    daemon
        .ok("stock receive MUG-RED 10 --at main --id r1")
        .await;
    daemon.ok("stock receive CUP 4 --at main --id r2").await;
    daemon.list_mugs().await;
    daemon.buy("shopify-us", "450", "#1001", 3).await;
    daemon.ok("stock rename MUG-RED MUG").await;
    daemon.ok("stock count MUG 8 --at main --id c1").await;
    let all = daemon.ok("stock history MUG --json").await;
    let all: Vec<serde_json::Value> = serde_json::from_str(&all).unwrap();
    let told: Vec<String> = all
        .iter()
        .map(|row| {
            let side = |side: &serde_json::Value| {
                format!("{} {}>{}", side["place"], side["before"], side["after"])
            };
            let (from, to) = (side(&row["from"]), side(&row["to"]));
            let of = ["cause", "what", "sku", "units"].map(|key| row[key].to_string());
            format!("{}: {from}, {to}", of.join(" ")).replace('"', "")
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r"
        c1 count MUG 2: main/available 7>5, adjustment null>null
        test order MUG-RED 3: main/available 10>7, main/committed 0>3
        r1 receipt MUG-RED 10: supplier null>null, main/available 0>10
        ");
    let newest = daemon.ok("stock history MUG --limit 1").await;
    assert!(newest.contains("main/available 7 → 5"), "{newest}");
    assert!(newest.contains("there is more"), "{newest}");
    let elsewhere = daemon.ok("stock history MUG --location annex").await;
    assert_eq!(elsewhere, "nothing moved\n");
    let (exit, _, err) = daemon.run("stock history MUG --location moon").await;
    assert_eq!(exit, Exit::Usage);
    assert_eq!(head(&err), "error: no location moon");
    let exported = daemon.ok("map export").await;
    assert!(exported.contains("shopify-us,101,MUG,1"), "{exported}");
    let explained = daemon.ok("explain 101 --channel shopify-us --json").await;
    assert!(explained.contains(r#""sku":"MUG""#), "{explained}");
    let since = daemon
        .ok("stock history MUG --since 2999-01-01T00:00:00Z")
        .await;
    assert_eq!(since, "nothing moved\n");
    let former = daemon.ok("stock history MUG-RED --limit 1").await;
    assert_eq!(former, newest, "it is called MUG now");
    let (exit, _, err) = daemon.run("stock history CUP-RED").await;
    assert_eq!((exit, head(&err)), (Exit::Usage, "error: no SKU CUP-RED"));
    let (exit, _, err) = daemon.run("stock rename MUG CUP").await;
    assert_eq!(exit, Exit::Usage);
    assert!(err.contains("--merge"), "{err}");
    daemon.ok("stock rename MUG CUP --merge").await;
    let both = daemon.ok("stock history CUP --json").await;
    let both: Vec<serde_json::Value> = serde_json::from_str(&both).unwrap();
    assert_eq!(both.len(), 4, "both SKUs' movements: {both:?}");
}

#[tokio::test]
async fn a_late_purchase_order_names_the_orders_that_wait_for_it() {
    let daemon = Daemon::start().await;
    daemon.ok("stock count MUG-RED 1 --at main").await;
    daemon.list_mugs().await;
    daemon.buy("shopify-us", "450", "#1001", 3).await;
    let add = "stock po add P1 --supplier Mill --expected 2026-01-05 --line MUG-RED=24";
    daemon.ok(add).await;
    assert_eq!(daemon.ok(add).await, "nothing changed: it is so already\n");
    daemon
        .ok("stock po add P2 --supplier Mill --expected 2999-01-05 --line MUG-RED=6 --line BOX=1")
        .await;
    insta::assert_snapshot!(daemon.ok("stock po list --late").await, @r"
        PURCHASE  SUPPLIER  EXPECTED    LOCATION  STATE  SKU      ORDERED  RECEIVED  BACKORDERED  WAITING ORDERS
        P1        Mill      2026-01-05  main      late   MUG-RED       24         0            2  shopify-us #1001
        ");
    let stock = daemon.ok("stock MUG-RED --json").await;
    let stock: serde_json::Value = serde_json::from_str(&stock).unwrap();
    assert_eq!(
        stock[0]["incoming"],
        serde_json::json!([{ "location": "main", "units": 30 }])
    );
    assert_eq!(stock[0]["locations"][0]["available"], 0);
    daemon.ok("stock po receive P1").await;
    daemon.ok("stock po cancel P2").await;
    assert_eq!(
        daemon.ok("stock po list --late").await,
        "no purchase orders\n"
    );
    let states = daemon.ok("stock po list").await;
    assert!(
        states.contains("received") && states.contains("cancelled"),
        "{states}"
    );
}

#[tokio::test]
async fn lines_that_are_short_tell_what_fills_them_in_their_turn() {
    let daemon = Daemon::start().await;
    assert_eq!(
        daemon.ok("orders short").await,
        "no line is short: every open unit is committed\n"
    );
    daemon.ok("stock count MUG-RED 1 --at main").await;
    daemon.ok("stock count MUG-RED 4 --at annex").await;
    daemon.list_mugs().await;
    daemon.buy("shopify-us", "450", "#1001", 3).await;
    daemon.buy("shopify-us", "451", "#1002", 2).await;
    daemon
        .ok("stock po add P1 --supplier Mill --expected 2999-01-05 --line MUG-RED=3")
        .await;
    let shorts = async || -> Vec<serde_json::Value> {
        let shorts = daemon.ok("orders short --channel shopify-us --json").await;
        serde_json::from_str(&shorts).unwrap()
    };
    let told = |row: &serde_json::Value| {
        let wait: Vec<_> = row["wait"].as_array().unwrap().iter().collect();
        let wait = wait.iter().map(|row| row["units"].as_u64().unwrap());
        (
            row["name"].as_str().unwrap().to_owned(),
            row["short"].as_u64().unwrap(),
            wait.collect::<Vec<_>>(),
            row["cancel"].as_u64().unwrap(),
        )
    };
    let rows = shorts().await;
    let expected = [
        ("#1001".to_owned(), 2, vec![2], 2),
        ("#1002".to_owned(), 2, vec![1], 2),
    ];
    assert_eq!(rows.iter().map(told).collect::<Vec<_>>(), expected);
    let annex = serde_json::json!([{ "location": "annex", "units": 4 }]);
    assert_eq!(rows[1]["transfer"], annex);
    daemon.ok("stock po receive P1").await;
    let rows = shorts().await;
    let expected = [("#1002".to_owned(), 1, vec![], 1)];
    assert_eq!(rows.iter().map(told).collect::<Vec<_>>(), expected);
    let text = daemon.ok("orders short").await;
    assert!(
        text.contains("transfer: 4 at annex; cancel 1 on shopify-us"),
        "{text}"
    );
    let (exit, _, err) = daemon.run("orders short --channel moon").await;
    assert_eq!(
        (exit, head(&err)),
        (Exit::Usage, "error: merchant acme has no channel moon")
    );
}

#[tokio::test]
async fn a_count_of_an_earlier_time_is_tried_again_until_the_channels_are_known_so_far() {
    let daemon = Daemon::start().await;
    daemon.ok("stock receive MUG-RED 9 --at main").await;
    let line = "stock count MUG-RED 7 --at main --id c1 --as-of 2026-01-05T09:00:00Z";
    let (exit, _, err) = daemon.run(line).await;
    assert_eq!(exit, Exit::TryAgain, "{err}");
    assert!(err.contains("orders of shopify-"), "{err}");
    let file = daemon.dir().join("counts.csv");
    let header = "sku,location,units,as_of";
    std::fs::write(&file, format!("{header}\nMUG-RED,main,7,2026-01-05\n")).unwrap();
    let import = format!("stock import {} --counts", file.display());
    let (exit, _, err) = daemon.run(&import).await;
    assert_eq!(exit, Exit::Usage);
    assert!(err.contains("line 2, column as_of"), "{err}");
    let row = "MUG-RED,main,7,2026-01-05T10:00:00+01:00";
    std::fs::write(&file, format!("{header}\n{row}\n")).unwrap();
    let (exit, _, err) = daemon.run(&import).await;
    assert_eq!(exit, Exit::TryAgain, "{err}");
    for channel in ["shopify-us", "shopify-eu"] {
        daemon.polled(channel).await;
    }
    assert_eq!(daemon.ok(&import).await, "1 row booked\n");
    let known = daemon.ok(&import).await;
    assert!(
        known.contains("booked before") && known.contains("--id NAME"),
        "{known}"
    );
    for rows in ["1 row booked\n", "0 rows booked"] {
        let again = daemon.ok(&format!("{import} --id once-more")).await;
        assert!(again.starts_with(rows), "{again}");
    }
    let stock = daemon.ok("stock MUG-RED --json").await;
    let stock: serde_json::Value = serde_json::from_str(&stock).unwrap();
    // Nine were received after the count found seven.
    assert_eq!(stock[0]["locations"][0]["on_hand"], 16);
}

/// Three mugs left and came back to a location that is none of ours.
async fn came_back_elsewhere(daemon: &Daemon, order: &str, name: &str) {
    let (all, at) = (Units(3), Timestamp::parse("2026-11-20T10:00:00Z").unwrap());
    let line = ReportLine {
        line: "1".into(),
        listing: Some("101".into()),
        ordered: all,
        open: Units::ZERO,
        fulfilled: all,
        price: None,
    };
    let restock = ReportRestock {
        line: "1".into(),
        kind: PutBack::Returned,
        location: Some("999".into()),
        units: all,
        at: Some(at),
    };
    let report = OrderReport {
        order: order.into(),
        name: name.to_owned(),
        placed_at: at,
        version: Some(at),
        test: false,
        cancelled: false,
        acknowledge_by: None,
        lines: Some(vec![line]),
        routes: Some(Vec::new()),
        shipments: Some(Vec::new()),
        restocks: Some(vec![restock]),
    };
    let happened = Happened {
        channel: "shopify-us".into(),
        source: Source::Fetch,
        began: at,
        changes: vec![Change::Order(Box::new(report))],
        polled: None,
    };
    daemon.book(Command::Report(happened)).await;
}

#[tokio::test]
async fn what_came_back_is_listed_until_a_person_receives_it_once() {
    let daemon = Daemon::start().await;
    daemon.ok("stock count MUG-RED 5 --at main").await;
    daemon.list_mugs().await;
    let nothing = daemon.ok("stock returns list").await;
    assert_eq!(nothing, "nothing waits to be received\n");
    came_back_elsewhere(&daemon, "450", "#1001").await;
    insta::assert_snapshot!(daemon.ok("stock returns list").await, @r"
        CHANNEL     ORDER  NAME   LINE  LISTING  SKU      TO RECEIVE  THE CHANNEL SAYS
        shopify-us  450    #1001  1     101      MUG-RED           3  3 elsewhere
        ");
    let (exit, _, err) = daemon.run("stock returns receive #1001").await;
    assert_eq!(exit, Exit::Usage);
    assert!(err.contains("name the location"), "{err}");
    let told = "3 came back at no location of ours";
    let mend = "do: channelsync stock --merchant acme returns receive 450 --line 1=3 --at LOCATION";
    let (_, doctor, _) = daemon.run("doctor").await;
    assert!(doctor.contains(told) && doctor.contains(mend), "{doctor}");
    let hold = "stock returns receive #1001 --line 1=1 --as hold --at annex --id b1 --json";
    let booked: serde_json::Value = serde_json::from_str(&daemon.ok(hold).await).unwrap();
    assert_eq!(
        (booked["id"].as_str(), booked["entry"].is_u64()),
        (Some("b1"), true)
    );
    let again: serde_json::Value = serde_json::from_str(&daemon.ok(hold).await).unwrap();
    assert!(again["entry"].is_null(), "{again}");
    daemon
        .ok("stock returns receive 450 --line 1=1 --as write-off --at main")
        .await;
    daemon.ok("stock returns receive 450 --at main").await;
    let (exit, _, err) = daemon.run("stock returns receive 450 --at main").await;
    assert_eq!(exit, Exit::Usage);
    assert!(err.contains("nothing waits to be received"), "{err}");
    assert_eq!(daemon.ok("stock returns list --json").await, "[]\n");
    let (_, doctor, _) = daemon.run("doctor").await;
    assert!(!doctor.contains(told), "{doctor}");
    let listed = daemon.ok("parked exceptions --json").await;
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed[0]["open"], false);
    let seen = format!("parked seen {} --and-before", listed[0]["entry"]);
    let booked = daemon.ok(&seen).await;
    assert!(booked.starts_with("booked as entry "), "{booked}");
    assert_eq!(daemon.ok("parked exceptions --json").await, "[]\n");
    assert!(!daemon.ok("status").await.contains("out of the ordinary"));
    let again = daemon.ok(&seen).await;
    assert!(again.starts_with("nothing is noted there"), "{again}");
    insta::assert_snapshot!(daemon.ok("stock MUG-RED").await, @r"
        SKU      LOCATION  ON HAND  AVAILABLE  COMMITTED  UNAVAILABLE  IN TRANSIT  COUNTED  BACKORDERED  INCOMING  MASTER
        MUG-RED  main            3          3          0            0           0  yes                0         0  ledger
        MUG-RED  annex           1          0          0            1           0  no                              ledger
        ");
}

#[tokio::test]
async fn a_new_name_that_may_be_a_slip_is_told_with_the_one_that_is_known() {
    let daemon = Daemon::start().await;
    daemon.ok("stock receive MUG-RED 10 --at main").await;
    let slip = "SKUs named for the first time: BOX, mug-red (did you mean MUG-RED?)\n  \
                do: where it was a slip, channelsync stock rename NEW MEANT --merge\n";
    let add = "stock po add P1 --supplier Mill --expected 2999-01-05 --line mug-red=1 --line BOX=2 --at main";
    let told = daemon.ok(add).await;
    assert!(told.ends_with(slip), "{told}");
    let told = daemon.ok("stock adjust mug-red 1 --at main").await;
    assert_eq!(told.lines().count(), 1, "it is known by now: {told}");
    let told = daemon.ok("stock receive Box 1 --at main --json").await;
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        told["new_skus"],
        serde_json::json!([{ "sku": "Box", "near": "BOX" }])
    );
    daemon.ok("stock rename mug-red MUG-RED --merge").await;
}
