//! Orders in: two streams of changes, and orders by id.
//!
//! Fulfillment orders have a stream of their own, because moving one to another location need not
//! touch the order's `updatedAt` (page section 4.1).

use async_trait::async_trait;
use channelsync_contract::connector::Orders;
use channelsync_contract::order::{Changed, ChangedPage, Fetched, Hint};
use channelsync_contract::{ConnectorError, OrderId, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::call::{Connection, Shop, unreadable};
use crate::complete::{DETAIL_LISTS, ListSizes};
use crate::documents::{FULFILLMENT_ORDERS_CHANGED, ORDERS_BY_ID, ORDERS_CHANGED};
use crate::ids::{self, gid};
use crate::order::{OrderNode, time};

/// The stream of orders by their own `updatedAt`.
pub(crate) const ORDERS: &str = "orders";
/// The stream of fulfillment orders by theirs.
pub(crate) const FULFILLMENT_ORDERS: &str = "fulfillment_orders";
/// Orders per `OrdersById`: the most that its cost allows with room to spare, see the test.
pub(crate) const FETCH_MAX: usize = 7;
/// The `first` of the plain lists in `OrdersById`.
const BATCH_LISTS: ListSizes = ListSizes {
    fulfillments: 3,
    refunds: 2,
};

#[derive(Deserialize)]
struct OrdersChanged {
    orders: Connection<Box<RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FulfillmentOrdersChanged {
    fulfillment_orders: Connection<Box<RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChangedOrder {
    id: String,
    updated_at: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChangedFulfillmentOrder {
    order_id: String,
    updated_at: String,
}

#[derive(Deserialize)]
struct Nodes {
    nodes: Vec<Option<Box<RawValue>>>,
}

#[async_trait]
impl Orders for Shop {
    async fn changed(
        &self,
        stream: &str,
        since: Timestamp,
        page: Option<&str>,
    ) -> Result<ChangedPage, ConnectorError> {
        // No filter on status: closed and cancelled orders count too (R12).
        let query = format!("updated_at:>='{}'", since.to_second_text());
        let variables = json!({ "after": page, "query": query });
        match stream {
            ORDERS => {
                let answer = self
                    .ask::<OrdersChanged>(&ORDERS_CHANGED, &variables, 0)
                    .await?;
                changed_page(&answer.data.orders, ORDERS_CHANGED.name, order_hint)
            }
            FULFILLMENT_ORDERS => {
                let document = &FULFILLMENT_ORDERS_CHANGED;
                let answer = self
                    .ask::<FulfillmentOrdersChanged>(document, &variables, 0)
                    .await?;
                let nodes = &answer.data.fulfillment_orders;
                changed_page(nodes, document.name, fulfillment_order_hint)
            }
            other => Err(ConnectorError::Refused {
                code: "unknown stream".to_owned(),
                message: other.to_owned(),
            }),
        }
    }

    async fn fetch(&self, orders: &[OrderId]) -> Result<Vec<Fetched>, ConnectorError> {
        let (known, foreign): (Vec<_>, Vec<_>) = orders
            .iter()
            .partition(|order| ids::is_number(order.as_str()));
        let mut fetched: Vec<Fetched> = foreign.into_iter().cloned().map(Fetched::Absent).collect();
        for batch in known.chunks(FETCH_MAX) {
            let gids: Vec<String> = batch
                .iter()
                .map(|order| gid("Order", order.as_str()))
                .collect();
            let variables = json!({ "ids": gids });
            let answer = self
                .ask::<Nodes>(&ORDERS_BY_ID, &variables, gids.len())
                .await?;
            let nodes = answer.data.nodes;
            if nodes.len() != batch.len() {
                return Err(unreadable(ORDERS_BY_ID.name, "not one node for each id"));
            }
            for (order, node) in batch.iter().zip(nodes) {
                fetched.push(match node {
                    Some(record) => self.read(order, record).await?,
                    None => Fetched::Absent((*order).clone()),
                });
            }
        }
        Ok(fetched)
    }
}

impl Shop {
    /// Reads one order, asking for more where the batch did not hold all of it.
    async fn read(&self, id: &OrderId, record: Box<RawValue>) -> Result<Fetched, ConnectorError> {
        let mut record = record;
        let mut node = parse(id, &record, &BATCH_LISTS);
        if node.as_ref().is_ok_and(|node| !node.is_whole()) {
            match self.detail(&gid("Order", id.as_str())).await? {
                Some(detail) => record = detail,
                None => return Ok(Fetched::Absent(id.clone())),
            }
            node = parse(id, &record, &DETAIL_LISTS);
            if let Ok(node) = &mut node {
                self.complete(node).await?;
            }
        }
        if let Ok(node) = &mut node {
            node.returned = self.returned(node).await?;
        }
        Ok(match node.and_then(|node| node.snapshot()) {
            Ok(snapshot) => Fetched::Order(Box::new(snapshot)),
            Err(why) => Fetched::Unreadable {
                order: id.clone(),
                why,
                record: record.get().as_bytes().to_vec(),
            },
        })
    }
}

fn parse(id: &OrderId, record: &RawValue, asked: &ListSizes) -> Result<OrderNode, String> {
    let mut node: OrderNode =
        serde_json::from_str(record.get()).map_err(|error| error.to_string())?;
    if ids::number(&node.id, "Order") != Some(id.as_str()) {
        return Err(format!("asked for order {id}, given {:?}", node.id));
    }
    node.note_ends(asked);
    Ok(node)
}

pub(crate) fn order_hint(record: &str) -> Result<(Hint, Timestamp), String> {
    let node: ChangedOrder = serde_json::from_str(record).map_err(|error| error.to_string())?;
    let (order, at) = (
        ids::need(&node.id, "Order")?.into(),
        time(&node.updated_at)?,
    );
    Ok((
        Hint {
            order,
            version: Some(at),
            beside: None,
        },
        at,
    ))
}

fn fulfillment_order_hint(record: &str) -> Result<(Hint, Timestamp), String> {
    let node: ChangedFulfillmentOrder =
        serde_json::from_str(record).map_err(|error| error.to_string())?;
    let (order, at) = (
        ids::need(&node.order_id, "Order")?.into(),
        time(&node.updated_at)?,
    );
    Ok((
        Hint {
            order,
            version: None,
            beside: Some(at),
        },
        at,
    ))
}

/// One unreadable node is a change to be parked and hides no other.
fn changed_page(
    nodes: &Connection<Box<RawValue>>,
    what: &'static str,
    hint: fn(&str) -> Result<(Hint, Timestamp), String>,
) -> Result<ChangedPage, ConnectorError> {
    let mut times = Vec::with_capacity(nodes.nodes.len());
    let mut changes = Vec::with_capacity(nodes.nodes.len());
    for record in &nodes.nodes {
        changes.push(match hint(record.get()) {
            Ok((hint, at)) => {
                times.push(at);
                Changed::Hint(hint)
            }
            Err(why) => Changed::Unreadable {
                order: any_order(record.get()),
                why,
                record: record.get().as_bytes().to_vec(),
            },
        });
    }
    Ok(ChangedPage {
        changes,
        times,
        next: nodes.next(what)?,
    })
}

/// The order that an unreadable node is about, if that much can be told.
pub(crate) fn any_order(record: &str) -> Option<OrderId> {
    let node: Value = serde_json::from_str(record).ok()?;
    let id = node.get("orderId").or_else(|| node.get("id"))?.as_str()?;
    ids::number(id, "Order").map(OrderId::new)
}
