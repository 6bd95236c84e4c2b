//! The files of `systemd/`, held against the tools that read them, where those are installed.

mod life;
mod service;

pub(crate) use service::{Deliveries, Service, deliver, request};

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// The daemon as built for these tests.
const PROGRAM: &str = env!("CARGO_BIN_EXE_channelsync");
const INSTALLED: &str = "/usr/local/bin/channelsync";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd")
}

/// What a tool said, and whether it was content; none, said aloud, where there is no such tool.
#[expect(clippy::print_stdout, reason = "says what was not tried")]
fn ask(tool: &str, arguments: &[&str], at: &Path) -> Option<(bool, String)> {
    let mut command = Command::new(tool);
    let asked = command.args(arguments).current_dir(at).output();
    match asked {
        Ok(output) => {
            let both = [output.stdout, output.stderr].concat();
            let text = String::from_utf8_lossy(&both).into_owned();
            Some((output.status.success(), text))
        }
        Err(error) => {
            println!("skipped: {tool} {}: {error}", arguments.join(" "));
            None
        }
    }
}

/// The units with the daemon where these tests have it.
fn units() -> TempDir {
    let dir = TempDir::new().unwrap();
    for name in ["channelsync.service", "channelsync.socket"] {
        let text = fs::read_to_string(folder().join(name)).unwrap();
        assert!(name.ends_with("socket") || text.contains(INSTALLED));
        let text = text.replace(INSTALLED, PROGRAM);
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

#[test]
fn the_units_are_read_without_a_word() {
    let dir = units();
    let names = ["verify", "./channelsync.service", "./channelsync.socket"];
    if let Some((content, said)) = ask("systemd-analyze", &names, dir.path()) {
        assert!(content && said.is_empty(), "{said}");
    }
}

#[test]
fn the_service_is_hardened_to_1_1() {
    let arguments = [
        "security",
        "--offline=true",
        "--threshold=11",
        "--no-pager",
        "channelsync.service",
    ];
    if let Some((content, said)) = ask("systemd-analyze", &arguments, &folder()) {
        assert!(content, "{said}");
        assert!(said.contains("Overall exposure level"), "{said}");
    }
}

#[test]
fn the_socket_and_the_settings_listen_in_one_place() {
    let read = |path: PathBuf| fs::read_to_string(path).unwrap();
    let unit = read(folder().join("channelsync.socket"));
    let listens = unit
        .lines()
        .find_map(|line| line.strip_prefix("ListenStream="))
        .unwrap();
    let example = read(folder().with_file_name("config/channelsync.example.toml"));
    assert!(
        example.contains(&format!("\nwebhooks = \"{listens}\"\n")),
        "{listens}"
    );
}

#[test]
fn the_alerts_say_what_their_cases_expect() {
    let tool = "promtool";
    if let Some((content, said)) = ask(
        tool,
        &["check", "rules", "channelsync.rules.yml"],
        &folder(),
    ) {
        assert!(content, "{said}");
    }
    let cases = ["test", "rules", "channelsync.rules.test.yml"];
    if let Some((content, said)) = ask(tool, &cases, &folder()) {
        assert!(content, "{said}");
    }
}
