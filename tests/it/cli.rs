//! The command line against a real daemon's socket, book and files.

use channelsync::cli::Exit;

mod adopt;
mod anyway;
mod backup;
mod consent;
mod credentials;
mod daemon;
mod explain;
mod interlock;
mod metrics;
mod parcels;
mod permissions;
mod plan;
mod shadow;
mod privacy;
mod stock;
mod reports;
mod retire;
mod retention;
mod rules;
mod subscriptions;
mod told;

pub(crate) use daemon::{Daemon, configure};

fn head(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[tokio::test]
async fn stock_is_booked_once_per_id_and_listed_over_all_pages() {
    let daemon = Daemon::start().await;
    let receive = "stock receive MUG-RED 10 --at main --id r-1";
    let booked = daemon.ok(receive).await;
    assert!(booked.starts_with("booked as entry "), "{booked}");
    assert!(
        booked.ends_with("\nSKUs named for the first time: MUG-RED\n"),
        "{booked}"
    );
    assert_eq!(
        daemon.ok(receive).await,
        "nothing changed: r-1 was booked before\n"
    );
    daemon.ok("stock count MUG-BLUE 4 --at annex").await;
    daemon.ok("stock adjust MUG-BLUE -1 --at annex").await;
    for sku in ["A", "B", "C"] {
        let line = format!("stock receive {sku} 1 --at main --json");
        let booked: serde_json::Value = serde_json::from_str(&daemon.ok(&line).await).unwrap();
        assert_eq!(
            booked["id"].as_str().unwrap().len(),
            36,
            "a fresh id is told"
        );
    }
    insta::assert_snapshot!(daemon.ok("stock").await, @r"
        SKU       LOCATION  ON HAND  AVAILABLE  COMMITTED  UNAVAILABLE  IN TRANSIT  COUNTED  BACKORDERED  INCOMING  MASTER
        MUG-RED   main           10         10          0            0           0  no                 0         0  ledger
        MUG-BLUE  annex           3          3          0            0           0  yes                0         0  ledger
        A         main            1          1          0            0           0  no                 0         0  ledger
        B         main            1          1          0            0           0  no                 0         0  ledger
        C         main            1          1          0            0           0  no                 0         0  ledger
        ");
    let rows: serde_json::Value = serde_json::from_str(&daemon.ok("stock --json").await).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 5);
    assert!(
        daemon
            .ok("stock MUG-BLUE")
            .await
            .contains("annex           3")
    );
    for (line, said) in [
        (
            "stock MUG-GREEN",
            "error: no stock was ever booked under SKU MUG-GREEN",
        ),
        (
            "stock receive X 1 --at moon",
            "error: unknown location moon",
        ),
        (
            "stock adjust MUG-RED -11 --at main",
            "error: MUG-RED at main: 11 to be taken off, 10 there",
        ),
        ("orders show shopify-us 1", "error: no order 1"),
        (
            "orders --channel amazon",
            "error: merchant acme has no channel amazon",
        ),
    ] {
        let (exit, out, err) = daemon.run(line).await;
        assert_eq!((exit, out.as_str()), (Exit::Usage, ""), "{line}");
        assert!(
            err.starts_with(said) && err.contains("\nhelp: "),
            "{line}: {err}"
        );
    }
}

#[tokio::test]
async fn a_file_with_a_broken_row_books_nothing_and_a_good_one_once() {
    let daemon = Daemon::start().await;
    let rows: String = (0..1_200).map(|n| format!("SKU-{n},main,{n}\n")).collect();
    let file = |name: &str, text: String| {
        let path = daemon.dir().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let header = "sku,location,units\n";
    let bad = file("bad.csv", format!("{header}{rows}X,main,-1\nY,moon,1\n"));
    let (exit, out, err) = daemon.run(&format!("stock import {bad} --counts")).await;
    assert_eq!((exit, out.as_str()), (Exit::Usage, ""));
    for fault in [
        "line 1202, column units: -1 is no number of units",
        "line 1203, column location: unknown location moon",
    ] {
        assert!(err.contains(fault), "{err}");
    }
    assert_eq!(daemon.ok("stock").await, "no stock was ever booked\n");
    let good = file("good.csv", format!("{header}{rows}"));
    let import = format!("stock import {good} --counts");
    let told = daemon.ok(&import).await;
    let (booked, new) = told.split_once('\n').unwrap();
    assert_eq!(booked, "1200 rows booked");
    assert!(
        new.starts_with("SKUs named for the first time: SKU-0, SKU-1, SKU-10, ")
            && new.ends_with(" and 1180 more\n"),
        "{new}"
    );
    assert_eq!(
        daemon.ok(&import).await,
        "0 rows booked, 1200 rows of this file were booked before or changed nothing; what was booked since stands. To book it once more: --id NAME\n"
    );
    // The same file means something else as receipts.
    let again = daemon.run(&format!("stock import {good} --receipts")).await;
    assert_eq!(
        again.0,
        Exit::Usage,
        "the row of 0 units cannot be received: {again:?}"
    );
    assert!(daemon.ok("stock SKU-7").await.contains("main            7"));
}

#[tokio::test]
async fn listings_are_mapped_by_hand_and_back() {
    let daemon = Daemon::start().await;
    daemon.ok("stock receive MUG-RED 10 --at main").await;
    daemon.list_mugs().await;
    insta::assert_snapshot!(daemon.ok("listings --unmapped").await, @r"
        CHANNEL     LISTING  SKU ON CHANNEL  STANDS FOR  MAPPED BY  REMARKS
        shopify-us  102      GIFT            -           -          no stock was ever booked under SKU GIFT
        ");
    let set = daemon.ok("map set shopify-us 102 MUG-RED=2").await;
    assert!(set.starts_with("mapped by entry ") && set.lines().count() == 1);
    insta::assert_snapshot!(daemon.ok("listings").await, @r"
        CHANNEL     LISTING  SKU ON CHANNEL  STANDS FOR   MAPPED BY  REMARKS
        shopify-eu  101      MUG-RED         MUG-RED      sku
        shopify-us  101      MUG-RED         MUG-RED      sku
        shopify-us  102      GIFT            2 × MUG-RED  person
        ");
    daemon.ok("map auto shopify-us 102").await;
    daemon.buy("shopify-us", "450", "#1001", 3).await;
    let reapply = "channelsync map --merchant acme --reapply shopify-us 101";
    for told in ["mapped by entry ", "it is mapped like that already\n"] {
        let set = daemon.ok("map set shopify-us 101 MUG-RED=2").await;
        assert!(set.starts_with(told), "{set}");
        let left = format!(
            "1 open line stands for what the listing stood for before; to move them: {reapply}\n"
        );
        assert!(set.ends_with(&left), "{set}");
    }
    daemon
        .ok(reapply.strip_prefix("channelsync ").unwrap())
        .await;
    let set = daemon.ok("map set shopify-us 101 MUG-RED=2").await;
    assert_eq!(set, "it is mapped like that already\n");
    let unmapped = daemon.ok("listings --unmapped --json").await;
    let unmapped: serde_json::Value = serde_json::from_str(&unmapped).unwrap();
    assert_eq!(unmapped[0]["listing"], "102");
    let (exit, _, err) = daemon.run("map set shopify-us 999 MUG-RED").await;
    assert_eq!(exit, Exit::Usage);
    assert_eq!(head(&err), "error: unknown listing 999 on shopify-us");
}

#[tokio::test]
async fn a_file_of_mappings_is_tried_booked_and_the_same_again() {
    let daemon = Daemon::start().await;
    daemon.ok("stock receive MUG-RED 10 --at main").await;
    daemon.ok("stock receive BOX 9 --at main").await;
    daemon.list_mugs().await;
    daemon.buy("shopify-us", "450", "#1001", 3).await;
    let exported = daemon.ok("map export").await;
    insta::assert_snapshot!(exported, @r"
        channel,listing,sku,units
        shopify-eu,101,MUG-RED,1
        shopify-us,101,MUG-RED,1
        shopify-us,102,,
        ");
    let file = daemon.dir().join("map.csv");
    let file = file.to_str().unwrap();
    let written = daemon.ok(&format!("map export --output {file}")).await;
    assert_eq!(written, format!("3 listings written to {file}\n"));
    let (exit, _, err) = daemon.run(&format!("map export --output {file}")).await;
    assert_eq!(exit, Exit::Usage);
    assert!(
        err.starts_with(&format!("error: {file} is there already")),
        "{err}"
    );
    let import = format!("map import {file}");
    let unchanged = "0 listings mapped, 3 were so before\n";
    assert_eq!(
        daemon.ok(&import).await,
        unchanged,
        "what is automatic stays so"
    );
    let changed = exported.replace("us,101,MUG-RED,1", "us,101,MUG-RED,2\nshopify-us,101,BOX,1");
    std::fs::write(file, changed).unwrap();
    insta::assert_snapshot!(daemon.ok(&format!("{import} --dry-run")).await, @r"
        LINE  CHANNEL     LISTING  NOW      THEN               WAITING ORDERS BOOKED  OPEN ORDERS KEPT
           3  shopify-us  101      MUG-RED  2 × MUG-RED + BOX                      0                 1
        nothing was booked: of 3 listings 1 would change; open orders keep what they were booked as until `channelsync map --reapply`
        ");
    let before = daemon.head();
    assert_eq!(
        daemon.ok(&import).await,
        "1 listing mapped, 2 were so before\n"
    );
    assert_eq!(daemon.ok(&import).await, unchanged);
    assert_ne!(daemon.head(), before);
    let dry = daemon.ok("map --dry-run --reapply shopify-us 101").await;
    assert_eq!(dry, "1 open line would stand for something else\n");
    let booked = daemon.ok("map --reapply shopify-us").await;
    assert!(
        booked.starts_with("1 open line booked anew by entry "),
        "{booked}"
    );
    let again = daemon.ok("map --reapply shopify-us").await;
    assert_eq!(
        again,
        "every open line stands for what its listing stands for\n"
    );
    std::fs::write(
        file,
        "channel,listing,sku,units\nshopify-us,9,BOX,1\nshopify-us,101,CUP,1\n",
    )
    .unwrap();
    let (exit, _, err) = daemon.run(&import).await;
    assert_eq!(exit, Exit::Usage);
    assert!(
        err.contains("line 2: unknown listing 9 on shopify-us"),
        "{err}"
    );
    assert!(
        err.contains("line 3: no stock was ever booked under SKU CUP"),
        "{err}"
    );
}

#[tokio::test]
async fn a_barcode_with_a_wrong_digit_is_none() {
    let daemon = Daemon::start().await;
    daemon.ok("stock receive BOX 9 --at main").await;
    let told = daemon.ok("stock gtin BOX 4006381333931").await;
    assert!(told.starts_with("booked as entry "), "{told}");
    let (exit, _, err) = daemon.run("stock gtin BOX 4006381333932").await;
    assert_eq!(
        (exit, head(&err)),
        (Exit::Usage, "error: 4006381333932 is no barcode")
    );
}

#[tokio::test]
async fn an_order_is_shipped_by_its_name_where_that_is_clear() {
    let daemon = Daemon::start().await;
    daemon.ok("stock receive MUG-RED 10 --at main").await;
    daemon.list_mugs().await;
    daemon.buy("shopify-us", "450", "#1001", 3).await;
    daemon.buy("shopify-eu", "9", "#1001", 1).await;
    daemon.buy("shopify-eu", "10", "#1002", 1).await;
    let (exit, _, err) = daemon.run("orders ship #1001").await;
    assert_eq!(exit, Exit::Usage);
    assert_eq!(
        head(&err),
        "error: order #1001 is on several channels: shopify-eu (9), shopify-us (450)"
    );
    let ship = "orders ship #1001 --channel shopify-us --line 1=2 --tracking T1 --id s-1";
    assert!(daemon.ok(ship).await.starts_with("booked as entry "));
    assert!(daemon.ok(ship).await.starts_with("nothing changed"));
    assert!(
        daemon
            .ok("orders ship #1002")
            .await
            .starts_with("booked as entry ")
    );
    let (exit, _, err) = daemon.run("orders ship #1003").await;
    assert_eq!(exit, Exit::Usage);
    assert_eq!(head(&err), "error: no channel knows an order #1003");
    insta::assert_snapshot!(daemon.ok("orders show shopify-us #1001").await, @r"
        order #1001 (450) on shopify-us
        placed 2026-11-20T09:00:00Z, version 2026-11-20T09:00:01Z, entry 8
        open

        LINE  LISTING  ORDERED  OPEN  COMMITTED  BACKORDERED  SHIPPED BY US  FULFILLED  RESTOCKED  ENTRY
        1     101            3     3          1            0              2          0          0      8
        SHIPMENT  FROM  HOLDS  NUMBER  REPORT
        s-1       main  1=2    T1      to be reported
        ");
    let tracked =
        "orders tracking #1001 --channel shopify-us --shipment s-1 --number T2 --company UPS";
    assert!(daemon.ok(tracked).await.starts_with("booked as entry "));
    let shown = daemon.ok("orders show shopify-us #1001").await;
    assert!(shown.contains("  T2  "), "{shown}");
    let report = "orders report #1001 --channel shopify-us --shipment s-1";
    assert_eq!(daemon.ok(report).await, "nothing changed\n");
    let taken_back = format!("{report} --taken-back");
    assert!(daemon.ok(&taken_back).await.starts_with("booked as entry "));
    let shown = daemon.ok("orders show shopify-us #1001").await;
    assert!(
        shown.ends_with("s-1       main         T2      taken back\n"),
        "{shown}"
    );
    let (exit, _, err) = daemon.run(report).await;
    assert_eq!(exit, Exit::Usage, "{err}");
    let orders = daemon.ok("orders --json").await;
    let orders: serde_json::Value = serde_json::from_str(&orders).unwrap();
    assert_eq!(orders.as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn parked_bytes_are_shown_as_received_and_let_go() {
    let daemon = Daemon::start().await;
    assert_eq!(daemon.ok("parked").await, "nothing is parked\n");
    daemon.park("d-1", b"{\"cut off").await;
    insta::assert_snapshot!(daemon.ok("parked list").await, @r"
        KIND   CHANNEL     WHAT                     WHY      RELEASE
        bytes  shopify-us  orders/create, 53 bytes  no JSON  channelsync parked --merchant acme release d-1
        ");
    assert_eq!(daemon.ok("parked show d-1").await, "{\"cut off");
    for (line, said) in [
        ("parked show d-2", "error: no bytes are parked as d-2"),
        (
            "parked show ../acme",
            "error: \"../acme\" is no id of parked bytes",
        ),
        ("parked release d-2", "error: nothing is parked as d-2"),
        (
            "parked release shopify-us/77@101",
            "error: nothing is parked as 77@101",
        ),
    ] {
        let (exit, _, err) = daemon.run(line).await;
        assert_eq!(exit, Exit::Usage, "{line}");
        assert!(err.starts_with(said), "{line}: {err}");
    }
    assert_eq!(daemon.ok("verify").await.lines().count(), 2);
    assert_eq!(daemon.ok("parked release d-1").await, "released d-1\n");
    let (exit, ..) = daemon.run("parked show d-1").await;
    assert_eq!(exit, Exit::Usage);
}

#[tokio::test]
async fn status_and_channels_tell_what_is_wrong() {
    let daemon = Daemon::start().await;
    daemon.pause("shopify-us", "the app was uninstalled");
    let status = daemon.ok("status").await;
    assert!(
        status.contains("acme/shopify-us: paused: the app was uninstalled"),
        "{status}"
    );
    assert!(status.contains("acme/shopify-eu: shadow mode"), "{status}");
    let channels = daemon.ok("channels --json").await;
    let channels: serde_json::Value = serde_json::from_str(&channels).unwrap();
    assert_eq!(channels[1]["channel"], "shopify-us");
    assert_eq!(channels[1]["merchant"], "acme");
    let resumed = daemon.ok("reconcile shopify-us --resume --scan").await;
    assert!(resumed.starts_with("started: resume, scan; "), "{resumed}");
    daemon.ok("reconcile shopify-us").await;
    let status = daemon.ok("status").await;
    assert!(status.contains("no alarm"), "{status}");
}

#[tokio::test]
async fn the_journal_is_read_and_proved_beside_the_daemon() {
    let daemon = Daemon::start().await;
    for units in 1..=30 {
        let line = format!("stock receive MUG-RED {units} --at main --id r-{units}");
        daemon.ok(&line).await;
    }
    let newest = daemon.ok("journal").await;
    assert!(
        newest.contains("    30 MUG-RED: supplier -> main/available"),
        "{newest}"
    );
    assert!(
        !newest.contains("  r-10\n") && newest.contains("  r-11\n"),
        "{newest}"
    );
    let entries = daemon.ok("journal --from 2 --limit 3 --json").await;
    let entries: serde_json::Value = serde_json::from_str(&entries).unwrap();
    let seqs: Vec<u64> = entries
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(seqs, [2, 3, 4]);
    assert_eq!(daemon.ok("journal --from 99 --json").await, "[]\n");

    daemon.snapshot();
    daemon.ok("stock receive MUG-RED 1 --at main").await;
    let proved = daemon.ok("verify --json").await;
    let proved: serde_json::Value = serde_json::from_str(&proved).unwrap();
    assert_eq!(proved["ok"], true, "{proved}");
    assert_eq!(proved["merchants"][0]["head"], daemon.head());
    assert_eq!(proved["merchants"][0]["snapshot"], 31);
    assert_eq!(proved["merchants"][0]["entries"], 32);

    daemon.damage("journal", 300);
    let (exit, out, err) = daemon.run("verify").await;
    assert_eq!((exit, err.as_str()), (Exit::Found, ""));
    assert!(
        out.starts_with("acme: BROKEN: journal is damaged: "),
        "{out}"
    );
    assert!(
        out.contains("\n  help: ") && out.contains("acme: not ok"),
        "{out}"
    );
    let (exit, _, err) = daemon.run("journal --from 1").await;
    assert_eq!(exit, Exit::Found);
    assert!(err.starts_with("error: journal is damaged: "), "{err}");
}

#[tokio::test]
async fn a_snapshot_that_differs_or_is_damaged_is_found() {
    let daemon = Daemon::start().await;
    daemon.ok("stock receive MUG-RED 1 --at main").await;
    daemon.false_snapshot();
    let (exit, out, _) = daemon.run("verify").await;
    assert_eq!(exit, Exit::Found);
    assert!(
        out.contains("BROKEN: the snapshot of entry 2 differs from a replay"),
        "{out}"
    );
    daemon.damage("snapshots", 90);
    let (exit, out, _) = daemon.run("verify").await;
    assert_eq!(exit, Exit::Found);
    assert!(
        out.contains("the payload's checksum does not match"),
        "{out}"
    );
}

#[tokio::test]
async fn a_freeze_is_told_with_reason_and_undo_until_it_ends() {
    let daemon = Daemon::start().await;
    daemon.ok("stock count MUG-RED 10 --at main").await;
    daemon.list_mugs().await;
    for (what, named) in [
        ("MUG-RED", "SKU MUG-RED"),
        ("--channel shopify-us", "channel shopify-us"),
        ("--all", "everything"),
    ] {
        let line = format!("freeze {what} --reason recall");
        let said = daemon.ok(&line).await;
        assert!(said.starts_with(&format!("{named} is frozen; ")), "{said}");
        let again = daemon.ok(&line).await;
        assert_eq!(again, "it is frozen like that already\n", "{what}");
        let undo = format!("unfreeze --merchant acme {what}");
        let (exit, doctor, _) = daemon.run("doctor").await;
        assert_eq!(exit, Exit::Found);
        for told in [daemon.ok("status").await, daemon.ok("freeze").await, doctor] {
            for word in [named, "recall", &format!("channelsync {undo}")] {
                assert!(told.contains(word), "{word} in {told}");
            }
        }
        let explained = daemon.ok("explain 101 --channel shopify-us").await;
        assert!(explained.contains("frozen, so none is shown: recall"));
        let ended = daemon.ok(&undo).await;
        assert_eq!(ended, format!("the freeze of {named} has ended\n"));
        assert_eq!(daemon.ok(&undo).await, "it is not frozen\n");
        assert_eq!(daemon.ok("freeze").await, "nothing is frozen\n");
    }
    for line in [
        "freeze --all",
        "freeze --reason recall",
        "freeze NONE --reason recall",
        "freeze --channel none --reason recall",
        "unfreeze",
        "unfreeze NONE",
    ] {
        let (exit, _, err) = daemon.run(line).await;
        assert!(
            exit == Exit::Usage && err.contains("\nhelp: "),
            "{line}: {err}"
        );
    }
}
