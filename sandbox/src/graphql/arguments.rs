//! Arguments as plain JSON. What was left out stays out, an explicit null stays a null.

use async_graphql::dynamic::ResolverContext;
use serde_json::{Map, Value};

/// All arguments of a field.
pub(crate) fn of(context: &ResolverContext<'_>) -> Map<String, Value> {
    let to_json = |value: &async_graphql::Value| value.clone().into_json().unwrap_or(Value::Null);
    let all = context.args.as_index_map().iter();
    all.map(|(name, value)| (name.to_string(), to_json(value)))
        .collect()
}

/// A text argument.
pub(crate) fn text<'a>(args: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    args.get(name)?.as_str()
}

/// A flag, false when absent.
pub(crate) fn flag(args: &Map<String, Value>, name: &str) -> bool {
    args.get(name).and_then(Value::as_bool).unwrap_or(false)
}

/// A list of texts; none when absent.
pub(crate) fn texts<'a>(args: &'a Map<String, Value>, name: &str) -> Option<Vec<&'a str>> {
    let list = args.get(name)?.as_array()?;
    Some(list.iter().filter_map(Value::as_str).collect())
}
