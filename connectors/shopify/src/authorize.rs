//! The authorization code grant: the merchant lets an app of another organization into the shop
//! (page section 2).
//!
//! Out: the address where the merchant agrees. In: the address at which the browser ended. Out: the
//! request for the first token, and the grant in its answer. Nothing is taken from an address that
//! the shop did not sign for this very consent.

use channelsync_contract::transport::{Grant, Renewal as _, Request, Response, Secret};
use channelsync_contract::{ConnectorError, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::probe;
use crate::token::App;

/// The address that a browser ended at is longer than any that a shop gives.
const ADDRESS_CHARS_MAX: usize = 8_192;

/// An app that asks to be let into a shop.
pub struct Authorization {
    shop: String,
    base_url: String,
    app: App,
}

/// Why an address gives no code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRedirect {
    /// Not what a browser ends at.
    #[error("the address has no `{0}` in it")]
    Missing(&'static str),
    /// Another shop.
    #[error("the address is of the shop {0}")]
    OtherShop(String),
    /// An old one, or one that we did not begin.
    #[error("the address does not belong to a consent that was begun here lately")]
    OtherState,
    /// Changed on the way, or the wrong secret.
    #[error(
        "the shop's signature does not fit: the client secret is another, or the address was changed"
    )]
    Forged,
}

impl Authorization {
    /// For a shop's host (`name.myshopify.com`), reached at `base_url`, and an app.
    pub fn new(shop: &str, base_url: &str, client_id: &str, client_secret: Secret) -> Self {
        Self {
            shop: shop.to_owned(),
            base_url: base_url.to_owned(),
            app: App {
                client_id: client_id.to_owned(),
                client_secret,
            },
        }
    }

    /// Where the merchant agrees to what the daemon needs, and with `all_orders` to its reading orders of
    /// any age, which Shopify must have allowed the app. The shop then sends the browser to `redirect`,
    /// which the app's settings must name, with `state` as it is.
    pub fn address(&self, redirect: &str, state: &str, all_orders: bool) -> String {
        let scopes: Vec<&str> = probe::wanted(all_orders).collect();
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", &self.app.client_id)
            .append_pair("scope", &scopes.join(","))
            .append_pair("redirect_uri", redirect)
            .append_pair("state", state)
            .finish();
        format!("{}/admin/oauth/authorize?{query}", self.base_url)
    }

    /// The code in the address that the browser ended at; `is_ours` tells whether a state is one
    /// that was given out lately.
    ///
    /// # Errors
    /// [`BadRedirect`], in all that it lacks.
    pub fn code(
        &self,
        address: &str,
        is_ours: impl FnOnce(&str) -> bool,
    ) -> Result<Secret, BadRedirect> {
        let query = address.trim().split_once('?').map(|(_, query)| query);
        let query = query.filter(|_| address.len() <= ADDRESS_CHARS_MAX);
        let query = query.ok_or(BadRedirect::Missing("code"))?;
        let query = query.split('#').next().unwrap_or(query);
        let fields: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        let take = |name: &'static str| {
            let found = fields.iter().find(|(key, _)| key == name);
            let found = found.map(|(_, value)| value.clone());
            found.ok_or(BadRedirect::Missing(name))
        };
        let (code, hmac) = (take("code")?, take("hmac")?);
        let (shop, state) = (take("shop")?, take("state")?);
        let decoded = fields.iter().map(|(key, value)| format!("{key}={value}"));
        let sent = query.split('&').map(str::to_owned);
        if !(self.signed(decoded, &hmac) || self.signed(sent, &hmac)) {
            return Err(BadRedirect::Forged);
        }
        if shop != self.shop {
            return Err(BadRedirect::OtherShop(shop));
        }
        if !is_ours(&state) {
            return Err(BadRedirect::OtherState);
        }
        Ok(Secret::new(code))
    }

    /// Asks for the first grant.
    pub fn request(&self, code: &Secret) -> Request {
        self.app.first(code)
    }

    /// The grant in the answer to a request that was sent at a time.
    ///
    /// # Errors
    /// When the shop refuses, or the answer cannot be read.
    pub fn grant(&self, answer: &Response, asked_at: Timestamp) -> Result<Grant, ConnectorError> {
        self.app.decode(answer, asked_at)
    }

    /// Whether the shop signed these fields. The page has their values decoded, the channel's own
    /// libraries do not agree; they differ in none that a shop is known to send.
    fn signed(&self, fields: impl Iterator<Item = String>, hmac: &str) -> bool {
        let mut fields: Vec<String> = fields.filter(|field| !field.starts_with("hmac=")).collect();
        fields.sort();
        let secret = self.app.client_secret.expose().as_bytes();
        let mac = Hmac::<Sha256>::new_from_slice(secret).ok();
        let mac = mac.map(|mac| mac.chain_update(fields.join("&")));
        let tag = unhex(hmac);
        mac.zip(tag)
            .is_some_and(|(mac, tag)| mac.verify_slice(&tag).is_ok())
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair)
            .ok()
            .filter(|pair| pair.len() == 2)?;
        u8::from_str_radix(pair, 16).ok()
    };
    pairs.map(byte).collect()
}
