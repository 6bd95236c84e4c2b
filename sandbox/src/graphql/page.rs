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
/// An argument that no client can give: the page has no end.
pub(crate) const WHOLE: &str = " whole";

/// Sort value and id of one candidate of a connection.
pub(crate) type Key = (i64, u64);

/// The page of a list that keeps its order.
pub(crate) fn of_list(mut nodes: Vec<Value>, args: &Map<String, Value>) -> Result<Value, Fault> {
    let keys = (0_i64..).zip(&nodes).map(|(index, _)| (index, 0)).collect();
    let node = |(index, _): Key| {
        let found = usize::try_from(index)
            .ok()
            .and_then(|index| nodes.get_mut(index));
        found.map(Value::take).unwrap_or_default()
    };
    of_keys(keys, node, "POSITION", args)
}

/// The page of candidates sorted by their keys; `sort` names the sort in the cursors. Only the
/// nodes of the page are made.
pub(crate) fn of_keys(
    mut rows: Vec<Key>,
    mut node: impl FnMut(Key) -> Value,
    sort: &str,
    args: &Map<String, Value>,
) -> Result<Value, Fault> {
    let size = |name: &str| args.get(name).and_then(Value::as_u64);
    let is_whole = flag(args, WHOLE);
    let (count, from_end) = match (size("first"), size("last")) {
        _ if is_whole => (u64::MAX, false),
        (Some(first), _) => (first, false),
        (None, Some(last)) => (last, true),
        (None, None) => {
            return Err(Fault::bad_request("you must provide one of first or last"));
        }
    };
    if count > PAGE_MAX && !is_whole {
        let message = format!("page size {count} is above the maximum of {PAGE_MAX}");
        return Err(Fault::bad_request(message));
    }
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    rows.sort_unstable();
    let reverse = flag(args, "reverse");
    if reverse {
        rows.reverse();
    }
    let beyond = |row: Key, key: Key| if reverse { row < key } else { row > key };
    let total = rows.len();
    if let Some(after) = text(args, "after") {
        let key = read_cursor(after, sort)?;
        rows.retain(|row| beyond(*row, key));
    }
    let mut has_previous = rows.len() < total;
    let mut has_next = false;
    if let Some(before) = text(args, "before") {
        let key = read_cursor(before, sort)?;
        let all = rows.len();
        rows.retain(|row| *row != key && !beyond(*row, key));
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
        .map(|row| json!({ "cursor": write_cursor(row, sort), "node": node(row) }))
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

fn write_cursor((value, id): Key, sort: &str) -> String {
    STANDARD.encode(json!({ "last_id": id, "last_value": value, "sort": sort }).to_string())
}

fn read_cursor(text: &str, sort: &str) -> Result<Key, Fault> {
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

    fn page(sort: &str, args: &Value) -> Result<Value, Fault> {
        let keys = [3, 1, 2].map(|id| (5, id)).to_vec();
        of_keys(keys, |(_, id)| json!(id), sort, args.as_object().unwrap())
    }

    fn ids(page: &Value) -> Vec<u64> {
        let edges = page["edges"].as_array().unwrap();
        edges
            .iter()
            .map(|edge| edge["node"].as_u64().unwrap())
            .collect()
    }

    #[test]
    fn pages_break_between_rows_of_one_second_without_loss() {
        let first = page("UPDATED_AT", &json!({ "first": 2 })).unwrap();
        assert_eq!(ids(&first), [1, 2]);
        assert_eq!(first["pageInfo"]["hasNextPage"], true);
        let next = json!({ "first": 2, "after": first["pageInfo"]["endCursor"] });
        let second = page("UPDATED_AT", &next).unwrap();
        assert_eq!(ids(&second), [3]);
        assert_eq!(second["pageInfo"]["hasNextPage"], false);
        assert!(page("ID", &next).is_err());
        let last = json!({ "last": 1, "reverse": true });
        assert_eq!(ids(&page("ID", &last).unwrap()), [1]);
        assert!(page("ID", &json!({})).is_err());
        assert!(page("ID", &json!({ "first": 251 })).is_err());
    }
}
