//! Metrics as a scraper reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use axum::body::Body;
use channelsync::admin::health_routes;
use http::Request;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use super::Daemon;

async fn scrape(daemon: &Daemon) -> String {
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let answer = health_routes(daemon.admin.clone()).oneshot(request).await;
    let answer = answer.unwrap();
    assert_eq!(
        answer.headers()["content-type"],
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

/// Families by name: kind, and samples with their labels and value. Fails on whatever the format
/// forbids.
fn parse(text: &str) -> BTreeMap<String, (String, Vec<(String, String)>)> {
    let mut families: BTreeMap<String, (String, Vec<(String, String)>)> = BTreeMap::new();
    let mut helped = BTreeSet::new();
    let mut now = String::new();
    let lines = text.strip_suffix("# EOF\n").expect("it ends with # EOF");
    for line in lines.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').unwrap();
            assert!(!words.is_empty(), "{line}");
            assert!(helped.insert(name.to_owned()), "help once: {line}");
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert!(helped.contains(name), "help before type: {line}");
            assert!(name.starts_with("channelsync_"), "{line}");
            let family = (kind.to_owned(), Vec::new());
            let before = families.insert(name.to_owned(), family);
            assert!(before.is_none(), "every family once: {line}");
            now = name.to_owned();
        } else {
            let (sample, value) = line.rsplit_once(' ').unwrap();
            value.parse::<f64>().unwrap();
            let (kind, rows) = families.get_mut(&now).expect("a type before samples");
            let end = sample
                .strip_prefix(now.as_str())
                .expect("samples stay together");
            let (suffix, _) = end.split_once('{').unwrap_or((end, ""));
            let allowed: &[&str] = match kind.as_str() {
                "counter" => &["_total"],
                "gauge" => &[""],
                "histogram" => &["_bucket", "_count", "_sum"],
                other => panic!("no kind of ours: {other}"),
            };
            assert!(allowed.contains(&suffix), "{line}");
            rows.push((sample.to_owned(), value.to_owned()));
        }
    }
    assert_eq!(helped.len(), families.len());
    families
}

#[tokio::test]
async fn a_scrape_holds_every_family_once_for_all_channels() {
    let daemon = Daemon::start().await;
    daemon.ok("stock receive MUG-RED 10 --at main").await;
    for (name, channel) in &daemon.admin.merchants["acme"].channels {
        channel.board.cover("orders", daemon.now());
        channel.board.count("webhooks_taken", 3);
        channel.board.took("webhook", Duration::from_millis(7));
        channel.board.took("webhook", Duration::from_secs(700));
        if name == "shopify-us" {
            channel.board.took("push", Duration::from_micros(1_500));
        }
    }
    let text = scrape(&daemon).await;
    let families = parse(&text);
    insta::assert_snapshot!(families.iter().map(|(name, (kind, rows))| {
        format!("{name} {kind} {}", rows.len())
    }).collect::<Vec<_>>().join("\n"), @r"
    channelsync_calls counter 16
    channelsync_channel_work gauge 14
    channelsync_events counter 2
    channelsync_frozen gauge 1
    channelsync_interlocked gauge 1
    channelsync_journal_entry gauge 1
    channelsync_journal_unwritable gauge 1
    channelsync_order_confirmed_on_channel_seconds histogram 0
    channelsync_order_confirmed_seconds histogram 17
    channelsync_orders_behind_seconds gauge 2
    channelsync_oversell_exposure_skus gauge 0
    channelsync_oversell_exposure_units gauge 0
    channelsync_parked gauge 1
    channelsync_permissions_missing gauge 2
    channelsync_push_seconds histogram 17
    channelsync_settings_refused gauge 1
    channelsync_stock_file_failing gauge 0
    channelsync_stock_file_taken_timestamp_seconds gauge 0
    channelsync_token_expires_seconds gauge 0
    channelsync_token_life_seconds gauge 0
    channelsync_webhook_seconds histogram 34
    ");
    let samples: BTreeSet<&str> = text.lines().collect();
    for sample in [
        "channelsync_journal_entry{merchant=\"acme\"} 2",
        "channelsync_events_total{merchant=\"acme\",channel=\"shopify-eu\",kind=\"webhooks_taken\"} 3",
        "channelsync_channel_work{merchant=\"acme\",channel=\"shopify-us\",kind=\"dirty\"} 0",
        "channelsync_webhook_seconds_count{merchant=\"acme\",channel=\"shopify-eu\"} 2",
        "channelsync_webhook_seconds_bucket{le=\"0.01\",merchant=\"acme\",channel=\"shopify-eu\"} 1",
        "channelsync_webhook_seconds_bucket{le=\"+Inf\",merchant=\"acme\",channel=\"shopify-eu\"} 2",
        "channelsync_push_seconds_sum{merchant=\"acme\",channel=\"shopify-us\"} 0.0015",
    ] {
        assert!(samples.contains(sample), "{sample} is not in\n{text}");
    }
}

#[tokio::test]
async fn alerts_ask_for_metrics_that_exist() {
    let daemon = Daemon::start().await;
    for channel in daemon.admin.merchants["acme"].channels.values() {
        channel.board.cover("orders", daemon.now());
    }
    let text = scrape(&daemon).await;
    let rules = include_str!("../../../systemd/channelsync.rules.yml");
    let asked = rules.lines().filter_map(|line| line.split_once("expr: "));
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
    let words = asked.flat_map(|(_, expr)| expr.split(|c| !is_name(c)));
    let names: BTreeSet<&str> = words.filter(|w| w.starts_with("channelsync_")).collect();
    assert!(names.len() >= 5, "{names:?}");
    for name in names {
        // The tokens here do not expire, so that family has no row.
        let empty = format!("# TYPE {name} gauge");
        let sampled = |line: &str| {
            let end = line.strip_prefix(name);
            end.is_some_and(|end| end.starts_with(['{', ' '])) || line == empty
        };
        assert!(text.lines().any(sampled), "{name} is not in\n{text}");
    }
}
