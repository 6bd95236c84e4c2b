//! What must hold of any bytes that come from outside, one function for each kind of them.
//!
//! In: any bytes. Out: nothing, or a panic that says what does not hold. The tests play committed and
//! disturbed inputs, the fuzzers in `fuzz/` whatever reaches new code: both call these functions.

mod admin;
mod answers;
mod book;
mod entries;
mod journal;
mod sealed;
mod settings;
mod sheets;
mod snapshot;
mod values;
mod webhook;

use std::path::Path;

use tempfile::TempDir;

/// One kind of bytes from outside.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    /// Also the name of its folder of inputs and of its fuzzer.
    pub(crate) name: &'static str,
    /// Panics where something does not hold.
    pub(crate) holds: fn(&[u8]),
    /// Inputs that nobody could write by hand.
    pub(crate) made: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub(crate) const TARGETS: &[Target] = &[
    written("webhook", webhook::holds),
    written("answers", answers::holds),
    written("sheets", sheets::holds),
    written("settings", settings::holds),
    written("admin", admin::holds),
    made("entries", entries::holds, entries::made),
    made("journal", journal::holds, journal::made),
    made("snapshot", snapshot::holds, snapshot::made),
    made("values", values::holds, values::made),
    made("sealed", sealed::holds, sealed::made),
];

const fn made(name: &'static str, holds: fn(&[u8]), made: fn() -> Vec<Vec<u8>>) -> Target {
    Target { name, holds, made }
}

/// One whose inputs are text.
const fn written(name: &'static str, holds: fn(&[u8])) -> Target {
    made(name, holds, Vec::new)
}

/// The target of a name.
pub(crate) fn of(name: &str) -> Target {
    let found = TARGETS.iter().find(|target| target.name == name);
    *found.unwrap_or_else(|| panic!("no target {name}"))
}

/// A directory that is gone afterwards; in memory, where the machine has a place for that.
fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        return TempDir::new_in(memory).unwrap();
    }
    TempDir::new().unwrap()
}

/// Parts of an input, each behind a line of two `%`.
fn parts(bytes: &[u8]) -> Vec<&[u8]> {
    let (mut parts, mut rest) = (Vec::new(), bytes);
    let between = b"\n%%\n";
    while let Some(at) = rest.windows(between.len()).position(|some| some == between) {
        parts.push(&rest[..at]);
        rest = &rest[at + between.len()..];
    }
    parts.push(rest);
    parts
}

/// The first line, and what follows it.
fn line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    end.map_or((bytes, &[]), |end| (&bytes[..end], &bytes[end + 1..]))
}
