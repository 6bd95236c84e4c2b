//! Shopify's global ids and the short ones used outside: `gid://shopify/Order/1` and `1`.
//!
//! The number is 64 bits wide and beyond what a float holds exactly, so it stays text throughout.

use serde_json::Value;

/// The global id of a number.
pub(crate) fn gid(kind: &str, number: &str) -> String {
    format!("gid://shopify/{kind}/{number}")
}

/// The number in a global id of this kind; what follows a `?` is dropped.
pub(crate) fn number<'a>(gid: &'a str, kind: &str) -> Option<&'a str> {
    let rest = gid
        .strip_prefix("gid://shopify/")?
        .strip_prefix(kind)?
        .strip_prefix('/')?;
    let number = rest.split('?').next()?;
    is_number(number).then_some(number)
}

/// The number in a global id of this kind, or why there is none.
pub(crate) fn need<'a>(gid: &'a str, kind: &str) -> Result<&'a str, String> {
    number(gid, kind).ok_or_else(|| format!("{gid:?} is no id of a {kind}"))
}

/// Whether the text is the one decimal form of a 64-bit number.
pub(crate) fn is_number(text: &str) -> bool {
    text.parse::<u64>()
        .is_ok_and(|number| number.to_string() == text)
}

/// The id in a webhook's object: its global id where there is one, else the number in `field`.
///
/// Shopify's own test deliveries round the plain number and not the global one.
pub(crate) fn of_object(object: &Value, kind: &str) -> Option<String> {
    let global = object.get("admin_graphql_api_id").and_then(Value::as_str);
    global
        .and_then(|text| number(text, kind).map(str::to_owned))
        .or_else(|| of_value(object.get("id")?, kind))
}

/// An id as webhooks write it: a number, its text, or a global id of this kind.
pub(crate) fn of_value(value: &Value, kind: &str) -> Option<String> {
    match value {
        Value::Number(integer) => integer.as_u64().map(|integer| integer.to_string()),
        Value::String(text) if is_number(text) => Some(text.clone()),
        Value::String(text) => number(text, kind).map(str::to_owned),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_survive_exactly_and_nothing_else_passes() {
        for (value, expected) in [
            (json!(9_007_199_254_740_993_u64), Some("9007199254740993")),
            (json!(u64::MAX), Some("18446744073709551615")),
            (json!("9007199254740993"), Some("9007199254740993")),
            (json!("gid://shopify/Order/12"), Some("12")),
            (json!("gid://shopify/Order/12?x=1"), Some("12")),
            (json!("gid://shopify/Refund/12"), None),
            (json!("gid://shopify/Order/"), None),
            (json!("gid://shopify/Order/012"), None),
            (json!("+12"), None),
            (json!(-1), None),
            (json!(1.5), None),
            (json!(8.2e17), None),
            (json!(null), None),
        ] {
            assert_eq!(of_value(&value, "Order").as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn the_global_id_wins_over_a_rounded_number() {
        let object = json!({"id": 820_982_911_946_154_500_u64,
            "admin_graphql_api_id": "gid://shopify/Order/820982911946154508"});
        assert_eq!(
            of_object(&object, "Order").as_deref(),
            Some("820982911946154508")
        );
    }
}
