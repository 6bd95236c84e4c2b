//! A file that somebody asked for, or the terminal.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::console::Console;
use super::failure::Failure;

#[derive(clap::Args, Debug)]
pub(super) struct Output {
    /// Into this file, whole or not at all [default: the terminal]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write over a file that is there: what was filled in there is lost
    #[arg(long, requires = "output")]
    force: bool,
}

impl Output {
    /// # Errors
    /// A file is there that nobody gave up.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let kept = self.output.iter().find(|file| !self.force && file.exists());
        let Some(file) = kept else {
            return Ok(());
        };
        let error = format!("{} is there already", file.display());
        let help = "name another file; --force writes over it, with what was filled in there";
        Err(Failure::usage(error, help))
    }

    /// Writes; gives the file, if it was one.
    ///
    /// # Errors
    /// The file cannot be written, or the terminal.
    pub(super) fn write(
        &self,
        bytes: &[u8],
        console: &mut Console<'_>,
    ) -> Result<Option<&Path>, Failure> {
        let Some(file) = self.output.as_deref() else {
            return console.bytes(bytes).map(|()| None);
        };
        write_whole(file, bytes).map_err(|error| {
            let error = format!("cannot write {}: {error}", file.display());
            Failure::usage(error, "name a file in a directory that this user may write")
        })?;
        Ok(Some(file))
    }
}

/// A reader of the file sees all of it or what was there before.
fn write_whole(file: &Path, text: &[u8]) -> std::io::Result<()> {
    let unfinished = file.with_added_extension("new");
    let mut out = std::fs::File::create(&unfinished)?;
    out.write_all(text)?;
    out.sync_all()?;
    std::fs::rename(&unfinished, file)
}
