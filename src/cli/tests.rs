use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use clap::CommandFactory as _;

use super::*;
use crate::ports::SeededRng;

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

/// Exit code, standard output, standard error.
fn run_with(dir: &Path, arguments: &[&str]) -> (Exit, String, String) {
    let all = ["channelsync", "--config", dir.to_str().unwrap()];
    let cli = Cli::try_parse_from(all.iter().chain(arguments)).unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut console = Console {
        out: &mut out,
        err: &mut err,
        terminal: false,
        env: BTreeMap::new(),
        clock: Arc::new(SystemClock::new()),
        rng: Arc::new(SeededRng::new(1)),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let exit = runtime.unwrap().block_on(run(cli, &mut console));
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (exit, text(out), text(err))
}

/// A configuration without channels for these merchants.
fn configured(merchants: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join("channelsync.toml"),
        "state_dir = \"state\"\n",
    )
    .unwrap();
    fs::create_dir(dir.path().join("merchants.d")).unwrap();
    for merchant in merchants {
        let file = dir.path().join(format!("merchants.d/{merchant}.toml"));
        fs::write(file, "locations = [\"main\"]\n").unwrap();
    }
    dir
}

#[test]
fn a_good_configuration_is_summed_up() {
    let dir = configured(&["acme"]);
    let (exit, out, err) = run_with(dir.path(), &["check"]);
    assert_eq!((exit, err.as_str()), (Exit::Ok, ""));
    assert_eq!(out, "ok\nmerchant acme: 1 location, 0 channels\n");
    let (_, out, _) = run_with(dir.path(), &["--json", "check"]);
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(value["merchants"][0]["merchant"], "acme");
}

#[test]
fn a_bad_configuration_ends_in_78_with_every_fault() {
    let dir = configured(&["acme"]);
    let file = dir.path().join("channelsync.toml");
    fs::write(file, "state_dri = \"x\"\npublic = 1\n[limts]\na = 1\n").unwrap();
    let (exit, out, err) = run_with(dir.path(), &["check"]);
    assert_eq!((exit.code(), out.as_str()), (78, ""));
    for key in ["state_dri", "public", "limts"] {
        assert!(err.contains(key), "{key}: {err}");
    }
}

#[test]
fn without_a_daemon_the_socket_is_named_and_what_to_do() {
    let dir = configured(&["acme"]);
    for arguments in [
        vec!["status"],
        vec!["stock"],
        vec!["parked", "list"],
        vec![
            "stock", "receive", "MUG", "1", "--at", "main", "--id", "r-1",
        ],
    ] {
        let (exit, out, err) = run_with(dir.path(), &arguments);
        assert_eq!((exit.code(), out.as_str()), (69, ""), "{arguments:?}");
        assert!(err.contains("admin.sock"), "{err}");
        assert!(
            err.contains("help: start it with `channelsync run`"),
            "{err}"
        );
        assert_eq!(
            err.contains("--id r-1"),
            arguments.len() > 2 && arguments[1] == "receive"
        );
    }
}

#[test]
fn one_of_several_merchants_must_be_named() {
    let dir = configured(&["acme", "beta"]);
    let (exit, _, err) = run_with(dir.path(), &["stock"]);
    assert_eq!(exit, Exit::Usage);
    assert_eq!(
        err,
        "error: there are several merchants\nhelp: say which with --merchant: acme, beta\n"
    );
    let (exit, _, err) = run_with(dir.path(), &["stock", "--merchant", "acm"]);
    assert_eq!(exit, Exit::Usage);
    assert!(err.starts_with("error: unknown merchant acm\n"), "{err}");
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    let refused = [
        "",
        "nonsense",
        "stock import file.csv",
        "stock import file.csv --counts --receipts",
        "stock receive MUG -1 --at main",
        "stock receive MUG 1",
        "stock adjust MUG x --at main",
        "map set us 101",
        "map set us 101 MUG=0",
        "orders ship",
        "orders ship 450 --line 7",
        "explain 101 --at yesterday",
        "journal --from -1",
    ];
    let taken = [
        "stock MUG",
        "stock",
        "stock adjust MUG -3 --at main",
        "stock import file.csv --counts",
        "orders --channel us --open",
        "orders show us #1001",
        "orders ship #1001 --line 7=1 --line 8=2 --tracking T --company UPS --from main",
        "orders tracking #1001 --shipment s-1 --number T --company UPS",
        "orders report #1001 --channel us --shipment s-1 --taken-back",
        "orders hold #1001 --reason fraud",
        "orders release #1001",
        "orders export --to-ship --location main --format json --output rows.json",
        "parked",
        "parked release us/77@101",
        "explain 101 --at 2026-11-20T09:00:00Z",
        "reconcile us --read-back",
        "journal --from 1 --limit 5 --json --merchant acme",
        "--json verify",
    ];
    let parse = |line: &str| {
        let words = line.split_whitespace();
        Cli::try_parse_from(std::iter::once("channelsync").chain(words))
    };
    for line in refused {
        assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
    }
    for line in taken {
        assert!(parse(line).is_ok(), "{line}");
    }
}
