//! What happens in a shop besides its API: buyers, clerks, merchants, and the rules of the game.
//!
//! `/control` and the seeded traffic act through the same values.

mod clerk;

use std::time::Duration;

use channelsync_contract::Timestamp;
use serde::{Deserialize, Serialize};

use crate::faults::{FaultError, Faults};
use crate::setup::{Plan, Timings, VariantSetup};
use crate::state::{Buying, Disposal, Disposed, Refusal, Restock, ReturnStep, Shop, Tracking};
use crate::webhook::{News, Topic, publish};

/// Units of an order line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineUnits {
    /// The order line.
    pub line: u64,
    /// How many.
    pub units: u32,
}

/// A line that an edit adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewUnits {
    /// The variant; none for a custom line.
    #[serde(default)]
    pub variant: Option<u64>,
    /// How many.
    pub units: u32,
}

/// Units of an order line that came back, or did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Found {
    /// The order line.
    pub line: u64,
    /// How many.
    pub units: u32,
    /// What became of them.
    pub disposal: Disposal,
    /// Where; needed for units that were restocked.
    #[serde(default)]
    pub location: Option<u64>,
}

/// One thing done in a shop. As JSON: `{"do": "cancel", "order": 91..., "restock": true}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// A buyer buys.
    Place(Buying),
    /// The whole order is cancelled; what was shipped stays shipped.
    Cancel {
        /// The order.
        order: u64,
        /// Whether unshipped units go back on sale, or are written off.
        #[serde(default = "yes")]
        restock: bool,
    },
    /// Units are refunded; no lines means money alone.
    Refund {
        /// The order.
        order: u64,
        /// What is refunded.
        #[serde(default)]
        lines: Vec<LineUnits>,
        /// What becomes of the units.
        restock: Restock,
        /// Where returned units go; the first location if none is given.
        #[serde(default)]
        location: Option<u64>,
        /// The sum, if it is not the price of the lines.
        #[serde(default)]
        amount_minor: Option<i64>,
    },
    /// The order is edited.
    Edit {
        /// The order.
        order: u64,
        /// Units that lines have from now on.
        #[serde(default)]
        set: Vec<LineUnits>,
        /// Lines that come in addition.
        #[serde(default)]
        add: Vec<NewUnits>,
    },
    /// A clerk ships, one parcel per fulfillment order; nothing named means all that is open.
    Ship {
        /// The order.
        order: u64,
        /// Only from this fulfillment order.
        #[serde(default)]
        fulfillment_order: Option<u64>,
        /// Only these units.
        #[serde(default)]
        lines: Vec<LineUnits>,
        /// What the carrier calls the parcel.
        #[serde(default)]
        tracking: Tracking,
    },
    /// A fulfillment is undone.
    Unship {
        /// The fulfillment.
        fulfillment: u64,
    },
    /// Shipped units are to come back: a return, open at once unless the buyer only asks for it.
    Return {
        /// The order.
        order: u64,
        /// What is to come back.
        lines: Vec<LineUnits>,
        /// What goes out in exchange, as new lines of the order.
        #[serde(default)]
        exchange: Vec<NewUnits>,
        /// Whether somebody has to approve it first.
        #[serde(default)]
        request: bool,
    },
    /// A return is approved, declined, called off, closed or opened again.
    StepReturn {
        /// The return.
        id: u64,
        /// What happens to it.
        step: ReturnStep,
    },
    /// A warehouse says what became of units of an open return.
    Dispose {
        /// The return.
        id: u64,
        /// What was found.
        found: Vec<Found>,
    },
    /// Units of a return are refunded, which moves no stock.
    RefundReturn {
        /// The return.
        id: u64,
        /// What is refunded.
        lines: Vec<LineUnits>,
    },
    /// A fulfillment order, or units of it, moves to another location.
    Move {
        /// The fulfillment order.
        fulfillment_order: u64,
        /// The location.
        location: u64,
        /// Only these units, by order line.
        #[serde(default)]
        lines: Vec<LineUnits>,
    },
    /// A fulfillment order keeps these units; the rest goes to one of its own.
    Split {
        /// The fulfillment order.
        fulfillment_order: u64,
        /// What it keeps, by order line.
        lines: Vec<LineUnits>,
    },
    /// Untouched fulfillment orders of one order and location become one.
    Merge {
        /// The fulfillment orders; the first takes all.
        fulfillment_orders: Vec<u64>,
    },
    /// A fulfillment order, or units of it, must not leave for now.
    Hold {
        /// The fulfillment order.
        fulfillment_order: u64,
        /// Only these units, by order line.
        #[serde(default)]
        lines: Vec<LineUnits>,
    },
    /// A hold ends.
    Release {
        /// The fulfillment order.
        fulfillment_order: u64,
    },
    /// A fulfillment order is put off, or opened where the time has come.
    Schedule {
        /// The fulfillment order.
        fulfillment_order: u64,
        /// When it is to leave.
        at: Timestamp,
    },
    /// An order without open units is deleted.
    Delete {
        /// The order.
        order: u64,
    },
    /// The merchant counts a shelf, by hand in the admin.
    Count {
        /// Inventory item.
        item: u64,
        /// Location.
        location: u64,
        /// Units on hand.
        on_hand: i64,
    },
    /// The merchant sets units aside, or frees them again.
    Adjust {
        /// Inventory item.
        item: u64,
        /// Location.
        location: u64,
        /// `reserved`, `damaged`, `safety_stock`, `quality_control` or `incoming`.
        state: String,
        /// The difference; on hand changes by it too, except for `incoming`.
        delta: i64,
    },
    /// An item is stocked at a location, or no longer.
    Stock {
        /// Inventory item.
        item: u64,
        /// Location.
        location: u64,
        /// Whether it is stocked there from now on.
        active: bool,
    },
    /// The merchant adds a variant.
    AddVariant(VariantSetup),
    /// The merchant adds a location.
    AddLocation {
        /// What it is called.
        name: String,
    },
    /// The plan changes.
    Plan(Plan),
    /// The channel becomes slower or faster.
    Timings(Timings),
    /// What goes wrong from now on, as on the command line; replaces what did before.
    Faults {
        /// `NAME[=RATE]`.
        faults: Vec<String>,
    },
    /// The merchant removes the app: its tokens and subscriptions end, and no new token is given.
    Uninstall,
    /// The merchant lets the app in again.
    Install,
    /// All tokens that expire end now; the app may ask for new ones.
    EndTokens,
    /// All subscriptions are deleted, with what waits for them.
    EndSubscriptions,
    /// Whether errors of inventory writes leave out which row was wrong.
    HideRowIndex {
        /// Whether they do.
        hide: bool,
    },
}

const fn yes() -> bool {
    true
}

/// What an action came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The order, refund, return, variant, location or fulfillment order made by it.
    pub id: Option<u64>,
    /// The fulfillments made by it.
    #[serde(default)]
    pub fulfillments: Vec<u64>,
}

/// Why an action did not happen.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No shop has this name.
    #[error("no shop `{0}`")]
    UnknownShop(String),
    /// The shop refuses, for instance because a buyer wants more than there is.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A fault could not be read.
    #[error(transparent)]
    Fault(#[from] FaultError),
}

fn pairs(lines: &[LineUnits]) -> Vec<(u64, i64)> {
    lines
        .iter()
        .map(|one| (one.line, i64::from(one.units)))
        .collect()
}

fn added(lines: &[NewUnits]) -> Vec<(Option<u64>, i64)> {
    lines
        .iter()
        .map(|one| (one.variant, i64::from(one.units)))
        .collect()
}

fn made(id: u64) -> Done {
    Done {
        id: Some(id),
        fulfillments: Vec::new(),
    }
}

/// Does it.
pub(crate) fn apply(shop: &mut Shop, action: Action) -> Result<Done, ControlError> {
    Ok(match action {
        Action::Place(buying) => made(shop.place(&buying)?),
        Action::Cancel { order, restock } => {
            shop.cancel(order, restock, "CUSTOMER")?;
            made(order)
        }
        Action::Refund {
            order,
            lines,
            restock,
            location,
            amount_minor,
        } => made(shop.refund(order, &pairs(&lines), restock, location, amount_minor)?),
        Action::Edit { order, set, add } => {
            shop.edit(order, &pairs(&set), &added(&add))?;
            made(order)
        }
        Action::Delete { order } => {
            shop.delete_order(order)?;
            made(order)
        }
        other => return clerk::apply(shop, other),
    })
}

/// What happens to shipped units.
fn after_sales(shop: &mut Shop, action: Action) -> Result<Done, ControlError> {
    Ok(match action {
        Action::Return {
            order,
            lines,
            exchange,
            request,
        } => made(shop.take_return(order, &pairs(&lines), &added(&exchange), request)?),
        Action::StepReturn { id, step } => {
            shop.step_return(id, step)?;
            made(id)
        }
        Action::Dispose { id, found } => {
            let part = |one: &Found| Disposed {
                line: one.line,
                units: i64::from(one.units),
                kind: one.disposal,
                location: one.location,
            };
            shop.dispose(id, &found.iter().map(part).collect::<Vec<_>>())?;
            made(id)
        }
        Action::RefundReturn { id, lines } => made(shop.refund_return(id, &pairs(&lines))?),
        other => return rule(shop, other),
    })
}

/// What the merchant sets up, and the rules of the game.
fn rule(shop: &mut Shop, action: Action) -> Result<Done, ControlError> {
    match action {
        Action::Count {
            item,
            location,
            on_hand,
        } => {
            shop.check_level(item, location)?;
            let changes = shop.set_level("on_hand", (item, location), on_hand, false);
            shop.record_adjustment("cycle_count_available", None, changes);
            shop.counters.last_event_at = Some(shop.now);
        }
        Action::Adjust {
            item,
            location,
            state,
            delta,
        } => {
            shop.check_level(item, location)?;
            if matches!(state.as_str(), "available" | "on_hand" | "committed") {
                return Err(Refusal(format!("state `{state}` is not set aside by hand")).into());
            }
            let changes = shop.adjust_level(&state, (item, location), delta);
            shop.record_adjustment("other", None, changes);
            shop.counters.last_event_at = Some(shop.now);
        }
        Action::Stock {
            item,
            location,
            active,
        } => {
            shop.check_level(item, location)?;
            shop.level_mut((item, location)).active = active;
        }
        Action::AddVariant(setup) => return Ok(made(shop.add_variant(&setup))),
        Action::AddLocation { name } => return Ok(made(shop.add_location(&name))),
        Action::Plan(plan) => shop.set_plan(plan),
        Action::Timings(timings) => shop.timings = timings,
        Action::Faults { faults } => shop.set_faults(Faults::parse(&faults)?),
        Action::Uninstall => shop.uninstall(),
        Action::Install => shop.tokens.is_installed = true,
        Action::EndTokens => shop.tokens.granted.clear(),
        Action::EndSubscriptions => {
            let ended = shop.outbox.end_all();
            shop.counters.subscriptions_deleted += ended;
        }
        Action::HideRowIndex { hide } => shop.hides_row_index = hide,
        other => return Err(Refusal(format!("{other:?} is no rule")).into()),
    }
    Ok(Done::default())
}

impl Shop {
    fn check_level(&self, item: u64, location: u64) -> Result<(), Refusal> {
        match self.variant_of(item).is_some() && self.location(location).is_some() {
            true => Ok(()),
            false => Err(Refusal(format!("no item {item} or no location {location}"))),
        }
    }
}

impl Shop {
    fn uninstall(&mut self) {
        self.tokens.end();
        let news = (Topic::AppUninstalled, News::Uninstalled);
        publish(self, vec![news]);
        self.outbox.end_all_but(Topic::AppUninstalled);
    }
}

impl Timings {
    /// The longest that routing takes.
    pub fn routing_delay_max(&self) -> Duration {
        self.routing_delay_min
            .saturating_add(self.routing_delay_spread)
    }
}
