//! Orders out of the lines of a bulk operation.
//!
//! Bulk operations refuse lists below plain lists, so what parcels and refunds hold is not in the file.
//! An order without refunds and returns of which nothing left, or all in one parcel, is read from its
//! lines; of any other, and of one whose lines do not fit together, only that it changed: it is read by
//! itself.

use std::collections::BTreeMap;

use channelsync_contract::OrderSnapshot;
use channelsync_contract::order::Changed;
use serde_json::{Value, json};

use crate::bulk::lines;
use crate::order::{OrderNode, stands};
use crate::orders::{any_order, order_hint};
use crate::returns::Returned;

const PARENT: &str = "__parentId";

/// An order with the lines behind it.
struct Group {
    root: Value,
    /// Objects by what they belong to.
    inner: BTreeMap<String, Vec<Value>>,
}

/// All whole orders, and where the last of them ends. Without the rest of the file the last order may
/// go on.
pub(crate) fn read(bytes: &[u8], is_last: bool) -> (Vec<Changed>, usize) {
    let (lines, end) = lines(bytes, is_last);
    // Offsets at which an order begins.
    let (mut begins, mut at) = (Vec::new(), 0);
    for line in &lines {
        if is_root(line) {
            begins.push(at);
        }
        at += line.len();
    }
    let end = match (is_last, begins.last()) {
        (false, Some(last)) => *last,
        (false, None) => 0,
        (true, _) => end,
    };
    let first = begins.first().copied().unwrap_or(end);
    let mut changes = Vec::new();
    if first > 0 {
        changes.push(unreadable(
            &bytes[..first],
            "lines of an order that is not there".to_owned(),
        ));
    }
    let ends = begins.iter().skip(1).copied().chain([end]);
    for (begin, end) in begins.iter().zip(ends).filter(|(begin, end)| *begin < end) {
        changes.push(change(&bytes[*begin..end]));
    }
    (changes, end)
}

/// A line that cannot be read belongs to nothing.
fn is_root(line: &[u8]) -> bool {
    let object: Result<Value, _> = serde_json::from_slice(line);
    object.is_ok_and(|object| object.get(PARENT).is_none())
}

fn unreadable(record: &[u8], why: String) -> Changed {
    let text = String::from_utf8_lossy(record);
    let order = text.lines().next().and_then(any_order);
    let record = record.to_vec();
    Changed::Unreadable { order, why, record }
}

fn change(bytes: &[u8]) -> Changed {
    let head = bytes.split(|byte| *byte == b'\n').next();
    let head = String::from_utf8_lossy(head.unwrap_or_default());
    let hint = match order_hint(&head) {
        Ok((hint, _)) => hint,
        Err(why) => return unreadable(bytes, why),
    };
    match Group::of(bytes).and_then(Group::snapshot) {
        Some(snapshot) => Changed::Order(Box::new(snapshot)),
        None => Changed::Hint(hint),
    }
}

impl Group {
    fn of(bytes: &[u8]) -> Option<Self> {
        let lines = bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty());
        let mut objects = lines.map(|line| serde_json::from_slice::<Value>(line).ok());
        let root = objects.next()??;
        let mut inner: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for object in objects {
            let object = object?;
            let parent = object.get(PARENT)?.as_str()?.to_owned();
            inner.entry(parent).or_default().push(object);
        }
        Some(Self { root, inner })
    }

    /// The order, where its lines tell all of it.
    fn snapshot(mut self) -> Option<OrderSnapshot> {
        let is_empty = |name: &str, root: &Value| root[name].as_array().is_some_and(Vec::is_empty);
        if self.root["returnStatus"] != "NO_RETURN" || !is_empty("refunds", &self.root) {
            return None;
        }
        let own = self.root["id"].as_str()?.to_owned();
        let (mut items, mut orders) = (Vec::new(), Vec::new());
        for mut object in self.inner.remove(&own).unwrap_or_default() {
            let id = object["id"].as_str()?.to_owned();
            if id.starts_with("gid://shopify/LineItem/") {
                items.push(object);
            } else {
                object["lineItems"] = whole(&self.inner.remove(&id).unwrap_or_default());
                orders.push(object);
            }
        }
        if !self.inner.is_empty() {
            return None;
        }
        pack(&mut self.root, &items)?;
        self.root["lineItems"] = whole(&items);
        self.root["fulfillmentOrders"] = whole(&orders);
        let mut order: OrderNode = serde_json::from_value(self.root).ok()?;
        (order.fulfillments_whole, order.refunds_whole) = (true, true);
        order.returned = Some(Returned::default());
        order.snapshot().ok()
    }
}

/// A connection of which everything is there.
fn whole(nodes: &[Value]) -> Value {
    json!({ "nodes": nodes, "pageInfo": { "hasNextPage": false, "endCursor": null } })
}

/// Puts into the only parcel what is in it: everything, and nothing of the order is left or was taken
/// off. None where that cannot be told.
fn pack(order: &mut Value, items: &[Value]) -> Option<()> {
    let parcels = order["fulfillments"].as_array_mut()?;
    let is_standing = |parcel: &&mut Value| parcel["status"].as_str().is_none_or(stands);
    let mut standing = parcels.iter_mut().filter(is_standing);
    let Some(parcel) = standing.next() else {
        return Some(());
    };
    let has_left = |item: &Value| {
        item["unfulfilledQuantity"] == 0 && item["quantity"] == item["currentQuantity"]
    };
    if standing.next().is_some() || !items.iter().all(has_left) {
        return None;
    }
    let line =
        |item: &Value| json!({ "quantity": item["quantity"], "lineItem": { "id": item["id"] } });
    parcel["fulfillmentLineItems"] = whole(&items.iter().map(line).collect::<Vec<_>>());
    Some(())
}
