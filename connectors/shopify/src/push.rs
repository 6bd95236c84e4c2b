//! Setting quantities: one figure, absolute, compared with what we believe is there.
//!
//! A call is all or nothing (page section 6.2): one row at fault, and no row is written. So the row
//! that is named gets its reason and the others are told apart as merely not applied.

use channelsync_contract::quantity::{Push, PushOutcome, PushRow};
use channelsync_contract::{CallId, ConnectorError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Figure;
use crate::call::Shop;
use crate::documents::SET_QUANTITIES;
use crate::ids::{gid, is_number};

/// Shopify takes nothing above (`INVALID_QUANTITY_TOO_HIGH`); further up it is no integer to it.
const QUANTITY_MAX: u32 = 1_000_000_000;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct QuantityInput {
    inventory_item_id: String,
    location_id: String,
    quantity: u32,
    /// Always written: since 2026-04 a missing one is an error and null means "do not compare".
    change_from_quantity: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    inventory_set_quantities: Option<SetQuantities>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SetQuantities {
    user_errors: Vec<UserError>,
}

#[derive(Deserialize)]
struct UserError {
    code: Option<String>,
    field: Option<Vec<Value>>,
    message: String,
}

impl Shop {
    /// One call; see [`Quantities::push`](channelsync_contract::connector::Quantities::push).
    pub(crate) async fn set_quantities(
        &self,
        push: &Push,
    ) -> Result<Vec<PushOutcome>, ConnectorError> {
        if push.rows.is_empty() {
            return Ok(Vec::new());
        }
        let inputs: Vec<Result<QuantityInput, PushOutcome>> = push
            .rows
            .iter()
            .map(|row| input(row, self.figure))
            .collect();
        if inputs.iter().any(Result::is_err) {
            return Ok(inputs
                .into_iter()
                .map(|row| row.err().unwrap_or(PushOutcome::NotApplied))
                .collect());
        }
        let inputs: Vec<QuantityInput> = inputs.into_iter().flatten().collect();
        let variables = variables(push.call, self.figure, &inputs);
        let answer = self.ask::<Data>(&SET_QUANTITIES, &variables, 0).await?;
        let Some(result) = answer.data.inventory_set_quantities else {
            return Err(ConnectorError::Unanswered(
                "the mutation gave no result".to_owned(),
            ));
        };
        Ok(outcomes(push.rows.len(), &result.user_errors))
    }
}

fn variables(call: CallId, figure: Figure, quantities: &[QuantityInput]) -> Value {
    json!({
        "key": call,
        "input": {
            "name": figure.name(),
            "reason": "correction",
            // Shown in the shop's stock history, where it tells our writes from others'.
            "referenceDocumentUri": format!("gid://channelsync/StockPush/{call}"),
            "quantities": quantities,
        },
    })
}

/// The row as Shopify takes it, or why it cannot be asked for.
fn input(row: &PushRow, figure: Figure) -> Result<QuantityInput, PushOutcome> {
    let refused = |message: &str| PushOutcome::Refused {
        code: "NOT_SENT".to_owned(),
        message: message.to_owned(),
    };
    let location = row
        .slot
        .location
        .as_ref()
        .map_or("", |location| location.as_str());
    if !is_number(row.slot.item.as_str()) || !is_number(location) {
        return Err(refused(
            "a slot here is an inventory item at a location, both by number",
        ));
    }
    if row.quantity.0 > QUANTITY_MAX {
        return Err(refused("more than 1,000,000,000 units"));
    }
    // A plain set of what is available would bring back units sold unseen (page section 6.3).
    if figure == Figure::Available && row.expected.is_none() {
        return Err(refused(
            "`available` is set only in place of a known figure",
        ));
    }
    Ok(QuantityInput {
        inventory_item_id: gid("InventoryItem", row.slot.item.as_str()),
        location_id: gid("Location", location),
        quantity: row.quantity.0,
        change_from_quantity: row.expected,
    })
}

/// One outcome per row from the errors of the whole call.
fn outcomes(rows: usize, errors: &[UserError]) -> Vec<PushOutcome> {
    let Some(first) = errors.first() else {
        return vec![PushOutcome::Applied; rows];
    };
    for error in errors {
        match error.code.as_deref() {
            // An earlier attempt with this key is still running, or was made with other rows: what
            // that attempt wrote is to be read back, never guessed.
            Some("IDEMPOTENCY_CONCURRENT_REQUEST" | "IDEMPOTENCY_KEY_PARAMETER_MISMATCH") => {
                return vec![PushOutcome::InDoubt; rows];
            }
            // All or nothing, and it failed: a new call, with its own key, may follow.
            Some("IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED") => {
                return vec![PushOutcome::NotApplied; rows];
            }
            _ => {}
        }
    }
    let mut outcomes = vec![PushOutcome::NotApplied; rows];
    let mut blamed = false;
    for error in errors {
        if let Some(outcome) = row_at_fault(error, rows).and_then(|row| outcomes.get_mut(row)) {
            *outcome = blame(error);
            blamed = true;
        }
    }
    if blamed {
        return outcomes;
    }
    let (code, message) = words(first);
    vec![PushOutcome::BatchRefused { code, message }; rows]
}

/// The row that an error names; of a single row it needs no naming.
fn row_at_fault(error: &UserError, rows: usize) -> Option<usize> {
    if rows == 1 {
        return Some(0);
    }
    let field = error.field.as_ref()?;
    let list = field.iter().position(|step| step == "quantities")?;
    let index = match field.get(list.checked_add(1)?)? {
        Value::String(text) => text.parse().ok()?,
        Value::Number(number) => usize::try_from(number.as_u64()?).ok()?,
        _ => return None,
    };
    (index < rows).then_some(index)
}

fn blame(error: &UserError) -> PushOutcome {
    match error.code.as_deref() {
        Some("CHANGE_FROM_QUANTITY_STALE" | "COMPARE_QUANTITY_STALE") => PushOutcome::Stale,
        _ => {
            let (code, message) = words(error);
            PushOutcome::Refused { code, message }
        }
    }
}

fn words(error: &UserError) -> (String, String) {
    (
        error.code.clone().unwrap_or_else(|| "UNKNOWN".to_owned()),
        error.message.clone(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: &str, row: Option<&str>) -> UserError {
        let field = |row: &str| {
            vec![
                "input".into(),
                "quantities".into(),
                row.into(),
                "quantity".into(),
            ]
        };
        let code = (!code.is_empty()).then(|| code.to_owned());
        UserError {
            code,
            field: row.map(field),
            message: "words".into(),
        }
    }

    /// R34
    #[test]
    fn user_errors_become_one_outcome_per_row() {
        let stale = "CHANGE_FROM_QUANTITY_STALE";
        let item = "INVALID_INVENTORY_ITEM";
        let refused = |code: &str| format!("refused {code}");
        let kept = || "not applied".to_owned();
        for (errors, expected) in [
            (vec![], ["applied", "applied", "applied"].map(str::to_owned)),
            (
                vec![error(stale, Some("1"))],
                [kept(), "stale".into(), kept()],
            ),
            (
                vec![error("COMPARE_QUANTITY_STALE", Some("2"))],
                [kept(), kept(), "stale".into()],
            ),
            (
                vec![error(item, Some("0")), error(stale, Some("2"))],
                [refused(item), kept(), "stale".into()],
            ),
            (
                vec![error("A_NEW_CODE", Some("0"))],
                [refused("A_NEW_CODE"), kept(), kept()],
            ),
            (
                vec![error("", Some("0"))],
                [refused("UNKNOWN"), kept(), kept()],
            ),
            (
                vec![error(item, None)],
                ["batch", "batch", "batch"].map(str::to_owned),
            ),
            (
                vec![error(item, Some("3"))],
                ["batch", "batch", "batch"].map(str::to_owned),
            ),
            (
                vec![error(item, Some("x"))],
                ["batch", "batch", "batch"].map(str::to_owned),
            ),
            (
                vec![error("IDEMPOTENCY_CONCURRENT_REQUEST", None)],
                ["in doubt", "in doubt", "in doubt"].map(str::to_owned),
            ),
            (
                vec![error("IDEMPOTENCY_KEY_PARAMETER_MISMATCH", None)],
                ["in doubt", "in doubt", "in doubt"].map(str::to_owned),
            ),
            (
                vec![error("IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED", None)],
                [kept(), kept(), kept()],
            ),
        ] {
            let found: Vec<String> = outcomes(3, &errors).iter().map(short).collect();
            let codes: Vec<_> = errors.iter().map(|error| &error.code).collect();
            assert_eq!(found, expected, "{codes:?}");
        }
    }

    #[test]
    fn a_single_row_needs_no_naming() {
        let found = outcomes(1, &[error("CHANGE_FROM_QUANTITY_STALE", None)]);
        assert_eq!(found, [PushOutcome::Stale]);
    }

    fn short(outcome: &PushOutcome) -> String {
        match outcome {
            PushOutcome::Applied => "applied".to_owned(),
            PushOutcome::Accepted { .. } => "accepted".to_owned(),
            PushOutcome::Stale => "stale".to_owned(),
            PushOutcome::Refused { code, .. } => format!("refused {code}"),
            PushOutcome::NotApplied => "not applied".to_owned(),
            PushOutcome::BatchRefused { .. } => "batch".to_owned(),
            PushOutcome::InDoubt => "in doubt".to_owned(),
        }
    }
}
