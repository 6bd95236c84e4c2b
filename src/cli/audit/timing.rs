//! How long things took in the doubles' own record.

use std::collections::BTreeMap;
use std::time::Duration;

use channelsync_contract::Timestamp;
use channelsync_sandbox::{SetRecord, ShopInfo, Truth};

use super::{Spread, pieces, sold};

/// From each order to the first quantity set for one of its SKUs on each other shop.
pub(super) fn order_to_push(truths: &[(&ShopInfo, Truth)]) -> Spread {
    let mut took = Vec::new();
    let sets: Vec<BTreeMap<&str, Vec<Timestamp>>> = truths.iter().map(sets_by_sku).collect();
    for (number, (shop, truth)) in truths.iter().enumerate() {
        let others = sets.iter().enumerate();
        let others = others.filter(|(other, _)| *other != number);
        let others: Vec<_> = others.map(|(_, sets)| sets).collect();
        let pieces = pieces(shop);
        for order in &truth.orders {
            let sold = order.lines.iter().flat_map(|line| sold(&pieces, line));
            for (sku, _) in sold {
                let times = others.iter().filter_map(|sets| sets.get(sku));
                took.extend(times.filter_map(|times| {
                    let next = times.partition_point(|at| *at < order.placed_at);
                    Some(times.get(next)?.since(order.placed_at))
                }));
            }
        }
    }
    spread(took)
}

fn sets_by_sku<'a>((shop, truth): &'a (&ShopInfo, Truth)) -> BTreeMap<&'a str, Vec<Timestamp>> {
    let skus: BTreeMap<u64, &str> = shop
        .variants
        .iter()
        .map(|variant| (variant.item, variant.sku.as_str()))
        .collect();
    let mut sets: BTreeMap<&str, Vec<Timestamp>> = BTreeMap::new();
    let rows = truth.sets.iter().filter(|set: &&SetRecord| set.changed);
    for set in rows {
        if let Some(sku) = skus.get(&set.item) {
            sets.entry(sku).or_default().push(set.at);
        }
    }
    sets
}

pub(super) fn acks(truths: &[(&ShopInfo, Truth)]) -> Spread {
    // The slower shop: percentiles of several shops cannot be added up.
    let worst = |pick: fn(&Truth) -> u64| truths.iter().map(|(_, truth)| pick(truth)).max();
    let micros = |us: Option<u64>| milliseconds(Duration::from_micros(us.unwrap_or(0)));
    Spread {
        p50: micros(worst(|truth| truth.webhook_ack.p50_micros)),
        p99: micros(worst(|truth| truth.webhook_ack.p99_micros)),
    }
}

fn spread(mut took: Vec<Duration>) -> Spread {
    took.sort_unstable();
    let at = |percent: usize| {
        let rank = (took.len() * percent).div_ceil(100).saturating_sub(1);
        milliseconds(took.get(rank).copied().unwrap_or_default())
    };
    Spread {
        p50: at(50),
        p99: at(99),
    }
}

/// For people: three decimals.
#[expect(
    clippy::float_arithmetic,
    reason = "figures for people, nothing is decided by them"
)]
fn milliseconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}
