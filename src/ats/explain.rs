//! How a number came about, each figure with the entry that set it.

use channelsync_contract::ids::{ChannelId, ListingId, LocationId, OrderId, Sku, SlotKey};
use channelsync_contract::units::Units;
use serde::Serialize;

use super::exposure::{Seller, Unseen, exposure};
use super::held::{ToWrite, allowed, to_write};
use super::number::{NoNumber, SlotNumber, number};
use super::rules::Effective;
use super::steps::Steps;
use crate::catalog::{Parts, SkuIx};
use crate::ledger::{Ledger, PushState, Scope, SlotState};

/// Everything behind the number of one listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// The channel.
    pub channel: ChannelId,
    /// The listing.
    pub listing: ListingId,
    /// The ledger as of this entry.
    pub seq: u64,
    /// Entry that mapped the listing.
    pub mapped_by_entry: u64,
    /// What it is made of.
    pub parts: Vec<ExplainedPart>,
    /// Entry that set the rules.
    pub rules_by_entry: u64,
    /// Why there is no number, if there is none.
    pub no_number: Option<String>,
    /// What stops it from being sold, if anything does.
    pub frozen: Option<ExplainedFreeze>,
    /// While the channel is held for a mass change of it: since which entry, why, and what it may show.
    pub interlock: Option<ExplainedInterlock>,
    /// Since when the channel is retired, if it is: nothing is for sale then.
    pub retired_at: Option<String>,
    /// Whole listings by location, first choice first.
    pub pools: Vec<(LocationId, i64)>,
    /// Their sum, or minus the shortfall.
    pub pool: i64,
    /// What the rules make of it.
    pub steps: Option<Steps>,
    /// What is to be shown; 0 of what is frozen.
    pub target: i64,
    /// While it is not raised to its number: who may still sell its units unseen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard: Option<Vec<ExplainedUnseen>>,
    /// Own open units of unknown place.
    pub own_unplaced: Units,
    /// The slots.
    pub slots: Vec<ExplainedSlot>,
}

/// A freeze that holds for the listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExplainedFreeze {
    /// How far it goes.
    pub scope: Scope,
    /// Why.
    pub reason: String,
    /// Entry that froze it.
    pub entry: u64,
}

/// What holds the listing at the number it had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExplainedInterlock {
    /// Entry that began it.
    pub entry: u64,
    /// Why, in words.
    pub why: String,
    /// Whole listings that may be for sale until then.
    pub allowed: i64,
}

/// What a channel may still sell of a SKU without that we know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExplainedUnseen {
    /// The SKU.
    pub sku: Sku,
    /// The channel.
    pub channel: ChannelId,
    /// How many units; none where nobody knows.
    pub units: Option<i64>,
    /// Free of it beyond what is owed.
    pub free: i64,
    /// Up to when the channel's orders are known.
    pub orders_known_to: Option<String>,
}

/// One SKU of the listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExplainedPart {
    /// Which.
    pub sku: Sku,
    /// Units per listing.
    pub units: u32,
    /// The rules that hold, each with the level that won.
    pub rules: Option<Effective>,
    /// Where it is.
    pub stock: Vec<ExplainedStock>,
    /// Who has it.
    pub committed: Vec<CommittedTo>,
    /// Owed to orders beyond what is committed.
    pub backordered: Units,
    /// What is set aside of it, by channel.
    pub set_aside: Vec<ExplainedSetAside>,
}

/// Units of a SKU set aside for a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExplainedSetAside {
    /// The channel.
    pub channel: ChannelId,
    /// How many.
    pub units: u32,
    /// Sold on it since the rule was set.
    pub sold: i64,
    /// Not sold yet: withheld from every other channel.
    pub left: u32,
    /// Entry that set the rule.
    pub entry: u64,
}

/// A SKU at one location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExplainedStock {
    /// Where.
    pub location: LocationId,
    /// Free to promise.
    pub available: Units,
    /// Promised.
    pub committed: Units,
    /// Not sellable.
    pub unavailable: Units,
    /// Whether it was ever counted here.
    pub counted: bool,
    /// Who says how much lies here, if it is not the book.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master: Option<String>,
    /// Entry that changed it last.
    pub entry: u64,
}

/// Units of a SKU that an order has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CommittedTo {
    /// The channel of the order.
    pub channel: ChannelId,
    /// The order.
    pub order: OrderId,
    /// What people call it.
    pub name: String,
    /// Where.
    pub location: LocationId,
    /// How many.
    pub units: Units,
    /// Entry that changed the line last.
    pub entry: u64,
}

/// One slot: what it should show, what it was sent, what it shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExplainedSlot {
    /// Which.
    pub slot: SlotKey,
    /// The number and its terms.
    #[serde(flatten)]
    pub number: SlotNumber,
    /// What it is believed to hold.
    pub expected: Option<i64>,
    /// Last confirmed write and its entry.
    pub confirmed: Option<(Units, u64)>,
    /// Last reading of the written figure and its entry.
    pub shown: Option<(i64, u64)>,
    /// What it waits for, if anything.
    pub waits: Option<String>,
}

/// Explains a listing; none if the channel or the listing is unknown.
pub fn explain(ledger: &Ledger, channel: &str, listing: &str) -> Option<Explained> {
    let number_of_channel = ledger.channel_ix(channel)?;
    let known = ledger.channel(number_of_channel);
    let row = known.listings.get(listing)?;
    let parts = row.mapping.parts().cloned().unwrap_or_default();
    let mut explained = Explained {
        channel: known.id.clone(),
        listing: ListingId::new(listing),
        seq: ledger.seq,
        mapped_by_entry: row.mapped_seq,
        parts: explain_parts(ledger, &parts),
        rules_by_entry: ledger.setup_seq,
        no_number: None,
        frozen: explain_freeze(ledger, &known.id, &parts),
        interlock: explain_interlock(ledger, number_of_channel, row.item),
        retired_at: known.retired.map(|retired| retired.at.to_string()),
        pools: Vec::new(),
        pool: 0,
        steps: None,
        target: 0,
        guard: None,
        own_unplaced: Units::ZERO,
        slots: Vec::new(),
    };
    match number(ledger, number_of_channel, row.item) {
        Err(why) => explained.no_number = Some(reason(&why)),
        Ok(found) => {
            let to_write = to_write(ledger, number_of_channel, row.item, &found);
            explained.guard = explain_guard(ledger, number_of_channel, row.item, &to_write);
            for (part, rules) in explained.parts.iter_mut().zip(found.rules) {
                part.rules = Some(rules);
            }
            let pools = found.pool.locations.iter();
            let named =
                pools.map(|here| (ledger.location_id(here.location).clone(), here.listings));
            explained.pools = named.collect();
            explained.pool = found.pool.total;
            explained.steps = Some(found.steps);
            explained.target = found.target;
            explained.own_unplaced = found.own.unplaced;
            let slots = found.slots.into_iter().map(|number| {
                let state = known.items.at(row.item).slot(number.place);
                explain_slot(known.slot_key(row.item, number.place), number, state)
            });
            explained.slots = slots.collect();
        }
    }
    Some(explained)
}

fn reason(why: &NoNumber) -> String {
    why.to_string()
}

fn explain_freeze(ledger: &Ledger, channel: &ChannelId, parts: &Parts) -> Option<ExplainedFreeze> {
    let (scope, frozen) = ledger.freeze_of(channel, parts.iter().map(|part| part.sku))?;
    Some(ExplainedFreeze {
        scope: scope.clone(),
        reason: frozen.reason.clone(),
        entry: frozen.seq,
    })
}

fn explain_interlock(ledger: &Ledger, channel: u16, item: u32) -> Option<ExplainedInterlock> {
    let lock = ledger.channel(channel).interlock.as_ref()?;
    Some(ExplainedInterlock {
        entry: lock.seq,
        why: lock.why.clone(),
        allowed: allowed(ledger, channel, item)?,
    })
}

fn explain_guard(
    ledger: &Ledger,
    channel: u16,
    item: u32,
    to_write: &ToWrite,
) -> Option<Vec<ExplainedUnseen>> {
    let known = ledger.channel(channel);
    let first = known.items.at(item).listings.first()?;
    let parts = known.listings.at(*first).mapping.parts()?;
    let of_sku = |sku: SkuIx| {
        let held = exposure(ledger, sku);
        let free = held.available.saturating_sub(held.owed);
        let seller = move |seller: Seller| {
            let channel = ledger.channel(seller.channel);
            ExplainedUnseen {
                sku: ledger.sku_id(sku).clone(),
                channel: channel.id.clone(),
                units: match seller.unseen {
                    Unseen::Listings(units) => Some(units.saturating_mul(i64::from(seller.per))),
                    Unseen::Unknown | Unseen::Unbounded => None,
                },
                free,
                orders_known_to: channel.known_to.map(|to| to.to_string()),
            }
        };
        held.sellers.into_iter().map(seller)
    };
    let all = parts.iter().flat_map(|part| of_sku(part.sku)).collect();
    to_write.guarded.then_some(all)
}

fn explain_parts(ledger: &Ledger, parts: &Parts) -> Vec<ExplainedPart> {
    let explain = |part: &crate::catalog::Part| ExplainedPart {
        sku: ledger.sku_id(part.sku).clone(),
        units: part.per,
        rules: None,
        stock: explain_stock(ledger, part.sku),
        committed: explain_committed(ledger, part.sku),
        backordered: ledger.backordered(part.sku),
        set_aside: explain_set_aside(ledger, part.sku),
    };
    parts.iter().map(explain).collect()
}

fn explain_set_aside(ledger: &Ledger, sku: SkuIx) -> Vec<ExplainedSetAside> {
    let rules = ledger.channels.iter().filter_map(|channel| {
        let (_, rule) = ledger.set_aside(channel, sku)?;
        Some(ExplainedSetAside {
            channel: channel.id.clone(),
            units: rule.units,
            sold: rule.sold,
            left: rule.left(),
            entry: rule.seq,
        })
    });
    rules.collect()
}

fn explain_stock(ledger: &Ledger, sku: SkuIx) -> Vec<ExplainedStock> {
    let stocks = ledger.sku(sku).stocks.iter();
    let explain = stocks.map(|stock| ExplainedStock {
        location: ledger.location_id(stock.location).clone(),
        available: stock.balance.available,
        committed: stock.balance.committed,
        unavailable: stock.balance.unavailable,
        counted: stock.counted.is_some(),
        master: ledger.master(stock.location).map(ToString::to_string),
        entry: stock.seq,
    });
    explain.collect()
}

fn explain_committed(ledger: &Ledger, sku: SkuIx) -> Vec<CommittedTo> {
    let mut committed = Vec::new();
    for at in &ledger.sku(sku).open {
        let channel = ledger.channel(at.channel);
        let order = ledger.order(*at);
        for line in &order.lines {
            for held in line.held.iter().filter(|held| held.sku == sku) {
                committed.push(CommittedTo {
                    channel: channel.id.clone(),
                    order: channel.orders.key(at.order).clone(),
                    name: order.name.to_string(),
                    location: ledger.location_id(held.location).clone(),
                    units: held.units,
                    entry: line.seq,
                });
            }
        }
    }
    committed
}

fn explain_slot(slot: SlotKey, number: SlotNumber, state: Option<&PushState>) -> ExplainedSlot {
    let waits = match state {
        None => Some("its first reading".to_owned()),
        Some(state) => waits(state, number),
    };
    ExplainedSlot {
        slot,
        number,
        expected: state.and_then(|state| state.expected),
        confirmed: state
            .and_then(|state| state.confirmed)
            .map(|confirmed| (confirmed.quantity, confirmed.seq)),
        shown: state
            .and_then(|state| state.shown)
            .map(|shown| (shown.written, shown.seq)),
        waits,
    }
}

fn waits(state: &PushState, number: SlotNumber) -> Option<String> {
    let waiting = match &state.state {
        SlotState::InFlight(call) => return Some(format!("the answer to call {call}")),
        SlotState::InDoubt(call) => return Some(format!("what became of call {call}")),
        SlotState::Parked(why) => return Some(format!("a person: {why}")),
        SlotState::Absent => "the channel to stock the item there",
        SlotState::Free if state.expected.is_none() => "its first reading",
        SlotState::Free if state.reread => "a new reading",
        SlotState::Free if state.recheck.is_some() => "word of orders up to the last reading",
        SlotState::Free if number.low != number.high => "the channel to route open orders",
        SlotState::Free => return None,
    };
    Some(waiting.to_owned())
}
