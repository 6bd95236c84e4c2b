//! Files and variables as layers, merged into one tree.
//!
//! The `config` crate merges. We hand it parsed layers instead of file names, so that every value
//! carries its file and line, and put them below one root, so that no key from outside is ever
//! taken for a path expression of that crate.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use config::{Map, Source, Value, ValueKind};
use toml::de::{DeTable, DeValue};

use super::fault::Fault;
use super::variables;

/// Bytes of one file; a merchant with rules for 50,000 SKUs needs a tenth of it.
const FILE_BYTES_MAX: u64 = 32 << 20;
const ROOT: &str = "settings";

/// What the layers add up to.
pub(super) struct Layers {
    /// Merchants below `merchants`; tables carry no origin, all other values do.
    pub(super) tree: Value,
    /// Files of the daemon that could not be read, so that what they set is unknown.
    pub(super) daemon_unread: bool,
}

/// One layer: a tree of values with their origins.
#[derive(Clone, Debug)]
struct Layer(Value);

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        Ok(Map::from_iter([(ROOT.to_owned(), self.0.clone())]))
    }
}

/// Reads all files and variables; `instead` names a merchant and the file that stands for its own.
pub(super) fn read(
    dir: &Path,
    env: &BTreeMap<String, String>,
    instead: Option<(&str, &Path)>,
    faults: &mut Vec<Fault>,
) -> Layers {
    let mut layers = vec![Layer(Value::new(None, Map::<String, Value>::new()))];
    let mut daemon_unread = false;
    let own = std::iter::once(dir.join("channelsync.toml"));
    for file in own.chain(toml_files(&dir.join("conf.d"), faults)) {
        match read_file(&file, faults) {
            Some(mut table) => {
                if let Some(merchants) = table.remove("merchants") {
                    faults.push(misplaced_merchant(&merchants, &file));
                }
                layers.push(Layer(Value::new(None, table)));
            }
            None => daemon_unread = true,
        }
    }
    let mut merchant_files = Vec::new();
    for file in toml_files(&dir.join("merchants.d"), faults) {
        let name = stem(&file);
        let other = instead.filter(|(merchant, _)| *merchant == name);
        let file = other.map_or(file.as_path(), |(_, other)| other);
        if let Some(table) = read_file(file, faults) {
            let below =
                |key: &str, value| Value::new(None, Map::from_iter([(key.to_owned(), value)]));
            layers.push(Layer(below(
                "merchants",
                below(&name, Value::new(None, table)),
            )));
        }
        merchant_files.push(name);
    }
    if merchant_files.is_empty() {
        faults.push(Fault {
            file: dir.join("merchants.d").display().to_string(),
            line: None,
            key: String::new(),
            what: "no merchant".to_owned(),
            help: "`channelsync init` writes a first one; config/merchants.d/example.toml names every key"
                .to_owned(),
        });
    }
    let files = merge(&layers);
    for variable in variables::resolve(env, &files, &merchant_files, faults) {
        layers.push(Layer(variable));
    }
    Layers {
        tree: merge(&layers),
        daemon_unread,
    }
}

fn merge(layers: &[Layer]) -> Value {
    let mut builder = config::Config::builder();
    for layer in layers {
        builder = builder.add_source(layer.clone());
    }
    let mut merged = builder
        .build()
        .expect("layers in memory cannot fail to be read");
    match &mut merged.cache.kind {
        ValueKind::Table(root) => root.remove(ROOT).unwrap_or_default(),
        _ => Value::default(),
    }
}

/// The `*.toml` files of a directory by name; none where there is no such directory.
fn toml_files(dir: &Path, faults: &mut Vec<Fault>) -> Vec<PathBuf> {
    let listed = std::fs::read_dir(dir).and_then(|entries| {
        entries
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<Vec<_>, _>>()
    });
    match listed {
        Ok(mut files) => {
            files.retain(|file| {
                file.extension()
                    .is_some_and(|extension| extension == "toml")
                    && !stem(file).starts_with('.')
            });
            files.sort();
            files
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            faults.push(unreadable(dir, &error));
            Vec::new()
        }
    }
}

fn stem(file: &Path) -> String {
    file.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// The message, and of a key that stands twice its name. No more: the line may hold a secret.
fn not_toml(error: &toml::de::Error, text: &str) -> String {
    let said = error.message().replace('\n', ", ");
    let twice = error.span().filter(|_| said == "duplicate key");
    let name = twice.and_then(|span| text.get(span));
    match name {
        Some(name) => format!("not TOML: {said} `{name}`"),
        None => format!("not TOML: {said}"),
    }
}

/// The values of a file; none where it cannot be read or is not TOML.
fn read_file(file: &Path, faults: &mut Vec<Fault>) -> Option<Map<String, Value>> {
    let text = match read_text(file) {
        Ok(text) => text,
        Err(error) => {
            faults.push(unreadable(file, &error));
            return None;
        }
    };
    let (table, errors) = DeTable::parse_recoverable(&text);
    let shown = file.display().to_string();
    let lines = Lines::of(&shown, &text);
    if errors.is_empty() {
        return Some(lines.table(table.into_inner()));
    }
    faults.extend(errors.iter().map(|error| {
        Fault {
            file: file.display().to_string(),
            line: error.span().map(|span| lines.line(span.start)),
            key: String::new(),
            what: not_toml(error, &text),
            help: "texts stand in double quotes, tables in [brackets], one `key = value` a line"
                .to_owned(),
        }
    }));
    None
}

fn read_text(file: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let opened = std::fs::File::open(file)?;
    let read = opened.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if u64::try_from(read).is_ok_and(|read| read > FILE_BYTES_MAX) {
        let limit = format!("larger than {FILE_BYTES_MAX} bytes");
        return Err(std::io::Error::new(ErrorKind::FileTooLarge, limit));
    }
    Ok(text)
}

fn unreadable(file: &Path, error: &std::io::Error) -> Fault {
    Fault {
        file: file.display().to_string(),
        line: None,
        key: String::new(),
        what: format!("cannot be read: {error}"),
        help: "name the configuration directory with --config; the daemon's user must be able to read it"
            .to_owned(),
    }
}

fn misplaced_merchant(merchants: &Value, file: &Path) -> Fault {
    let names = match &merchants.kind {
        ValueKind::Table(table) => table.keys().map(String::as_str).collect(),
        _ => vec!["NAME"],
    };
    let own_files: Vec<String> = names
        .iter()
        .map(|name| format!("merchants.d/{name}.toml"))
        .collect();
    Fault {
        file: file.display().to_string(),
        line: None,
        key: "merchants".to_owned(),
        what: "a merchant has a file of its own".to_owned(),
        help: format!("move it to {}", own_files.join(", ")),
    }
}

/// Gives parsed values their file and line.
struct Lines<'a> {
    file: &'a str,
    ends: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(file: &'a str, text: &str) -> Self {
        let ends = text
            .bytes()
            .enumerate()
            .filter(|(_, byte)| *byte == b'\n')
            .map(|(at, _)| at);
        Self {
            file,
            ends: ends.collect(),
        }
    }

    /// The line of a byte, from 1.
    fn line(&self, at: usize) -> usize {
        self.ends.partition_point(|end| *end < at) + 1
    }

    fn table(&self, table: DeTable<'_>) -> Map<String, Value> {
        let entries = table.into_iter().map(|(key, value)| {
            let line = self.line(key.span().start);
            (
                key.into_inner().into_owned(),
                self.value(line, value.into_inner()),
            )
        });
        entries.collect()
    }

    fn value(&self, line: usize, value: DeValue<'_>) -> Value {
        let kind = match value {
            DeValue::String(text) => ValueKind::String(text.into_owned()),
            // Beyond 64 bits it is out of every range: as a decimal fraction it is refused as such.
            DeValue::Integer(digits) => i64::from_str_radix(digits.as_str(), digits.radix())
                .map_or(ValueKind::Float(f64::INFINITY), ValueKind::I64),
            DeValue::Float(_) => ValueKind::Float(f64::NAN),
            DeValue::Boolean(flag) => ValueKind::Boolean(flag),
            DeValue::Datetime(time) => ValueKind::String(time.to_string()),
            DeValue::Array(values) => ValueKind::Array(
                values
                    .into_iter()
                    .map(|value| {
                        let line = self.line(value.span().start);
                        self.value(line, value.into_inner())
                    })
                    .collect(),
            ),
            DeValue::Table(table) => ValueKind::Table(self.table(table)),
        };
        Value::new(Some(&format!("{}:{line}", self.file)), kind)
    }
}
