//! Start, restart, reload and stop, as a service manager and a channel see them.

use serde_json::json;

use super::Service;

/// R66
#[test]
fn three_restarts_refuse_no_webhook_and_lose_none() {
    let mut service = Service::start();
    let deliveries = service.deliveries();
    for _ in 0..3 {
        service.until("WATCHDOG=1");
        deliveries.another();
        service.restart();
    }
    deliveries.another();
    let (taken, refused) = deliveries.end();
    assert_eq!(refused, Vec::<String>::new(), "{}", service.log());
    assert!(taken >= 4, "one before and after each restart: {taken}");
    let status = service.status();
    let wanted = &status["merchants"][0]["channels"][0]["fetch_wanted"];
    assert_eq!(*wanted, json!(taken), "every one is in the book");
}

/// R66
#[test]
fn a_reload_takes_what_it_can_and_refuses_no_webhook() {
    let service = Service::start();
    let deliveries = service.deliveries();
    let merchant = "merchants.d/acme.toml";
    service.edit(
        merchant,
        "[channels.shopify-us.credentials]",
        "[channels.shopify-us.rules]\nsafety_stock_units = 3\n[channels.shopify-us.credentials]",
    );
    let reloading = reload(&service);
    assert!(
        reloading
            .iter()
            .any(|line| line.starts_with("MONOTONIC_USEC=")),
        "in the same message: {reloading:?}"
    );
    // From the beginning: deliveries go on behind it.
    let journal = service.ask("journal --json --from 1 --limit 500");
    assert!(journal.contains("\"safety_stock_units\":3"), "{journal}");

    service.edit(
        merchant,
        "subscriptions = false",
        "subscriptions = false\npoll_interval_secs = 7",
    );
    service.edit(
        "channelsync.toml",
        "[limits]",
        "[log]\nlevel = \"debug\"\n[limits]\nread_rows_max = 9",
    );
    reload(&service);
    // Each is logged at the level that is new.
    deliveries.another();
    let (taken, refused) = deliveries.end();
    assert_eq!(refused, Vec::<String>::new(), "{}", service.log());
    assert!(taken > 0, "some came during the reloads");
    let log = service.log();
    assert!(
        log.contains("acme/shopify-us") && log.contains(" DEBUG "),
        "{log}"
    );
    let settings = &service.status()["settings"];
    assert_eq!(settings["restart"], json!(["limits.read_rows_max"]));
    assert_eq!(settings["faults"], json!([]));
    let text = service.ask("status");
    assert!(
        text.contains("not in force: limits.read_rows_max"),
        "{text}"
    );
}

#[test]
fn the_command_line_reloads_and_is_told_what_became_of_it() {
    let service = Service::start();
    let merchant = "merchants.d/acme.toml";
    let nothing = "the settings were read anew: nothing is different\n";
    assert_eq!(service.ask("reload"), nothing);
    service.edit(
        merchant,
        "subscriptions = false",
        "subscriptions = false\npoll_interval_secs = 7",
    );
    service.edit(
        "channelsync.toml",
        "[limits]",
        "[limits]\nread_rows_max = 9",
    );
    assert_eq!(
        service.ask("reload"),
        "the settings were read anew; in force now: acme/shopify-us\n\
         not in force before a restart (`systemctl restart channelsync`): limits.read_rows_max\n"
    );
    let channel = service.status()["merchants"][0]["channels"][0].clone();
    let errors = channel["errors"].to_string();
    assert!(
        !errors.contains("being stopped"),
        "a stop of ours is no failure: {errors}"
    );
    // A fault of the files is found here as there; this one only the daemon finds.
    service.edit(merchant, "[channels.shopify-us", "[channels.shopify-eu");
    service.edit(merchant, "book_from", "#book_from");
    let (exit, refused) = service.try_to("reload");
    assert_eq!(exit, Some(78), "{refused}");
    for word in [
        "those before stay in force",
        "shopify-eu says no `book_from`",
        "help: ",
    ] {
        assert!(refused.contains(word), "{refused}");
    }
    assert!(service.status()["settings"]["refused_at"].is_string());
}

#[test]
fn a_revived_channel_that_had_ended_goes_on_with_a_reload() {
    let service = Service::start();
    let called = || {
        let channel = &service.status()["merchants"][0]["channels"][0];
        channel["outcomes"]["not_sent"].as_u64().unwrap()
    };
    service.watch(|| called() > 0);
    service.ask("channels retire shopify-us --keep-orders");
    service.watch(|| service.log().contains("its tasks end"));
    let nothing = "the settings were read anew: nothing is different\n";
    assert_eq!(service.ask("reload"), nothing);
    service.ask("channels revive shopify-us");
    let told = service.ask("reload");
    assert_eq!(
        told,
        "the settings were read anew; in force now: acme/shopify-us\n"
    );
    // Its calls are counted anew.
    service.watch(|| called() > 0);
    assert_eq!(service.ask("reload"), nothing);
}

#[test]
fn settings_at_fault_are_refused_whole_and_every_fault_is_told() {
    let service = Service::start();
    service.edit(
        "channelsync.toml",
        "[listen]",
        "[log]\nlevel = \"loud\"\n[listen]",
    );
    service.edit(
        "merchants.d/acme.toml",
        "theirs = \"101\"",
        "theirs = \"one\"",
    );
    service.edit(
        "merchants.d/acme.toml",
        "[channels.shopify-us.credentials]",
        "[channels.shopify-us.rules]\nsafety_stock_units = 3\n[channels.shopify-us.credentials]",
    );
    reload(&service);
    let settings = &service.status()["settings"];
    let faults = settings["faults"].as_array().unwrap();
    assert_eq!(faults.len(), 2, "{settings}");
    let log = service.log();
    for fault in ["log.level", "locations"] {
        assert!(
            faults
                .iter()
                .any(|told| told.as_str().unwrap().contains(fault)),
            "{settings}"
        );
        assert!(log.contains(fault), "{log}");
    }
    service.edit("channelsync.toml", "loud", "info");
    service.edit(
        "merchants.d/acme.toml",
        "theirs = \"one\"",
        "theirs = \"101\"",
    );
    // From the beginning: deliveries go on behind it.
    let journal = service.ask("journal --json --from 1 --limit 500");
    assert!(!journal.contains("\"safety_stock_units\":3"), "{journal}");
    let told = service.ask("status");
    assert!(told.contains("settings: refused at "), "{told}");
    reload(&service);
    assert_eq!(service.status()["settings"]["faults"], json!([]));
}

/// Its message, once the reload is through.
fn reload(service: &Service) -> Vec<String> {
    service.signal("HUP");
    let reloading = service.until("RELOADING=1");
    service.until("READY=1");
    reloading
}
