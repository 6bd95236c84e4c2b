//! The tree held against the table of known keys.
//!
//! In: the merged tree. Out: the same with every default filled in and everything wrong taken out,
//! and one fault for each thing wrong. What is left always fits [`RawConfig`].

use std::path::Path;

use config::{Value, ValueKind};
use serde_json::Value as Json;

use super::fault::{Fault, meant, nearest};
use super::keys::{Absent, CREDENTIALS, Key, Names, ROOT, Shape, names};
use super::path::KeyPath;
use super::raw::RawConfig;

const NAME_BYTES_MAX: usize = 64;

/// Checks every key's name, shape and limits.
pub(super) fn walk(dir: &Path, tree: &Value, faults: &mut Vec<Fault>) -> RawConfig {
    let mut walk = Walk { dir, tree, faults };
    let clean = walk.table(&KeyPath::default(), ROOT, Some(tree));
    serde_json::from_value(clean).expect("what the walk leaves is what the raw types take")
}

struct Walk<'a> {
    dir: &'a Path,
    tree: &'a Value,
    faults: &'a mut Vec<Fault>,
}

impl Walk<'_> {
    fn fault(&mut self, path: &KeyPath, what: impl Into<String>, help: impl Into<String>) {
        self.faults
            .push(Fault::at(path, self.dir, self.tree, what, help));
    }

    fn table(&mut self, path: &KeyPath, keys: &'static [Key], value: Option<&Value>) -> Json {
        let entries = match value.map(|value| &value.kind) {
            Some(ValueKind::Table(entries)) => Some(entries),
            Some(ValueKind::Nil) | None => None,
            Some(other) => {
                let what = format!("{} where a table is expected", kind(other));
                self.fault(
                    path,
                    what,
                    format!(
                        "its keys are: {}",
                        names(keys).collect::<Vec<_>>().join(", ")
                    ),
                );
                return self.defaults(keys);
            }
        };
        for name in entries.into_iter().flat_map(|entries| entries.keys()) {
            if !keys.iter().any(|key| key.name == name) {
                let (what, help) = unknown(name, keys);
                self.fault(&path.key(name), what, help);
            }
        }
        let mut clean = serde_json::Map::new();
        for key in keys {
            let path = path.key(key.name);
            let value = entries.and_then(|entries| entries.get(key.name));
            if let (None, Absent::Fault(example)) = (value, key.absent) {
                self.fault(
                    &path,
                    "missing",
                    format!("set it, as in {} = {example}", key.name),
                );
            }
            let taken = match (&key.shape, value) {
                (Shape::Table(keys), value) => Some(self.table(&path, keys, value)),
                (_, Some(value)) => self.value(&path, &key.shape, value),
                (_, None) => None,
            };
            if let Some(taken) = taken.or_else(|| default(key)) {
                clean.insert(key.name.to_owned(), taken);
            }
        }
        Json::Object(clean)
    }

    /// A table of which nothing is known; what is missing in it is not reported.
    fn defaults(&self, keys: &'static [Key]) -> Json {
        let entry = |key: &'static Key| {
            let value = match &key.shape {
                Shape::Table(keys) => Some(self.defaults(keys)),
                _ => default(key),
            };
            Some((key.name.to_owned(), value?))
        };
        Json::Object(keys.iter().filter_map(entry).collect())
    }

    fn value(&mut self, path: &KeyPath, shape: &'static Shape, value: &Value) -> Option<Json> {
        match (shape, &value.kind) {
            (Shape::Text, ValueKind::String(text)) if !text.trim().is_empty() => {
                Some(Json::from(text.as_str()))
            }
            (Shape::Flag, ValueKind::Boolean(flag)) => Some(Json::from(*flag)),
            (Shape::Number { min, max }, ValueKind::I64(number))
                if (min..=max).contains(&number) =>
            {
                Some(Json::from(*number))
            }
            (Shape::Choice(words), ValueKind::String(word)) if words.contains(&word.as_str()) => {
                Some(Json::from(word.as_str()))
            }
            (Shape::Texts, ValueKind::Array(values)) => {
                let taken = values
                    .iter()
                    .enumerate()
                    .filter_map(|(row, value)| self.value(&path.row(row), &Shape::Text, value));
                Some(taken.collect())
            }
            (Shape::Rows(keys), ValueKind::Array(rows)) => {
                let rows = rows.iter().enumerate();
                Some(
                    rows.map(|(row, value)| self.table(&path.row(row), keys, Some(value)))
                        .collect(),
                )
            }
            (Shape::Named(names, keys), ValueKind::Table(entries)) => {
                let mut clean = serde_json::Map::new();
                for (name, value) in entries {
                    let path = path.key(name);
                    self.name(&path, *names, name);
                    clean.insert(name.clone(), self.table(&path, keys, Some(value)));
                }
                Some(Json::Object(clean))
            }
            (shape, kind) => {
                let (what, help) = misfit(shape, kind);
                self.fault(path, what, help);
                None
            }
        }
    }

    fn name(&mut self, path: &KeyPath, names: Names, name: &str) {
        let fits = match names {
            Names::Ours => is_ours(name),
            Names::Foreign => !name.is_empty() && name.trim() == name,
        };
        if !fits {
            let (what, help) = misnamed(name, names);
            self.fault(path, what, help);
        }
    }
}

/// Whether a name can be one of ours.
pub(super) fn is_ours(name: &str) -> bool {
    let fits = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.bytes().all(fits)
}

/// What to say about a name that cannot be.
pub(super) fn misnamed(name: &str, names: Names) -> (String, String) {
    let help = match names {
        Names::Ours => "a name has lower-case letters, digits and hyphens, at most 64",
        Names::Foreign => "write it exactly as the channel or catalog does",
    };
    (format!("{name:?} is no name"), help.to_owned())
}

/// What to say about a key that is not known here.
pub(super) fn unknown(name: &str, keys: &'static [Key]) -> (String, String) {
    let singular = name.strip_suffix('s').unwrap_or(name);
    let in_file = CREDENTIALS.iter().find(|key| {
        let stem = key
            .name
            .strip_suffix("_file")
            .or_else(|| key.name.strip_suffix("_files"));
        stem == Some(name) || stem == Some(singular)
    });
    if let Some(key) = in_file {
        let what = "secrets never stand in the configuration".to_owned();
        return (
            what,
            format!(
                "write it to a file of mode 0600 and name the file in `credentials.{}`",
                key.name
            ),
        );
    }
    ("unknown key".to_owned(), meant(name, names(keys)))
}

fn default(key: &Key) -> Option<Json> {
    match (key.absent, &key.shape) {
        (Absent::Text(text), _) => Some(Json::from(text)),
        (Absent::Number(number), _) => Some(Json::from(number)),
        (Absent::Flag(flag), _) => Some(Json::from(flag)),
        (Absent::Nothing, Shape::Texts) => Some(Json::Array(Vec::new())),
        (Absent::Nothing, Shape::Named(..)) => Some(Json::Object(serde_json::Map::new())),
        (Absent::Fault(_) | Absent::Nothing, _) => None,
    }
}

fn misfit(shape: &Shape, found: &ValueKind) -> (String, String) {
    let help = expected(shape);
    match (shape, found) {
        (Shape::Text, ValueKind::String(_)) => ("empty".to_owned(), format!("set {help}")),
        (Shape::Number { .. }, ValueKind::I64(number)) => {
            (format!("{number} is out of range"), format!("set {help}"))
        }
        (Shape::Choice(words), ValueKind::String(word)) => {
            let help = match nearest(word, words.iter().copied()) {
                Some(word) => format!("did you mean `{word}`?"),
                None => format!("set {help}"),
            };
            (format!("{word:?} is not known"), help)
        }
        (Shape::Text | Shape::Choice(_), ValueKind::I64(_)) => (
            format!("{} where {} is expected", kind(found), sort(shape)),
            "write it in quotes".to_owned(),
        ),
        _ => (
            format!("{} where {} is expected", kind(found), sort(shape)),
            format!("set {help}"),
        ),
    }
}

/// What sort of value a key takes.
fn sort(shape: &Shape) -> &'static str {
    match shape {
        Shape::Text | Shape::Choice(_) => "a text",
        Shape::Flag => "true or false",
        Shape::Number { .. } => "a whole number",
        Shape::Texts => "a list of texts",
        Shape::Rows(_) => "a list of tables",
        Shape::Table(_) | Shape::Named(..) => "a table",
    }
}

/// The same with its limits.
fn expected(shape: &Shape) -> String {
    match shape {
        Shape::Number { min, max } => format!("a whole number from {min} to {max}"),
        Shape::Choice(words) => format!("one of: {}", words.join(", ")),
        Shape::Rows(keys) => {
            let keys: Vec<String> = names(keys).map(|name| format!("{name} = \"..\"")).collect();
            format!("a list such as [{{ {} }}]", keys.join(", "))
        }
        Shape::Texts => "a list of texts such as [\"a\", \"b\"]".to_owned(),
        Shape::Text | Shape::Flag | Shape::Table(_) | Shape::Named(..) => sort(shape).to_owned(),
    }
}

fn kind(found: &ValueKind) -> &'static str {
    match found {
        ValueKind::Nil => "nothing",
        ValueKind::Boolean(_) => "true or false",
        ValueKind::I64(_) | ValueKind::I128(_) | ValueKind::U64(_) | ValueKind::U128(_) => {
            "a whole number"
        }
        ValueKind::Float(number) if number.is_infinite() => "a number beyond 64 bits",
        ValueKind::Float(_) => "a number with decimals",
        ValueKind::String(_) => "a text",
        ValueKind::Table(_) => "a table",
        ValueKind::Array(_) => "a list",
    }
}
