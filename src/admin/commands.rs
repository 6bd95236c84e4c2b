//! What a person may order.

use std::collections::BTreeSet;

use channelsync_contract::{
    ChannelId, ChannelLocationId, Gtin, ItemId, LineId, ListingId, LocationId, OrderId, Sku,
    SlotKey, Timestamp, Units,
};
use serde::Deserialize;

use super::answer::Problem;
use crate::ledger::{
    Command, Fate, MapRow, OpenOrders, PurchaseOrder, RuleAt, RuleKey, Rules, Scope, ShipLine,
    ShipmentAct, ShipmentAt, StockLine, StockMove, Tracking,
};

/// Rows of an import in one entry.
pub(super) const IMPORT_ROWS_MAX: usize = 500;

/// A person's command, as JSON with a `kind`.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Ordered {
    /// Goods came in.
    Receive(Stock),
    /// Somebody counted.
    Count(Stock),
    /// Somebody counted at an earlier time.
    CountAsOf { id: String, rows: Vec<CountRow> },
    /// Found or lost.
    Adjust {
        id: String,
        sku: Sku,
        location: LocationId,
        by: i64,
    },
    /// Units of the house change their place or state.
    Move {
        what: StockMove,
        #[serde(flatten)]
        stock: Stock,
    },
    /// Rows of a file.
    Import {
        id: String,
        counts: bool,
        rows: Vec<ImportRow>,
    },
    /// A parcel left.
    Ship {
        id: String,
        channel: ChannelId,
        order: OrderId,
        #[serde(default)]
        lines: Vec<(LineId, Units)>,
        from: Option<LocationId>,
        tracking: Option<Tracking>,
    },
    /// Something about a parcel of ours.
    Shipment {
        channel: ChannelId,
        order: OrderId,
        shipment: String,
        act: OrderedAct,
    },
    /// Units of an order came back and were looked at.
    TakeBack {
        id: String,
        channel: ChannelId,
        order: OrderId,
        #[serde(default)]
        lines: Vec<(LineId, Units)>,
        fate: Fate,
        location: Option<LocationId>,
    },
    /// An order is held back, or let go without a reason.
    Hold {
        channel: ChannelId,
        order: OrderId,
        reason: Option<String>,
    },
    /// An order that was too old to be booked was dealt with.
    Dismiss { channel: ChannelId, order: OrderId },
    /// Exceptions of these entries were looked at.
    Seen { from: u64, to: u64 },
    /// Listings stand for these; none returns one to automatic mapping.
    Map { rows: Vec<MapOrder> },
    /// Open lines stand for what their listing stands for now.
    Reapply {
        channel: ChannelId,
        listing: Option<ListingId>,
    },
    /// A SKU has these barcodes, or no longer.
    Barcodes {
        sku: Sku,
        gtins: Vec<String>,
        has: bool,
    },
    /// A SKU takes another name.
    Rename { old: Sku, new: Sku, merge: bool },
    /// Goods were ordered from a supplier.
    Purchase {
        id: String,
        supplier: String,
        expected: String,
        location: LocationId,
        lines: Vec<(Sku, Units)>,
    },
    /// Goods of a purchase order came.
    PurchaseArrived {
        id: String,
        purchase: String,
        #[serde(default)]
        lines: Vec<(Sku, Units)>,
    },
    /// Nothing more is expected of a purchase order.
    PurchaseCancelled { id: String },
    /// Bytes were dealt with.
    Unpark { id: String },
    /// A channel that was held because of a mass change goes on.
    GoOn { channel: ChannelId },
    /// Rules at a level are as these from now on, those that are not set here too.
    Rule {
        at: RuleAt,
        keys: Vec<RuleKey>,
        #[serde(default)]
        values: Box<Rules>,
    },
    /// Nothing of it is to be sold.
    Freeze { scope: Scope, reason: String },
    /// It may be sold again.
    Unfreeze { scope: Scope },
    /// A channel ends.
    Retire {
        channel: ChannelId,
        orders: Option<OpenOrders>,
    },
    /// A channel goes on after all.
    Revive { channel: ChannelId },
    /// A slot may be pushed again.
    Release {
        channel: ChannelId,
        item: ItemId,
        location: Option<ChannelLocationId>,
    },
}

/// What a person says of a parcel.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum OrderedAct {
    /// The carrier's number is this.
    Track(Tracking),
    /// Report it again.
    Again,
    /// It never left.
    TakeBack,
}

/// What a listing is to stand for.
#[derive(Debug, Deserialize)]
pub(super) struct MapOrder {
    channel: ChannelId,
    listing: ListingId,
    parts: Vec<(Sku, u32)>,
}

/// Units of a SKU.
#[derive(Debug, Deserialize)]
pub(super) struct Stock {
    id: String,
    sku: Sku,
    location: LocationId,
    units: Units,
}

/// One row of an import.
#[derive(Debug, Deserialize)]
pub(super) struct ImportRow {
    sku: Sku,
    location: LocationId,
    units: Units,
}

/// What was there at a time.
#[derive(Debug, Deserialize)]
pub(super) struct CountRow {
    sku: Sku,
    location: LocationId,
    units: Units,
    as_of: String,
}

impl Ordered {
    /// The id that makes the command happen once, where it has one.
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Freeze { scope, .. } | Self::Unfreeze { scope } => match scope {
                Scope::All => "all",
                Scope::Channel(channel) => channel.as_str(),
                Scope::Sku(sku) => sku.as_str(),
            },
            Self::Receive(stock) | Self::Count(stock) | Self::Move { stock, .. } => &stock.id,
            Self::Adjust { id, .. }
            | Self::Import { id, .. }
            | Self::CountAsOf { id, .. }
            | Self::Ship { id, .. }
            | Self::TakeBack { id, .. }
            | Self::Unpark { id } => id,
            Self::Retire { channel, .. } | Self::Revive { channel } => channel.as_str(),
            Self::Map { rows } => rows.first().map_or("", |row| row.listing.as_str()),
            Self::Reapply { .. } => "reapply",
            Self::Rule { .. } => "rules",
            Self::Seen { .. } => "seen",
            Self::Barcodes { sku, .. } | Self::Rename { old: sku, .. } => sku.as_str(),
            Self::Purchase { id, .. }
            | Self::PurchaseArrived { id, .. }
            | Self::PurchaseCancelled { id } => id,
            Self::Release { item, .. } => item.as_str(),
            Self::GoOn { channel } => channel.as_str(),
            Self::Shipment { shipment, .. } => shipment,
            Self::Hold { order, .. } | Self::Dismiss { order, .. } => order.as_str(),
        }
    }

    /// The ledger's command.
    #[expect(clippy::too_many_lines, reason = "one arm for each kind of command")]
    pub(super) fn command(self) -> Result<Command, Problem> {
        Ok(match self {
            Self::Receive(stock) => Command::Receive(stock.line()),
            Self::Count(stock) => Command::Count(stock.line()),
            Self::Adjust {
                id,
                sku,
                location,
                by,
            } => Command::Adjust {
                id,
                sku,
                location,
                by,
            },
            Self::Move { what, stock } => Command::Move(what, stock.line()),
            Self::CountAsOf { id, rows } => Command::CountAsOf {
                id,
                lines: counts(rows)?,
            },
            Self::Import { id, counts, rows } => Command::Import {
                id,
                counts,
                lines: lines(rows)?,
            },
            Self::Ship {
                id,
                channel,
                order,
                lines,
                from,
                tracking,
            } => Command::Ship {
                id,
                channel,
                order,
                lines: ship_lines(lines),
                from,
                tracking,
            },
            Self::TakeBack {
                id,
                channel,
                order,
                lines,
                fate,
                location,
            } => Command::TakeBack {
                id,
                channel,
                order,
                lines: ship_lines(lines),
                fate,
                location,
            },
            Self::Shipment {
                channel,
                order,
                shipment: id,
                act,
            } => Command::Shipment(ShipmentAt { channel, order, id }, act.act()),
            Self::Hold {
                channel,
                order,
                reason,
            } => Command::Hold {
                channel,
                order,
                reason,
            },
            Self::Dismiss { channel, order } => Command::Dismiss(channel, order),
            Self::Seen { from, to } => Command::Seen(from, to),
            Self::Map { rows } => Command::Map(map_rows(rows)?),
            Self::Reapply { channel, listing } => Command::Reapply { channel, listing },
            Self::Barcodes { sku, gtins, has } => Command::Barcodes {
                sku,
                gtins: gtins
                    .iter()
                    .map(|text| barcode(text))
                    .collect::<Result<_, _>>()?,
                has,
            },
            Self::Rename { old, new, merge } => Command::Rename { old, new, merge },
            Self::Purchase {
                id,
                supplier,
                expected,
                location,
                lines,
            } => Command::Purchase(PurchaseOrder {
                id,
                supplier,
                expected: day(&expected)?,
                location,
                lines,
            }),
            Self::PurchaseArrived {
                id,
                purchase,
                lines,
            } => Command::PurchaseArrived {
                id,
                purchase,
                lines,
            },
            Self::PurchaseCancelled { id } => Command::PurchaseCancelled(id),
            Self::Unpark { id } => Command::Unpark(id),
            Self::GoOn { channel } => Command::GoOn(channel),
            Self::Freeze { scope, reason } => Command::Freeze { scope, reason },
            Self::Unfreeze { scope } => Command::Unfreeze(scope),
            Self::Rule { at, keys, values } => Command::Rule(at, keys, values),
            Self::Retire { channel, orders } => Command::Retire(channel, orders),
            Self::Revive { channel } => Command::Revive(channel),
            Self::Release {
                channel,
                item,
                location,
            } => Command::Release {
                channel,
                slot: SlotKey { item, location },
            },
        })
    }
}

/// SKUs that a person's bookings and purchase orders name: one that the book does not know is new with them.
pub(super) fn named(command: &Command) -> BTreeSet<Sku> {
    let named = |lines: &[StockLine]| lines.iter().map(|line| line.sku.clone()).collect();
    match command {
        Command::Receive(line) | Command::Count(line) => named(std::slice::from_ref(line)),
        Command::Import { lines, .. } => named(lines),
        Command::CountAsOf { lines, .. } => {
            lines.iter().map(|(line, _)| line.sku.clone()).collect()
        }
        Command::Adjust { sku, .. } => BTreeSet::from([sku.clone()]),
        Command::Purchase(PurchaseOrder { lines, .. }) | Command::PurchaseArrived { lines, .. } => {
            lines.iter().map(|(sku, _)| sku.clone()).collect()
        }
        _ => BTreeSet::new(),
    }
}

impl OrderedAct {
    fn act(self) -> ShipmentAct {
        match self {
            Self::Track(tracking) => ShipmentAct::Track(tracking),
            Self::Again => ShipmentAct::Again,
            Self::TakeBack => ShipmentAct::TakeBack,
        }
    }
}

fn few(rows: usize) -> Result<(), Problem> {
    if rows <= IMPORT_ROWS_MAX {
        return Ok(());
    }
    let error = format!("{rows} rows at once");
    Err(Problem::bad(error, "send at most 500 rows in one command"))
}

pub(super) fn map_rows(rows: Vec<MapOrder>) -> Result<Vec<MapRow>, Problem> {
    few(rows.len())?;
    let row = |row: MapOrder| MapRow {
        channel: row.channel,
        listing: row.listing,
        parts: row.parts,
    };
    Ok(rows.into_iter().map(row).collect())
}

fn day(text: &str) -> Result<Timestamp, Problem> {
    let help = "a day begins like 2026-12-24T00:00:00Z";
    Timestamp::parse(text).ok_or_else(|| Problem::bad(format!("{text} is no day"), help))
}

fn ship_lines(lines: Vec<(LineId, Units)>) -> Vec<ShipLine> {
    let line = |(line, units)| ShipLine { line, units };
    lines.into_iter().map(line).collect()
}

fn barcode(text: &str) -> Result<Gtin, Problem> {
    Gtin::parse(text).ok_or_else(|| {
        let help = "a barcode has 8, 12, 13 or 14 digits, and the last one checks the others";
        Problem::bad(format!("{text} is no barcode"), help)
    })
}

fn counts(rows: Vec<CountRow>) -> Result<Vec<(StockLine, Timestamp)>, Problem> {
    few(rows.len())?;
    let line = |row: CountRow| {
        let help = "a time looks like 2026-11-20T09:00:00Z";
        let as_of = Timestamp::parse(&row.as_of);
        let as_of = as_of.ok_or_else(|| Problem::bad(format!("{} is no time", row.as_of), help))?;
        let line = StockLine {
            id: String::new(),
            sku: row.sku,
            location: row.location,
            units: row.units,
        };
        Ok((line, as_of))
    };
    rows.into_iter().map(line).collect()
}

fn lines(rows: Vec<ImportRow>) -> Result<Vec<StockLine>, Problem> {
    few(rows.len())?;
    let line = |row: ImportRow| StockLine {
        id: String::new(),
        sku: row.sku,
        location: row.location,
        units: row.units,
    };
    Ok(rows.into_iter().map(line).collect())
}

impl Stock {
    fn line(self) -> StockLine {
        StockLine {
            id: self.id,
            sku: self.sku,
            location: self.location,
            units: self.units,
        }
    }
}
