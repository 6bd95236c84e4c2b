//! Bodies of webhooks against the field lists of the specification.

use std::io::Read;

use serde_json::Value;

use crate::world::spec;

/// Checks that `body` has the fields that the specification lists for `topic`, and no others. The
/// lists are inferred from examples: types and presence inside lists are not looked at.
pub(crate) fn check(topic: &str, body: &Value) {
    let Some(packed) = spec("shopify/webhook-json-schemas-2026-07.tar.gz") else {
        return;
    };
    let mut tar = Vec::new();
    flate2::read::GzDecoder::new(packed.as_slice())
        .read_to_end(&mut tar)
        .unwrap();
    let name = format!("{topic}.json");
    let schema = file_of(&tar, &name).unwrap_or_else(|| panic!("no list for {topic}"));
    let schema: Value = serde_json::from_slice(schema).unwrap();
    compare(topic, &schema, body);
}

/// A file of a tar archive, by the end of its name.
fn file_of<'a>(tar: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let text = |bytes: &[u8]| {
        let bytes = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        String::from_utf8_lossy(bytes).trim().to_owned()
    };
    let mut rest = tar;
    while rest.len() > 512 {
        let (header, after) = rest.split_at(512);
        let size = usize::from_str_radix(&text(&header[124..136]), 8).unwrap_or(0);
        if text(&header[..100]).ends_with(name) {
            return after.get(..size);
        }
        rest = after.get(size.div_ceil(512) * 512..)?;
    }
    None
}

fn compare(place: &str, schema: &Value, body: &Value) {
    let (Some(listed), Some(body)) = (schema["properties"].as_object(), body.as_object()) else {
        return;
    };
    let there: Vec<&String> = body.keys().collect();
    let wanted: Vec<&String> = listed.keys().collect();
    let mut sorted = (there.clone(), wanted.clone());
    sorted.0.sort();
    sorted.1.sort();
    assert_eq!(sorted.0, sorted.1, "{place}");
    for (name, value) in body {
        let schema = &listed[name];
        let place = format!("{place} {name}");
        match value {
            Value::Array(items) => {
                for item in items {
                    compare(&place, &schema["items"], item);
                }
            }
            value => compare(&place, schema, value),
        }
    }
}
