//! Bugs that are planted to score the tests still fit the tree.

use std::path::{Path, PathBuf};
use std::process::Command;

/// At least so many are planted.
const PATCHES_MIN: usize = 25;

/// A patch applies, and its head says in words what is wrong with it.
fn faults(patch: &Path, root: &Path) -> Option<Vec<String>> {
    let name = patch.file_name().unwrap().to_string_lossy();
    let text = std::fs::read_to_string(patch).unwrap();
    let head = text.split("diff --git").next().unwrap_or_default().trim();
    let mut faults = Vec::new();
    if head.is_empty() || head.starts_with("found-by:") {
        faults.push(format!("{name}: its head does not say what is wrong"));
    }
    let mut git = Command::new("git");
    git.args(["apply", "--check"]).arg(patch).current_dir(root);
    let checked = git.output().ok()?;
    if !checked.status.success() {
        let why = String::from_utf8_lossy(&checked.stderr);
        faults.push(format!("{name} no longer applies: {why}"));
    }
    Some(faults)
}

#[test]
#[expect(clippy::print_stderr, reason = "says why nothing was checked")]
fn every_planted_bug_applies_and_says_what_is_wrong() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(root.join("tests/planted")).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let patches: Vec<PathBuf> = files
        .filter(|path| path.extension().is_some_and(|end| end == "patch"))
        .collect();
    assert!(patches.len() >= PATCHES_MIN, "{} patches", patches.len());
    let found: Option<Vec<_>> = patches.iter().map(|patch| faults(patch, &root)).collect();
    let Some(found) = found else {
        return eprintln!("skipped: there is no git to try patches with");
    };
    let found: Vec<String> = found.into_iter().flatten().collect();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}
