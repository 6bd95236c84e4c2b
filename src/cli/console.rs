//! Where text goes: results to one stream, everything else to the other.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use channelsync_contract::ports::{Clock, Rng};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::failure::{Exit, Failure};

/// What a command gets from the world.
pub struct Console<'a> {
    /// Results.
    pub out: &'a mut (dyn Write + Send),
    /// Errors and remarks.
    pub err: &'a mut (dyn Write + Send),
    /// Whether remarks are read on a terminal: long work then shows how far it is.
    pub terminal: bool,
    /// Variables, `CHANNELSYNC_…` alone.
    pub env: BTreeMap<String, String>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Ids of commands.
    pub rng: Arc<dyn Rng>,
}

impl Console<'_> {
    /// Writes a text and a line end.
    ///
    /// # Errors
    /// When nobody reads, or the system refuses.
    pub fn print(&mut self, text: &str) -> Result<(), Failure> {
        self.bytes(text.as_bytes())?;
        self.bytes(b"\n")
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// As [`Console::print`].
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.out.write_all(bytes).map_err(|error| failed(&error))
    }

    /// Writes one JSON value and a line end.
    ///
    /// # Errors
    /// As [`Console::print`].
    pub fn json(&mut self, value: &Value) -> Result<(), Failure> {
        self.print(&value.to_string())
    }

    /// Hands everything to the system.
    ///
    /// # Errors
    /// As [`Console::print`].
    pub fn flush(&mut self) -> Result<(), Failure> {
        self.out.flush().map_err(|error| failed(&error))
    }

    /// A remark. Where it cannot be written there is nobody to tell.
    pub fn tell(&mut self, text: impl std::fmt::Display) {
        drop(write!(self.err, "{text}"));
    }

    /// A progress bar; hidden where no person looks.
    pub(super) fn bar(&self, what: &'static str, length: u64) -> ProgressBar {
        if !self.terminal {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::new(length)
            .with_style(style)
            .with_message(what)
    }
}

fn failed(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Failure::ReaderGone;
    }
    let what = format!("cannot write the output: {error}");
    Failure::new(
        Exit::Unavailable,
        what,
        "make space, or send it somewhere else",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::{SeededRng, SystemClock};

    struct Refuses(io::ErrorKind);

    impl Write for Refuses {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_left_is_no_failure_and_a_full_disk_is() {
        let print = |kind| {
            let (mut out, mut err) = (Refuses(kind), Refuses(kind));
            let mut console = Console {
                out: &mut out,
                err: &mut err,
                terminal: false,
                env: BTreeMap::new(),
                clock: Arc::new(SystemClock::new()),
                rng: Arc::new(SeededRng::new(1)),
            };
            console.tell("nobody hears this");
            console.print("text").unwrap_err()
        };
        assert_eq!(print(io::ErrorKind::BrokenPipe), Failure::ReaderGone);
        assert_eq!(print(io::ErrorKind::StorageFull).exit(), Exit::Unavailable);
    }
}
