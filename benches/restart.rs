//! Ready again after kill -9, and how much memory the state takes.
//!
//! 1 M SKUs, 4 M listings, 1 M known orders of three lines, most of them shipped; a snapshot, and
//! 100,000 entries after it. One process makes the directory and is killed; the next one opens it as
//! the daemon does, until a question put to the bookkeeper is answered; a third one takes the steps
//! one by one. `--keep DIR` makes the directory once and uses it again.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]
#![expect(clippy::float_arithmetic, reason = "figures are for people")]
#![expect(clippy::disallowed_methods, reason = "a bench measures real time")]

#[path = "common/memory.rs"]
mod memory;
#[path = "restart/open.rs"]
mod open;
#[path = "common/orders.rs"]
mod orders;
#[path = "restart/prepare.rs"]
mod prepare;
#[path = "common/sheet.rs"]
mod sheet;
#[path = "common/world.rs"]
mod world;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use sheet::{Sheet, full_size};
use world::Size;

const MERCHANT: &str = "bench";
const RECORDS_OPEN_MAX: Duration = Duration::from_secs(60);
const READY: &str = "ready to be killed";

/// How large a state.
#[derive(Clone, Copy)]
struct Scale {
    size: Size,
    orders: u32,
    tail: u32,
}

fn main() {
    let (skus, orders, tail) = if full_size() {
        (1_000_000, 1_000_000, 100_000)
    } else {
        (1_000, 1_000, 500)
    };
    let size = Size { skus, channels: 4 };
    let scale = Scale { size, orders, tail };
    let arguments: Vec<String> = std::env::args().collect();
    let after = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).map(PathBuf::from)
    };
    if let Some(dir) = after("--prepare") {
        prepare::prepare(&dir, scale);
        println!("{READY}");
        loop {
            std::thread::park();
        }
    }
    if let Some(dir) = after("--open") {
        return open::open(&dir);
    }
    if let Some(dir) = after("--steps") {
        return open::steps(&dir);
    }
    let temporary = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let dir = after("--keep").unwrap_or_else(|| temporary.path().to_owned());
    if !dir.join(MERCHANT).is_dir() {
        make_and_kill(&dir);
    }
    let mut sheet = Sheet::new("restart");
    for how in ["--open", "--steps"] {
        for (name, figure) in run(how, &dir) {
            sheet.figure(&name, figure);
        }
    }
    sheet.finish();
}

fn this(how: &str, dir: &Path) -> Command {
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(program);
    command.arg(how).arg(dir).stdout(Stdio::piped());
    if full_size() {
        command.arg("--bench");
    }
    command
}

/// Has the directory made by another process and kills it without warning.
fn make_and_kill(dir: &Path) {
    let mut maker = this("--prepare", dir).spawn().expect("this program starts");
    let said = BufReader::new(maker.stdout.take().expect("its output"));
    for line in said.lines() {
        let line = line.expect("text");
        if line == READY {
            break;
        }
        println!("{line}");
    }
    maker.kill().expect("it still runs");
    let ended = maker.wait().expect("it ends");
    assert!(
        ended.code().is_none(),
        "it was killed and did not end by itself"
    );
}

/// Figures as the other process prints them: name, space, number.
fn run(how: &str, dir: &Path) -> Vec<(String, f64)> {
    let output = this(how, dir).output().expect("this program starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("text");
    let figures = text.lines().filter_map(|line| line.split_once(' '));
    let read = |(name, figure): (&str, &str)| Some((name.to_owned(), figure.parse().ok()?));
    figures.filter_map(read).collect()
}
