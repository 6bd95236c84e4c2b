//! What a file would change, before it is in force.

use std::fs;

use channelsync::cli::Exit;

use super::{Daemon, head};

/// The merchant's file with another text in it.
fn changed(daemon: &Daemon, from: &str, to: &str) -> String {
    let path = daemon.dir().join("merchants.d/acme.toml");
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{text}");
    let other = daemon.dir().join("other.toml");
    fs::write(&other, text.replace(from, to)).unwrap();
    other.display().to_string()
}

/// R51
#[tokio::test]
async fn a_file_of_rules_tells_each_number_it_would_change_and_changes_none() {
    let daemon = Daemon::start().await;
    daemon.ok("stock count MUG-RED 10 --at main").await;
    daemon.list_mugs().await;
    daemon.buy("shopify-us", "450", "#1001", 3).await;
    let before = daemon.head();
    let same = changed(&daemon, "live", "live");
    assert_eq!(
        daemon.ok(&format!("plan {same}")).await,
        "as of entry 5: no published number and no open order would change\n"
    );
    let rule = "mode = \"live\"\nrules = { safety_stock_units = 4 }";
    let rules = changed(&daemon, "mode = \"live\"", rule);
    let (exit, out, err) = daemon.run(&format!("plan {rules}")).await;
    assert_eq!((exit, err.as_str()), (Exit::Found, ""));
    insta::assert_snapshot!(out, @r"
    as of entry 5: 1 published number and 0 order lines would change

    CHANNEL     LISTING  SKU      LOCATION  NOW  THEN  WHY NONE
    shopify-us  101      MUG-RED  101        10     6  -
    ");
    let live = changed(
        &daemon,
        "[channels.shopify-eu]",
        "[channels.shopify-eu]\nmode = \"live\"",
    );
    let (exit, out, _) = daemon.run(&format!("plan {live}")).await;
    assert_eq!(exit, Exit::Found);
    insta::assert_snapshot!(out, @r"
    as of entry 5: 1 published number and 0 order lines would change

    CHANNEL     LISTING  SKU      LOCATION  NOW  THEN  WHY NONE
    shopify-eu  101      MUG-RED  202         -     7  -
    ");
    assert_eq!(daemon.head(), before, "nothing was booked");
    let broken = changed(&daemon, "locations = [\"main\"", "locations = [7, \"main\"");
    let (exit, _, err) = daemon.run(&format!("plan {broken}")).await;
    assert_eq!(exit, Exit::Configuration);
    assert!(err.contains("other.toml:1"), "{err}");
    let (exit, _, err) = daemon.run("plan rules.txt").await;
    assert_eq!(exit, Exit::Usage);
    assert_eq!(head(&err), "error: rules.txt is neither .toml nor .csv");
}

/// R51
#[tokio::test]
async fn a_file_of_mappings_tells_numbers_and_orders_it_would_change() {
    let daemon = Daemon::start().await;
    daemon.ok("stock count BOX 10 --at main").await;
    daemon.list_mugs().await;
    daemon.buy("shopify-us", "450", "#1001", 3).await;
    let file = daemon.dir().join("map.csv");
    fs::write(&file, "channel,listing,sku,units\nshopify-us,101,BOX,2\n").unwrap();
    let plan = format!("plan {} --json", file.display());
    let (exit, out, err) = daemon.run(&plan).await;
    assert_eq!((exit, err.as_str()), (Exit::Found, ""));
    let plan: serde_json::Value = serde_json::from_str(&out).unwrap();
    let number = &plan["numbers"][0];
    assert_eq!(
        (&number["listing"], &number["then"]),
        (&"101".into(), &5.into())
    );
    let order = &plan["orders"][0];
    assert_eq!(order["name"], "#1001");
    let then = serde_json::json!([{ "sku": "BOX", "units": 6, "committed": 6 }]);
    assert_eq!((&order["now"], &order["then"]), (&().into(), &then));
}
