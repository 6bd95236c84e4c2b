//! `CHANNELSYNC__SECTION__KEY` variables.
//!
//! `__` goes one table down; in a variable `_` stands for `-`, and case does not matter. A variable
//! changes what files can set; it never creates a merchant or a channel.

use std::collections::BTreeMap;

use config::{Map, Value, ValueKind};

use super::fault::{Fault, meant};
use super::keys::{Key, Names, ROOT, Shape, names};

const PREFIX: &str = "CHANNELSYNC__";

/// This process's variables that concern us. Read once, at start.
pub fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| {
            Some((
                name.into_string().ok()?,
                value.to_string_lossy().into_owned(),
            ))
        })
        .filter(|(name, _)| name.starts_with(PREFIX) || name == super::HANDED)
        .collect()
}

/// What stops a variable from being taken, and the help for it.
type Refusal = (String, String);

/// Each variable as a layer of its own, given the tree of the files.
pub(super) fn resolve(
    env: &BTreeMap<String, String>,
    files: &Value,
    merchant_files: &[String],
    faults: &mut Vec<Fault>,
) -> Vec<Value> {
    let mut layers = Vec::new();
    for (variable, text) in env {
        let Some(rest) = variable.strip_prefix(PREFIX) else {
            continue;
        };
        let segments: Vec<&str> = rest.split("__").collect();
        match find(ROOT, &segments, Some(files), merchant_files) {
            // The fault of its file is enough; a variable alone makes no merchant.
            Ok((path, _)) if is_unread_merchant(&path, files) => {}
            Ok((path, shape)) => {
                let origin = format!("variable {variable}");
                let leaf = value(&origin, text, shape);
                layers.push(path.into_iter().rev().fold(leaf, |value, key| {
                    Value::new(None, Map::from_iter([(key, value)]))
                }));
            }
            Err((what, help)) => faults.push(Fault {
                file: format!("variable {variable}"),
                line: None,
                key: String::new(),
                what,
                help,
            }),
        }
    }
    layers
}

fn is_unread_merchant(path: &[String], files: &Value) -> bool {
    match path {
        [section, name, ..] if section == "merchants" => child(files, section)
            .and_then(|merchants| child(merchants, name))
            .is_none(),
        _ => false,
    }
}

/// The key path that the segments spell, and what may stand there.
fn find(
    keys: &'static [Key],
    segments: &[&str],
    tree: Option<&Value>,
    merchant_files: &[String],
) -> Result<(Vec<String>, &'static Shape), Refusal> {
    let (segment, rest) = segments.split_first().unwrap_or((&"", &[]));
    let Some(key) = keys.iter().find(|key| is_spelled(key.name, segment)) else {
        let wrong = segment.to_ascii_lowercase();
        return Err(super::walk::unknown(&wrong, keys));
    };
    let tree = tree.and_then(|tree| child(tree, key.name));
    let (mut path, shape) = match &key.shape {
        Shape::Table(keys) if !rest.is_empty() => find(keys, rest, tree, merchant_files)?,
        Shape::Named(Names::Ours, keys) if rest.len() > 1 => {
            let mut known = tree.map(child_names).unwrap_or_default();
            if key.name == "merchants" {
                known = merchant_files.iter().map(String::as_str).collect();
            }
            let Some(name) = known.iter().find(|name| is_spelled(name, rest[0])) else {
                let wrong = rest[0].to_ascii_lowercase().replace('_', "-");
                let what = format!(
                    "no `{wrong}` in {}, and a variable never creates one",
                    key.name
                );
                return Err((what, meant(&wrong, known.iter().copied())));
            };
            let tree = tree.and_then(|tree| child(tree, name));
            let (mut path, shape) = find(keys, &rest[1..], tree, merchant_files)?;
            path.insert(0, (*name).to_owned());
            (path, shape)
        }
        Shape::Table(keys) | Shape::Named(Names::Ours, keys) => {
            let below = names(keys).collect::<Vec<_>>().join(", ");
            return Err((
                format!("`{}` is a table", key.name),
                format!("go on with `__` and one of: {below}"),
            ));
        }
        Shape::Rows(_) | Shape::Named(Names::Foreign, _) => {
            let what = format!("`{}` cannot be set by a variable", key.name);
            return Err((what, "set it in the merchant's file".to_owned()));
        }
        Shape::Text | Shape::Flag | Shape::Number { .. } | Shape::Choice(_) | Shape::Texts => {
            if !rest.is_empty() {
                let what = format!("`{}` is not a table", key.name);
                return Err((what, format!("end the variable's name with `{segment}`")));
            }
            (Vec::new(), &key.shape)
        }
    };
    path.insert(0, key.name.to_owned());
    Ok((path, shape))
}

fn is_spelled(name: &str, segment: &str) -> bool {
    name.replace('-', "_").eq_ignore_ascii_case(segment)
}

fn child<'a>(tree: &'a Value, key: &str) -> Option<&'a Value> {
    match &tree.kind {
        ValueKind::Table(table) => table.get(key),
        _ => None,
    }
}

fn child_names(tree: &Value) -> Vec<&str> {
    match &tree.kind {
        ValueKind::Table(table) => table.keys().map(String::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The text as what the key wants; a text that does not fit is left for the walk to refuse.
fn value(origin: &str, text: &str, shape: &Shape) -> Value {
    let origin = origin.to_owned();
    let of = |kind: ValueKind| Value::new(Some(&origin), kind);
    let as_text = || ValueKind::String(text.to_owned());
    match shape {
        Shape::Number { .. } => of(text
            .trim()
            .parse()
            .map_or_else(|_| as_text(), ValueKind::I64)),
        Shape::Flag => of(text
            .trim()
            .parse()
            .map_or_else(|_| as_text(), ValueKind::Boolean)),
        Shape::Texts => {
            let parts = text
                .split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty());
            of(ValueKind::Array(
                parts
                    .map(|part| of(ValueKind::String(part.to_owned())))
                    .collect(),
            ))
        }
        Shape::Text | Shape::Choice(_) | Shape::Table(_) | Shape::Rows(_) | Shape::Named(..) => {
            of(as_text())
        }
    }
}
