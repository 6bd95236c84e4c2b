//! What came back by returns: their dispositions, which alone move stock (page section 7).
//!
//! A refund of a return has lines of its own for the same units; they are left out, so that a unit is
//! booked once. All this is asked for in documents of its own, and only of orders that say they have
//! returns: without the scope `read_returns` it is refused while everything else is answered.

use std::collections::BTreeSet;

use channelsync_contract::ConnectorError;
use channelsync_contract::order::{Restock, RestockKind};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::call::{Connection, Shop, is_denied, nullable};
use crate::documents::{
    ALL_REFUND_RETURNS, ORDER_RETURNS, REFUND_RETURNS, RETURN_REVERSE_ORDERS, REVERSE_ORDER_LINES,
};
use crate::ids::need;
use crate::order::{IdNode, OrderNode, place, recorded, units};

/// The `first` of the plain lists in `RefundReturns` and `AllRefundReturns`.
const FEW_REFUNDS: usize = 10;
const ALL_REFUNDS: usize = 250;

/// What the returns of an order say; empty for one without.
#[derive(Debug, Default)]
pub(crate) struct Returned {
    /// Global ids of the refunds that belong to a return.
    refunds: BTreeSet<String>,
    /// Lines of all reverse fulfillment orders.
    lines: Vec<ReverseLine>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReturnNode {
    id: String,
    reverse_fulfillment_orders: Connection<ReverseOrder>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReverseOrder {
    id: String,
    line_items: Connection<ReverseLine>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReverseLine {
    fulfillment_line_item: Option<Sent>,
    dispositions: Vec<Disposition>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    line_item: IdNode,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Disposition {
    id: String,
    r#type: String,
    quantity: i64,
    /// Of any type: a time only informs, so a wrong one must not cost the order.
    #[serde(default)]
    created_at: Value,
    location: Option<IdNode>,
}

#[derive(Deserialize)]
struct Refunds {
    #[serde(deserialize_with = "nullable")]
    order: Option<RefundList>,
}

#[derive(Deserialize)]
struct RefundList {
    refunds: Vec<RefundOf>,
}

#[derive(Deserialize)]
struct RefundOf {
    id: String,
    r#return: Option<IdNode>,
}

impl Returned {
    /// Whether a refund belongs to a return.
    pub(crate) fn refunded(&self, refund: &str) -> bool {
        self.refunds.contains(refund)
    }

    /// Every disposition once; none where one does not tell its line.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(crate) fn restocks(&self) -> Result<Option<Vec<Restock>>, String> {
        let mut seen = BTreeSet::new();
        let mut restocks = Vec::new();
        for line in &self.lines {
            for found in &line.dispositions {
                let Some(sent) = &line.fulfillment_line_item else {
                    return Ok(None);
                };
                let id = need(&found.id, "ReverseFulfillmentOrderDisposition")?;
                if !seen.insert(id) {
                    continue;
                }
                restocks.push(Restock {
                    id: id.to_owned(),
                    line: need(&sent.line_item.id, "LineItem")?.into(),
                    units: units(found.quantity)?,
                    location: place(found.location.as_ref())?,
                    kind: kind(&found.r#type),
                    at: recorded(&found.created_at),
                });
            }
        }
        Ok(Some(restocks))
    }
}

/// What became of units. Of a kind never seen before, a person decides.
fn kind(text: &str) -> RestockKind {
    match text {
        "RESTOCKED" => RestockKind::Return,
        "NOT_RESTOCKED" => RestockKind::NotRestocked,
        "MISSING" => RestockKind::Missing,
        _ => RestockKind::Inspect,
    }
}

impl Shop {
    /// What came back of an order by returns; none where it cannot be had to its end, or may not be
    /// read.
    pub(crate) async fn returned(
        &self,
        order: &OrderNode,
    ) -> Result<Option<Returned>, ConnectorError> {
        if !order.has_returns() {
            return Ok(Some(Returned::default()));
        }
        match self.read_returned(order).await {
            Err(error) if is_denied(&error) => Ok(None),
            read => read,
        }
    }

    async fn read_returned(&self, order: &OrderNode) -> Result<Option<Returned>, ConnectorError> {
        let mut returned = Returned::default();
        let mut returns: Connection<ReturnNode> = Connection::default();
        self.rest(&ORDER_RETURNS, &order.id, &mut returns).await?;
        let mut is_whole = returns.is_whole();
        for mut one in returns.nodes {
            let orders = &mut one.reverse_fulfillment_orders;
            self.rest(&RETURN_REVERSE_ORDERS, &one.id, orders).await?;
            is_whole &= orders.is_whole();
            for order in &mut orders.nodes {
                let lines = &mut order.line_items;
                self.rest(&REVERSE_ORDER_LINES, &order.id, lines).await?;
                is_whole &= lines.is_whole();
                returned.lines.append(&mut lines.nodes);
            }
        }
        if is_whole && !order.refunds.is_empty() {
            let (document, size) = match order.refunds.len() {
                0..FEW_REFUNDS => (&REFUND_RETURNS, FEW_REFUNDS),
                _ => (&ALL_REFUND_RETURNS, ALL_REFUNDS),
            };
            let variables = json!({ "id": order.id });
            let answer = self.ask::<Refunds>(document, &variables, 0).await?;
            let refunds = answer.data.order.map(|order| order.refunds);
            let refunds = refunds.unwrap_or_default();
            is_whole = (1..size).contains(&refunds.len());
            let of_return = refunds.into_iter().filter(|one| one.r#return.is_some());
            returned.refunds = of_return.map(|one| one.id).collect();
        }
        Ok(is_whole.then_some(returned))
    }
}
