//! Credentials: asked for, tried on a double, sealed, replaced, listed and never shown.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use channelsync::cli::{self, Cli, Console, Exit};
use channelsync::edge::{Edge, serve};
use channelsync::ports::{SeededRng, SystemClock, TokioSpawn};
use channelsync_contract::Timestamp;
use channelsync_contract::ports::{Clock, Spawn as _};
use channelsync_sandbox::{Demo, LoopbackCourier, Options, Sandbox, ShopInfo};
use clap::Parser as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A configuration without credentials, and the double that it is for.
pub(super) struct House {
    pub(super) dir: TempDir,
    pub(super) shop: ShopInfo,
    pub(super) sandbox: Arc<Sandbox>,
    pub(super) clock: Arc<Ahead>,
    pub(super) stop: CancellationToken,
}

/// The system's time, as far ahead as it is told.
pub(super) struct Ahead {
    system: SystemClock,
    by: Mutex<Duration>,
}

impl Ahead {
    pub(super) fn go(&self, by: Duration) {
        *self.by.lock().unwrap() += by;
    }
}

#[async_trait]
impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        self.system.now().plus(*self.by.lock().unwrap())
    }

    fn uptime(&self) -> Duration {
        self.system.uptime() + *self.by.lock().unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        self.system.sleep(duration).await;
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl House {
    pub(super) async fn new() -> Self {
        let clock = Arc::new(Ahead {
            system: SystemClock::new(),
            by: Mutex::default(),
        });
        let options = Options {
            shops: Demo::default().shops(1),
            ..Options::default()
        };
        let courier = Arc::new(LoopbackCourier::new(Arc::new(TokioSpawn)));
        let sandbox = Sandbox::new(&options, clock.clone(), courier);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let edge = Edge {
            connections_max: 8,
            connections_per_ip_max: 8,
            trusts: Arc::new(|_| false),
            header_bytes_max: 16_384,
            header_timeout: Duration::from_secs(5),
        };
        let stop = CancellationToken::new();
        let routes = sandbox.router();
        let serving = serve(listener, routes, edge, Arc::new(TokioSpawn), stop.clone());
        TokioSpawn.spawn("double", Box::pin(serving));
        let shop = sandbox.shops().remove(0);
        let house = Self {
            dir: TempDir::new().unwrap(),
            shop,
            sandbox,
            clock,
            stop,
        };
        fs::create_dir(house.dir.path().join("merchants.d")).unwrap();
        house.file(
            "channelsync.toml",
            "state_dir = \"state\"\npublic_url = \"https://hooks.example\"\n",
        );
        let ShopInfo {
            domain,
            base_path,
            locations,
            ..
        } = &house.shop;
        let merchant = format!(
            "locations = [\"main\"]\n[channels.north]\nconnector = \"shopify\"\nshop = \"{domain}\"\n\
             base_url = \"http://{address}{base_path}\"\nbook_from = \"2020-01-01T00:00:00Z\"\n\
             locations = [{{ ours = \"main\", theirs = \"{}\" }}]\n",
            locations[0].id
        );
        house.file("merchants.d/acme.toml", &merchant);
        house
    }

    pub(super) fn file(&self, name: &str, text: &str) {
        let path = self.dir.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub(super) fn given(&self, secret: &str) -> Value {
        json!({ "client_id": self.shop.client_id, "client_secret": secret })
    }

    /// Exit, and everything that was written.
    pub(super) async fn run(&self, line: &str) -> (Exit, String) {
        let dir = self.dir.path().to_str().unwrap();
        let line = line.replace("DIR", dir);
        let words = ["channelsync", "--config", dir].into_iter();
        let cli = Cli::try_parse_from(words.chain(line.split_whitespace())).unwrap();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut console = Console {
            out: &mut out,
            err: &mut err,
            terminal: false,
            env: BTreeMap::new(),
            clock: self.clock.clone(),
            rng: Arc::new(SeededRng::new(1)),
        };
        let exit = cli::run(cli, &mut console).await;
        let text = String::from_utf8([out, err].concat()).unwrap();
        assert!(!text.contains(&self.shop.client_secret), "{line}: {text}");
        (exit, text)
    }
}

#[tokio::test]
async fn credentials_are_tried_sealed_replaced_and_never_shown() {
    let house = House::new().await;
    let (exit, said) = house.run("check").await;
    assert_eq!(exit, Exit::Configuration);
    assert!(said.contains("no credentials were set"), "{said}");
    assert!(
        said.contains("help: channelsync credentials set acme/north"),
        "{said}"
    );
    let kept = house.dir.path().join("state/acme/credentials/north");
    let set = "credentials set acme/north --from DIR/given";

    house.file("given", &house.given("wrong").to_string());
    let (exit, said) = house.run(set).await;
    assert_eq!(exit, Exit::Found, "{said}");
    assert!(
        said.contains("nothing was sealed") && !kept.exists(),
        "{said}"
    );

    let secret = house.shop.client_secret.clone();
    house.file("given", &house.given(&secret).to_string());
    let (exit, said) = house.run(set).await;
    assert_eq!(exit, Exit::Ok, "{said}");
    assert!(
        said.contains("sealed the credentials of acme/north"),
        "{said}"
    );
    let sealed = fs::read(&kept).unwrap();
    let holds = |text: &str| {
        sealed
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    assert!(!holds(&secret) && !holds(&house.shop.client_id));
    assert_eq!(kept.metadata().unwrap().permissions().mode() & 0o777, 0o600);

    for line in ["check", "credentials test north"] {
        let (exit, said) = house.run(line).await;
        assert_eq!(exit, Exit::Ok, "{line}: {said}");
    }
    let row = |said: String| serde_json::from_str::<Value>(&said).unwrap()[0].clone();
    let before = row(house.run("credentials list --json").await.1);
    assert_eq!(
        (&before["where"], &before["signing_secrets"]),
        (&json!("sealed"), &json!(1))
    );
    house.file(
        "given",
        &json!({ "client_secret": "the-next-one" }).to_string(),
    );
    let rotate = "credentials rotate acme/north --from DIR/given";
    let (exit, said) = house.run(rotate).await;
    assert_eq!(exit, Exit::Found, "the shop does not know it yet: {said}");
    let (exit, said) = house
        .run(&format!("{rotate} --untried --old-valid-hours 2"))
        .await;
    assert_eq!(exit, Exit::Ok, "{said}");
    let after = row(house.run("credentials list --json").await.1);
    assert_eq!(after["signing_secrets"], json!(2));
    assert!(after["old_until"].is_string(), "{after}");
    let (exit, _) = house.run("credentials test acme/north").await;
    assert_eq!(exit, Exit::Found, "the new secret is refused");
}

/// The commands that its closing words name, in their order.
#[tokio::test]
async fn what_init_writes_without_any_secret_is_good_once_credentials_are_set() {
    let house = House::new().await;
    let file = house.dir.path().join("merchants.d/acme.toml");
    let written = fs::read_to_string(&file).unwrap();
    let (_, base_url) = written.split_once("base_url = \"").unwrap();
    let (base_url, _) = base_url.split_once('"').unwrap();
    fs::remove_file(&file).unwrap();
    let (domain, location) = (&house.shop.domain, &house.shop.locations[0].id);
    let init = format!(
        "init --name acme --shop {domain} --base-url {base_url} --locations main={location}"
    );
    let (exit, said) = house.run(&init).await;
    assert_eq!(exit, Exit::Ok, "{said}");
    assert!(said.contains("credentials set acme/shopify"), "{said}");
    let (exit, said) = house.run("check").await;
    assert_eq!(exit, Exit::Configuration);
    assert!(said.contains("no credentials were set"), "{said}");
    let secret = house.shop.client_secret.clone();
    house.file("given", &house.given(&secret).to_string());
    for line in [
        "credentials set acme/shopify --from DIR/given",
        "check",
        "check --online",
    ] {
        let (exit, said) = house.run(line).await;
        assert_eq!(exit, Exit::Ok, "{line}: {said}");
    }
}

#[tokio::test]
async fn a_lost_key_or_a_swapped_file_is_told_with_what_to_do() {
    let house = House::new().await;
    let secret = house.shop.client_secret.clone();
    house.file("given", &house.given(&secret).to_string());
    let set = "credentials set acme/north --from DIR/given --untried";
    assert_eq!(house.run(set).await.0, Exit::Ok);
    let key = house.dir.path().join("state/channelsync.key");
    let right = fs::read_to_string(&key).unwrap();
    house.file("state/channelsync.key", &"0".repeat(64));
    let (exit, said) = house.run("check").await;
    assert_eq!(exit, Exit::Configuration);
    assert!(
        said.contains("sealed with key") && said.contains("help: bring back the key"),
        "{said}"
    );
    fs::remove_file(&key).unwrap();
    let (exit, said) = house.run("check").await;
    assert_eq!(exit, Exit::Configuration);
    assert!(
        said.contains("there is no key in") && said.contains("help: "),
        "{said}"
    );
    assert!(!key.exists(), "none is made where something is sealed");
    house.file("state/channelsync.key", &right);
    assert_eq!(house.run("check").await.0, Exit::Ok);
    let kept = "state/acme/credentials";
    let merchant = fs::read_to_string(house.dir.path().join("merchants.d/acme.toml")).unwrap();
    house.file(
        "merchants.d/acme.toml",
        &merchant.replace("channels.north", "channels.south"),
    );
    fs::rename(
        house.dir.path().join(kept).join("north"),
        house.dir.path().join(kept).join("south"),
    )
    .unwrap();
    let (exit, said) = house.run("check").await;
    assert_eq!(exit, Exit::Configuration);
    assert!(said.contains("moved from another place"), "{said}");
}

/// R62
#[tokio::test]
async fn check_online_names_what_is_missing_on_the_channel() {
    let house = House::new().await;
    let secret = house.shop.client_secret.clone();
    house.file("given", &house.given(&secret).to_string());
    house
        .run("credentials set acme/north --from DIR/given")
        .await;
    let (exit, said) = house.run("check --online").await;
    assert_eq!(exit, Exit::Ok, "{said}");
    assert!(
        said.contains("webhook subscriptions not there yet"),
        "{said}"
    );
    let file = house.dir.path().join("merchants.d/acme.toml");
    let merchant = fs::read_to_string(file).unwrap();
    let theirs = format!("theirs = \"{}\"", house.shop.locations[0].id);
    house.file(
        "merchants.d/acme.toml",
        &merchant.replace(&theirs, "theirs = \"999\""),
    );
    let (exit, said) = house.run("check --online").await;
    assert_eq!(exit, Exit::Found, "{said}");
    assert!(
        said.contains("wrong: location 999 (our main) is not there; active are: "),
        "{said}"
    );
    house.stop.cancel();
    // Port 1 of this machine: nobody listens there.
    let (before, rest) = merchant.split_once("127.0.0.1:").unwrap();
    let (_, after) = rest.split_once('/').unwrap();
    let nobody = format!("{before}127.0.0.1:1/{after}");
    house.file("merchants.d/acme.toml", &nobody);
    let (exit, said) = house.run("check --online").await;
    assert_eq!(exit, Exit::Unavailable, "{said}");
}
