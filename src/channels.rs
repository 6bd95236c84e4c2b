//! Builds connectors from settings; the only file that names them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use channelsync_contract::transport::{Account, Patience, Secret};
use channelsync_contract::{Capabilities, Connector, Counting, LocationId, Transport};
use channelsync_shopify::{Authorization, Figure};

use crate::ledger::{self, ChannelSetup, LocationList, Rules, Setup};
use crate::settings::{
    Channel, ConnectorSettings, Credentials, Master, Merchant, Mode, Policy, QuantityName, Returns,
    RuleSet,
};

/// What transport must know of a channel's account.
pub fn account(channel: &Channel) -> Account {
    let account = match &channel.connector {
        ConnectorSettings::Shopify { .. } => channelsync_shopify::account(&shopify(channel)),
    };
    let breaker = channel.breaker;
    let patience = Patience {
        failures_max: breaker.failures_max,
        pause: breaker.pause,
        pause_max: breaker.pause_max,
    };
    Account {
        patience,
        ..account
    }
}

/// The connector of a channel.
pub fn connect(channel: &Channel, transport: Arc<dyn Transport>) -> Connector {
    match &channel.connector {
        ConnectorSettings::Shopify { .. } => {
            channelsync_shopify::connect(shopify(channel), transport)
        }
    }
}

/// What a channel can do, by its settings.
pub fn capabilities(channel: &Channel) -> Capabilities {
    match &channel.connector {
        ConnectorSettings::Shopify { quantity_name, .. } => {
            channelsync_shopify::capabilities(figure(*quantity_name))
        }
    }
}

fn figure(quantity_name: QuantityName) -> Figure {
    match quantity_name {
        QuantityName::OnHand => Figure::OnHand,
        QuantityName::Available => Figure::Available,
    }
}

/// How a merchant lets an app of another organization into a channel.
pub fn authorization(channel: &Channel, id: &str, secret: &str) -> Authorization {
    let ConnectorSettings::Shopify { shop, base_url, .. } = &channel.connector;
    Authorization::new(shop, base_url, id, Secret::new(secret))
}

fn shopify(channel: &Channel) -> channelsync_shopify::Settings {
    let ConnectorSettings::Shopify {
        shop,
        base_url,
        quantity_name,
        credentials,
        webhook_secrets,
    } = &channel.connector;
    channelsync_shopify::Settings {
        shop: shop.clone(),
        base_url: Some(base_url.clone()),
        figure: figure(*quantity_name),
        credentials: match credentials.clone() {
            Credentials::Sealed => unreachable!("credentials are opened before they are used"),
            Credentials::AccessToken(token) => channelsync_shopify::Credentials::AccessToken(token),
            Credentials::Client { id, secret } => {
                let (client_id, client_secret) = (id, secret);
                channelsync_shopify::Credentials::ClientCredentials {
                    client_id,
                    client_secret,
                }
            }
            Credentials::Grant { id, secret, grants } => channelsync_shopify::Credentials::Grant {
                client_id: id,
                client_secret: secret,
                grants: grants.0,
            },
        },
        webhook_secrets: webhook_secrets.clone(),
    }
}

/// The settings of a merchant as its book keeps them.
pub fn setup(merchant: &Merchant, abilities: &BTreeMap<&str, Capabilities>) -> Setup {
    let masters = merchant.masters.iter().map(|(location, master)| {
        let master = match master {
            Master::Channel(channel) => ledger::Master::Channel(channel.clone()),
            Master::File(file) => ledger::Master::File(file.path.display().to_string()),
        };
        (location.clone(), master)
    });
    Setup {
        merchant: Some(merchant.id.clone()),
        locations: merchant.locations.clone(),
        rules: rules(&merchant.rules),
        channels: merchant
            .channels
            .iter()
            .map(|channel| channel_setup(channel, abilities))
            .collect(),
        masters: masters.collect(),
    }
}

/// How long a placed order may stay invisible to polls: what the connector says, and no longer than polls
/// reach back, as they would miss what shows itself later.
fn visible_within(abilities: &Capabilities, channel: &Channel) -> Duration {
    abilities.visibility_lag.min(channel.poll_overlap)
}

fn channel_setup(channel: &Channel, abilities: &BTreeMap<&str, Capabilities>) -> ChannelSetup {
    let known = abilities.get(channel.id.as_str());
    let pairs = channel.locations.iter().map(|pair| ledger::LocationPair {
        ours: pair.ours.clone(),
        theirs: Some(pair.theirs.clone()),
    });
    ChannelSetup {
        id: channel.id.clone(),
        counting: match known.map(|known| known.counting) {
            Some(Counting::Gross) => ledger::Counting::Gross,
            Some(Counting::Net) | None => ledger::Counting::Net,
        },
        compare_and_set: known.is_some_and(|known| known.compare_and_set),
        visibility_lag: known.map_or(channel.poll_overlap, |known| visible_within(known, channel)),
        live: channel.mode == Mode::Live,
        book_from: channel.book_from,
        locations: pairs.collect(),
        mass_change: ledger::MassLimits {
            percent: channel.mass_change_percent,
            listings_min: channel.mass_change_listings_min,
        },
        backorder_priority: channel.backorder_priority,
        returns: match channel.returns {
            Returns::Channel => ledger::Returns::Channel,
            Returns::Manual => ledger::Returns::Manual,
        },
        rules: rules(&channel.rules),
        sku_rules: channel
            .sku_rules
            .iter()
            .map(|(sku, set)| (sku.clone(), rules(set)))
            .collect(),
        listing_rules: channel
            .listing_rules
            .iter()
            .map(|(listing, set)| (listing.clone(), rules(set)))
            .collect(),
    }
}

/// A rule set of the files as the ledger wants it.
pub fn rules(set: &RuleSet) -> Rules {
    let values = &set.values;
    let locations: Vec<LocationId> = values.locations.iter().map(LocationId::new).collect();
    Rules {
        safety_stock_units: values.safety_stock_units,
        set_aside_units: values.set_aside_units,
        share_percent: values.share_percent,
        cap_units: values.cap_units,
        min_units: values.min_units,
        case_units: values.case_units,
        low_stock_units: values.low_stock_units,
        low_share_percent: values.low_share_percent,
        low_cap_units: values.low_cap_units,
        low_min_units: values.low_min_units,
        policy: values.policy.map(|policy| match policy {
            Policy::Pooled => ledger::Policy::Pooled,
            Policy::Buffered => ledger::Policy::Buffered,
            Policy::Guarded => ledger::Policy::Guarded,
        }),
        guard_below_units: values.guard_below_units,
        split_kits: values.split_kits,
        locations: (!locations.is_empty()).then_some(LocationList(locations)),
    }
}
