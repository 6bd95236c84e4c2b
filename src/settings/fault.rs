//! What is wrong with a configuration, said so that it can be mended at once.

use std::fmt;
use std::path::Path;

use config::Value;

use super::path::KeyPath;

/// One thing to mend. No field ever holds a secret or the text around one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The file, or `variable NAME`.
    pub file: String,
    /// The line in it, from 1; none where something is absent.
    pub line: Option<usize>,
    /// The key path as written in that file; empty where the file itself is at fault.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub help: String,
}

impl Fault {
    /// A fault of the value at `path`, or of its absence.
    pub(super) fn at(
        path: &KeyPath,
        dir: &Path,
        tree: &Value,
        what: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        let origin = path.origin(dir, tree);
        Self {
            file: origin.file,
            line: origin.line,
            key: path.to_string(),
            what: what.into(),
            help: help.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(out, ":{line}")?;
        }
        if !self.key.is_empty() {
            write!(out, ": {}", self.key)?;
        }
        write!(out, ": {}\n  help: {}", self.what, self.help)
    }
}

/// All faults of a configuration; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Takes faults in any order.
    ///
    /// # Panics
    /// Without any fault: then there should have been a configuration.
    pub fn new(mut faults: Vec<Fault>) -> Self {
        assert!(
            !faults.is_empty(),
            "a configuration is refused only for a reason"
        );
        faults.sort();
        faults.dedup();
        Self(faults)
    }

    /// The faults by file and line.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => out.write_str("the configuration has a fault")?,
            count => write!(out, "the configuration has {count} faults")?,
        }
        for fault in &self.0 {
            write!(out, "\n{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// The name that `wrong` was probably meant to be.
pub(super) fn nearest<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let edits_max = (wrong.chars().count() / 3).max(2);
    names
        .map(|name| (strsim::damerau_levenshtein(wrong, name), name))
        .filter(|(edits, name)| *edits <= edits_max && *edits < name.chars().count())
        .min()
        .map(|(_, name)| name)
}

/// A help line for a name that is not among `names`.
pub(super) fn meant<'a>(wrong: &str, names: impl Iterator<Item = &'a str> + Clone) -> String {
    if let Some(name) = nearest(wrong, names.clone()) {
        return format!("did you mean `{name}`?");
    }
    let known: Vec<&str> = names.collect();
    if known.is_empty() {
        return "there is none".to_owned();
    }
    format!("known here: {}", known.join(", "))
}
