//! Speaks Shopify's Admin GraphQL API, version 2026-10, and reads its webhooks.
//!
//! In: the contract's calls. Out: requests through the [`Transport`] given to [`connect`], and the
//! contract's values. Shopify's global ids (`gid://shopify/Order/1`) exist only in here: outside, an
//! id is its number as text. Never here: a socket, a clock, a retry, any state between calls.

mod authorize;
mod bulk;
mod bulk_order;
mod call;
mod complete;
mod delivery;
mod documents;
mod ids;
mod listings;
mod order;
mod orders;
mod probe;
mod push;
mod read_back;
mod report;
mod returns;
mod shipments;
#[cfg(test)]
mod tests;
mod token;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use channelsync_contract::transport::{Account, Auth, Bucket, GrantStore, Secret, TokenSource};
use channelsync_contract::webhook::SigningSecret;
use channelsync_contract::{Capabilities, Connector, Counting, Transport};
use http::HeaderName;

pub use crate::authorize::{Authorization, BadRedirect};
use crate::call::Shop;
use crate::token::ClientCredentials;

/// The version of the API that every request names (page section 1).
const VERSION: &str = "2026-10";
/// The one rate limit: cost points per shop and app.
const BUCKET: &str = "admin";

/// One shop and how to be let in.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The shop's permanent host, such as `acme.myshopify.com`; see [`check_shop`].
    pub shop: String,
    /// Scheme and host to use in place of `https://{shop}`, without a trailing slash.
    pub base_url: Option<String>,
    /// Which figure of a level is written.
    pub figure: Figure,
    /// How to be let in.
    pub credentials: Credentials,
    /// Secrets that sign webhooks: more than one while a secret is being replaced. With none, no
    /// delivery verifies.
    pub webhook_secrets: Vec<SigningSecret>,
}

/// Which figure of a level is written and compared (page section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// `on_hand`: the shop subtracts its own open orders by itself.
    OnHand,
    /// `available`: shown as it is written, so every write must be compared with what it replaces.
    Available,
}

impl Figure {
    /// Shopify's name of it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::OnHand => "on_hand",
            Self::Available => "available",
        }
    }
}

/// How to be let in.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// The token of a custom app; it does not expire.
    AccessToken(Secret),
    /// An app of the merchant's own organization asks for a token of 24 hours.
    ClientCredentials {
        /// The app's client id.
        client_id: String,
        /// The app's client secret.
        client_secret: Secret,
    },
    /// An app of another organization renews the grant that the merchant's consent began.
    Grant {
        /// The app's client id.
        client_id: String,
        /// The app's client secret.
        client_secret: Secret,
        /// Where the grant is kept.
        grants: Arc<dyn GrantStore>,
    },
}

/// The shop's host is not of the only accepted form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{shop:?} is no shop host: expected NAME.myshopify.com, name of a-z, 0-9 and -")]
pub struct BadShop {
    /// What was given.
    pub shop: String,
}

/// Accepts exactly `^[a-z0-9][a-z0-9-]*\.myshopify\.com$` (page section 1).
///
/// # Errors
/// [`BadShop`] for anything else.
pub fn check_shop(shop: &str) -> Result<(), BadShop> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let accepted = shop.strip_suffix(".myshopify.com").is_some_and(|name| {
        name.bytes().next().is_some_and(plain)
            && name.bytes().all(|byte| plain(byte) || byte == b'-')
    });
    if accepted {
        Ok(())
    } else {
        Err(BadShop {
            shop: shop.to_owned(),
        })
    }
}

/// What transport must know of the shop.
pub fn account(settings: &Settings) -> Account {
    let token = match &settings.credentials {
        Credentials::AccessToken(token) => TokenSource::Fixed(token.clone()),
        Credentials::ClientCredentials {
            client_id,
            client_secret,
        } => TokenSource::Exchange(Arc::new(ClientCredentials {
            client_id: client_id.clone(),
            client_secret: client_secret.clone(),
        })),
        Credentials::Grant {
            client_id,
            client_secret,
            grants,
        } => {
            let (client_id, client_secret) = (client_id.clone(), client_secret.clone());
            let app = token::App {
                client_id,
                client_secret,
            };
            TokenSource::Grant(Arc::new(app), grants.clone())
        }
    };
    Account {
        base_url: settings
            .base_url
            .clone()
            .unwrap_or_else(|| format!("https://{}", settings.shop)),
        auth: Auth {
            header: HeaderName::from_static("x-shopify-access-token"),
            token,
        },
        // Until the first answer tells the shop's real figures (page section 4.3).
        buckets: vec![Bucket {
            name: BUCKET,
            capacity: 1_000,
            restore_per_kilosecond: 50_000,
        }],
        calls_max: 6,
        timeout: Duration::from_secs(30),
        response_bytes_max: 8 * 1024 * 1024,
        patience: channelsync_contract::transport::Patience::default(),
    }
}

/// The shop as a connector; every request goes through `transport`.
pub fn connect(settings: Settings, transport: Arc<dyn Transport>) -> Connector {
    let capabilities = capabilities(settings.figure);
    let shop = Shop::new(settings, transport);
    Connector {
        capabilities,
        orders: Box::new(shop.clone()),
        quantities: Box::new(shop.clone()),
        listings: Box::new(shop.clone()),
        bulk: Some(Box::new(shop.clone())),
        shipments: Some(Box::new(shop.clone())),
        webhooks: Some(Box::new(shop.clone())),
        probe: Box::new(shop),
    }
}

/// Of a shop of which this figure is set.
pub fn capabilities(figure: Figure) -> Capabilities {
    let counting = match figure {
        Figure::OnHand => Counting::Gross,
        Figure::Available => Counting::Net,
    };
    Capabilities {
        counting,
        ..CAPABILITIES
    }
}

/// Of a shop whose `on_hand` is set.
pub const CAPABILITIES: Capabilities = Capabilities {
    counting: Counting::Gross,
    subtracts_on_sale: true,
    restores_on_cancel: true,
    compare_and_set: true,
    locations: true,
    // The search index lags by an amount nobody promises. The page's 10 minutes (4.1) are the
    // overlap of polls, which is an operator's setting.
    visibility_lag: Duration::from_secs(60),
    // One bad row fails its whole batch, so they stay well below Shopify's 250 (6.2).
    batch_max: 100,
    pushes_max: 2,
    read_back_max: read_back::ITEMS_MAX,
    fetch_max: orders::FETCH_MAX,
    streams: &[orders::ORDERS, orders::FULFILLMENT_ORDERS],
};
