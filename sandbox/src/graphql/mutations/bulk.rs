//! Starting and stopping bulk operations.

use serde_json::{Map, Value, json};

use super::super::arguments::{flag, text};
use super::UserError;
use crate::graphql::bulk::check;
use crate::state::{Gid, Shop};

/// Bulk queries that may be under way at once.
const RUNNING_MAX: usize = 5;

/// `bulkOperationRunQuery`.
pub(super) fn start(shop: &mut Shop, args: &Map<String, Value>) -> Value {
    let query = text(args, "query").unwrap_or_default();
    let refused = |code, message: &str| {
        let error = UserError::new(&["query"], code, message).json();
        json!({ "bulkOperation": null, "userErrors": [error] })
    };
    if let Err(why) = check(query) {
        return refused("INVALID", &why);
    }
    let running = shop.bulk.values().filter(|one| one.is_running()).count();
    if running >= RUNNING_MAX {
        let message = "Bulk operations limit reached. Please try again later.";
        return refused("LIMIT_REACHED", message);
    }
    let id = shop.start_bulk(query, flag(args, "groupObjects"));
    json!({ "bulkOperation": Gid::of("BulkOperation", id).to_string(), "userErrors": [] })
}

/// `bulkOperationCancel`.
pub(super) fn cancel(shop: &mut Shop, args: &Map<String, Value>) -> Value {
    let id = text(args, "id").and_then(|gid| Gid::number(gid, "BulkOperation"));
    let Some(id) = id.filter(|id| shop.bulk.contains_key(id)) else {
        let error = UserError::plain("Bulk operation does not exist").json();
        return json!({ "bulkOperation": null, "userErrors": [error] });
    };
    let errors = match shop.cancel_bulk(id) {
        true => vec![],
        false => {
            vec![UserError::plain("A bulk operation cannot be canceled when it is ended").json()]
        }
    };
    json!({ "bulkOperation": Gid::of("BulkOperation", id).to_string(), "userErrors": errors })
}
