//! A file that is master of a location: looked at again and again, each content taken once.
//!
//! What it says was there at a time is booked like a person's count of that time. Rows that cannot be
//! booked are set aside, those of the same kind once. Until all is booked the file is not known, and
//! what is booked of it stays the same when it is booked again; so whatever fails, it is looked at anew.

mod look;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use channelsync_contract::ports::Clock;
use channelsync_contract::{ChannelId, LocationId, Sku, Timestamp, Units};
use sha2::Digest as _;
use tokio_util::sync::CancellationToken;

pub use self::look::{Stamp, look, read};
use super::feed::{Park, hex};
use crate::board::{Board, FILE};
use crate::bookkeeper::{BookError, Handle, Origin};
use crate::ledger::{Command, FileTaken, Ledger, Refusal, StockLine, would_change};
use crate::sheet::{self, Fault, Of, Row, Sheet};
use crate::store::parked::ParkedError;

/// Rows that are booked in one entry.
const CHUNK_ROWS_MAX: usize = 500;
const ROWS_MAX: usize = 200_000;
/// A count of a time so far ahead waits for it: clocks differ. One of a later time is a mistake.
const AHEAD_MAX: Duration = Duration::from_secs(3_600);
/// Faults whose reasons are told; the others are counted.
const REASONS_MAX: usize = 5;

/// Looks at files and reads them, where that may block.
#[async_trait]
pub trait Files: Send + Sync {
    /// As [`look`].
    async fn look(&self, path: PathBuf) -> Result<BTreeMap<PathBuf, Stamp>, String>;
    /// As [`read`].
    async fn read(&self, path: PathBuf, seen: Stamp) -> Result<Option<Vec<u8>>, String>;
}

/// A location and its file.
pub struct StockFile {
    /// The location whose master it is.
    pub location: LocationId,
    /// The file, or a folder of such.
    pub path: PathBuf,
    /// Pause between looks.
    pub look_interval: Duration,
    /// The way to the files.
    pub files: Arc<dyn Files>,
    /// The merchant's book.
    pub book: Handle,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Where rows that cannot be booked are kept.
    pub park: Park,
    /// Where to tell what happens.
    pub board: Board,
}

/// Why a file is not taken now.
enum NotYet {
    /// It is looked at again: what was wrong, or what it waits for.
    Told(String),
    /// The bookkeeper is gone.
    Stopped,
}

impl From<BookError> for NotYet {
    fn from(error: BookError) -> Self {
        match error {
            BookError::Stopped => Self::Stopped,
            BookError::Refused(_) | BookError::QueueFull | BookError::Unwritable(_) => {
                Self::Told(error.to_string())
            }
        }
    }
}

impl From<String> for NotYet {
    fn from(why: String) -> Self {
        Self::Told(why)
    }
}

impl From<ParkedError> for NotYet {
    fn from(error: ParkedError) -> Self {
        Self::Told(error.to_string())
    }
}

impl NotYet {
    /// The same of a file.
    fn of(self, name: &str) -> Self {
        match self {
            Self::Told(why) => Self::Told(format!("{name}: {why}")),
            Self::Stopped => Self::Stopped,
        }
    }
}

/// What is known of the files from one look to the next.
#[derive(Default)]
struct Known {
    /// As they were at the last look.
    seen: BTreeMap<PathBuf, Stamp>,
    /// As they were when they were taken, or known from before.
    taken: BTreeMap<PathBuf, Stamp>,
    /// Since when it fails or waits.
    failing_since: Option<Timestamp>,
}

/// Looks until `stop`.
///
/// # Errors
/// When the bookkeeper is gone.
pub async fn run(file: &StockFile, stop: CancellationToken) -> Result<(), BookError> {
    let location = file.location.clone();
    let last = file
        .book
        .read(move |ledger| Some(ledger.last_file(&location)?.1));
    if let Some(at) = last.await? {
        file.board.cover(FILE, at);
    }
    let mut known = Known::default();
    loop {
        let told = match file.look(&mut known).await {
            Ok(()) => None,
            Err(NotYet::Told(why)) => Some(why),
            Err(NotYet::Stopped) => return Ok(()),
        };
        let now = file.clock.now();
        known.failing_since = told.as_ref().map(|_| known.failing_since.unwrap_or(now));
        if file
            .board
            .ended(FILE, known.failing_since.unwrap_or(now), told.clone())
            && let Some(why) = told
        {
            tracing::warn!(location = %file.location, why, "stock file not taken, looking again");
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            () = file.clock.sleep(file.look_interval) => {}
        }
    }
}

/// What is worked on of a file.
#[derive(Default)]
struct Work {
    /// Rows that are good, whether they change anything or not.
    good: usize,
    /// Counts that change something.
    changing: Vec<(StockLine, Timestamp)>,
    /// What is wrong with the others.
    faults: Vec<Fault>,
}

impl StockFile {
    /// Takes what lies there whole and is not known, by name, up to the first that fails.
    async fn look(&self, known: &mut Known) -> Result<(), NotYet> {
        let files = self.files.look(self.path.clone()).await?;
        let before = std::mem::replace(&mut known.seen, files.clone());
        known.taken.retain(|path, _| files.contains_key(path));
        for (path, stamp) in files {
            let is_whole = before.get(&path) == Some(&stamp);
            if !is_whole || known.taken.get(&path) == Some(&stamp) {
                continue;
            }
            let Some(bytes) = self.files.read(path.clone(), stamp).await? else {
                continue;
            };
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let taken = self.take(&name, &bytes).await;
            taken.map_err(|why| why.of(&name))?;
            known.taken.insert(path, stamp);
        }
        Ok(())
    }

    /// Books what a file says, sets aside what cannot be booked, and books that it was taken.
    async fn take(&self, name: &str, bytes: &[u8]) -> Result<(), NotYet> {
        let mut taken = FileTaken {
            location: self.location.clone(),
            sha256: hex(&sha2::Sha256::digest(bytes)),
            name: name.to_owned(),
            rows: 0,
            parked: 0,
        };
        let asked = taken.clone();
        let is_known = move |ledger: &Ledger| ledger.has_taken(&asked);
        if self.book.read(is_known).await? {
            return Ok(());
        }
        let (header, rows, mut work) = self.read(bytes)?;
        for rows in rows.chunks(CHUNK_ROWS_MAX) {
            self.weigh(rows, &mut work).await?;
        }
        let bad: BTreeMap<usize, &Fault> = work
            .faults
            .iter()
            .map(|fault| (fault.at.start, fault))
            .collect();
        (taken.rows, taken.parked) = (to_u32(work.good), to_u32(bad.len()));
        if !bad.is_empty() {
            let bad: Vec<&Fault> = bad.into_values().collect();
            self.set_aside(name, (bytes, header), &bad).await?;
        }
        let origin = || Origin::new(format!("file {}", self.location), cause(&taken));
        for chunk in work.changing.chunks(CHUNK_ROWS_MAX) {
            let command = Command::CountFile(chunk.to_vec(), None);
            self.book.book(command, origin()).await?;
        }
        let command = Command::CountFile(Vec::new(), Some(Box::new(taken.clone())));
        self.book.book(command, origin()).await?;
        self.board.cover(FILE, self.clock.now());
        let FileTaken { rows, parked, .. } = taken;
        tracing::info!(location = %self.location, file = name, rows, parked, "stock file taken");
        Ok(())
    }

    /// The place of the header, the rows that may be booked, and the faults of the others.
    fn read(&self, bytes: &[u8]) -> Result<(Range<usize>, Vec<Row>, Work), String> {
        let read = sheet::read(bytes, Of::CountsAt(self.location.as_str()));
        let sheet = read.unwrap_or_else(|fault| Sheet {
            faults: vec![Fault {
                at: 0..bytes.len(),
                about: fault.why.clone(),
                ..fault
            }],
            ..Sheet::default()
        });
        if sheet.rows.len() > ROWS_MAX {
            return Err(format!(
                "{} rows are too many: split it into files of at most {ROWS_MAX} in a folder",
                sheet.rows.len()
            ));
        }
        let now = self.clock.now();
        let (mut rows, mut faults) = (sheet.rows, sheet.faults);
        rows.retain(|row| {
            let is_far = row.as_of.is_some_and(|as_of| as_of > now.plus(AHEAD_MAX));
            if is_far {
                let why = "its time is not over yet: nobody can have counted then";
                let help = "write when it was counted, with the right offset";
                faults.push(row.wrong(why.to_owned(), help.to_owned()));
            }
            !is_far
        });
        let ahead = rows.iter().filter_map(|row| row.as_of).max();
        if let Some(as_of) = ahead.filter(|as_of| *as_of > now) {
            return Err(format!("{as_of} is not over yet: this clock says {now}"));
        }
        let work = Work {
            faults,
            ..Work::default()
        };
        Ok((sheet.header, rows, work))
    }

    /// Tells rows that change something from those that do not, and from those that cannot be booked.
    async fn weigh(&self, rows: &[Row], work: &mut Work) -> Result<(), NotYet> {
        let lines: Vec<(StockLine, Timestamp)> = rows.iter().filter_map(line).collect();
        let now = self.clock.now();
        let weighed = self.book.read(move |ledger| {
            let weigh = |(line, as_of): (StockLine, Timestamp)| {
                let found = would_change(ledger, now, (&line, as_of));
                ((line, as_of), found)
            };
            lines.into_iter().map(weigh).collect::<Vec<_>>()
        });
        for (row, (line, found)) in rows.iter().zip(weighed.await?) {
            match found {
                Err(refusal) if refusal.is_for_now() => return Err(refusal.to_string().into()),
                // What a newer count has overtaken says nothing any more.
                Ok(false) | Err(Refusal::CountedSince { .. }) => work.good += 1,
                Ok(true) => {
                    work.good += 1;
                    work.changing.push(line);
                }
                Err(refusal) => {
                    let help = "correct it where the file is made, or count it by `stock count`";
                    let fault = row.wrong(refusal.to_string(), help.to_owned());
                    work.faults.push(fault);
                }
            }
        }
        Ok(())
    }

    /// Keeps rows that cannot be booked for a person, with the header above them. Those that every
    /// file repeats are kept once.
    async fn set_aside(
        &self,
        name: &str,
        (bytes, header): (&[u8], Range<usize>),
        bad: &[&Fault],
    ) -> Result<(), NotYet> {
        let channel = ChannelId::new(self.location.as_str());
        let about = bad.iter().map(|fault| fault.about.as_str());
        let about = about.collect::<Vec<_>>().join("\n");
        let id = self.park.0.id(channel.as_str(), about.as_bytes());
        let asked = id.clone();
        let is_known = move |ledger: &Ledger| ledger.parked.contains_key(&asked);
        if self.book.read(is_known).await? {
            return Ok(());
        }
        let pieces = std::iter::once(&header).chain(bad.iter().map(|fault| &fault.at));
        let pieces = pieces.filter_map(|at| bytes.get(at.clone()));
        let pieces: Vec<&[u8]> = pieces.map(<[u8]>::trim_ascii).collect();
        let what = format!("rows of {name}: {}", bad.len());
        // Of a try whose booking failed.
        self.park.0.delete(&id)?;
        let kept = self
            .park
            .keep_as(id, &channel, (&what, reasons(bad)), &pieces.join(&b'\n'));
        let command = Command::Park(Box::new(kept?));
        let origin = Origin::new(format!("file {}", self.location), name);
        self.book.book(command, origin).await?;
        Ok(())
    }
}

fn line(row: &Row) -> Option<(StockLine, Timestamp)> {
    let line = StockLine {
        id: String::new(),
        sku: Sku::new(&row.sku),
        location: LocationId::new(&row.location),
        units: Units(row.units),
    };
    row.as_of.map(|as_of| (line, as_of))
}

fn cause(taken: &FileTaken) -> String {
    let sha256 = taken.sha256.get(..12).unwrap_or_default();
    format!("{}, SHA-256 {sha256}", taken.name)
}

/// What is wrong, for the list of what was set aside.
fn reasons(bad: &[&Fault]) -> String {
    let reason = |fault: &&Fault| {
        let column = match fault.column {
            "" => String::new(),
            column => format!(", {column}"),
        };
        format!("line {}{column}: {}", fault.line, fault.why)
    };
    let mut reasons: Vec<String> = bad.iter().take(REASONS_MAX).map(reason).collect();
    if bad.len() > REASONS_MAX {
        reasons.push(format!("and {} more", bad.len() - REASONS_MAX));
    }
    reasons.join("; ")
}

fn to_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
