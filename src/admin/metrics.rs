//! Prometheus text, built anew at each scrape from what is published.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::state::Admin;
use crate::board::{LATENCY_BOUNDS_MS, Latency};

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) async fn metrics(State(admin): State<Arc<Admin>>) -> Response {
    let mut registry = Registry::with_prefix("channelsync");
    registry.register_collector(Box::new(Shot(admin)));
    let mut text = String::new();
    match encode(&mut text, &registry) {
        Ok(()) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Everything as it is at this moment.
struct Shot(Arc<Admin>);

impl std::fmt::Debug for Shot {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Shot")
    }
}

/// One family of figures.
struct Family {
    name: &'static str,
    help: &'static str,
    counter: bool,
    rows: Vec<(Vec<(&'static str, String)>, u64)>,
}

impl Collector for Shot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        for family in families(&self.0) {
            let kind = if family.counter {
                ConstCounter::new(0_u64).metric_type()
            } else {
                ConstGauge::new(0_u64).metric_type()
            };
            let mut rows = encoder.encode_descriptor(family.name, family.help, None, kind)?;
            for (labels, value) in &family.rows {
                let row = rows.encode_family(labels)?;
                if family.counter {
                    ConstCounter::new(*value).encode(row)?;
                } else {
                    ConstGauge::new(*value).encode(row)?;
                }
            }
        }
        for (name, help, labels, latency) in latencies(&self.0) {
            let kind = prometheus_client::metrics::MetricType::Histogram;
            let mut rows = encoder.encode_descriptor(name, help, None, kind)?;
            let mut row = rows.encode_family(&labels)?;
            histogram(&mut row, &latency)?;
        }
        Ok(())
    }
}

fn histogram(
    row: &mut prometheus_client::encoding::MetricEncoder<'_>,
    latency: &Latency,
) -> Result<(), std::fmt::Error> {
    let bounds = LATENCY_BOUNDS_MS
        .iter()
        .map(|ms| seconds(ms.saturating_mul(1_000)));
    let bounds = bounds.chain([f64::MAX]);
    let buckets: Vec<(f64, u64)> = bounds.zip(latency.buckets).collect();
    let count = latency.buckets.iter().sum();
    row.encode_histogram::<prometheus_client::encoding::NoLabelSet>(
        seconds(latency.sum_us),
        count,
        &buckets,
        None,
    )
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

fn latencies(
    admin: &Admin,
) -> Vec<(
    &'static str,
    &'static str,
    Vec<(&'static str, String)>,
    Latency,
)> {
    let mut found: Vec<(
        &'static str,
        &'static str,
        Vec<(&'static str, String)>,
        Latency,
    )> = Vec::new();
    for (merchant, row) in &admin.merchants {
        for (name, channel) in &row.channels {
            for (what, latency) in channel.board.read().latencies {
                let (family, help) = match what {
                    "webhook" => ("webhook_seconds", "time until a delivery was answered"),
                    _ => ("push_seconds", "time until a push call was answered"),
                };
                let labels = vec![("merchant", merchant.clone()), ("channel", name.clone())];
                found.push((family, help, labels, latency));
            }
        }
    }
    found.sort_by_key(|(family, ..)| *family);
    found
}

fn families(admin: &Admin) -> Vec<Family> {
    let mut entries = Family::gauge("journal_entry", "number of the last durable entry");
    let mut unwritable = Family::gauge(
        "journal_unwritable",
        "1 while the journal cannot be written",
    );
    let mut parked = Family::gauge("parked", "things set aside for a person");
    let mut work = Family::gauge("channel_work", "what is left to do, by kind");
    let mut behind = Family::gauge(
        "orders_behind_seconds",
        "age of the time orders are known to",
    );
    let mut calls = Family::counter("calls", "calls to channels, by outcome");
    let mut counts = Family::counter("events", "what happened on a channel, by kind");
    for (merchant, row) in &admin.merchants {
        let published = row.book.published();
        let label = || vec![("merchant", merchant.clone())];
        entries.rows.push((label(), published.head.seq));
        unwritable
            .rows
            .push((label(), u64::from(published.unwritable.is_some())));
        parked.rows.push((label(), count(published.parked)));
        for (name, channel) in &row.channels {
            let with = |key: &'static str, value: &str| {
                let mut labels = vec![("merchant", merchant.clone()), ("channel", name.clone())];
                labels.push((key, value.to_owned()));
                labels
            };
            let place = published.names.iter().position(|known| known == name);
            let left = place.and_then(|place| published.channels.get(place).copied());
            let left = left.unwrap_or_default();
            for (kind, number) in [
                ("dirty", left.dirty),
                ("in_flight", left.in_flight),
                ("in_doubt", left.in_doubt),
                ("to_read", left.to_read),
                ("fetch_wanted", left.wanted),
            ] {
                work.rows.push((with("kind", kind), count(number)));
            }
            if let Some(to) = channel.board.complete_to(channel.streams) {
                let labels = vec![("merchant", merchant.clone()), ("channel", name.clone())];
                behind
                    .rows
                    .push((labels, admin.clock.now().since(to).as_secs()));
            }
            let outcomes = channel.transport.stats().outcomes;
            for (outcome, number) in [
                ("succeeded", outcomes.succeeded),
                ("empty", outcomes.empty),
                ("refused", outcomes.refused),
                ("server_error", outcomes.server_errors),
                ("throttled", outcomes.throttled),
                ("unauthorized", outcomes.unauthorized),
                ("not_sent", outcomes.not_sent),
                ("unanswered", outcomes.unanswered),
            ] {
                calls.rows.push((with("outcome", outcome), number));
            }
            for (what, number) in channel.board.read().counts {
                counts.rows.push((with("kind", what), number));
            }
        }
    }
    vec![entries, unwritable, parked, work, behind, calls, counts]
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

impl Family {
    fn gauge(name: &'static str, help: &'static str) -> Self {
        Self {
            name,
            help,
            counter: false,
            rows: Vec::new(),
        }
    }

    fn counter(name: &'static str, help: &'static str) -> Self {
        Self {
            name,
            help,
            counter: true,
            rows: Vec::new(),
        }
    }
}
