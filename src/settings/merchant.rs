//! One merchant's file: locations, rules, channels and what their connectors need.

use std::collections::BTreeSet;
use std::time::Duration;

use channelsync_contract::{ChannelId, ChannelLocationId, LocationId, MerchantId, Timestamp};

use super::check::Checking;
use super::config::{Breaker, Channel, LocationPair, Merchant, RuleValues};
use super::fault::meant;
use super::keys::Names;
use super::masters::masters;
use super::path::KeyPath;
use super::raw::{ConnectorKind, RawChannel, RawLocationPair, RawMerchant};
use super::rules::Above;
use super::{rules, shopify, walk};

/// Gives one merchant's file its meaning; none after a fault.
pub(super) fn merchant(
    checking: &mut Checking<'_>,
    name: &str,
    raw: RawMerchant,
) -> Option<Merchant> {
    let path = KeyPath::of(&["merchants", name]);
    let locations = raw
        .locations
        .map(|raw| locations(checking, &path.key("locations"), &raw));
    let above = Above {
        values: RuleValues::default(),
        locations: locations.as_deref(),
    };
    let rules = rules::rule_set(checking, &path.key("rules"), &raw.rules, &above);
    let known = (locations.as_deref(), &raw.channels);
    let masters = masters(checking, &path.key("stock"), &raw.stock, known);
    let mut channels = Vec::new();
    let mut is_whole = true;
    for (channel_name, channel_raw) in &raw.channels {
        let of = Of {
            merchant: name,
            rules: above.below(&raw.rules),
            locations: locations.as_deref(),
        };
        match channel(checking, &of, channel_name, channel_raw) {
            Some(channel) => channels.push(channel),
            None => is_whole = false,
        }
    }
    is_whole.then_some(())?;
    Some(Merchant {
        id: MerchantId::new(name),
        locations: locations?,
        masters,
        rules,
        channels,
    })
}

/// What a channel takes from its merchant.
struct Of<'a> {
    merchant: &'a str,
    rules: Above<'a>,
    /// None where they are at fault themselves.
    locations: Option<&'a [LocationId]>,
}

fn locations(checking: &mut Checking<'_>, path: &KeyPath, raw: &[String]) -> Vec<LocationId> {
    let mut seen = BTreeSet::new();
    for (row, name) in raw.iter().enumerate() {
        if !walk::is_ours(name) {
            let (what, help) = walk::misnamed(name, Names::Ours);
            checking.fault(&path.row(row), what, help);
        }
        if !seen.insert(name) {
            checking.fault(
                &path.row(row),
                format!("`{name}` is listed twice"),
                "list each location once",
            );
        }
    }
    if checking.is_absent(path) {
        checking.fault(
            path,
            "empty",
            "name at least one place where stock is counted, as in [\"main\"]",
        );
    }
    raw.iter().map(LocationId::new).collect()
}

// Everything that can be at fault comes before the first `?`, so that no fault hides another.
fn channel(
    checking: &mut Checking<'_>,
    of: &Of<'_>,
    name: &str,
    raw: &RawChannel,
) -> Option<Channel> {
    let path = KeyPath::of(&["merchants", of.merchant, "channels", name]);
    let full_name = format!("{}/{name}", of.merchant);
    if raw.subscriptions {
        checking.subscriber.get_or_insert_with(|| full_name.clone());
    }
    let book_from = match &raw.book_from {
        None => Some(None),
        Some(text) => {
            let help = "write date, time and offset, as in \"2026-11-20T09:00:00Z\"";
            let parsed = Timestamp::parse(text)
                .ok_or_else(|| (format!("{text:?} is no instant"), help.to_owned()));
            checking.take(&path.key("book_from"), parsed).map(Some)
        }
    };
    let locations = raw
        .locations
        .as_ref()
        .and_then(|raw| pairs(checking, of, &path.key("locations"), raw));
    let breaker = breaker(checking, &path, raw);
    let channel_rules = rules::rule_set(checking, &path.key("rules"), &raw.rules, &of.rules);
    let above = of.rules.below(&raw.rules);
    let sku_rules = rules::of_skus(checking, &path.key("skus"), &raw.skus, &above);
    let listing_rules = rules::of_listings(checking, &path.key("listings"), &raw.listings, &above);
    let connector = match raw.connector {
        Some(ConnectorKind::Shopify) => shopify::settings(checking, &path, &full_name, raw),
        None => None,
    };
    Some(Channel {
        id: ChannelId::new(name),
        connector: connector?,
        mode: raw.mode,
        book_from: book_from?,
        locations: locations?,
        backorder_priority: raw.backorder_priority,
        returns: raw.returns,
        poll_interval: Duration::from_secs(raw.poll_interval_secs),
        poll_overlap: Duration::from_secs(raw.poll_overlap_secs),
        scan_interval: Duration::from_secs(raw.scan_interval_secs),
        read_back_interval: Duration::from_secs(raw.read_back_interval_secs),
        subscriptions: raw.subscriptions,
        report_shipments: raw.report_shipments,
        notify_buyers: raw.notify_buyers,
        drift_corrections_max: raw.drift_corrections_max,
        mass_change_percent: raw.mass_change_percent,
        mass_change_listings_min: raw.mass_change_listings_min,
        breaker,
        rules: channel_rules,
        sku_rules,
        listing_rules,
    })
}

/// The channel's locations; none after a fault in any of them.
fn pairs(
    checking: &mut Checking<'_>,
    of: &Of<'_>,
    path: &KeyPath,
    raw: &[RawLocationPair],
) -> Option<Vec<LocationPair>> {
    let mut pairs: Vec<LocationPair> = Vec::new();
    for (row, pair) in raw.iter().enumerate() {
        let path = path.row(row);
        let ours = pair.ours.as_ref().map(LocationId::new);
        if let (Some(ours), Some(known)) = (&ours, of.locations)
            && !known.contains(ours)
        {
            let help = meant(ours.as_str(), known.iter().map(LocationId::as_str));
            checking.fault(
                &path.key("ours"),
                format!("the merchant has no location `{ours}`"),
                help,
            );
        }
        let theirs = pair
            .theirs
            .as_ref()
            .and_then(|text| checking.take(&path.key("theirs"), shopify::id(text, "Location")));
        let (Some(ours), Some(theirs)) = (ours, theirs.map(ChannelLocationId::new)) else {
            continue;
        };
        for (key, is_twice) in [
            ("ours", pairs.iter().any(|pair| pair.ours == ours)),
            ("theirs", pairs.iter().any(|pair| pair.theirs == theirs)),
        ] {
            if is_twice {
                checking.fault(
                    &path.key(key),
                    "stands in two pairs",
                    "pair each location of one side with one of the other",
                );
            }
        }
        pairs.push(LocationPair { ours, theirs });
    }
    if checking.is_absent(path) {
        checking.fault(
            path,
            "empty",
            "pair at least one location, as in [{ ours = \"main\", theirs = \"101\" }]",
        );
    }
    (pairs.len() == raw.len()).then_some(pairs)
}

fn breaker(checking: &mut Checking<'_>, path: &KeyPath, raw: &RawChannel) -> Breaker {
    let breaker = Breaker {
        failures_max: raw.breaker_failures_max,
        pause: Duration::from_secs(raw.breaker_pause_secs),
        pause_max: Duration::from_secs(raw.breaker_pause_secs_max),
    };
    if breaker.pause > breaker.pause_max {
        checking.fault(
            &path.key("breaker_pause_secs"),
            format!(
                "{} is more than breaker_pause_secs_max = {}",
                raw.breaker_pause_secs, raw.breaker_pause_secs_max
            ),
            "lower the one or raise the other",
        );
    }
    breaker
}
