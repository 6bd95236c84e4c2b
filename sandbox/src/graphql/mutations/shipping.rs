//! Fulfillments: not idempotent, as on the real channel.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{UserError, check_size, read};
use crate::graphql::resolve::Fault;
use crate::state::{Gid, Refusal, Shop, Tracking};

#[derive(Deserialize)]
struct CreateArguments {
    fulfillment: FulfillmentInput,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FulfillmentInput {
    line_items_by_fulfillment_order: Vec<Part>,
    #[serde(default)]
    tracking_info: Option<TrackingInput>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    fulfillment_order_id: String,
    #[serde(default)]
    fulfillment_order_line_items: Option<Vec<PartLine>>,
}

#[derive(Deserialize)]
struct PartLine {
    id: String,
    quantity: i64,
}

#[derive(Deserialize, Default)]
struct TrackingInput {
    #[serde(default)]
    company: Option<String>,
    #[serde(default)]
    number: Option<String>,
    #[serde(default)]
    numbers: Option<Vec<String>>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    urls: Option<Vec<String>>,
}

impl TrackingInput {
    fn tracking(self) -> Tracking {
        let list = |one: Option<String>, many: Option<Vec<String>>| match many {
            Some(many) => many,
            None => one.into_iter().collect(),
        };
        Tracking {
            company: self.company,
            numbers: list(self.number, self.numbers),
            urls: list(self.url, self.urls),
        }
    }
}

fn errors(refusal: &Refusal) -> Value {
    json!([UserError::plain(refusal.0.as_str()).json()])
}

/// A number that no object has, for ids of another kind.
fn number(gid: &str, kind: &str) -> u64 {
    Gid::number(gid, kind).unwrap_or(0)
}

fn lines(wanted: &[PartLine]) -> Vec<(u64, i64)> {
    let line = |one: &PartLine| (number(&one.id, "FulfillmentOrderLineItem"), one.quantity);
    wanted.iter().map(line).collect()
}

/// `fulfillmentCreate`.
pub(super) fn create(shop: &mut Shop, args: &Map<String, Value>) -> Result<Value, Fault> {
    let input = read::<CreateArguments>(args)?.fulfillment;
    check_size(input.line_items_by_fulfillment_order.len())?;
    let parts: Vec<(u64, Vec<(u64, i64)>)> = input
        .line_items_by_fulfillment_order
        .iter()
        .map(|part| {
            let wanted = part
                .fulfillment_order_line_items
                .as_deref()
                .unwrap_or_default();
            (
                number(&part.fulfillment_order_id, "FulfillmentOrder"),
                lines(wanted),
            )
        })
        .collect();
    let tracking = input.tracking_info.unwrap_or_default().tracking();
    Ok(match shop.fulfill(&parts, tracking) {
        Ok(id) => answer(id),
        Err(refusal) => json!({ "fulfillment": null, "userErrors": errors(&refusal) }),
    })
}

fn answer(id: u64) -> Value {
    json!({ "fulfillment": Gid::of("Fulfillment", id).to_string(), "userErrors": [] })
}

#[derive(Deserialize)]
struct CancelArguments {
    id: String,
}

/// `fulfillmentCancel`.
pub(super) fn cancel(shop: &mut Shop, args: &Map<String, Value>) -> Result<Value, Fault> {
    let id = number(&read::<CancelArguments>(args)?.id, "Fulfillment");
    Ok(match shop.unfulfill(id) {
        Ok(()) => answer(id),
        Err(refusal) => json!({ "fulfillment": null, "userErrors": errors(&refusal) }),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TrackArguments {
    fulfillment_id: String,
    tracking_info_input: TrackingInput,
}

/// `fulfillmentTrackingInfoUpdate`.
pub(super) fn track(shop: &mut Shop, args: &Map<String, Value>) -> Result<Value, Fault> {
    let args: TrackArguments = read(args)?;
    let id = number(&args.fulfillment_id, "Fulfillment");
    Ok(match shop.track(id, args.tracking_info_input.tracking()) {
        Ok(()) => answer(id),
        Err(refusal) => json!({ "fulfillment": null, "userErrors": errors(&refusal) }),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MoveArguments {
    id: String,
    new_location_id: String,
    #[serde(default)]
    fulfillment_order_line_items: Option<Vec<PartLine>>,
}

/// `fulfillmentOrderMove`.
pub(super) fn move_order(shop: &mut Shop, args: &Map<String, Value>) -> Result<Value, Fault> {
    let args: MoveArguments = read(args)?;
    let id = number(&args.id, "FulfillmentOrder");
    let to = number(&args.new_location_id, "Location");
    let wanted = lines(
        args.fulfillment_order_line_items
            .as_deref()
            .unwrap_or_default(),
    );
    let gid = |id: u64| Gid::of("FulfillmentOrder", id).to_string();
    Ok(match shop.move_fulfillment_order(id, to, &wanted) {
        Ok(moved) => json!({
            "movedFulfillmentOrder": gid(moved.moved),
            "originalFulfillmentOrder": gid(moved.original),
            "remainingFulfillmentOrder": moved.remaining.map(gid),
            "userErrors": [],
        }),
        Err(refusal) => json!({ "userErrors": errors(&refusal) }),
    })
}
