//! Fields of the mutation root. Payloads are objects with GIDs in the place of objects.

mod bulk;
mod inventory;
mod shipping;
mod webhooks;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::resolve::Fault;
use crate::idempotency::Claim;
use crate::state::Shop;

/// What went wrong, as in `userErrors`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct UserError {
    field: Option<Vec<String>>,
    code: Option<&'static str>,
    message: String,
}

impl UserError {
    fn new(field: &[&str], code: &'static str, message: impl Into<String>) -> Self {
        let field = field.iter().map(|part| (*part).to_owned()).collect();
        Self {
            field: Some(field),
            code: Some(code),
            message: message.into(),
        }
    }

    fn plain(message: impl Into<String>) -> Self {
        Self {
            field: None,
            code: None,
            message: message.into(),
        }
    }

    fn json(&self) -> Value {
        json!({ "field": self.field, "code": self.code, "message": self.message })
    }
}

/// Runs one mutation.
pub(crate) fn run(
    shop: &mut Shop,
    name: &str,
    args: &Map<String, Value>,
    key: Option<&str>,
) -> Result<Value, Fault> {
    match name {
        "inventorySetQuantities" => once(shop, name, args, key, inventory::set),
        "inventoryAdjustQuantities" => once(shop, name, args, key, inventory::adjust),
        "inventoryActivate" => once(shop, name, args, key, inventory::activate),
        _ if key.is_some() => {
            let message = format!("The @idempotent directive is not supported on {name}");
            Err(Fault::bad_request(message))
        }
        "fulfillmentCreate" => shipping::create(shop, args),
        "fulfillmentCancel" => shipping::cancel(shop, args),
        "fulfillmentTrackingInfoUpdate" => shipping::track(shop, args),
        "fulfillmentOrderMove" => shipping::move_order(shop, args),
        "webhookSubscriptionCreate" => webhooks::create(shop, args),
        "webhookSubscriptionUpdate" => webhooks::update(shop, args),
        "webhookSubscriptionDelete" => webhooks::delete(shop, args),
        "bulkOperationRunQuery" => Ok(bulk::start(shop, args)),
        "bulkOperationCancel" => Ok(bulk::cancel(shop, args)),
        other => Err(Fault::not_simulated(other)),
    }
}

type Mutation = fn(&mut Shop, &Map<String, Value>) -> Result<Value, Fault>;

/// Runs a mutation at most once per key, as `@idempotent` promises.
fn once(
    shop: &mut Shop,
    name: &str,
    args: &Map<String, Value>,
    key: Option<&str>,
    mutation: Mutation,
) -> Result<Value, Fault> {
    let Some(key) = key else {
        let message = format!("The @idempotent directive is required for {name}");
        return Err(Fault::bad_request(message));
    };
    let arguments = format!("{name} {}", Value::Object(args.clone()));
    let now = shop.now;
    let error = match shop.keys.claim(key, &arguments, now) {
        Claim::Stored(payload) => return Ok(payload),
        Claim::Fresh => {
            let payload = mutation(shop, args)?;
            let runs_until = now.plus(shop.timings.answer_delay);
            let stored = Some(payload.clone());
            shop.keys.remember(key, &arguments, stored, now, runs_until);
            return Ok(payload);
        }
        Claim::Running => UserError {
            field: None,
            code: Some("IDEMPOTENCY_CONCURRENT_REQUEST"),
            message: "This request is currently in progress, please try again.".to_owned(),
        },
        Claim::Mismatch => UserError {
            field: None,
            code: Some("IDEMPOTENCY_KEY_PARAMETER_MISMATCH"),
            message: "The same idempotency key was used with other parameters.".to_owned(),
        },
        Claim::Failed => UserError {
            field: None,
            code: Some("IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"),
            message: "A previous attempt with this idempotency key failed.".to_owned(),
        },
    };
    Ok(json!({ "userErrors": [error.json()] }))
}

/// Fails inside the shop before any effect; a key is remembered as failed.
pub(crate) fn fail(
    shop: &mut Shop,
    name: &str,
    args: &Map<String, Value>,
    key: Option<&str>,
) -> Fault {
    let now = shop.now;
    if let Some(key) = key {
        let arguments = format!("{name} {}", Value::Object(args.clone()));
        if shop.keys.claim(key, &arguments, now) == Claim::Fresh {
            shop.keys.remember(key, &arguments, None, now, now);
        }
    }
    Fault::internal()
}

/// Reads arguments into a type.
fn read<T: DeserializeOwned>(args: &Map<String, Value>) -> Result<T, Fault> {
    serde_json::from_value(Value::Object(args.clone()))
        .map_err(|error| Fault::bad_request(format!("arguments: {error}")))
}

/// Refuses input lists that are too long.
fn check_size(rows: usize) -> Result<(), Fault> {
    let most = super::query::INPUT_MAX;
    if rows <= most {
        return Ok(());
    }
    Err(Fault {
        message: format!(
            "The input array size of {rows} is greater than the maximum allowed of {most}."
        ),
        code: "MAX_INPUT_SIZE_EXCEEDED",
    })
}
