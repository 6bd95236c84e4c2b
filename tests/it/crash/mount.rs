//! File systems of a test's own; where they cannot be had the test says that it is skipped.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::say;

/// Mounted until it is dropped.
pub(super) struct Mount(PathBuf);

impl Drop for Mount {
    fn drop(&mut self) {
        run("umount", &[], &[&self.0]);
    }
}

impl Mount {
    /// So many bytes in memory.
    pub(super) fn memory(bytes: u64, at: &Path) -> Option<Self> {
        let size = format!("size={bytes}");
        let done = run("mount", &["-t", "tmpfs", "-o", &size, "tmpfs"], &[at]);
        done.then(|| Self(at.to_owned()))
    }

    /// The file system in a file.
    pub(super) fn image(image: &Path, at: &Path) -> Option<Self> {
        let done = run("mount", &["-o", "loop"], &[image, at]);
        done.then(|| Self(at.to_owned()))
    }
}

/// Whether a tool did it; what it said otherwise is told.
pub(super) fn run(tool: &str, words: &[&str], paths: &[&Path]) -> bool {
    match Command::new(tool).args(words).args(paths).output() {
        Ok(output) if output.status.success() => true,
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            say(&format!("skipped: {tool}: {}", said.trim()));
            false
        }
        Err(error) => {
            say(&format!("skipped: {tool}: {error}"));
            false
        }
    }
}
