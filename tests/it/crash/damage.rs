//! Every file of a state directory, cut, flipped, zeroed and missing.
//!
//! Whatever is damaged, one of these follows: the book is the same, the start is refused with a word
//! about the file and what to do, or the log says what is missing. Never is a book shorter in silence.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use channelsync::daemon::{StartError, open_book, open_key, open_records, vault};
use channelsync::ports::SystemRng;
use channelsync::settings;
use channelsync::store::Record;
use tempfile::TempDir;

use super::pair::{Pair, command};
use super::{say, until};
use crate::systemd::deliver;

const PAGE: usize = 4_096;
const ROWS_MAX: usize = 100_000;
/// Three segments and more, and the last of them after the last snapshot.
const IMPORTED_ROWS: u32 = 36_000;

/// What is done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Damage {
    Cut(usize),
    Flip(usize),
    Zero(usize),
    Gone,
}

impl Damage {
    /// What is worth a try on a file of so many bytes.
    fn all(length: usize) -> BTreeSet<Self> {
        let mut all = BTreeSet::from([Self::Gone]);
        let Some(last) = length.checked_sub(1) else {
            return all;
        };
        all.extend([0, 1, length / 2, last].map(Self::Cut));
        all.extend([0, 9, length / 3, length / 2, last].map(|at| Self::Flip(at.min(last))));
        all.extend([0, length / 2, last].map(|at| Self::Zero(at / PAGE * PAGE)));
        all
    }

    fn apply(self, path: &Path) {
        let mut bytes = fs::read(path).unwrap();
        match self {
            Self::Gone => return fs::remove_file(path).unwrap(),
            Self::Cut(length) => bytes.truncate(length),
            Self::Flip(at) => bytes[at] ^= 0x10,
            Self::Zero(from) => {
                let to = bytes.len().min(from + PAGE);
                bytes[from..to].fill(0);
            }
        }
        fs::write(path, bytes).unwrap();
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Cut(_) => "cut",
            Self::Flip(_) => "a bit flipped",
            Self::Zero(_) => "a page zeroed",
            Self::Gone => "gone",
        }
    }
}

/// A log that can be read.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A book as a start finds it.
struct Found {
    seq: u64,
    ledger: Vec<u8>,
    records: Vec<Record>,
}

/// Opens the book as the daemon does; what it said on the way.
fn open(config: &Path) -> (Result<Found, StartError>, String) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let found = tracing::subscriber::with_default(subscriber, || {
        let config = settings::load(config, &BTreeMap::new()).unwrap();
        let rng = Arc::new(SystemRng);
        let key = Arc::new(open_key(&config, &*rng)?);
        let store = open_records(&config);
        let merchant = &config.merchants[0].id;
        let vault = vault(merchant.as_str(), key, rng);
        let book = open_book(&config, merchant, store.as_ref(), vault)?;
        let records = book
            .records
            .map(|records| records.range(b"", None, ROWS_MAX));
        Ok(Found {
            seq: book.ledger.seq,
            ledger: postcard::to_stdvec(&book.ledger).unwrap(),
            records: records.transpose().unwrap().unwrap_or_default(),
        })
    });
    let said = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    (found, said)
}

/// What became of a start with one damaged file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// Everything is as it was, and nothing needs to be said.
    Same,
    /// The book is the same; `verify` names the file.
    SameVerifyTells,
    /// The book is the same; the log says what was done without, or made anew.
    SameLogTells,
    /// The book is shorter; the log says so.
    ShorterLogTells,
    /// Refused with file and advice.
    Refused,
}

impl Outcome {
    const fn name(self) -> &'static str {
        match self {
            Self::Same => "as before",
            Self::SameVerifyTells => "book as before, `verify` names it",
            Self::SameLogTells => "book as before, said in the log",
            Self::ShorterLogTells => "what is missing is said in the log",
            Self::Refused => "refused",
        }
    }
}

/// Starts with one damaged file; what became of it, or what was lost in silence.
fn judge(whole: &Path, before: &Found, file: &str, damage: Damage) -> Result<Outcome, String> {
    let copy = TempDir::new().unwrap();
    copy_tree(whole, copy.path());
    damage.apply(&copy.path().join("state").join(file));
    let (found, said) = open(copy.path());
    let found = match found {
        Ok(found) => found,
        Err(StartError { what, help }) => {
            let place = Path::new(file).parent().unwrap().to_str().unwrap();
            return match help {
                Some(_) if what.contains(place) => Ok(Outcome::Refused),
                help => Err(format!("no place or no advice: {what}: {help:?}")),
            };
        }
    };
    if found.ledger != before.ledger {
        let told = said.contains("cut the end") || said.contains("were durable");
        return match told && found.seq < before.seq {
            true => Ok(Outcome::ShorterLogTells),
            false => Err(format!("{} of {} entries: {said}", found.seq, before.seq)),
        };
    }
    if said.contains(" WARN ") {
        return Ok(Outcome::SameLogTells);
    }
    if found.records != before.records {
        let (now, then) = (found.records.iter(), before.records.iter());
        let other = now.zip(then).find(|(now, then)| now != then);
        let text = |record: &Record| String::from_utf8_lossy(&record.1).into_owned();
        return Err(format!(
            "{} records of {}, the first that differs: {:?}",
            found.records.len(),
            before.records.len(),
            other.map(|(now, then)| (text(now), text(then)))
        ));
    }
    let verified = command(copy.path(), &["verify"]);
    Ok(match verified.status.success() {
        true => Outcome::Same,
        false => Outcome::SameVerifyTells,
    })
}

fn copy_tree(from: &Path, to: &Path) {
    let copied = Command::new("cp")
        .arg("-a")
        .arg(from.join("."))
        .arg(to)
        .status();
    assert!(copied.unwrap().success());
}

/// Regular files below a directory, by their path in it.
fn files(dir: &Path) -> Vec<(String, usize)> {
    let mut files = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(next) = dirs.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let kind = fs::symlink_metadata(&path).unwrap();
            if kind.is_dir() {
                dirs.push(path);
            } else if kind.is_file() {
                let name = path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned();
                files.push((name, usize::try_from(kind.len()).unwrap()));
            }
        }
    }
    files.sort();
    files
}

/// What two shops, shoppers, a clerk and a person leave behind when the end comes by `kill -9`.
fn traded() -> Pair {
    let mut pair = Pair::start(3, 30);
    let kept = |dir: &str| pair.state().join("demo").join(dir);
    let (snapshots, merchant) = (kept("snapshots"), kept(""));
    pair.trade(true);
    until("two snapshots", || {
        let kept = fs::read_dir(&snapshots).into_iter().flatten().flatten();
        let kept = kept.filter(|file| file.path().extension().is_some_and(|end| end == "snap"));
        (kept.count() >= 2).then_some(())
    });
    pair.trade(false);
    pair.rest();
    let (address, shop, secret) = pair.north();
    let token = fs::read_to_string(merchant.join("hooks/north")).unwrap();
    let path = format!("/hooks/demo/north/{token}");
    let answer = deliver(
        address,
        &path,
        (&shop, &secret),
        "orders/create",
        "{\"cut off",
    )
    .unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let rows = (0..IMPORTED_ROWS).map(|row| format!("DAMAGE-{row},place-1,1\n"));
    let rows: String = rows.collect();
    let file: PathBuf = pair.config().join("imported.csv");
    fs::write(&file, format!("sku,location,units\n{rows}")).unwrap();
    let import = ["stock", "import", "--receipts", file.to_str().unwrap()];
    assert!(pair.command(&import).status.success());
    pair.kill();
    pair
}

/// R65
#[test]
fn no_damage_loses_anything_in_silence() {
    let pair = traded();
    let whole = TempDir::new().unwrap();
    copy_tree(&pair.config(), whole.path());
    // Once undamaged: from here on a start changes nothing.
    let (before, said) = open(&pair.config());
    let before = before.unwrap_or_else(|error| panic!("{error:?} {said}"));
    damage_each(whole.path(), &before);
    refuse_the_real_start(whole.path());
    // The records of this one know of every entry.
    lose_all_but_the_first_segment(&pair.config());
}

fn damage_each(whole: &Path, before: &Found) {
    let (mut table, mut faults) = (BTreeMap::new(), Vec::new());
    for (file, length) in files(&whole.join("state")) {
        for damage in Damage::all(length) {
            match judge(whole, before, &file, damage) {
                Ok(outcome) => {
                    let row = (file.clone(), damage.name());
                    let row: &mut BTreeMap<_, u32> = table.entry(row).or_default();
                    *row.entry(outcome).or_default() += 1;
                }
                Err(fault) => faults.push(format!("{file} {damage:?}: {fault}")),
            }
        }
    }
    for ((file, damage), outcomes) in table {
        let outcomes = outcomes.iter();
        let outcomes = outcomes.map(|(one, times)| format!("{} ({times})", one.name()));
        let outcomes = outcomes.collect::<Vec<_>>().join(", ");
        say(&format!("| `{file}` | {damage} | {outcomes} |"));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn refuse_the_real_start(whole: &Path) {
    let copy = TempDir::new().unwrap();
    copy_tree(whole, copy.path());
    let journal = copy.path().join("state/demo/journal");
    let mut segments = files(&journal).into_iter();
    let last = segments.rfind(|(name, _)| name.ends_with(".seg"));
    let (segment, _) = last.unwrap();
    Damage::Flip(1_000).apply(&journal.join(&segment));
    let refused = command(copy.path(), &["run"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success());
    for word in [&segment, "at byte", "entry", "help:"] {
        assert!(said.contains(word), "{word}: {said}");
    }
}

fn lose_all_but_the_first_segment(config: &Path) {
    let merchant = config.join("state/demo");
    for (name, _) in files(&merchant.join("journal")).into_iter().skip(1) {
        fs::remove_file(merchant.join("journal").join(name)).unwrap();
    }
    fs::remove_dir_all(merchant.join("snapshots")).unwrap();
    let (found, said) = open(config);
    let seq = found.unwrap_or_else(|error| panic!("{error:?}")).seq;
    for word in ["were durable", &format!("entry={seq}")] {
        assert!(said.contains(word), "{word}: {said}");
    }
}
