//! What goes into the records: closed orders, looked up rarely.
//!
//! Written behind the journal, rebuilt from the ledger where they are behind. Nothing acknowledged
//! depends on them.

use std::collections::BTreeSet;

use channelsync_contract::ids::{LineId, ListingId, OrderId};
use channelsync_contract::units::{Money, Units};
use serde::Serialize;
use tokio::sync::mpsc;

use crate::ledger::{Channel, Entry, Fact, Ledger, Order};
use crate::store::{Change, Records, RecordsError};

/// Records rebuilt in one write.
const REBUILD_ROWS_MAX: usize = 500;

/// Changes of records that belong to entries up to `seq`.
#[derive(Debug, Default)]
pub struct Recorded {
    /// Keys and values.
    pub changes: Vec<Change>,
    /// The last entry they come from.
    pub seq: u64,
}

/// The key of an order's record.
pub fn order_key(channel: &str, order: &str) -> Vec<u8> {
    format!("order/{channel}/{order}").into_bytes()
}

/// An order as its record holds it.
#[derive(Serialize)]
struct OrderRecord<'a> {
    order: &'a OrderId,
    name: &'a str,
    placed_at: String,
    cancelled: bool,
    lines: Vec<LineRecord<'a>>,
    entry: u64,
}

#[derive(Serialize)]
struct LineRecord<'a> {
    line: &'a LineId,
    listing: Option<&'a ListingId>,
    ordered: Units,
    fulfilled: Units,
    shipped_by_us: Units,
    restocked: Units,
    price: Option<&'a Money>,
    entry: u64,
}

/// The record of a closed order; one that is open has none, also when it was closed before.
fn order_record(channel: &Channel, number: u32, order: &Order) -> Change {
    let id = channel.orders.key(number);
    let key = order_key(channel.id.as_str(), id.as_str());
    if order.is_open() {
        return (key, None);
    }
    let lines = order.lines.iter().map(|line| LineRecord {
        line: &line.id,
        listing: line.listing.as_ref(),
        ordered: line.ordered,
        fulfilled: line.fulfilled,
        shipped_by_us: line.shipped,
        restocked: line.restocked(),
        price: line.price.as_ref(),
        entry: line.seq,
    });
    let record = OrderRecord {
        order: id,
        name: &order.name,
        placed_at: order.placed_at.to_string(),
        cancelled: order.cancelled,
        lines: lines.collect(),
        entry: order.seq,
    };
    let value = serde_json::to_vec(&record).expect("orders are plain data");
    (key, Some(value))
}

/// The records of orders that entries of one group changed.
pub(super) fn recorded(ledger: &Ledger, entries: &[Entry]) -> Recorded {
    let mut touched = BTreeSet::new();
    for fact in entries.iter().flat_map(|entry| &entry.facts) {
        touched.extend(match fact {
            Fact::Line(line) => Some((&line.channel, &line.order)),
            Fact::Order(order) => Some((&order.channel, &order.order)),
            Fact::Shipment(channel, order, _) | Fact::Held(channel, order, _) => {
                Some((channel, order))
            }
            _ => None,
        });
    }
    let mut changes = forgotten(entries);
    for (channel, order) in touched {
        let Some(channel) = ledger.channel_named(channel.as_str()) else {
            continue;
        };
        let Some(number) = channel.orders.find(order.as_str()) else {
            continue;
        };
        changes.push(order_record(channel, number, channel.orders.at(number)));
    }
    Recorded {
        changes,
        seq: entries.last().map_or(0, |entry| entry.seq),
    }
}

/// The records of orders that left the book go with them.
fn forgotten(entries: &[Entry]) -> Vec<Change> {
    let mut changes = Vec::new();
    for fact in entries.iter().flat_map(|entry| &entry.facts) {
        if let Fact::Forgot(_, orders) = fact {
            for (channel, gone) in orders {
                let keys = gone.iter();
                let keys = keys.map(|order| order_key(channel.as_str(), order.as_str()));
                changes.extend(keys.map(|key| (key, None)));
            }
        }
    }
    changes
}

/// Brings records that are behind up to the ledger: all orders that changed since, then the sequence.
///
/// # Errors
/// [`RecordsError`].
pub fn rebuild_records(ledger: &Ledger, records: &dyn Records) -> Result<(), RecordsError> {
    let applied = records.applied_seq()?;
    if applied > ledger.seq {
        records.wipe()?;
    }
    let behind = if applied > ledger.seq { 0 } else { applied };
    let mut changes = Vec::new();
    for channel in &ledger.channels {
        for (number, _, order) in channel.orders.iter() {
            if order.seq > behind {
                changes.push(order_record(channel, number, order));
            }
            if changes.len() >= REBUILD_ROWS_MAX {
                records.write(&std::mem::take(&mut changes), behind)?;
            }
        }
    }
    records.write(&changes, ledger.seq)
}

/// Writes records as they come, until the writer is gone. Blocks: run it beside the others.
///
/// A failure is logged and made good at the next start: the book does not wait for it.
pub fn keep_records(records: &dyn Records, mut queue: mpsc::Receiver<Recorded>) {
    while let Some(mut batch) = queue.blocking_recv() {
        while batch.changes.len() < REBUILD_ROWS_MAX
            && let Ok(more) = queue.try_recv()
        {
            batch.changes.extend(more.changes);
            batch.seq = more.seq;
        }
        if let Err(error) = records.write(&batch.changes, batch.seq) {
            tracing::warn!(%error, "records cannot be written, they are rebuilt at the next start");
        }
    }
}
