//! An order as GraphQL answers it, and the snapshot it becomes.
//!
//! A facet of which a page is missing is unknown. A wrong type or a foreign id makes the order
//! unreadable as a whole; an enum value never seen before does not.

use std::collections::{BTreeMap, BTreeSet};

use channelsync_contract::order::{Restock, RestockKind, Route, SnapshotLine, SnapshotShipment};
use channelsync_contract::{
    ChannelLocationId, Facet, ListingId, Money, OrderSnapshot, Timestamp, Units,
};
use serde::Deserialize;
use serde_json::Value;

use crate::call::Connection;
use crate::ids::need;
use crate::returns::Returned;

/// An order with as much of its lists as was read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderNode {
    pub(crate) id: String,
    name: String,
    created_at: String,
    updated_at: String,
    cancelled_at: Option<String>,
    test: bool,
    return_status: String,
    pub(crate) line_items: Connection<LineNode>,
    pub(crate) fulfillment_orders: Connection<FulfillmentOrderNode>,
    pub(crate) fulfillments: Vec<FulfillmentNode>,
    pub(crate) refunds: Vec<RefundNode>,
    /// Plain lists have no cursor: one as long as was asked for may go on.
    #[serde(skip)]
    pub(crate) fulfillments_whole: bool,
    #[serde(skip)]
    pub(crate) refunds_whole: bool,
    /// What its returns say; none where they could not be read.
    #[serde(skip)]
    pub(crate) returned: Option<Returned>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LineNode {
    id: String,
    quantity: i64,
    unfulfilled_quantity: i64,
    requires_shipping: bool,
    is_gift_card: bool,
    variant: Option<IdNode>,
    original_unit_price_set: PriceSet,
}

#[derive(Debug, Deserialize)]
pub(crate) struct IdNode {
    pub(crate) id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PriceSet {
    shop_money: MoneyNode,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MoneyNode {
    amount: String,
    currency_code: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FulfillmentOrderNode {
    pub(crate) id: String,
    status: String,
    /// Of any type: a time only informs, so a wrong one must not cost the order.
    #[serde(default)]
    fulfill_at: Value,
    #[serde(default)]
    fulfill_by: Value,
    assigned_location: AssignedLocation,
    pub(crate) line_items: Connection<FulfillmentOrderLine>,
}

#[derive(Debug, Deserialize)]
struct AssignedLocation {
    location: Option<IdNode>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FulfillmentOrderLine {
    remaining_quantity: i64,
    line_item: IdNode,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FulfillmentNode {
    pub(crate) id: String,
    status: String,
    /// Of any type: a time only informs, so a wrong one must not cost the order.
    #[serde(default)]
    created_at: Value,
    location: Option<IdNode>,
    #[serde(default)]
    pub(crate) fulfillment_line_items: Connection<FulfillmentLine>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FulfillmentLine {
    quantity: Option<i64>,
    line_item: IdNode,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefundNode {
    pub(crate) id: String,
    /// May be null, unlike `processedAt`. Of any type, as a fulfillment's is.
    #[serde(default)]
    created_at: Value,
    #[serde(default)]
    processed_at: Value,
    #[serde(default)]
    pub(crate) refund_line_items: Connection<RefundLine>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefundLine {
    id: Option<String>,
    quantity: i64,
    restock_type: String,
    location: Option<IdNode>,
    line_item: IdNode,
}

impl FulfillmentOrderNode {
    /// Whether units may still be shipped from it. Unknown states count as open.
    pub(crate) fn is_open(&self) -> bool {
        !matches!(self.status.as_str(), "CLOSED" | "CANCELLED" | "INCOMPLETE")
    }

    /// Whether its units may not leave yet.
    fn is_on_hold(&self) -> bool {
        matches!(self.status.as_str(), "ON_HOLD" | "SCHEDULED")
    }

    fn is_whole(&self) -> bool {
        !self.is_open() || self.line_items.is_whole()
    }
}

impl FulfillmentNode {
    /// Whether the parcel stands; see [`stands`].
    pub(crate) fn stands(&self) -> bool {
        stands(&self.status)
    }

    fn is_whole(&self) -> bool {
        !self.stands() || self.fulfillment_line_items.is_whole()
    }
}

/// Whether a fulfillment of this state is a parcel: all but the three states known to be undone.
///
/// Webhooks write the states in lower case. A state never seen before counts, because the line's
/// open figure already leaves its units out.
pub(crate) fn stands(status: &str) -> bool {
    !["CANCELLED", "ERROR", "FAILURE"]
        .iter()
        .any(|undone| status.eq_ignore_ascii_case(undone))
}

/// What became of a refund's units. Webhooks write the kinds in lower case.
///
/// A kind never seen before puts nothing back, so that a person decides. The old `LEGACY_RESTOCK`
/// does not say whether the units had shipped; as a return, units that never shipped come to light.
pub(crate) fn restock_kind(text: &str) -> RestockKind {
    match text.to_ascii_uppercase().as_str() {
        "CANCEL" => RestockKind::Cancel,
        "RETURN" | "LEGACY_RESTOCK" => RestockKind::Return,
        _ => RestockKind::None,
    }
}

/// A count as units.
pub(crate) fn units(number: i64) -> Result<Units, String> {
    Units::from_signed(number).ok_or_else(|| format!("{number} is no number of units"))
}

pub(crate) fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| format!("{text:?} is no time"))
}

/// When something was recorded; none where the value is no time.
pub(crate) fn recorded(value: &Value) -> Option<Timestamp> {
    Timestamp::parse(value.as_str()?)
}

impl OrderNode {
    pub(crate) fn is_whole(&self) -> bool {
        self.line_items.is_whole()
            && self.routes_whole()
            && self.shipments_whole()
            && self.restocks_whole()
    }

    /// Whether units may have come back by a return. A status never seen before says so.
    pub(crate) fn has_returns(&self) -> bool {
        self.return_status != "NO_RETURN"
    }

    fn routes_whole(&self) -> bool {
        self.fulfillment_orders.is_whole()
            && self
                .fulfillment_orders
                .nodes
                .iter()
                .all(FulfillmentOrderNode::is_whole)
    }

    fn shipments_whole(&self) -> bool {
        self.fulfillments_whole && self.fulfillments.iter().all(FulfillmentNode::is_whole)
    }

    fn restocks_whole(&self) -> bool {
        self.refunds_whole
            && self
                .refunds
                .iter()
                .all(|refund| refund.refund_line_items.is_whole())
    }

    /// The order in the words of the contract.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(crate) fn snapshot(&self) -> Result<OrderSnapshot, String> {
        let shipments = self.shipments()?;
        let lines = self.lines(shipments.complete())?;
        let routes = self.routes(lines.complete())?;
        Ok(OrderSnapshot {
            id: need(&self.id, "Order")?.into(),
            name: self.name.clone(),
            version: Some(time(&self.updated_at)?),
            placed_at: time(&self.created_at)?,
            test: self.test,
            cancelled_at: self.cancelled_at.as_deref().map(time).transpose()?,
            acknowledge_by: None,
            lines,
            routes,
            shipments,
            restocks: self.restocks()?,
        })
    }

    /// The lines; unknown also while shipments are, for a line tells what shipped of it.
    fn lines(
        &self,
        shipments: Option<&Vec<SnapshotShipment>>,
    ) -> Result<Facet<Vec<SnapshotLine>>, String> {
        let (true, Some(shipments)) = (self.line_items.is_whole(), shipments) else {
            return Ok(Facet::Unknown);
        };
        let shipped = shipped(shipments)?;
        let mut seen = BTreeSet::new();
        let mut lines = Vec::with_capacity(self.line_items.nodes.len());
        for node in &self.line_items.nodes {
            let id = need(&node.id, "LineItem")?;
            if seen.insert(id) {
                let fulfilled = shipped.get(id).copied().unwrap_or_default();
                lines.push(self.line(id, node, fulfilled)?);
            }
        }
        Ok(Facet::Complete(lines))
    }

    fn line(&self, id: &str, node: &LineNode, fulfilled: Units) -> Result<SnapshotLine, String> {
        let variant = node
            .variant
            .as_ref()
            .map(|variant| need(&variant.id, "ProductVariant"));
        let listing = variant.transpose()?.map(ListingId::new);
        let price = &node.original_unit_price_set.shop_money;
        let open = if self.cancelled_at.is_some() {
            0
        } else {
            node.unfulfilled_quantity
        };
        Ok(SnapshotLine {
            id: id.into(),
            stocked: node.requires_shipping && !node.is_gift_card && listing.is_some(),
            listing,
            ordered: units(node.quantity)?,
            open: units(open)?,
            fulfilled,
            price: Money::parse(&price.amount, &price.currency_code),
        })
    }

    /// Where open units are to be shipped from; unknown until it accounts for every open unit.
    ///
    /// Routing runs seconds after the order and after an edit (page section 7), and fulfillment
    /// orders that the app may not see are left out: both look like units without a place.
    fn routes(&self, lines: Option<&Vec<SnapshotLine>>) -> Result<Facet<Vec<Route>>, String> {
        let (true, Some(lines)) = (self.routes_whole(), lines) else {
            return Ok(Facet::Unknown);
        };
        let mut open: BTreeMap<(&str, &str, bool), (i64, Option<Timestamp>)> = BTreeMap::new();
        let mut routed: BTreeMap<&str, i64> = BTreeMap::new();
        for order in self
            .fulfillment_orders
            .nodes
            .iter()
            .filter(|order| order.is_open())
        {
            let Some(location) = &order.assigned_location.location else {
                return Ok(Facet::Unknown);
            };
            let location = need(&location.id, "Location")?;
            for line in &order.line_items.nodes {
                let id = need(&line.line_item.id, "LineItem")?;
                let remaining = units(line.remaining_quantity)?.signed();
                let (units, ship_by) = open.entry((id, location, order.is_on_hold())).or_default();
                *units += remaining;
                // Few shops promise a day; else the day on which it may leave tells what goes first.
                let wanted = recorded(&order.fulfill_by).or_else(|| recorded(&order.fulfill_at));
                *ship_by = ship_by.map_or(wanted, |known| {
                    Some(wanted.map_or(known, |by| by.min(known)))
                });
                *routed.entry(id).or_default() += remaining;
            }
        }
        let placed = |line: &SnapshotLine| {
            routed
                .get(line.id.as_str())
                .is_some_and(|units| *units >= line.open.signed())
        };
        if lines
            .iter()
            .any(|line| line.stocked && !line.open.is_zero() && !placed(line))
        {
            return Ok(Facet::Unknown);
        }
        let mut routes = Vec::new();
        for ((line, location, on_hold), (open, ship_by)) in open {
            if open > 0 {
                routes.push(Route {
                    line: line.into(),
                    location: location.into(),
                    open: units(open)?,
                    on_hold,
                    ship_by,
                });
            }
        }
        Ok(Facet::Complete(routes))
    }

    fn shipments(&self) -> Result<Facet<Vec<SnapshotShipment>>, String> {
        if !self.shipments_whole() {
            return Ok(Facet::Unknown);
        }
        let mut shipments = Vec::new();
        for node in self.fulfillments.iter().filter(|node| node.stands()) {
            let mut lines = Vec::new();
            for line in &node.fulfillment_line_items.nodes {
                let Some(quantity) = line.quantity else {
                    return Ok(Facet::Unknown);
                };
                lines.push((
                    need(&line.line_item.id, "LineItem")?.into(),
                    units(quantity)?,
                ));
            }
            shipments.push(SnapshotShipment {
                id: need(&node.id, "Fulfillment")?.to_owned(),
                location: place(node.location.as_ref())?,
                lines,
                at: recorded(&node.created_at),
            });
        }
        Ok(Facet::Complete(shipments))
    }

    /// What refunds put back or not; of what came back by a return, its dispositions say that.
    fn restocks(&self) -> Result<Facet<Vec<Restock>>, String> {
        let (true, Some(returned)) = (self.restocks_whole(), &self.returned) else {
            return Ok(Facet::Unknown);
        };
        let mut seen = BTreeSet::new();
        let mut restocks = Vec::new();
        for refund in self
            .refunds
            .iter()
            .filter(|one| !returned.refunded(&one.id))
        {
            let at = recorded(&refund.created_at).or_else(|| recorded(&refund.processed_at));
            for node in &refund.refund_line_items.nodes {
                // Without its id it could be booked twice.
                let Some(id) = &node.id else {
                    return Ok(Facet::Unknown);
                };
                let id = need(id, "RefundLineItem")?;
                if !seen.insert(id) {
                    continue;
                }
                restocks.push(Restock {
                    id: id.to_owned(),
                    line: need(&node.line_item.id, "LineItem")?.into(),
                    units: units(node.quantity)?,
                    location: place(node.location.as_ref())?,
                    kind: restock_kind(&node.restock_type),
                    at,
                });
            }
        }
        Ok(match returned.restocks()? {
            Some(disposed) => Facet::Complete([restocks, disposed].concat()),
            None => Facet::Unknown,
        })
    }
}

/// A location in the words of the contract.
pub(crate) fn place(location: Option<&IdNode>) -> Result<Option<ChannelLocationId>, String> {
    let id = location.map(|location| need(&location.id, "Location"));
    Ok(id.transpose()?.map(Into::into))
}

/// Units shipped of each line.
pub(crate) fn shipped(shipments: &[SnapshotShipment]) -> Result<BTreeMap<&str, Units>, String> {
    let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
    for (line, shipped) in shipments.iter().flat_map(|shipment| &shipment.lines) {
        let sum = sums.entry(line.as_str()).or_default();
        *sum = sum.saturating_add(shipped.signed());
    }
    sums.into_iter()
        .map(|(line, sum)| Ok((line, units(sum)?)))
        .collect()
}
