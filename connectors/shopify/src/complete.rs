//! Reads the rest of an order that is larger than the batched document takes.
//!
//! First all of it once more with larger pages, then page by page what still goes on. What cannot
//! be had to its end (it vanished meanwhile, or never ends) stays unknown in the snapshot. Pages are
//! of different moments; an order that changes in between has a newer version, and is read again.

use channelsync_contract::ConnectorError;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use serde_json::value::RawValue;

use crate::call::{Connection, Shop, nullable, unreadable};
use crate::documents::{
    Document, FULFILLMENT_LINES, FULFILLMENT_ORDER_LINES, ORDER_DETAIL, ORDER_FULFILLMENT_ORDERS,
    ORDER_LINES, ORDER_LISTS, REFUND_LINES,
};
use crate::order::{FulfillmentNode, OrderNode, RefundNode};

/// Pages read of one list of one order; what is longer stays unknown.
const PAGES_MAX: usize = 40;
/// The `first` of the plain lists in `OrderDetail` and in `OrderLists`.
pub(crate) const DETAIL_LISTS: ListSizes = ListSizes {
    fulfillments: 10,
    refunds: 5,
};
const ALL_LISTS: ListSizes = ListSizes {
    fulfillments: 250,
    refunds: 250,
};

/// How many were asked for of each plain list.
pub(crate) struct ListSizes {
    pub(crate) fulfillments: usize,
    pub(crate) refunds: usize,
}

/// `OrderDetail`: the order as its own text, so that what cannot be read can be parked.
#[derive(Deserialize)]
pub(crate) struct OneOrder {
    #[serde(deserialize_with = "nullable")]
    pub(crate) order: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Lists {
    #[serde(deserialize_with = "nullable")]
    order: Option<ListsNode>,
}

#[derive(Deserialize)]
struct ListsNode {
    fulfillments: Vec<FulfillmentNode>,
    refunds: Vec<RefundNode>,
}

/// One page of a list of something: every paging document names its parts like this.
#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
struct Page<T> {
    #[serde(deserialize_with = "nullable")]
    owner: Option<Owner<T>>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
struct Owner<T> {
    page: Connection<T>,
}

impl OrderNode {
    /// Notes which of the plain lists surely ended.
    pub(crate) fn note_ends(&mut self, asked: &ListSizes) {
        self.fulfillments_whole = self.fulfillments.len() < asked.fulfillments;
        self.refunds_whole = self.refunds.len() < asked.refunds;
    }
}

impl Shop {
    /// The order by itself, in larger pages; none where there is no such order.
    pub(crate) async fn detail(&self, gid: &str) -> Result<Option<Box<RawValue>>, ConnectorError> {
        let answer = self
            .ask::<OneOrder>(&ORDER_DETAIL, &json!({ "id": gid }), 0)
            .await?;
        Ok(answer.data.order)
    }

    /// Reads every list of the order to its end, as far as it can be had.
    pub(crate) async fn complete(&self, order: &mut OrderNode) -> Result<(), ConnectorError> {
        let gid = order.id.clone();
        if !(order.fulfillments_whole && order.refunds_whole) {
            self.complete_lists(order).await?;
        }
        self.rest(&ORDER_LINES, &gid, &mut order.line_items).await?;
        self.rest(
            &ORDER_FULFILLMENT_ORDERS,
            &gid,
            &mut order.fulfillment_orders,
        )
        .await?;
        for node in order
            .fulfillment_orders
            .nodes
            .iter_mut()
            .filter(|node| node.is_open())
        {
            self.rest(&FULFILLMENT_ORDER_LINES, &node.id, &mut node.line_items)
                .await?;
        }
        for node in order.fulfillments.iter_mut().filter(|node| node.stands()) {
            self.rest(
                &FULFILLMENT_LINES,
                &node.id,
                &mut node.fulfillment_line_items,
            )
            .await?;
        }
        for node in &mut order.refunds {
            self.rest(&REFUND_LINES, &node.id, &mut node.refund_line_items)
                .await?;
        }
        Ok(())
    }

    /// The plain lists as long as they come, their lines still to be paged.
    async fn complete_lists(&self, order: &mut OrderNode) -> Result<(), ConnectorError> {
        let answer = self
            .ask::<Lists>(&ORDER_LISTS, &json!({ "id": order.id }), 0)
            .await?;
        if let Some(lists) = answer.data.order {
            order.fulfillments = lists.fulfillments;
            order.refunds = lists.refunds;
            order.note_ends(&ALL_LISTS);
        }
        Ok(())
    }

    /// Reads a list to its end, as far as it can be had.
    pub(crate) async fn rest<T: DeserializeOwned + Send>(
        &self,
        document: &Document,
        owner: &str,
        list: &mut Connection<T>,
    ) -> Result<(), ConnectorError> {
        for _ in 0..PAGES_MAX {
            if list.is_whole() {
                return Ok(());
            }
            let after = list.page_info.end_cursor.clone();
            if after.is_none() && !list.nodes.is_empty() {
                return Err(unreadable(
                    document.name,
                    "another page without a cursor to it",
                ));
            }
            let variables = json!({ "id": owner, "after": after });
            let answer = self.ask::<Page<T>>(document, &variables, 0).await?;
            let Some(owner) = answer.data.owner else {
                return Ok(());
            };
            list.nodes.extend(owner.page.nodes);
            list.page_info = owner.page.page_info;
        }
        Ok(())
    }
}
