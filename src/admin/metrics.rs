//! Prometheus text, built anew at each scrape from what is published.

use std::fmt;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeMetric as _, MetricEncoder, NoLabelSet,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::state::{Admin, AdminChannel};
use crate::board::{FILE, LATENCY_BOUNDS_MS, Latency};
use crate::bookkeeper::ChannelCounts;

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) async fn metrics(State(admin): State<Arc<Admin>>) -> Response {
    match text(admin) {
        Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn text(admin: Arc<Admin>) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("channelsync");
    registry.register_collector(Box::new(Shot(admin)));
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

/// Everything as it is at this moment.
struct Shot(Arc<Admin>);

impl fmt::Debug for Shot {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Shot")
    }
}

type Labels = Vec<(&'static str, String)>;

/// One family of figures. Its rows stand together under one head, as the format wants it.
struct Family {
    name: &'static str,
    help: &'static str,
    rows: Rows,
}

enum Rows {
    Gauges(Vec<(Labels, u64)>),
    Counters(Vec<(Labels, u64)>),
    Histograms(Vec<(Labels, Latency)>),
}

impl Collector for Shot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for family in families(&self.0) {
            let kind = match &family.rows {
                Rows::Gauges(_) => MetricType::Gauge,
                Rows::Counters(_) => MetricType::Counter,
                Rows::Histograms(_) => MetricType::Histogram,
            };
            let mut rows = encoder.encode_descriptor(family.name, family.help, None, kind)?;
            match &family.rows {
                Rows::Gauges(found) => {
                    for (labels, value) in found {
                        ConstGauge::new(*value).encode(rows.encode_family(labels)?)?;
                    }
                }
                Rows::Counters(found) => {
                    for (labels, value) in found {
                        ConstCounter::new(*value).encode(rows.encode_family(labels)?)?;
                    }
                }
                Rows::Histograms(found) => {
                    for (labels, latency) in found {
                        histogram(&mut rows.encode_family(labels)?, latency)?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn histogram(row: &mut MetricEncoder<'_>, latency: &Latency) -> Result<(), fmt::Error> {
    let bounds = LATENCY_BOUNDS_MS
        .iter()
        .map(|ms| seconds(ms.saturating_mul(1_000)));
    let bounds = bounds.chain([f64::INFINITY]);
    let buckets: Vec<(f64, u64)> = bounds.zip(latency.buckets).collect();
    let count = latency.buckets.iter().sum();
    row.encode_histogram::<NoLabelSet>(seconds(latency.sum_us), count, &buckets, None)
}

/// Prometheus counts in seconds.
#[expect(
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    reason = "the format has floats"
)]
fn seconds(us: u64) -> f64 {
    us as f64 / 1_000_000.0
}

/// A channel with its labels and what was last published of it.
struct Seen<'a> {
    labels: Labels,
    channel: &'a AdminChannel,
    left: ChannelCounts,
}

fn families(admin: &Admin) -> Vec<Family> {
    let mut families = merchant_families(admin);
    families.extend(exposures(admin));
    families.extend(confirmations(admin));
    let mut seen = Vec::new();
    for (merchant, row) in &admin.merchants {
        let published = row.book.published();
        for (name, channel) in &row.channels {
            let place = published.names.iter().position(|known| known == name);
            let left = place.and_then(|place| published.channels.get(place).copied());
            seen.push(Seen {
                labels: vec![("merchant", merchant.clone()), ("channel", name.clone())],
                channel,
                left: left.unwrap_or_default(),
            });
        }
    }
    families.extend(channel_families(admin, &seen));
    families.extend([
        latencies(
            "webhook_seconds",
            "time until a delivery was answered",
            "webhook",
            &seen,
        ),
        latencies(
            "push_seconds",
            "time until a push call was answered",
            "push",
            &seen,
        ),
    ]);
    families
}

fn merchant_families(admin: &Admin) -> Vec<Family> {
    let (mut entries, mut unwritable) = (Vec::new(), Vec::new());
    let (mut parked, mut frozen, mut interlocked) = (Vec::new(), Vec::new(), Vec::new());
    let (mut failing, mut taken) = (Vec::new(), Vec::new());
    for (merchant, row) in &admin.merchants {
        let published = row.book.published();
        let labels = vec![("merchant", merchant.clone())];
        entries.push((labels.clone(), published.head.seq));
        let is_unwritable = u64::from(published.unwritable.is_some());
        unwritable.push((labels.clone(), is_unwritable));
        parked.push((labels.clone(), count(published.parked)));
        frozen.push((labels.clone(), count(published.frozen)));
        interlocked.push((labels, count(published.interlocks.len())));
        for (location, (_, board)) in &row.files {
            let labels = vec![
                ("merchant", merchant.clone()),
                ("location", location.clone()),
            ];
            let notes = board.read();
            failing.push((labels.clone(), u64::from(notes.errors.contains_key(FILE))));
            let at = notes.coverage.get(FILE).map(|at| at.0 / 1_000_000);
            let at = at.and_then(|at| u64::try_from(at).ok());
            taken.extend(at.map(|at| (labels, at)));
        }
    }
    let refused = u64::from(admin.settings.refused.is_some());
    vec![
        Family {
            name: "settings_refused",
            help: "1 while the settings in the files were refused",
            rows: Rows::Gauges(vec![(Labels::new(), refused)]),
        },
        Family {
            name: "journal_entry",
            help: "number of the last durable entry",
            rows: Rows::Gauges(entries),
        },
        Family {
            name: "journal_unwritable",
            help: "1 while the journal cannot be written",
            rows: Rows::Gauges(unwritable),
        },
        Family {
            name: "parked",
            help: "deliveries set aside for a person",
            rows: Rows::Gauges(parked),
        },
        Family {
            name: "frozen",
            help: "SKUs and channels that a person stopped from being sold",
            rows: Rows::Gauges(frozen),
        },
        Family {
            name: "interlocked",
            help: "channels held until a person says whether a mass change was meant",
            rows: Rows::Gauges(interlocked),
        },
        Family {
            name: "stock_file_failing",
            help: "1 while the file that is master of a location is not taken",
            rows: Rows::Gauges(failing),
        },
        Family {
            name: "stock_file_taken_timestamp_seconds",
            help: "when such a file was taken last",
            rows: Rows::Gauges(taken),
        },
    ]
}

fn with(labels: &Labels, key: &'static str, value: &str) -> Labels {
    let mut labels = labels.clone();
    labels.push((key, value.to_owned()));
    labels
}

/// What may be oversold.
fn exposures(admin: &Admin) -> [Family; 2] {
    let (mut units, mut skus) = (Vec::new(), Vec::new());
    for (merchant, row) in &admin.merchants {
        let labels = vec![("merchant", merchant.clone())];
        let Some(seen) = row.exposures.read() else {
            continue;
        };
        for (kind, number) in [
            ("exposed", seen.skus),
            ("unknown", seen.unknown),
            ("unbounded", seen.unbounded),
        ] {
            skus.push((with(&labels, "kind", kind), number));
        }
        units.extend(seen.most.iter().map(|(held, sku)| {
            let held = u64::try_from(*held).unwrap_or(0);
            (with(&labels, "sku", sku.as_str()), held)
        }));
    }
    [
        Family {
            name: "oversell_exposure_units",
            help: "units of a SKU that may be oversold; the hundred SKUs with the most",
            rows: Rows::Gauges(units),
        },
        Family {
            name: "oversell_exposure_skus",
            help: "SKUs that may be oversold, of which that is not known, and that have no limit",
            rows: Rows::Gauges(skus),
        },
    ]
}

/// How long it took from orders to their units off the channels.
fn confirmations(admin: &Admin) -> [Family; 2] {
    let (mut all, mut channels) = (Vec::new(), Vec::new());
    for (merchant, row) in &admin.merchants {
        let labels = vec![("merchant", merchant.clone())];
        let confirmed = row.book.confirmations();
        channels.extend(
            confirmed
                .channels
                .into_iter()
                .map(|(channel, took)| (with(&labels, "channel", &channel), took.latency)),
        );
        all.push((labels, confirmed.all.latency));
    }
    [
        Family {
            name: "order_confirmed_seconds",
            help: "from an order's booking until every channel had confirmed its numbers",
            rows: Rows::Histograms(all),
        },
        Family {
            name: "order_confirmed_on_channel_seconds",
            help: "from an order's booking until this channel had confirmed its numbers",
            rows: Rows::Histograms(channels),
        },
    ]
}

/// What is left of the tokens at hand, and of how much.
fn tokens(seen: &[Seen<'_>]) -> [Family; 2] {
    let expiring = |one: &Seen<'_>| {
        let (left, life) = one.channel.transport.stats().token_expires_in?;
        Some((one.labels.clone(), left.as_secs(), life.as_secs()))
    };
    let expiring: Vec<_> = seen.iter().filter_map(expiring).collect();
    let left = expiring.iter().map(|(of, left, _)| (of.clone(), *left));
    let lives = expiring.iter().map(|(of, _, life)| (of.clone(), *life));
    [
        Family {
            name: "token_expires_seconds",
            help: "how long the token at hand is still valid",
            rows: Rows::Gauges(left.collect()),
        },
        Family {
            name: "token_life_seconds",
            help: "how long that token was valid when it came",
            rows: Rows::Gauges(lives.collect()),
        },
    ]
}

fn channel_families(admin: &Admin, seen: &[Seen<'_>]) -> Vec<Family> {
    let (mut work, mut behind) = (Vec::new(), Vec::new());
    let (mut calls, mut events) = (Vec::new(), Vec::new());
    let mut missing = Vec::new();
    for Seen {
        labels,
        channel,
        left,
    } in seen
    {
        let with = |key, value| with(labels, key, value);
        for (kind, number) in work_left(left) {
            work.push((with("kind", kind), count(number)));
        }
        let complete_to = channel.board.complete_to(channel.streams);
        // A channel that ended is no longer polled.
        if let Some(to) = complete_to.filter(|_| left.retired_at.is_none()) {
            let age = admin.clock.now().since(to).as_secs();
            behind.push((labels.clone(), age));
        }
        let notes = channel.board.read();
        missing.push((labels.clone(), count(notes.missing_permissions.len())));
        for (outcome, number) in outcomes(channel) {
            calls.push((with("outcome", outcome), number));
        }
        for (what, number) in notes.counts {
            events.push((with("kind", what), number));
        }
    }
    let [expiring, lives] = tokens(seen);
    vec![
        Family {
            name: "channel_work",
            help: "what is left to do, by kind",
            rows: Rows::Gauges(work),
        },
        Family {
            name: "orders_behind_seconds",
            help: "age of the time orders are known to",
            rows: Rows::Gauges(behind),
        },
        expiring,
        lives,
        Family {
            name: "permissions_missing",
            help: "permissions that are needed and not granted",
            rows: Rows::Gauges(missing),
        },
        Family {
            name: "calls",
            help: "calls to channels, by outcome",
            rows: Rows::Counters(calls),
        },
        Family {
            name: "events",
            help: "what happened on a channel, by kind",
            rows: Rows::Counters(events),
        },
    ]
}

fn work_left(left: &ChannelCounts) -> [(&'static str, usize); 7] {
    [
        ("dirty", left.dirty),
        ("in_flight", left.in_flight),
        ("in_doubt", left.in_doubt),
        ("to_read", left.to_read),
        ("fetch_wanted", left.wanted),
        ("reports", left.reports),
        ("refused_reports", left.refused_reports),
    ]
}

fn outcomes(channel: &AdminChannel) -> [(&'static str, u64); 8] {
    let outcomes = channel.transport.stats().outcomes;
    [
        ("succeeded", outcomes.succeeded),
        ("empty", outcomes.empty),
        ("refused", outcomes.refused),
        ("server_error", outcomes.server_errors),
        ("throttled", outcomes.throttled),
        ("unauthorized", outcomes.unauthorized),
        ("not_sent", outcomes.not_sent),
        ("unanswered", outcomes.unanswered),
    ]
}

fn latencies(
    name: &'static str,
    help: &'static str,
    what: &'static str,
    seen: &[Seen<'_>],
) -> Family {
    let rows = seen.iter().filter_map(|seen| {
        let latency = seen.channel.board.read().latencies.remove(what)?;
        Some((seen.labels.clone(), latency))
    });
    let rows = Rows::Histograms(rows.collect());
    Family { name, help, rows }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
