//! From a channel's words to the ledger's: the only place that knows both.
//!
//! In: what a connector decoded. Out: reports and outcomes as commands carry them. Never here: state,
//! a decision, a byte that was not read.

use channelsync_contract::listing::ChannelListing;
use channelsync_contract::order::{
    Hint, OrderSnapshot, Restock, RestockKind, SnapshotLine, SnapshotShipment,
};
use channelsync_contract::quantity::{PushOutcome, PushRow, Shown, ShownQuantity};
use channelsync_contract::{Facet, Gtin, Sku, Units};

use crate::ledger::{
    self, ListingReport, OrderReport, PutBack, ReportLine, ReportRestock, ReportRoute,
    ReportShipment, Row, RowOutcome, ShownReport,
};

/// An order snapshot as a report.
pub fn order(snapshot: OrderSnapshot) -> OrderReport {
    let cancelled = snapshot.cancelled_at.is_some();
    OrderReport {
        order: snapshot.id,
        name: snapshot.name,
        placed_at: snapshot.placed_at,
        version: snapshot.version,
        test: snapshot.test,
        cancelled,
        acknowledge_by: snapshot.acknowledge_by,
        lines: each(snapshot.lines, |line| Some(report_line(line))),
        routes: each(snapshot.routes, |route| {
            Some(ReportRoute {
                line: route.line,
                location: route.location,
                open: route.open,
                on_hold: route.on_hold,
                ship_by: route.ship_by,
            })
        }),
        shipments: parcels(snapshot.shipments),
        restocks: each(snapshot.restocks, |restock| Some(put_back(restock))),
    }
}

fn each<T, U>(facet: Facet<Vec<T>>, read: impl FnMut(T) -> Option<U>) -> Option<Vec<U>> {
    match facet {
        Facet::Complete(rows) => Some(rows.into_iter().filter_map(read).collect()),
        Facet::Unknown => None,
    }
}

fn report_line(line: SnapshotLine) -> ReportLine {
    ReportLine {
        line: line.id,
        listing: line.listing.filter(|_| line.stocked),
        ordered: line.ordered,
        open: line.open,
        fulfilled: line.fulfilled,
        price: line.price,
    }
}

fn parcels(facet: Facet<Vec<SnapshotShipment>>) -> Option<Vec<ReportShipment>> {
    let Facet::Complete(parcels) = facet else {
        return None;
    };
    let mut lines = Vec::new();
    for parcel in parcels {
        let (location, at) = (parcel.location, parcel.at);
        lines.extend(
            parcel
                .lines
                .into_iter()
                .map(|(line, units)| ReportShipment {
                    id: parcel.id.clone(),
                    line,
                    location: location.clone(),
                    units,
                    at,
                }),
        );
    }
    Some(lines)
}

fn put_back(restock: Restock) -> ReportRestock {
    ReportRestock {
        line: restock.line,
        kind: match restock.kind {
            RestockKind::Cancel => PutBack::Released,
            RestockKind::Return => PutBack::Returned,
            RestockKind::Inspect => PutBack::Inspect,
            RestockKind::None => PutBack::Withheld,
            RestockKind::NotRestocked | RestockKind::Missing => PutBack::Lost,
        },
        location: restock.location,
        units: restock.units,
        at: restock.at,
    }
}

/// A hint.
pub fn hint(hint: Hint) -> ledger::Hint {
    ledger::Hint {
        order: hint.order,
        version: hint.version,
        beside: hint.beside,
    }
}

/// A listing.
pub fn listing(listing: ChannelListing) -> ListingReport {
    ListingReport {
        listing: listing.id,
        item: listing.item,
        sku: Sku::new(listing.sku.trim()),
        gtin: listing.barcode.as_deref().and_then(Gtin::parse),
        unpushable: listing.unpushable.is_some(),
        sells_without_limit: listing.sells_without_limit,
    }
}

/// A slot as read.
pub fn shown(shown: ShownQuantity) -> ShownReport {
    let (written, sellable, unsellable) = match shown.shown {
        Shown::Held {
            written,
            sellable,
            unsellable,
        } => (Some(written), sellable, unsellable),
        Shown::NotStocked | Shown::Missing => (None, 0, Units::ZERO),
    };
    ShownReport {
        slot: shown.slot,
        written,
        sellable,
        unsellable,
    }
}

/// What a carrier calls a parcel, for the connector.
pub fn tracking(tracking: &ledger::Tracking) -> channelsync_contract::shipment::Tracking {
    channelsync_contract::shipment::Tracking {
        number: tracking.number.clone(),
        company: tracking.company.clone(),
    }
}

/// A row of a call, for the connector.
pub fn row(row: &Row) -> PushRow {
    PushRow {
        slot: row.slot.clone(),
        quantity: row.quantity,
        expected: row.expected,
    }
}

/// What became of a row. A refusal of the whole call, once it has come down to one row, is the row's.
pub fn outcome(outcome: PushOutcome) -> RowOutcome {
    match outcome {
        PushOutcome::Applied => RowOutcome::Applied,
        PushOutcome::Accepted { ticket } => RowOutcome::Accepted(ticket),
        PushOutcome::Stale => RowOutcome::Stale,
        PushOutcome::Refused { code, message } | PushOutcome::BatchRefused { code, message } => {
            RowOutcome::Refused(format!("{code}: {message}"))
        }
        PushOutcome::NotApplied => RowOutcome::NotApplied,
        PushOutcome::InDoubt => RowOutcome::InDoubt,
    }
}

#[cfg(test)]
mod tests;
