//! Opening sled so that no damage stops the daemon: fenced, timed, and moved aside when it fails.

use std::any::Any;
use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{CACHE_BYTES, Inner, RecordsReport, SledStore};
use crate::store::lock::DirLock;
use crate::store::{RecordsError, disk};

const FORMAT: u32 = 1;
/// A handle that was dropped in this process lets go of sled's lock a little later.
const LOCK_TRIES_MAX: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Why sled did not do it.
pub(super) enum Trouble {
    /// The system's own error: moving the store away would not help.
    System(io::Error),
    /// The store is not worth another try.
    Damage(String),
}

pub(super) fn open(
    dir: &Path,
    limit: Duration,
) -> Result<(SledStore, RecordsReport), RecordsError> {
    let failed = |what| {
        move |source| RecordsError::Failed {
            what,
            path: dir.to_owned(),
            source,
        }
    };
    disk::create_dir(dir).map_err(failed("create"))?;
    let mut lock = DirLock::take(dir)?;
    let mut report = RecordsReport::default();
    let mut distrusted = check_format(dir)?;
    if let Ok(why) = std::fs::read_to_string(distrusted_path(dir)) {
        distrusted = Some(why);
    }
    loop {
        if let Some(why) = distrusted.take() {
            move_aside(dir).map_err(failed("move aside"))?;
            report.moved_aside = Some(why);
        }
        let sled = dir.join("sled");
        disk::create_dir(&sled).map_err(failed("create"))?;
        report.unfinished_removed += remove_unfinished(&sled).map_err(failed("clean"))?;
        let (returned, opened) = open_in_time(dir, lock, limit)?;
        lock = returned;
        match opened {
            Ok(db) => {
                let raw = make_durable(&sled).map_err(failed("sync"))?;
                let inner = Inner {
                    db,
                    raw,
                    dir: dir.to_owned(),
                    failed: AtomicBool::new(false),
                    blobs: Mutex::default(),
                    _lock: lock,
                };
                return Ok((SledStore(Arc::new(inner)), report));
            }
            Err(Trouble::System(source)) => return Err(failed("open")(source)),
            Err(Trouble::Damage(why)) if report.moved_aside.is_some() => {
                return Err(RecordsError::Damaged(why));
            }
            Err(Trouble::Damage(why)) => distrusted = Some(why),
        }
    }
}

/// Leaves a note for the next open not to trust this store.
pub(super) fn distrust(dir: &Path, why: &str) {
    // Best effort: without the note the next open meets the damage itself.
    let _noted: io::Result<()> = disk::replace(&distrusted_path(dir), why.as_bytes());
}

pub(super) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}

fn distrusted_path(dir: &Path) -> PathBuf {
    dir.join("distrusted")
}

/// A reason to begin empty, when the format cannot be read; writes it into a new directory.
fn check_format(dir: &Path) -> Result<Option<String>, RecordsError> {
    let path = dir.join("format");
    match std::fs::read_to_string(&path) {
        Ok(text) => match text.trim().parse() {
            Ok(found) if found > FORMAT => Err(RecordsError::Newer {
                found,
                known: FORMAT,
            }),
            Ok(_) => Ok(None),
            Err(_) => {
                write_format(&path)?;
                Ok(Some("the format file is unreadable".to_owned()))
            }
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => write_format(&path).map(|()| None),
        Err(source) => Err(RecordsError::Failed {
            what: "read",
            path,
            source,
        }),
    }
}

fn write_format(path: &Path) -> Result<(), RecordsError> {
    disk::replace(path, format!("{FORMAT}\n").as_bytes()).map_err(|source| RecordsError::Failed {
        what: "write",
        path: path.to_owned(),
        source,
    })
}

/// One store is kept for a person to look at; the one before it goes.
fn move_aside(dir: &Path) -> io::Result<()> {
    let (sled, aside) = (dir.join("sled"), dir.join("sled.aside"));
    if sled.exists() {
        if aside.exists() {
            std::fs::remove_dir_all(&aside)?;
        }
        std::fs::rename(&sled, &aside)?;
    }
    match std::fs::remove_file(distrusted_path(dir)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => disk::sync_dir(dir),
    }
}

/// sled refuses for ever to open beside a snapshot that it never finished.
fn remove_unfinished(sled: &Path) -> io::Result<usize> {
    let mut removed = 0;
    for file in std::fs::read_dir(sled)? {
        let name = file?.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            std::fs::remove_file(sled.join(&*name))?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Opens sled on a thread of its own: it may panic, and it may never return. The lock goes with the
/// thread, so that a hanging open keeps the directory to itself for as long as the process lives.
fn open_in_time(
    dir: &Path,
    lock: DirLock,
    limit: Duration,
) -> Result<(DirLock, Result<sled::Db, Trouble>), RecordsError> {
    let sled = dir.join("sled");
    let (sender, receiver) = sync_channel(1);
    let work = move || {
        let config = sled::Config::new()
            .path(sled)
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(None);
        let mut opened = catch_unwind(AssertUnwindSafe(|| config.open()));
        for _ in 0..LOCK_TRIES_MAX {
            if !matches!(&opened, Ok(Err(error)) if is_locked(error)) {
                break;
            }
            pause();
            opened = catch_unwind(AssertUnwindSafe(|| config.open()));
        }
        let opened = match opened {
            Ok(Ok(db)) => Ok(db),
            Ok(Err(error)) => Err(judge(error)),
            Err(panic) => Err(Trouble::Damage(format!(
                "sled panicked: {}",
                panic_text(&*panic)
            ))),
        };
        // Nobody listens any more after the time limit.
        let _late = sender.send((lock, opened));
    };
    std::thread::Builder::new()
        .name("records-open".to_owned())
        .spawn(work)
        .map_err(|source| RecordsError::Failed {
            what: "open",
            path: dir.to_owned(),
            source,
        })?;
    // Nothing is done in no time, however the threads are scheduled.
    let outcome = match limit.is_zero() {
        true => Err(RecvTimeoutError::Timeout),
        false => receiver.recv_timeout(limit),
    };
    match outcome {
        Ok(outcome) => Ok(outcome),
        Err(RecvTimeoutError::Timeout) => {
            distrust(dir, "sled did not open in time");
            Err(RecordsError::TimedOut {
                path: dir.to_owned(),
                limit_secs: limit.as_secs(),
            })
        }
        Err(RecvTimeoutError::Disconnected) => Err(RecordsError::Damaged(
            "sled's opening thread ended early".to_owned(),
        )),
    }
}

/// sled's own file lock; ours is held, so it can only be a handle that is just being closed, or a
/// foreign program's.
fn is_locked(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(source) if source.to_string().contains("could not acquire lock"))
}

#[expect(
    clippy::disallowed_methods,
    reason = "sled closes in threads of its own, in real time"
)]
fn pause() {
    std::thread::sleep(LOCK_PAUSE);
}

/// A full disk or a refused access is no damage. A missing or doubled file below sled is, and so are
/// errors that it makes up while reading; those carry no number of the system. Its file lock carries
/// none either, but with our lock held it can only be a foreign program's.
pub(super) fn judge(error: sled::Error) -> Trouble {
    match error {
        sled::Error::Io(source) => {
            let files = matches!(
                source.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists
            );
            let system = source.raw_os_error().is_some() && !files;
            if system || source.to_string().contains("could not acquire lock") {
                Trouble::System(source)
            } else {
                Trouble::Damage(source.to_string())
            }
        }
        other => Trouble::Damage(other.to_string()),
    }
}

/// sled syncs neither its names nor its data. Gives the handle through which we do.
fn make_durable(sled: &Path) -> io::Result<File> {
    File::open(sled.join("conf"))?.sync_all()?;
    let raw = File::options()
        .read(true)
        .write(true)
        .open(sled.join("db"))?;
    raw.sync_all()?;
    disk::sync_dir(sled)?;
    Ok(raw)
}
