//! Books are copied beside their daemon and put back elsewhere.

use std::fs;

use channelsync::cli::Exit;
use serde_json::Value;

use super::daemon::{Daemon, configure};

/// A daemon with a book, and the path of a backup of it.
async fn backed_up() -> (Daemon, String, Value) {
    let daemon = Daemon::start().await;
    daemon.list_mugs().await;
    daemon.ok("stock receive MUG-RED 10 --at main").await;
    daemon.buy("shopify-us", "1", "#1001", 2).await;
    daemon.park("d-1", b"<html>").await;
    daemon.snapshot();
    daemon.ok("stock receive MUG-RED 1 --at annex").await;
    let to = daemon.dir().join("copy").to_str().unwrap().to_owned();
    let told = daemon.ok(&format!("backup {to} --json")).await;
    (daemon, to, serde_json::from_str(&told).unwrap())
}

#[tokio::test]
async fn a_backup_of_a_running_daemon_is_put_back_elsewhere_and_holds_its_channels() {
    let (daemon, to, told) = backed_up().await;
    let book = &told["merchants"][0];
    assert_eq!(book["head"], daemon.head(), "to the last durable entry");
    let then = daemon.ok("stock").await;
    daemon.ok("stock receive MUG-RED 5 --at main").await;
    let (exit, _, err) = daemon.run(&format!("backup {to}")).await;
    assert_eq!(exit, Exit::Usage);
    assert!(err.contains("is there already"), "{err}");
    let (exit, _, err) = daemon.run(&format!("restore {to}")).await;
    assert_eq!(exit, Exit::Usage);
    assert!(
        err.contains("holds a book already\nhelp: move it aside: mv "),
        "{err}"
    );

    let elsewhere = configure();
    let (exit, out, err) = daemon
        .run_in(elsewhere.path(), &format!("restore {to}"))
        .await;
    assert_eq!((exit, err.as_str()), (Exit::Ok, ""));
    let from = book["last_at"].as_str().unwrap();
    let again = format!("acme: enter again what was ordered by hand from {from} to ");
    assert!(out.contains(&again), "{out}");
    let (exit, proved, _) = daemon.run_in(elsewhere.path(), "verify --json").await;
    let proved: Value = serde_json::from_str(&proved).unwrap();
    assert_eq!(exit, Exit::Ok, "{proved}");
    let entries = book["entry"].as_u64().unwrap() + 1;
    assert_eq!(
        proved["merchants"][0]["entries"], entries,
        "one more: that it was restored"
    );
    let (_, journal, _) = daemon.run_in(elsewhere.path(), "journal --limit 1").await;
    assert!(
        journal.contains("restored from a backup that ends at "),
        "{journal}"
    );

    // What was put back is copied again, with no daemon anywhere.
    let second = elsewhere.path().join("copy");
    let line = format!("backup {} --json", second.display());
    let (exit, told, err) = daemon.run_in(elsewhere.path(), &line).await;
    assert_eq!((exit, err.as_str()), (Exit::Ok, ""));
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["merchants"][0]["entry"], entries);
    assert!(then.contains("MUG-RED"), "{then}");
}

#[tokio::test]
async fn a_backup_that_is_not_whole_is_not_put_back() {
    let (daemon, to, _) = backed_up().await;
    let journal = daemon
        .dir()
        .join("copy/acme/journal/00000000000000000001.seg");
    let good = fs::read(&journal).unwrap();
    let mut bad = good.clone();
    bad[200] ^= 1;
    fs::write(&journal, bad).unwrap();
    let elsewhere = configure();
    let (exit, _, err) = daemon
        .run_in(elsewhere.path(), &format!("restore {to}"))
        .await;
    assert_eq!(exit, Exit::Unavailable);
    assert!(
        err.contains("its checksum is not the manifest's\nhelp: use another backup"),
        "{err}"
    );
    fs::write(&journal, good).unwrap();
    let manifest = daemon.dir().join("copy/manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(
        &manifest,
        text.replacen("\"format\": 1", "\"format\": 9", 1),
    )
    .unwrap();
    let (exit, _, err) = daemon
        .run_in(elsewhere.path(), &format!("restore {to}"))
        .await;
    assert_eq!(exit, Exit::Unavailable);
    assert!(
        err.contains("(format 9, this version knows 1)\nhelp: install the newer"),
        "{err}"
    );
    assert!(
        !elsewhere.path().join("state/acme").exists(),
        "nothing was put there"
    );
}

#[tokio::test]
async fn a_book_is_only_put_back_while_no_daemon_has_the_directory() {
    let (daemon, to, _) = backed_up().await;
    let elsewhere = configure();
    let config = channelsync::settings::load(elsewhere.path(), &std::collections::BTreeMap::new());
    let _held = channelsync::daemon::hold(&config.unwrap()).unwrap();
    let (exit, _, err) = daemon
        .run_in(elsewhere.path(), &format!("restore {to}"))
        .await;
    assert_eq!(exit, Exit::TryAgain);
    assert!(err.starts_with("error: another daemon holds "), "{err}");
}

#[tokio::test]
async fn doctor_tells_what_waits_for_a_person_and_how_to_resolve_it() {
    let (daemon, _, _) = backed_up().await;
    daemon.pause("shopify-us", "the app was uninstalled on the channel");
    let (exit, out, _) = daemon.run("doctor").await;
    assert_eq!(exit, Exit::Found);
    for said in [
        "acme/shopify-us: paused: the app was uninstalled on the channel",
        "do: mend it, then: channelsync reconcile --merchant acme shopify-us --resume",
        "acme/shopify-us: orders/create set aside: no JSON",
        "do: channelsync parked --merchant acme release d-1",
        "acme/shopify-eu: orders are known to - only",
    ] {
        assert!(out.contains(said), "{said} not in {out}");
    }
    let (exit, out, _) = daemon.run("doctor --json").await;
    let rows: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(exit, Exit::Found);
    let checks: Vec<&str> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["check"].as_str().unwrap())
        .collect();
    assert!(
        checks.contains(&"paused") && checks.contains(&"parked"),
        "{rows}"
    );
}
