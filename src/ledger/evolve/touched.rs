//! What an entry may have changed for the channels' numbers.

use channelsync_contract::ids::ChannelId;

use super::super::freeze::Scope;
use super::super::rule::RuleAt;
use super::super::state::Ledger;
use super::channel_number;
use crate::catalog::{Parts, SkuIx};

/// What an entry may have changed for the channels' numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Items: channel and item by number; may repeat.
    pub items: Vec<(u16, u32)>,
    /// Every item of every channel.
    pub all: bool,
    /// More is known of what a channel sold: what the guard holds back may be raised.
    pub sight: bool,
}

/// The items that an entry touched, without applying it again.
pub fn touched(ledger: &Ledger, skus: impl IntoIterator<Item = SkuIx>) -> Touched {
    let mut found = Touched::default();
    for sku in skus {
        found.touch_sku(ledger, sku);
    }
    found
}

impl Touched {
    pub(super) fn touch_sku(&mut self, ledger: &Ledger, sku: SkuIx) {
        let sold = ledger.sku(sku).listings.iter();
        self.items.extend(sold.map(|own| (own.channel, own.item)));
    }

    /// Those who sell any of these share them.
    pub(super) fn touch_parts(&mut self, ledger: &Ledger, parts: Option<&Parts>) {
        for part in parts.into_iter().flatten() {
            self.touch_sku(ledger, part.sku);
        }
    }

    pub(super) fn touch_channel(&mut self, ledger: &Ledger, channel: &ChannelId) {
        let number = channel_number(ledger, channel);
        let items = 0..ledger.channel(number).items.len();
        self.items.extend(items.map(|item| (number, item)));
    }

    pub(super) fn touch_level(&mut self, ledger: &Ledger, at: &RuleAt) {
        match at {
            // Who sells guarded units shares them with the others.
            RuleAt::Merchant | RuleAt::Channel(_) => self.all = true,
            // What is set aside is withheld from every channel.
            RuleAt::Sku(_, sku) => {
                if let Some(sku) = ledger.sku_ix(sku.as_str()) {
                    self.touch_sku(ledger, sku);
                }
            }
            RuleAt::Listing(channel, listing) => {
                let number = channel_number(ledger, channel);
                let listing = ledger.channel(number).listings.get(listing.as_str());
                self.touch_parts(ledger, listing.and_then(|own| own.mapping.parts()));
            }
        }
    }

    pub(super) fn touch_scope(&mut self, ledger: &Ledger, scope: &Scope) {
        match scope {
            Scope::All => self.all = true,
            Scope::Channel(channel) => self.touch_channel(ledger, channel),
            Scope::Sku(sku) => {
                if let Some(sku) = ledger.sku_ix(sku.as_str()) {
                    self.touch_sku(ledger, sku);
                }
            }
        }
    }
}
