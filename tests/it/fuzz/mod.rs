//! Every decoder of bytes from outside against inputs that were kept, and disturbed ones.
//!
//! `fuzz/corpus/NAME/` holds what was written by hand and what once failed. Each is played as it is, then
//! disturbed again and again, always in the same way. `FUZZ_RUNS=n` plays so many disturbed ones of each;
//! `FUZZ=write` writes what no hand could write beside the others, for the fuzzers in `fuzz/`.

mod disturb;
mod targets;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng as _;

use targets::{TARGETS, Target};

/// Of all inputs together.
const CORPUS_FILES_MAX: usize = 200;
const CORPUS_BYTES_MAX: usize = 200_000;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
}

/// Files of a folder by name, with what is in them.
fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let names = fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut paths: Vec<PathBuf> = names.map(|file| file.unwrap().path()).collect();
    paths.sort_unstable();
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let files = paths
        .iter()
        .map(|path| (name(path), fs::read(path).unwrap()));
    files.collect()
}

fn made(target: Target) -> impl Iterator<Item = (String, Vec<u8>)> {
    let made = (1..).zip((target.made)());
    made.map(|(number, bytes)| (format!("made-{number}"), bytes))
}

/// What fails is told with its input, to be kept in the corpus.
fn hold(target: Target, name: &str, bytes: &[u8]) {
    let held = catch_unwind(AssertUnwindSafe(|| (target.holds)(bytes)));
    let (target, shown) = (target.name, bytes.escape_ascii());
    assert!(held.is_ok(), "see above; {target}, {name}:\nb\"{shown}\"");
}

fn play(name: &str, runs: u32) {
    let target = targets::of(name);
    let mut kept = files(&corpus().join(name));
    kept.retain(|(name, _)| !name.starts_with("made-"));
    kept.extend(made(target));
    assert!(!kept.is_empty(), "there is nothing to begin with");
    for (name, bytes) in &kept {
        hold(target, name, bytes);
    }
    let inputs: Vec<&[u8]> = kept.iter().map(|(_, bytes)| bytes.as_slice()).collect();
    let runs = std::env::var("FUZZ_RUNS").map_or(runs, |runs| runs.parse().unwrap());
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    for run in 0..runs {
        let bytes = disturb::disturbed(&inputs, &mut rng);
        hold(target, &format!("run {run}"), &bytes);
    }
}

/// Each in a test of its own, so that they run beside each other.
macro_rules! play {
    ($($(#[$line:meta])* $test:ident $name:literal $runs:literal)*) => {$(
        $(#[$line])*
        #[test]
        fn $test() {
            play($name, $runs);
        }
    )*
        /// No target is left out.
        const PLAYED: &[&str] = &[$($name),*];
    };
}

play! {
    /// R69
    any_delivery_is_decoded_and_booked_once "webhook" 2_000
    /// R69
    any_answer_is_decoded_and_booked_once "answers" 2_000
    /// R69
    no_row_of_a_csv_file_is_lost "sheets" 2_000
    /// R69
    any_settings_are_taken_or_told_without_a_secret "settings" 500
    /// R69
    any_request_of_the_socket_is_answered_and_booked_once "admin" 1_000
    any_group_is_read_as_it_is_written "entries" 2_000
    any_segments_open_to_their_unbroken_beginning "journal" 1_000
    any_snapshot_is_passed_over_or_the_one_that_was_written "snapshot" 1_000
    any_record_opens_under_its_own_key_alone "values" 2_000
    any_parked_bytes_come_back_or_do_not_open "sealed" 500
}

#[test]
fn every_target_is_played_and_has_a_fuzzer() {
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(names, PLAYED);
    let manifest = corpus().with_file_name("Cargo.toml");
    let manifest: toml::Table = fs::read_to_string(manifest).unwrap().parse().unwrap();
    let fuzzers = manifest["bin"].as_array().unwrap().iter();
    let fuzzers: Vec<&str> = fuzzers.map(|bin| bin["name"].as_str().unwrap()).collect();
    assert_eq!(names, fuzzers);
}

#[test]
fn the_corpus_stays_small() {
    if std::env::var("FUZZ").is_ok_and(|what| what == "write") {
        for target in TARGETS {
            for (name, bytes) in made(*target) {
                let dir = corpus().join(target.name);
                fs::create_dir_all(&dir).unwrap();
                fs::write(dir.join(name), bytes).unwrap();
            }
        }
    }
    let all: Vec<_> = TARGETS
        .iter()
        .flat_map(|target| files(&corpus().join(target.name)))
        .collect();
    let bytes: usize = all.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(
        all.len() <= CORPUS_FILES_MAX && bytes <= CORPUS_BYTES_MAX,
        "{} {bytes}",
        all.len()
    );
}
