//! Inventory writes: all rows or none, compare-and-set per row.
//!
//! Rule: channel page, section 6.2, and corrections 5 and 6 of section 10.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{UserError, check_size, read};
use crate::graphql::resolve::Fault;
use crate::state::{Change, Gid, SETTABLE_MAX, STATES, Shop};
use crate::webhook::{News, Topic};

const REASONS: [&str; 17] = [
    "correction",
    "cycle_count_available",
    "received",
    "restock",
    "damaged",
    "shrinkage",
    "promotion",
    "quality_control",
    "safety_stock",
    "reservation_created",
    "reservation_updated",
    "reservation_deleted",
    "movement_created",
    "movement_updated",
    "movement_received",
    "movement_canceled",
    "other",
];

#[derive(Deserialize)]
struct SetArguments {
    input: SetInput,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SetInput {
    name: String,
    quantities: Vec<Row>,
    reason: String,
    #[serde(default)]
    reference_document_uri: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    inventory_item_id: String,
    location_id: String,
    #[serde(default)]
    quantity: i64,
    #[serde(default)]
    delta: i64,
    /// Left out, null, or a number.
    #[serde(default, deserialize_with = "present")]
    change_from_quantity: Option<Option<i64>>,
    #[serde(default)]
    ledger_document_uri: Option<String>,
}

fn present<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Option<i64>>, D::Error> {
    Option::<i64>::deserialize(from).map(Some)
}

/// `inventorySetQuantities`.
pub(super) fn set(shop: &mut Shop, args: &Map<String, Value>) -> Result<Value, Fault> {
    let input = read::<SetArguments>(args)?.input;
    check_rows(&input.quantities, "InventoryQuantityInput")?;
    let mut errors = Vec::new();
    if !matches!(input.name.as_str(), "on_hand" | "available") {
        let message = "The quantity name must be either 'available' or 'on_hand'.";
        errors.push(UserError::new(&["input", "name"], "INVALID_NAME", message));
    }
    errors.extend(check_reason(
        &input.reason,
        input.reference_document_uri.as_deref(),
    ));
    let mut keys = Vec::new();
    for (index, row) in input.quantities.iter().enumerate() {
        let place = Place {
            list: "quantities",
            index,
        };
        match check_set_row(shop, &input.name, row, place, &keys) {
            Ok(key) => keys.push(key),
            Err(error) => errors.push(error),
        }
    }
    if !errors.is_empty() {
        return Ok(payload(shop, None, &errors));
    }
    let mut changes = Vec::new();
    for (row, key) in input.quantities.iter().zip(keys) {
        changes.extend(shop.set_level(&input.name, key, row.quantity, true));
        shop.counters.rows_set += 1;
    }
    let reference = input.reference_document_uri.as_deref();
    let group = shop.record_adjustment(&input.reason, reference, changes);
    Ok(payload(shop, group, &[]))
}

/// Where a row stands in the input.
#[derive(Clone, Copy)]
struct Place {
    list: &'static str,
    index: usize,
}

impl Place {
    fn error(self, field: &str, code: &'static str, message: &str) -> UserError {
        let index = self.index.to_string();
        UserError::new(&["input", self.list, &index, field], code, message)
    }
}

fn check_set_row(
    shop: &Shop,
    name: &str,
    row: &Row,
    place: Place,
    before: &[(u64, u64)],
) -> Result<(u64, u64), UserError> {
    let key = check_key(shop, row, place)?;
    if before.contains(&key) {
        let code = "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR";
        let message = "The combination of inventoryItemId and locationId must be unique.";
        return Err(place.error("locationId", code, message));
    }
    let (code, message) = match row.quantity {
        i64::MIN..=-1 => (
            "INVALID_QUANTITY_NEGATIVE",
            "The quantity can't be negative.",
        ),
        0..=SETTABLE_MAX => return check_change_from(shop, name, row, place, key),
        _ => (
            "INVALID_QUANTITY_TOO_HIGH",
            "The quantity can't be higher than 1,000,000,000.",
        ),
    };
    Err(place.error("quantity", code, message))
}

fn check_change_from(
    shop: &Shop,
    name: &str,
    row: &Row,
    place: Place,
    key: (u64, u64),
) -> Result<(u64, u64), UserError> {
    let level = shop.levels.get(&key);
    let now = level.and_then(|level| level.state(name)).unwrap_or(0);
    match row.change_from_quantity.flatten() {
        Some(expected) if expected != now => {
            let message =
                "The changeFromQuantity argument no longer matches the persisted quantity.";
            Err(place.error("changeFromQuantity", "CHANGE_FROM_QUANTITY_STALE", message))
        }
        _ => Ok(key),
    }
}

fn check_key(shop: &Shop, row: &Row, place: Place) -> Result<(u64, u64), UserError> {
    let item = Gid::number(&row.inventory_item_id, "InventoryItem");
    let found = item.and_then(|item| shop.variant_of(item));
    let Some(variant) = found else {
        let message = "The specified inventory item could not be found.";
        return Err(place.error("inventoryItemId", "INVALID_INVENTORY_ITEM", message));
    };
    if variant.bundle_parent {
        let message = "The specified inventory item is not allowed to be adjusted.";
        return Err(place.error("inventoryItemId", "NON_MUTABLE_INVENTORY_ITEM", message));
    }
    let location = Gid::number(&row.location_id, "Location");
    match location.filter(|id| shop.location(*id).is_some()) {
        Some(location) => Ok((variant.item, location)),
        None => {
            let message = "The specified location could not be found.";
            Err(place.error("locationId", "INVALID_LOCATION", message))
        }
    }
}

/// What is an error of the whole request rather than of a row.
fn check_rows(rows: &[Row], input: &str) -> Result<(), Fault> {
    check_size(rows.len())?;
    if rows.iter().all(|row| row.change_from_quantity.is_some()) {
        return Ok(());
    }
    Err(Fault {
        message: format!("{input} must include the following argument: changeFromQuantity."),
        code: "INVALID_FIELD_ARGUMENTS",
    })
}

fn check_reason(reason: &str, reference: Option<&str>) -> Vec<UserError> {
    let mut errors = Vec::new();
    if !REASONS.contains(&reason) {
        let message = "The specified reason is invalid.";
        errors.push(UserError::new(
            &["input", "reason"],
            "INVALID_REASON",
            message,
        ));
    }
    if reference.is_some_and(|uri| !uri.contains("://") || uri.len() > 255) {
        let field = ["input", "referenceDocumentUri"];
        let message = "The specified reference document is invalid.";
        errors.push(UserError::new(
            &field,
            "INVALID_REFERENCE_DOCUMENT",
            message,
        ));
    }
    errors
}

/// The payload. With the option to hide the index of a bad row, a client has to bisect.
fn payload(shop: &Shop, group: Option<u64>, errors: &[UserError]) -> Value {
    let group = group.map(|id| Gid::of("InventoryAdjustmentGroup", id).to_string());
    let errors: Vec<Value> = errors
        .iter()
        .map(|error| match shop.hides_row_index {
            true => UserError {
                field: None,
                ..error.clone()
            }
            .json(),
            false => error.json(),
        })
        .collect();
    json!({ "inventoryAdjustmentGroup": group, "userErrors": errors })
}

#[derive(Deserialize)]
struct AdjustArguments {
    input: AdjustInput,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AdjustInput {
    name: String,
    changes: Vec<Row>,
    reason: String,
    #[serde(default)]
    reference_document_uri: Option<String>,
}

/// `inventoryAdjustQuantities`.
pub(super) fn adjust(shop: &mut Shop, args: &Map<String, Value>) -> Result<Value, Fault> {
    let input = read::<AdjustArguments>(args)?.input;
    check_rows(&input.changes, "InventoryChangeInput")?;
    let mut errors = check_reason(&input.reason, input.reference_document_uri.as_deref());
    let writable = !matches!(input.name.as_str(), "on_hand" | "committed");
    if !writable || !STATES.contains(&input.name.as_str()) {
        let message = "The specified quantity name is invalid.";
        errors.push(UserError::new(
            &["input", "name"],
            "INVALID_QUANTITY_NAME",
            message,
        ));
    }
    let mut keys = Vec::new();
    for (index, row) in input.changes.iter().enumerate() {
        let place = Place {
            list: "changes",
            index,
        };
        match check_adjust_row(shop, &input.name, row, place) {
            Ok(key) => keys.push(key),
            Err(error) => errors.push(error),
        }
    }
    if !errors.is_empty() {
        return Ok(payload(shop, None, &errors));
    }
    let mut changes = Vec::new();
    for (row, (item, location)) in input.changes.iter().zip(keys) {
        changes.extend(shop.adjust_level(&input.name, (item, location), row.delta));
    }
    let reference = input.reference_document_uri.as_deref();
    let group = shop.record_adjustment(&input.reason, reference, changes);
    Ok(payload(shop, group, &[]))
}

fn check_adjust_row(
    shop: &Shop,
    name: &str,
    row: &Row,
    place: Place,
) -> Result<(u64, u64), UserError> {
    let key = check_key(shop, row, place)?;
    let (code, message) = match (name, row.ledger_document_uri.is_some(), row.delta) {
        ("available", true, _) => (
            "INVALID_AVAILABLE_DOCUMENT",
            "No ledger document is allowed for available.",
        ),
        (other, false, _) if other != "available" => (
            "INVALID_QUANTITY_DOCUMENT",
            "A ledger document is required for this quantity.",
        ),
        (_, _, SETTABLE_MAX..) => ("INVALID_QUANTITY_TOO_HIGH", "The quantity is too high."),
        (_, _, ..=-1_000_000_000) => ("INVALID_QUANTITY_TOO_LOW", "The quantity is too low."),
        _ => return check_change_from(shop, name, row, place, key),
    };
    Err(place.error("delta", code, message))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ActivateArguments {
    inventory_item_id: String,
    location_id: String,
    #[serde(default)]
    available: Option<i64>,
    #[serde(default)]
    on_hand: Option<i64>,
}

/// `inventoryActivate`. Without a quantity the level keeps what it had.
pub(super) fn activate(shop: &mut Shop, args: &Map<String, Value>) -> Result<Value, Fault> {
    let args: ActivateArguments = read(args)?;
    let refused = |field: &str, message: &str| {
        json!({ "inventoryLevel": null,
            "userErrors": [{ "field": [field], "message": message }] })
    };
    let item = Gid::number(&args.inventory_item_id, "InventoryItem");
    let Some(item) = item.filter(|item| shop.variant_of(*item).is_some()) else {
        return Ok(refused(
            "inventoryItemId",
            "The inventory item could not be found.",
        ));
    };
    let location = Gid::number(&args.location_id, "Location");
    let Some(location) = location.filter(|id| shop.location(*id).is_some()) else {
        return Ok(refused("locationId", "The location could not be found."));
    };
    let quantity = match (args.available, args.on_hand) {
        (Some(_), Some(_)) => {
            return Ok(refused(
                "onHand",
                "Only one of available and onHand is allowed.",
            ));
        }
        (Some(units), None) => Some(("available", units)),
        (None, Some(units)) => Some(("on_hand", units)),
        (None, None) => None,
    };
    let key = (item, location);
    let was_active = shop.levels.get(&key).is_some_and(|level| level.active);
    if was_active && quantity.is_some() {
        let message = "Not allowed to set available quantity when the item is already active at the location.";
        return Ok(refused("available", message));
    }
    shop.level_mut(key).active = true;
    if !was_active {
        shop.tell(Topic::InventoryLevelsConnect, News::Level(item, location));
    }
    if let Some((name, units)) = quantity {
        let changes: Vec<Change> = shop.set_level(name, key, units, false);
        shop.record_adjustment("other", None, changes);
    }
    Ok(json!({ "inventoryLevel": Gid::level(item, location), "userErrors": [] }))
}
