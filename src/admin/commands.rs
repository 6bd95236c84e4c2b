//! What a person may order.

use channelsync_contract::{
    ChannelId, ChannelLocationId, ItemId, LineId, ListingId, LocationId, OrderId, Sku, SlotKey,
    Units,
};
use serde::Deserialize;

use super::answer::Problem;
use crate::ledger::{Command, ShipLine, ShipmentAct, ShipmentAt, StockLine, StockMove, Tracking};

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
        #[serde(flatten)]
        act: OrderedAct,
    },
    /// An order is held back, or let go without a reason.
    Hold {
        channel: ChannelId,
        order: OrderId,
        reason: Option<String>,
    },
    /// A listing stands for these; none returns it to automatic mapping.
    Map {
        channel: ChannelId,
        listing: ListingId,
        parts: Vec<(Sku, u32)>,
    },
    /// Bytes were dealt with.
    Unpark { id: String },
    /// A slot may be pushed again.
    Release {
        channel: ChannelId,
        item: ItemId,
        location: Option<ChannelLocationId>,
    },
}

/// What a person says of a parcel.
#[derive(Debug, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub(super) enum OrderedAct {
    /// The carrier's number is this.
    Track(Tracking),
    /// Report it again.
    Again,
    /// It never left.
    TakeBack,
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

impl Ordered {
    /// The id that makes the command happen once, where it has one.
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Receive(stock) | Self::Count(stock) | Self::Move { stock, .. } => &stock.id,
            Self::Adjust { id, .. }
            | Self::Import { id, .. }
            | Self::Ship { id, .. }
            | Self::Unpark { id } => id,
            Self::Map { listing, .. } => listing.as_str(),
            Self::Release { item, .. } => item.as_str(),
            Self::Shipment { shipment, .. } => shipment,
            Self::Hold { order, .. } => order.as_str(),
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
            } => {
                let line = |(line, units)| ShipLine { line, units };
                let lines = lines.into_iter().map(line).collect();
                Command::Ship {
                    id,
                    channel,
                    order,
                    lines,
                    from,
                    tracking,
                }
            }
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
            Self::Map {
                channel,
                listing,
                parts,
            } => Command::Map {
                channel,
                listing,
                parts,
            },
            Self::Unpark { id } => Command::Unpark(id),
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

impl OrderedAct {
    fn act(self) -> ShipmentAct {
        match self {
            Self::Track(tracking) => ShipmentAct::Track(tracking),
            Self::Again => ShipmentAct::Again,
            Self::TakeBack => ShipmentAct::TakeBack,
        }
    }
}

fn lines(rows: Vec<ImportRow>) -> Result<Vec<StockLine>, Problem> {
    if rows.len() > IMPORT_ROWS_MAX {
        let error = format!("{} rows at once", rows.len());
        return Err(Problem::bad(error, "send at most 500 rows in one command"));
    }
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
