//! The real program on a real disk: killed, cut off, filled up, damaged.
//!
//! What judges is what a user has: `sandbox audit`, which compares the shops' own truth with the
//! ledger, and `verify`. `KILL_ROUNDS=n` and `KILL_TRIALS=n` play more than the ordinary suite does.

mod damage;
mod full;
mod kill;
mod mount;
mod pair;
mod power;

use std::time::Duration;

/// The program as built for these tests.
const PROGRAM: &str = env!("CARGO_BIN_EXE_channelsync");
/// What is waited for comes within this, or the test fails.
const PATIENCE: Duration = Duration::from_secs(120);

/// How much of something is asked for outside.
fn wanted(variable: &str, otherwise: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap(),
        Err(_) => otherwise,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "other processes live in real time"
)]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Asks until there is an answer.
fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    const EVERY: Duration = Duration::from_millis(2);
    let mut left = PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(!left.is_zero(), "{what} did not come");
        left = left.saturating_sub(EVERY);
        pause(EVERY);
    }
}

#[expect(clippy::print_stdout, reason = "says what was seen, or not tried")]
fn say(what: &str) {
    println!("{what}");
}
