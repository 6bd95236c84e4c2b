//! Connections: keyset cursors, `first`, `last`, `before`, `after`, `reverse`.
//!
//! A cursor holds the sort value and the id of its node, so rows that move between two pages do
//! not shift the others. It belongs to one sort key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::arguments::{flag, text};
use super::resolve::Fault;

/// The largest page.
const PAGE_MAX: u64 = 250;

/// One candidate of a connection, with what it is sorted by.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// Sort value and id.
    pub(crate) key: (i64, u64),
    /// A GID or an object.
    pub(crate) node: Value,
}

/// The page of a list that keeps its order.
pub(crate) fn of_list(nodes: Vec<Value>, args: &Map<String, Value>) -> Result<Value, Fault> {
    let row = |(index, node)| Row {
        key: (i64::try_from(index).unwrap_or(i64::MAX), 0),
        node,
    };
    of_rows((0_u64..).zip(nodes).map(row).collect(), "POSITION", args)
}

/// The page of rows sorted by their keys; `sort` names the sort in the cursors.
pub(crate) fn of_rows(
    mut rows: Vec<Row>,
    sort: &str,
    args: &Map<String, Value>,
) -> Result<Value, Fault> {
    let size = |name: &str| args.get(name).and_then(Value::as_u64);
    let (count, from_end) = match (size("first"), size("last")) {
        (Some(first), _) => (first, false),
        (None, Some(last)) => (last, true),
        (None, None) => {
            return Err(Fault::bad_request("you must provide one of first or last"));
        }
    };
    if count > PAGE_MAX {
        let message = format!("page size {count} is above the maximum of {PAGE_MAX}");
        return Err(Fault::bad_request(message));
    }
    let count = usize::try_from(count).unwrap_or(0);
    rows.sort_by_key(|row| row.key);
    let reverse = flag(args, "reverse");
    if reverse {
        rows.reverse();
    }
    let beyond = |row: &Row, key: (i64, u64)| {
        if reverse {
            row.key < key
        } else {
            row.key > key
        }
    };
    let total = rows.len();
    if let Some(after) = text(args, "after") {
        let key = read_cursor(after, sort)?;
        rows.retain(|row| beyond(row, key));
    }
    let mut has_previous = rows.len() < total;
    let mut has_next = false;
    if let Some(before) = text(args, "before") {
        let key = read_cursor(before, sort)?;
        let all = rows.len();
        rows.retain(|row| row.key != key && !beyond(row, key));
        has_next = rows.len() < all;
    }
    if rows.len() > count {
        if from_end {
            has_previous = true;
            rows.drain(..rows.len() - count);
        } else {
            has_next = true;
            rows.truncate(count);
        }
    }
    let edges: Vec<Value> = rows
        .into_iter()
        .map(|row| json!({ "cursor": write_cursor(row.key, sort), "node": row.node }))
        .collect();
    let cursor = |edge: Option<&Value>| edge.and_then(|one| one.get("cursor")).cloned();
    Ok(json!({
        "pageInfo": {
            "hasNextPage": has_next,
            "hasPreviousPage": has_previous,
            "startCursor": cursor(edges.first()),
            "endCursor": cursor(edges.last()),
        },
        "edges": edges,
    }))
}

fn write_cursor((value, id): (i64, u64), sort: &str) -> String {
    STANDARD.encode(json!({ "last_id": id, "last_value": value, "sort": sort }).to_string())
}

fn read_cursor(text: &str, sort: &str) -> Result<(i64, u64), Fault> {
    let read = || {
        let bytes = STANDARD.decode(text).ok()?;
        let value: Value = serde_json::from_slice(&bytes).ok()?;
        let same = value.get("sort")?.as_str()? == sort;
        let key = (
            value.get("last_value")?.as_i64()?,
            value.get("last_id")?.as_u64()?,
        );
        same.then_some(key)
    };
    read().ok_or_else(|| Fault::bad_request("Invalid cursor for current pagination sort."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Row> {
        let row = |id: u64| Row {
            key: (5, id),
            node: json!(id),
        };
        [3, 1, 2].map(row).to_vec()
    }

    fn ids(page: &Value) -> Vec<u64> {
        let edges = page["edges"].as_array().unwrap();
        edges
            .iter()
            .map(|edge| edge["node"].as_u64().unwrap())
            .collect()
    }

    /// R7
    #[test]
    fn pages_break_between_rows_of_one_second_without_loss() {
        let args = |value: Value| value.as_object().unwrap().clone();
        let first = of_rows(rows(), "UPDATED_AT", &args(json!({ "first": 2 }))).unwrap();
        assert_eq!(ids(&first), [1, 2]);
        assert_eq!(first["pageInfo"]["hasNextPage"], true);
        let after = first["pageInfo"]["endCursor"].clone();
        let next = args(json!({ "first": 2, "after": after }));
        let second = of_rows(rows(), "UPDATED_AT", &next).unwrap();
        assert_eq!(ids(&second), [3]);
        assert_eq!(second["pageInfo"]["hasNextPage"], false);
        assert!(of_rows(rows(), "ID", &next).is_err());
        let last = args(json!({ "last": 1, "reverse": true }));
        assert_eq!(ids(&of_rows(rows(), "ID", &last).unwrap()), [1]);
        assert!(of_rows(rows(), "ID", &args(json!({}))).is_err());
        assert!(of_rows(rows(), "ID", &args(json!({ "first": 251 }))).is_err());
    }
}
