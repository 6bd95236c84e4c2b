//! What happened, in order: a hash that two runs of one seed must share, and counters.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use channelsync_contract::Timestamp;
use sha2::{Digest, Sha256};

/// Lines kept for a person.
const TAIL_MAX: usize = 60;

/// The trace of one run.
pub(super) struct Trace(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    hash: Sha256,
    lines: u64,
    task: &'static str,
    tail: VecDeque<String>,
    counts: BTreeMap<&'static str, u64>,
    aloud: bool,
}

impl Trace {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Inner {
            aloud: std::env::var_os("SIM_TRACE").is_some(),
            ..Inner::default()
        }))
    }

    /// The task that is polled from here on.
    pub(super) fn enter(&self, task: &'static str) {
        self.0.lock().unwrap().task = task;
    }

    pub(super) fn task(&self) -> &'static str {
        self.0.lock().unwrap().task
    }

    /// One line of the trace.
    #[expect(clippy::print_stderr, reason = "asked for by SIM_TRACE")]
    pub(super) fn note(&self, at: Timestamp, task: &'static str, what: &str) {
        let mut inner = self.0.lock().unwrap();
        let line = format!("{at} {task}: {what}");
        inner.hash.update(line.as_bytes());
        inner.hash.update(b"\n");
        inner.lines += 1;
        if inner.aloud {
            eprintln!("{line}");
        }
        if inner.tail.len() >= TAIL_MAX {
            inner.tail.pop_front();
        }
        inner.tail.push_back(line);
    }

    /// Something for a person who asked for the trace.
    #[expect(clippy::print_stderr, reason = "asked for by SIM_TRACE")]
    pub(super) fn tell(&self, what: &str) {
        if self.0.lock().unwrap().aloud {
            eprintln!("{what}");
        }
    }

    /// Counts something that must happen in some run of a batch.
    pub(super) fn count(&self, what: &'static str) {
        self.count_by(what, 1);
    }

    pub(super) fn count_by(&self, what: &'static str, by: u64) {
        *self.0.lock().unwrap().counts.entry(what).or_default() += by;
    }

    pub(super) fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.0.lock().unwrap().counts.clone()
    }

    /// Lines so far, and the hash of all of them.
    pub(super) fn hash(&self) -> (u64, String) {
        let inner = self.0.lock().unwrap();
        (inner.lines, short(&inner.hash.clone().finalize()))
    }

    pub(super) fn tail(&self) -> Vec<String> {
        self.0.lock().unwrap().tail.iter().cloned().collect()
    }
}

/// The first bytes of a hash.
pub(super) fn short(hash: &[u8]) -> String {
    hash.iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The first bytes of the hash of something.
pub(super) fn digest(bytes: &[u8]) -> String {
    short(&Sha256::digest(bytes))
}
