//! A channel that is held because a count would change too much of it at once.

use channelsync::cli::Exit;
use channelsync::ledger::{Command, ListingReport, ShownReport};
use channelsync_contract::Units;

use super::Daemon;

/// Twenty listings of 10 units each, shown as they are.
async fn twenty(daemon: &Daemon) {
    count(daemon, 20, 10).await;
    let report = |number: u32| ListingReport {
        listing: format!("{}", 100 + number).as_str().into(),
        item: format!("item-{number}").as_str().into(),
        sku: format!("S{number}").as_str().into(),
        gtin: None,
        unpushable: false,
        sells_without_limit: false,
    };
    daemon
        .book(Command::Listings {
            channel: "shopify-us".into(),
            listings: (0..20).map(report).collect(),
            complete: None,
        })
        .await;
    let ledger = daemon.ledger().await;
    let known = ledger.channel_named("shopify-us").unwrap();
    let (_, place) = known.places_served().next().unwrap();
    let shown = |item: u32| ShownReport {
        slot: known.slot_key(item, place),
        written: Some(10),
        sellable: 10,
        unsellable: Units(0),
    };
    daemon
        .book(Command::Shown {
            channel: "shopify-us".into(),
            began: daemon.now(),
            complete_to: None,
            slots: (0..known.items.len()).map(shown).collect(),
            corrections_max: 3,
        })
        .await;
}

async fn count(daemon: &Daemon, skus: u32, units: u32) -> String {
    let path = daemon.dir().join(format!("{skus}-{units}.csv"));
    let rows: String = (0..skus)
        .map(|sku| format!("S{sku},main,{units}\n"))
        .collect();
    std::fs::write(&path, format!("sku,location,units\n{rows}")).unwrap();
    let import = format!("stock import {} --counts", path.display());
    daemon.ok(&import).await
}

/// R47
#[tokio::test]
async fn what_holds_a_channel_and_what_its_release_would_change_is_told_before_it_happens() {
    let daemon = Daemon::start().await;
    assert_eq!(daemon.ok("release shopify-us").await, "it is not held\n");
    twenty(&daemon).await;
    let imported = count(&daemon, 11, 1).await;
    assert!(imported.starts_with("11 rows booked\nshopify-us is held since "));
    let (exit, doctor, _) = daemon.run("doctor").await;
    assert_eq!(exit, Exit::Found);
    for told in [daemon.ok("status").await, doctor, imported] {
        for word in [
            "shopify-us is held since",
            "11 of 20 listings would change by much, caused by an import of counts",
            "channelsync release --merchant acme shopify-us",
        ] {
            assert!(told.contains(word), "{word} in {told}");
        }
    }
    let explained = daemon.ok("explain 103 --channel shopify-us").await;
    assert!(explained.contains("held back"), "{explained}");
    let (exit, told, _) = daemon.run("release shopify-us").await;
    assert_eq!(exit, Exit::Found);
    assert!(
        told.contains("now 11 listings would change, 11 of them by much"),
        "{told}"
    );
    let is_first = |line: &str| line.split_whitespace().eq(["100", "S0", "10", "1"]);
    assert!(told.lines().any(is_first), "{told}");
    assert!(
        told.contains("release --merchant acme shopify-us --yes"),
        "{told}"
    );
    let (_, rows, _) = daemon.run("release shopify-us --json").await;
    let rows: serde_json::Value = serde_json::from_str(&rows).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 11);
    let released = daemon.ok("release shopify-us --yes").await;
    assert_eq!(released, "shopify-us goes on\n");
    assert_eq!(
        daemon.ok("release shopify-us --yes").await,
        "it is not held\n"
    );
    let status = daemon.ok("status").await;
    assert!(!status.contains("is held since"), "{status}");
    let (exit, _, err) = daemon.run("release moon").await;
    assert_eq!(exit, Exit::Usage);
    assert!(err.contains("no channel moon"), "{err}");
}
