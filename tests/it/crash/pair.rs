//! Doubles and daemon as two processes of the real program, asked from outside.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use channelsync_contract::Timestamp;
use channelsync_sandbox::{Timings, Truth};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{PATIENCE, PROGRAM, until};
use crate::systemd::request;

const SHOPS: [&str; 2] = ["north", "south"];
/// Snapshots as often as settings allow, and segments as small.
const LIMITS: &str = "[limits]\nsnapshot_entries = 100\nsegment_bytes_max = 1048576\n";
/// After a start nothing leaves before it was earned.
const PLAN: &str = r#"{"do":"plan","restore_per_sec":10000,"points_max":20000}"#;
/// A search shows a change within twice the time that it takes on average.
const SEARCH_LAG: Duration = Duration::from_millis(200);
const SETTLED: Duration = Duration::from_millis(500);
/// Audits of one rest that something came between.
const AUDITS_MAX: u32 = 20;

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

pub(super) struct Pair {
    dir: TempDir,
    doubles: SocketAddr,
    _sandbox: Running,
    run: Option<Running>,
}

impl Drop for Pair {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.dir.disable_cleanup(true);
            super::say(&format!(
                "everything is kept in {}",
                self.dir.path().display()
            ));
        }
    }
}

impl Pair {
    /// Two shops of quick temper with shoppers and a clerk, and a daemon that counted their stock in.
    pub(super) fn start(seed: u64, orders_per_second: u64) -> Self {
        let dir = TempDir::new().unwrap();
        let mut sandbox = Command::new(PROGRAM)
            .args([
                "sandbox",
                "--listen",
                "127.0.0.1:0",
                "--json",
                "--skus",
                "40",
            ])
            .args(["--seed", &seed.to_string()])
            .args(["--orders-per-second", &orders_per_second.to_string()])
            .arg("--write-config")
            .arg(dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let out = sandbox.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        let told: Value = serde_json::from_str(&line).unwrap();
        let url = told["shops"][0]["base_url"].as_str().unwrap();
        let address = url.strip_prefix("http://").unwrap().split('/').next();
        let mut pair = Self {
            dir,
            doubles: address.unwrap().parse().unwrap(),
            _sandbox: Running(sandbox),
            run: None,
        };
        pair.set_up();
        pair
    }

    fn set_up(&mut self) {
        let timings = Timings {
            routing_delay_min: Duration::from_millis(100),
            routing_delay_spread: Duration::from_millis(200),
            search_lag: SEARCH_LAG,
            ..Timings::default()
        };
        let mut action = json!(timings);
        action["do"] = json!("timings");
        for shop in SHOPS {
            self.control("POST", &format!("/shops/{shop}"), &action.to_string());
            self.control("POST", &format!("/shops/{shop}"), PLAN);
        }
        self.edit("channelsync.toml", |text| format!("{text}{LIMITS}"));
        self.edit("merchants.d/demo.toml", |text| {
            let text = text.replace("poll_interval_secs = 5", "poll_interval_secs = 1");
            text.replace("poll_overlap_secs = 15", "poll_overlap_secs = 2")
        });
        self.trade(false);
        self.run();
        let counts = self.dir.path().join("counts.csv");
        let counted = self.command(&["stock", "import", "--counts", counts.to_str().unwrap()]);
        assert!(counted.status.success(), "{counted:?}");
    }

    fn edit(&self, file: &str, change: impl FnOnce(String) -> String) {
        let path = self.dir.path().join(file);
        let text = change(fs::read_to_string(&path).unwrap());
        fs::write(path, text).unwrap();
    }

    pub(super) fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// Starts the daemon.
    pub(super) fn spawn(&mut self) {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.log());
        let run = Command::new(PROGRAM)
            .args(["run", "--config"])
            .arg(self.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.unwrap())
            .spawn();
        self.run = Some(Running(run.unwrap()));
    }

    /// Starts it and waits until it answers.
    pub(super) fn run(&mut self) {
        self.spawn();
        let log = self.log();
        let run = self.run.as_mut().unwrap();
        let socket = self.dir.path().join("state/admin.sock");
        until("the start", || {
            let ended = run.0.try_wait().unwrap();
            assert_eq!(ended, None, "it ended: {}", tail(&log));
            let stream = UnixStream::connect(&socket).ok()?;
            request(stream, "GET", "/v1/status", "").ok()
        });
    }

    /// Ends the daemon in the middle of whatever it does.
    pub(super) fn kill(&mut self) {
        self.run = None;
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    /// What a command line came to.
    pub(super) fn command(&self, words: &[&str]) -> Output {
        command(self.dir.path(), words)
    }

    pub(super) fn config(&self) -> PathBuf {
        self.dir.path().to_owned()
    }

    fn control(&self, method: &str, path: &str, body: &str) -> Value {
        let stream = TcpStream::connect(self.doubles).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        request(stream, method, &format!("/control{path}"), body).unwrap()
    }

    /// Shoppers and clerks go on, or wait.
    pub(super) fn trade(&self, goes_on: bool) {
        let body = json!({ "paused": !goes_on }).to_string();
        assert_eq!(self.control("POST", "/traffic", &body), Value::Null);
    }

    /// What happened in both shops, without its orders.
    pub(super) fn truths(&self) -> [Truth; 2] {
        SHOPS.map(|shop| {
            let path = format!("/shops/{shop}/truth?orders_max=0&sets_from=1000000000");
            serde_json::from_value(self.control("GET", &path, "")).unwrap()
        })
    }

    /// Where the shop `north` delivers to, its domain and its secret.
    pub(super) fn north(&self) -> (SocketAddr, String, String) {
        let read = |file: &str| fs::read_to_string(self.dir.path().join(file)).unwrap();
        let value = |text: String, key: &str| {
            let mut lines = text.lines().filter_map(|line| line.strip_prefix(key));
            lines
                .next()
                .unwrap()
                .trim_matches(['=', ' ', '"'])
                .to_owned()
        };
        let address = value(read("channelsync.toml"), "webhooks").parse().unwrap();
        let shop = value(read("merchants.d/demo.toml"), "shop");
        (address, shop, read("credentials/north"))
    }

    /// SKUs that both shops sell.
    pub(super) fn skus(&self) -> Vec<String> {
        let rows = fs::read_to_string(self.dir.path().join("counts.csv")).unwrap();
        let rows = rows.lines().skip(1);
        let mut skus: Vec<_> = rows
            .map(|row| row.split(',').next().unwrap().to_owned())
            .collect();
        skus.dedup();
        skus
    }

    /// Waits until the daemon has nothing left to do and knows all that happened.
    pub(super) fn rest(&self) {
        let socket = self.dir.path().join("state/admin.sock");
        until("rest", || {
            let last = self.truths().map(|truth| truth.counters.last_event_at);
            let known = last.into_iter().flatten().max().map(|at| at.plus(SETTLED));
            let stream = UnixStream::connect(&socket).unwrap();
            let status = request(stream, "GET", "/v1/status", "").unwrap();
            is_at_rest(&status, known.unwrap_or_default()).then_some(())
        });
    }

    /// Audits both sides at rest; what the audit says, which must be clean.
    pub(super) fn audit(&self) -> Value {
        for _ in 0..AUDITS_MAX {
            self.rest();
            let audited = self.command(&["sandbox", "audit", "--json"]);
            let said = String::from_utf8_lossy(&audited.stderr);
            // An order that is read again follows its route as soon as units are free there.
            if said.contains("the pair is not at rest") {
                continue;
            }
            let summary = serde_json::from_slice(&audited.stdout).unwrap_or_default();
            let log = tail(&self.log());
            assert!(audited.status.success(), "{summary}\n{said}\n{log}");
            return summary;
        }
        panic!("no rest lasted as long as an audit");
    }
}

/// What a command line comes to with the settings of a directory.
pub(super) fn command(config: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(words).arg("--config").arg(config);
    command.stdin(Stdio::null()).output().unwrap()
}

fn is_at_rest(status: &Value, known: Timestamp) -> bool {
    let channels = status["merchants"][0]["channels"].as_array().unwrap();
    channels.iter().all(|channel| {
        let left = [
            "dirty",
            "in_flight",
            "in_doubt",
            "to_read",
            "fetch_wanted",
            "reports",
        ];
        let complete_to = channel["orders_complete_to_us"].as_i64();
        left.iter().all(|what| channel[*what] == json!(0))
            && complete_to.is_some_and(|to| to > known.0)
            && !channel["scanned_at"].is_null()
    })
}

/// The last lines of a file.
fn tail(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
