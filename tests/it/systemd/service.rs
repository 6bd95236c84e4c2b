//! The real program with these tests as its service manager and its channel.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread::JoinHandle;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tempfile::TempDir;

use super::PROGRAM;

const PATIENCE: Duration = Duration::from_secs(60);
const SECRET: &str = "signed-with-this";
/// Puts the listener where the protocol wants it: a process cannot do so to its child without unsafe
/// code.
const HAND_OVER: &str =
    "exec 3<&0 0</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" run --config \"$1\"";
/// The base URL leads to nobody.
const MERCHANT: &str = r#"locations = ["main"]
[channels.shopify-us]
connector = "shopify"
shop = "acme-us.myshopify.com"
base_url = "http://127.0.0.1:1"
book_from = "2020-01-01T00:00:00Z"
subscriptions = false
locations = [{ ours = "main", theirs = "101" }]
[channels.shopify-us.credentials]
access_token_file = "secret"
webhook_secret_files = ["secret"]
"#;

/// What a service manager holds for a service.
pub(crate) struct Service {
    dir: TempDir,
    state: PathBuf,
    listener: TcpListener,
    told: Receiver<String>,
    child: Child,
}

/// Reads on while nobody waits for a message: who tells must not wait.
fn hear(told: UnixDatagram) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 4_096];
        while let Ok(length) = told.recv(&mut buffer) {
            let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if sender.send(message).is_err() {
                return;
            }
        }
    });
    receiver
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Service {
    /// Starts it and waits until it is ready.
    pub(crate) fn start() -> Self {
        Self::start_at(Path::new("state"))
    }

    /// With its state at another place.
    pub(crate) fn start_at(state: &Path) -> Self {
        let dir = TempDir::new().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        fs::create_dir(dir.path().join("merchants.d")).unwrap();
        let address = listener.local_addr().unwrap();
        let process = format!(
            "state_dir = \"{}\"\n[listen]\nwebhooks = \"{address}\"\n[limits]\nshutdown_secs = 60\nsnapshot_entries = 100\n",
            state.display()
        );
        fs::write(dir.path().join("channelsync.toml"), process).unwrap();
        fs::write(dir.path().join("merchants.d/acme.toml"), MERCHANT).unwrap();
        fs::write(dir.path().join("secret"), SECRET).unwrap();
        let mode = fs::Permissions::from_mode(0o600);
        fs::set_permissions(dir.path().join("secret"), mode).unwrap();
        let told = UnixDatagram::bind(dir.path().join("notify")).unwrap();
        let told = hear(told);
        let child = Self::spawn(dir.path(), &listener);
        let state = dir.path().join(state);
        let service = Self {
            dir,
            state,
            listener,
            told,
            child,
        };
        service.until("READY=1");
        service
    }

    fn spawn(dir: &Path, listener: &TcpListener) -> Child {
        let log = fs::File::options();
        let log = log.clone().create(true).append(true).open(dir.join("log"));
        let mut command = Command::new("sh");
        command
            .args(["-c", HAND_OVER, PROGRAM])
            .arg(dir)
            .env("NOTIFY_SOCKET", dir.join("notify"))
            .env("WATCHDOG_USEC", "900000")
            .stdin(Stdio::from(OwnedFd::from(listener.try_clone().unwrap())))
            .stdout(Stdio::null())
            .stderr(log.unwrap());
        command.spawn().unwrap()
    }

    /// As `systemctl restart`: stops it, waits, starts it with the same socket.
    pub(crate) fn restart(&mut self) {
        self.signal("TERM");
        self.until("STOPPING=1");
        assert!(self.child.wait().unwrap().success(), "{}", self.log());
        self.again();
    }

    /// Orders that were told of and are in the book.
    pub(crate) fn wanted(&self) -> u64 {
        let channel = &self.status()["merchants"][0]["channels"][0];
        channel["fetch_wanted"].as_u64().unwrap()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it in the middle of whatever it does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it with the same socket.
    pub(crate) fn again(&mut self) {
        self.child = Self::spawn(self.dir.path(), &self.listener);
        self.until("READY=1");
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.unwrap().success());
    }

    /// The first message that says `line`; those before it are passed over.
    pub(crate) fn until(&self, line: &str) -> Vec<String> {
        loop {
            let message = self.told.recv_timeout(PATIENCE);
            let message =
                message.unwrap_or_else(|error| panic!("no {line}: {error}\n{}", self.log()));
            let lines: Vec<String> = message.lines().map(ToOwned::to_owned).collect();
            if lines.iter().any(|said| said == line) {
                return lines;
            }
        }
    }

    /// Waits until something is so; looks with each sign of life, three a second.
    pub(super) fn watch(&self, is_so: impl Fn() -> bool) {
        for _ in 0..3 * PATIENCE.as_secs() {
            if is_so() {
                return;
            }
            self.until("WATCHDOG=1");
        }
        panic!("it did not come: {}", self.log());
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Replaces a part of a file of the configuration.
    pub(crate) fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.dir.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(path, text.replace(from, to)).unwrap();
    }

    /// What a command prints.
    pub(crate) fn ask(&self, line: &str) -> String {
        let (exit, text) = self.try_to(line);
        assert_eq!(exit, Some(0), "{line}: {text}");
        text
    }

    /// The exit code of a command, and all that it prints.
    pub(crate) fn try_to(&self, line: &str) -> (Option<i32>, String) {
        let mut command = Command::new(PROGRAM);
        command.args(line.split(' ')).arg("--config");
        let output = command.arg(self.dir.path()).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        (output.status.code(), text)
    }

    /// The daemon's own word, also while the files are at fault.
    pub(crate) fn status(&self) -> serde_json::Value {
        let socket = UnixStream::connect(self.state.join("admin.sock"));
        request(socket.unwrap(), "GET", "/v1/status", "").unwrap()
    }

    /// A channel that sends deliveries without a pause, each on a connection of its own.
    pub(crate) fn deliveries(&self) -> Deliveries {
        let token = fs::read_to_string(self.state.join("acme/hooks/shopify-us"));
        let path = format!("/hooks/acme/shopify-us/{}", token.unwrap());
        let address = self.listener.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let taken = Arc::new(AtomicU64::new(0));
        let (ended, count) = (stop.clone(), taken.clone());
        let (answers, answered) = mpsc::channel();
        let sender = std::thread::spawn(move || {
            let mut refused = Vec::new();
            for order in 1_u64.. {
                if ended.load(Ordering::Relaxed) {
                    break;
                }
                let body = format!("{{\"order_id\":{order}}}");
                let shop = ("acme-us.myshopify.com", SECRET);
                match deliver(address, &path, shop, "refunds/create", &body) {
                    Ok(answer) if answer.starts_with("HTTP/1.1 200 ") => {
                        count.fetch_add(1, Ordering::Release);
                    }
                    Ok(answer) => refused.push(format!("{order}: {answer:?}")),
                    Err(error) => refused.push(format!("{order}: {error}")),
                }
                if answers.send(()).is_err() {
                    break;
                }
            }
            refused
        });
        Deliveries {
            stop,
            taken,
            answered,
            sender,
        }
    }
}

/// Deliveries under way.
pub(crate) struct Deliveries {
    stop: Arc<AtomicBool>,
    taken: Arc<AtomicU64>,
    /// One for each that was answered.
    answered: Receiver<()>,
    sender: JoinHandle<Vec<String>>,
}

impl Deliveries {
    /// Waits until one is answered that was sent after this call.
    pub(crate) fn another(&self) {
        while self.answered.try_recv().is_ok() {}
        // The first may have been under way already.
        for _ in 0..2 {
            let answer = self.answered.recv_timeout(PATIENCE);
            answer.expect("deliveries go on");
        }
    }

    /// How many were taken so far.
    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Acquire)
    }

    /// How many were taken, and what became of the others.
    pub(crate) fn end(self) -> (u64, Vec<String>) {
        self.stop.store(true, Ordering::Relaxed);
        let refused = self.sender.join().unwrap();
        (self.taken.load(Ordering::Acquire), refused)
    }
}

/// What is answered to one request, where that is JSON.
pub(crate) fn request(
    mut stream: impl Read + Write,
    method: &str,
    path: &str,
    body: &str,
) -> std::io::Result<serde_json::Value> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    Ok(serde_json::from_str(body)?)
}

/// One delivery of a shop, signed with its secret; what is answered.
pub(crate) fn deliver(
    address: SocketAddr,
    path: &str,
    (shop, secret): (&str, &str),
    topic: &str,
    body: &str,
) -> std::io::Result<String> {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    let signature = STANDARD.encode(mac.chain_update(body).finalize().into_bytes());
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         X-Shopify-Topic: {topic}\r\nX-Shopify-Shop-Domain: {shop}\r\n\
         X-Shopify-Webhook-Id: 1\r\nX-Shopify-Hmac-Sha256: {signature}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
