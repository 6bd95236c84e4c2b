//! Where a value stands: the way from the root of the tree to it.

use std::fmt;
use std::path::Path;

use config::{Value, ValueKind};

use super::config::Origin;

/// One step down the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Row(usize),
}

/// A key path; merchants stand below `merchants` in the tree, and at the top of their own file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct KeyPath(Vec<Step>);

impl KeyPath {
    pub(super) fn of(keys: &[&str]) -> Self {
        Self(
            keys.iter()
                .map(|key| Step::Key((*key).to_owned()))
                .collect(),
        )
    }

    pub(super) fn key(&self, key: &str) -> Self {
        self.then(Step::Key(key.to_owned()))
    }

    pub(super) fn row(&self, row: usize) -> Self {
        self.then(Step::Row(row))
    }

    fn then(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// The merchant, where the path is below one.
    fn merchant(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Step::Key(section), Step::Key(name), ..] if section == "merchants" => Some(name),
            _ => None,
        }
    }

    /// The value here.
    pub(super) fn value<'a>(&self, tree: &'a Value) -> Option<&'a Value> {
        let mut value = Some(tree);
        for step in &self.0 {
            value = value.and_then(|value| match (&value.kind, step) {
                (ValueKind::Table(table), Step::Key(key)) => table.get(key),
                (ValueKind::Array(rows), Step::Row(row)) => rows.get(*row),
                _ => None,
            });
        }
        value
    }

    /// Which file and line the value here came from; for what is absent, where it belongs.
    pub(super) fn origin(&self, dir: &Path, tree: &Value) -> Origin {
        let found = self.value(tree).and_then(first_origin);
        found.unwrap_or_else(|| self.home(dir))
    }

    fn home(&self, dir: &Path) -> Origin {
        let file = match self.merchant() {
            Some(name) => dir.join("merchants.d").join(format!("{name}.toml")),
            None => dir.join("channelsync.toml"),
        };
        Origin {
            file: file.display().to_string(),
            line: None,
        }
    }
}

/// The origin of a value, or of the first value in a table: merging keeps none for tables.
fn first_origin(value: &Value) -> Option<Origin> {
    match &value.kind {
        ValueKind::Table(table) => table
            .values()
            .filter_map(first_origin)
            .min_by(|one, other| (&one.file, one.line).cmp(&(&other.file, other.line))),
        _ => value.origin().map(Origin::parse),
    }
}

impl fmt::Display for KeyPath {
    /// As the key is written in its file: `channels.shopify-us.locations[0].ours`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own_file = if self.merchant().is_some() { 2 } else { 0 };
        for (at, step) in self.0.iter().skip(own_file).enumerate() {
            match step {
                Step::Row(row) => write!(out, "[{row}]")?,
                Step::Key(key) => {
                    let dot = if at == 0 { "" } else { "." };
                    let is_bare = !key.is_empty()
                        && key.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-'));
                    if is_bare {
                        write!(out, "{dot}{key}")?;
                    } else {
                        write!(out, "{dot}{key:?}")?;
                    }
                }
            }
        }
        Ok(())
    }
}
