//! A client of Shopify written by others, unmodified, against a double.
//!
//! `npm install --prefix target/clients --ignore-scripts @shopify/shopify-api@13.1.0` fetches it; without
//! it, or without `node`, the test says that it is skipped.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

const PROGRAM: &str = env!("CARGO_BIN_EXE_channelsync");
const INSTALLED: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/../clients");
const SCRIPT: &str = include_str!("../clients/judge.mjs");

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn skipped(why: &str) {
    eprintln!("skipped: {why}");
}

/// Doubles on a free port, and their address.
fn sandbox() -> (Running, String) {
    let mut child = Command::new(PROGRAM)
        .args(["sandbox", "--listen", "127.0.0.1:0", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = child.stdout.take().unwrap();
    let running = Running(child);
    let mut line = String::new();
    BufReader::new(out).read_line(&mut line).unwrap();
    let told: Value = serde_json::from_str(&line).unwrap();
    let url = told["shops"][0]["base_url"].as_str().unwrap();
    let (address, _) = url.split_once("/shops/").unwrap();
    (running, address.to_owned())
}

/// What the client saw; none where it is not installed.
fn judged() -> Option<Value> {
    let dir = Path::new(INSTALLED);
    if !dir.join("node_modules/@shopify/shopify-api").exists() {
        skipped("@shopify/shopify-api is not installed in target/clients");
        return None;
    }
    if Command::new("node").arg("--version").output().is_err() {
        skipped("there is no node");
        return None;
    }
    let (_sandbox, address) = sandbox();
    // A script finds a library only in a folder above its own.
    let script = dir.join("judge.mjs");
    std::fs::write(&script, SCRIPT).unwrap();
    let ended = Command::new("node")
        .arg(script)
        .arg(address)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}");
    Some(serde_json::from_slice(&ended.stdout).unwrap())
}

#[test]
fn a_client_of_others_queries_orders_sets_inventory_and_accepts_the_webhooks_of_a_double() {
    let Some(seen) = judged() else { return };
    assert_eq!(seen["set"]["userErrors"], json!([]));
    let changes = &seen["set"]["inventoryAdjustmentGroup"]["changes"];
    assert_eq!(changes[1]["name"], "on_hand");
    assert_eq!(changes[1]["quantityAfterChange"], 40);
    assert_eq!(seen["set_again"], seen["set"], "one key sets once");
    let stale = &seen["set_stale"]["userErrors"][0]["code"];
    assert_eq!(stale, "CHANGE_FROM_QUANTITY_STALE");
    assert_eq!(seen["subscribed"]["userErrors"], json!([]));
    let line = &seen["order"]["lineItems"]["nodes"][0];
    assert_eq!(line["quantity"], 3);
    assert_eq!(seen["page"]["nodes"][0]["id"], seen["order"]["id"]);
    let level = json!([
        { "name": "on_hand", "quantity": 40 },
        { "name": "available", "quantity": 37 },
        { "name": "committed", "quantity": 3 },
    ]);
    assert_eq!(seen["level"], level);
    let consent = json!({ "state": "1795219200.ab-cd", "valid": true, "accepts_tampered": false });
    assert_eq!(seen["consent"], consent);
    let webhook = &seen["webhooks"][0];
    assert_eq!(webhook["valid"], true);
    assert_eq!(webhook["accepts_tampered"], false);
    assert_eq!(webhook["topic"], "ORDERS_CREATE");
    let id = webhook["id"].as_str().unwrap();
    assert_eq!(seen["order"]["id"], format!("gid://shopify/Order/{id}"));
}
