//! What a shop keeps. Quantities are signed, because Shopify's `available` may fall below zero.

use std::collections::BTreeMap;

use channelsync_contract::Timestamp;
use serde::{Deserialize, Serialize};

use crate::dice::Dice;
use crate::state::Tracking;

/// The secrets of the app in this shop, and the tokens it was given.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) fixed: String,
    /// Whether the app is let in at all.
    pub(crate) is_installed: bool,
    /// Token -> when it expires.
    pub(crate) granted: BTreeMap<String, Timestamp>,
    /// Code of a consent -> until when it gives a token.
    pub(crate) codes: BTreeMap<String, Timestamp>,
    /// What the next token of a grant is asked for with -> the present one.
    pub(crate) refreshes: BTreeMap<String, String>,
}

impl Tokens {
    pub(crate) fn new(dice: &Dice) -> Self {
        Self {
            client_id: dice.hex(32),
            client_secret: format!("shpss_{}", dice.hex(32)),
            fixed: format!("shpat_{}", dice.hex(32)),
            is_installed: true,
            granted: BTreeMap::new(),
            codes: BTreeMap::new(),
            refreshes: BTreeMap::new(),
        }
    }

    /// Whether `token` opens the shop at `now`.
    pub(crate) fn admits(&self, token: &str, now: Timestamp) -> bool {
        let is_granted = || self.granted.get(token).is_some_and(|until| now < *until);
        self.is_installed && (token == self.fixed || is_granted())
    }

    /// The app is removed from the shop.
    pub(crate) fn end(&mut self) {
        self.is_installed = false;
        self.granted.clear();
        self.codes.clear();
        self.refreshes.clear();
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Location {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) created_at: Timestamp,
}

#[derive(Clone, Debug)]
pub(crate) struct Product {
    pub(crate) id: u64,
    pub(crate) title: String,
    pub(crate) gift_card: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) variants: Vec<u64>,
}

#[derive(Clone, Debug)]
pub(crate) struct Variant {
    pub(crate) id: u64,
    pub(crate) item: u64,
    pub(crate) product: u64,
    pub(crate) sku: String,
    pub(crate) barcode: String,
    pub(crate) title: String,
    pub(crate) price_minor: i64,
    pub(crate) tracked: bool,
    pub(crate) oversell: bool,
    pub(crate) bundle_parent: bool,
    pub(crate) requires_shipping: bool,
    pub(crate) gift_card: bool,
    /// What its merchant packs into one, which the shop does not know.
    pub(crate) parts: Vec<(String, u32)>,
    pub(crate) created_at: Timestamp,
}

#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) id: u64,
    pub(crate) number: u64,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) cancelled_at: Option<Timestamp>,
    /// As in the GraphQL enum, such as `CUSTOMER`.
    pub(crate) cancel_reason: Option<String>,
    pub(crate) test: bool,
    pub(crate) on_terms: bool,
    pub(crate) edited: bool,
    pub(crate) lines: Vec<Line>,
    /// Chosen by routing, not yet in a fulfillment order.
    pub(crate) allocated: Vec<Allocation>,
    pub(crate) fulfillment_orders: Vec<u64>,
    pub(crate) fulfillments: Vec<u64>,
    pub(crate) refunds: Vec<u64>,
    pub(crate) returns: Vec<u64>,
}

#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) id: u64,
    pub(crate) variant: Option<u64>,
    pub(crate) sku: String,
    pub(crate) title: String,
    pub(crate) price_minor: i64,
    pub(crate) requires_shipping: bool,
    pub(crate) gift_card: bool,
    /// Ordered, raised by edits, never reduced.
    pub(crate) ordered: i64,
    /// Taken away by refunds and edits, shipped or not.
    pub(crate) removed: i64,
    /// The part of `removed` that had not been shipped.
    pub(crate) removed_unshipped: i64,
    /// Shipped, less fulfillments undone.
    pub(crate) fulfilled: i64,
    /// Shipped units put back on sale, by refunds and dispositions.
    pub(crate) returned: i64,
    /// Shipped units put back by refunds, or named in returns that stand.
    pub(crate) coming_back: i64,
}

impl Line {
    /// Ordered less everything taken away.
    pub(crate) fn current(&self) -> i64 {
        self.ordered - self.removed
    }

    /// Shipped units that are with the buyer and named in no return.
    pub(crate) fn kept(&self) -> i64 {
        self.fulfilled - self.coming_back
    }

    /// Whether a parcel is due for this line.
    pub(crate) fn ships(&self) -> bool {
        self.requires_shipping && !self.gift_card
    }

    /// Still to be shipped.
    pub(crate) fn open(&self) -> i64 {
        if self.ships() {
            self.ordered - self.removed_unshipped - self.fulfilled
        } else {
            0
        }
    }
}

/// Units of a line that a location is to ship.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allocation {
    pub(crate) line: u64,
    pub(crate) location: u64,
    pub(crate) units: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct FulfillmentOrder {
    pub(crate) id: u64,
    pub(crate) order: u64,
    pub(crate) location: u64,
    /// As in the GraphQL enum, such as `OPEN`.
    pub(crate) status: &'static str,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) fulfill_at: Timestamp,
    /// Whether it waits for `fulfill_at`.
    pub(crate) scheduled: bool,
    /// The id of its hold.
    pub(crate) hold: Option<u64>,
    pub(crate) lines: Vec<FulfillmentOrderLine>,
}

#[derive(Clone, Debug)]
pub(crate) struct FulfillmentOrderLine {
    pub(crate) id: u64,
    pub(crate) line: u64,
    pub(crate) total: i64,
    pub(crate) remaining: i64,
}

impl FulfillmentOrder {
    /// Whether it can be shipped from.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.status, "OPEN" | "IN_PROGRESS")
    }

    /// Whether anything left from it.
    pub(crate) fn has_progress(&self) -> bool {
        self.lines.iter().any(|line| line.remaining < line.total)
    }

    /// Sets the status that its lines ask for.
    pub(crate) fn refresh_status(&mut self) {
        let is_left = self.lines.iter().any(|line| line.remaining > 0);
        let has_units = self.lines.iter().any(|line| line.total > 0);
        self.status = match (is_left, has_units) {
            (true, _) if self.hold.is_some() => "ON_HOLD",
            (true, _) if self.scheduled => "SCHEDULED",
            (true, _) if self.has_progress() => "IN_PROGRESS",
            (true, _) => "OPEN",
            (false, true) => "CLOSED",
            (false, false) => "CANCELLED",
        };
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Fulfillment {
    pub(crate) id: u64,
    pub(crate) order: u64,
    pub(crate) location: u64,
    pub(crate) number: usize,
    pub(crate) cancelled: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) tracking: Tracking,
    pub(crate) lines: Vec<FulfillmentLine>,
}

#[derive(Clone, Debug)]
pub(crate) struct FulfillmentLine {
    pub(crate) id: u64,
    pub(crate) line: u64,
    pub(crate) units: i64,
    pub(crate) fulfillment_order: u64,
}

/// What becomes of the units of a refund line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restock {
    /// Unshipped units go back to available where they were committed.
    Cancel,
    /// Shipped units go back to available at a location.
    Return,
    /// Unshipped units are written off, shipped ones stay away.
    NoRestock,
}

impl Restock {
    /// As in the GraphQL enum.
    pub(crate) fn graphql(self) -> &'static str {
        match self {
            Self::Cancel => "CANCEL",
            Self::Return => "RETURN",
            Self::NoRestock => "NO_RESTOCK",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Refund {
    pub(crate) id: u64,
    pub(crate) order: u64,
    pub(crate) of_return: Option<u64>,
    pub(crate) created_at: Timestamp,
    pub(crate) lines: Vec<RefundLine>,
    pub(crate) amount_minor: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct RefundLine {
    pub(crate) id: u64,
    pub(crate) line: u64,
    pub(crate) units: i64,
    pub(crate) restock: Restock,
    pub(crate) location: Option<u64>,
}

/// One row of a successful `inventorySetQuantities`, for latency figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetRecord {
    /// When it took effect.
    pub at: Timestamp,
    /// Inventory item.
    pub item: u64,
    /// Location.
    pub location: u64,
    /// The quantity that was set.
    pub quantity: i64,
    /// Whether that changed anything.
    pub changed: bool,
}
