//! Rules by command line: set, told, explained, let go; a file's own are its own.

use std::fs;

use channelsync::cli::Exit;

use super::Daemon;

const FILED: &str = "[channels.shopify-us.rules]\nshare_percent = 80\n";

/// R45
#[tokio::test]
async fn a_rule_set_by_command_holds_at_once_is_explained_and_undone_by_what_the_list_says() {
    let daemon = Daemon::start().await;
    daemon.ok("stock count MUG-RED 10 --at main").await;
    daemon.list_mugs().await;
    let none = daemon.ok("rules").await;
    assert_eq!(
        none,
        "no rules are set: everything that is there is shown on every channel\n"
    );
    let explain = "explain 101 --channel shopify-us";
    let at = "--channel shopify-us --listing 101";
    let set = format!("rules set {at} cap_units=7 case_units=3");
    let said = daemon.ok(&set).await;
    assert!(said.starts_with("booked as entry "), "{said}");
    assert_eq!(daemon.ok(&set).await, "nothing changed: it is so already\n");
    let entry = said.trim().rsplit(' ').next().unwrap().to_owned();
    let explained = daemon.ok(explain).await;
    for told in [
        format!("cap 7 (listing, entry {entry}), cases of 3 (listing, entry {entry})"),
        "after the cap: 7\n".to_owned(),
        "in whole cases: 6\n".to_owned(),
        "target: 6\n".to_owned(),
    ] {
        assert!(explained.contains(&told), "{told} in {explained}");
    }
    let listed = daemon.ok("rules").await;
    let undo = format!("rules --merchant acme unset {at} cap_units");
    for told in [
        "listing 101 on shopify-us",
        "cap_units",
        &format!("command, entry {entry}"),
        &format!("channelsync {undo}"),
    ] {
        assert!(listed.contains(told), "{told} in {listed}");
    }
    daemon.ok(&undo).await;
    let explained = daemon.ok(explain).await;
    assert!(explained.contains("target: 9\n"), "{explained}");
    daemon.ok("rules set locations=main,annex").await;
    let explained = daemon.ok(explain).await;
    assert!(
        explained.contains("only at main + annex (merchant, entry"),
        "{explained}"
    );
    let journal = daemon.ok("journal").await;
    assert!(
        journal.contains("rules set by command for all channels: locations = main,annex"),
        "{journal}"
    );
}

/// R45
#[tokio::test]
async fn a_rule_of_a_file_is_refused_with_file_and_line_and_slips_are_named() {
    let daemon = Daemon::start().await;
    daemon.ok("stock count MUG-RED 10 --at main").await;
    daemon.list_mugs().await;
    // The file of this machine may be ahead of what the daemon has read.
    let file = daemon.dir().join("merchants.d/acme.toml");
    let filed = fs::read_to_string(&file).unwrap() + FILED;
    fs::write(&file, filed).unwrap();
    for (line, told) in [
        (
            "rules set --channel shopify-us share_percent=50",
            "share_percent is set in DIR/merchants.d/acme.toml:20",
        ),
        (
            "rules unset --channel shopify-us share_percent",
            "change it there, then `channelsync reload`",
        ),
        (
            "rules set shar_percent=50",
            "rules are: safety_stock_units, ",
        ),
        (
            "rules set cap_units=many",
            "it is a whole number, 0 or more",
        ),
        ("rules set cap_units", "cap_units has no value"),
        ("rules set share_percent=101", "more than 100"),
        (
            "rules set --channel none cap_units=5",
            "unknown channel none",
        ),
        (
            "rules set --channel shopify-us --sku NONE cap_units=5",
            "no stock was ever booked under SKU NONE",
        ),
    ] {
        let (exit, _, err) = daemon.run(line).await;
        let err = err.replace(daemon.dir().to_str().unwrap(), "DIR");
        assert!(exit == Exit::Usage && err.contains(told), "{line}: {err}");
    }
    assert!(daemon.ok("rules").await.starts_with("no rules are set"));
}
