//! `demo`: doubles and daemon on loopback, shoppers and a clerk, and an audit at the end.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it is watched by a person"
)]

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use channelsync_contract::ports::Rng as _;
use channelsync_contract::{MerchantId, Sku, Units};
use channelsync_sandbox::{Faults, ShopInfo};
use serde_json::Value;

use super::audit::{Audit, audit};
use super::exit;
use super::probe::Probe;
use super::sandbox::{Doubles, Written, free_port, start, start_traffic, write_config};
use crate::bookkeeper::{self, Origin};
use crate::daemon::{self, Daemon, StartError, World};
use crate::edge::Listener;
use crate::ledger::{Command, Ledger, StockLine, verify};
use crate::ports::SeededRng;
use crate::settings;

/// Rest must come within this after the last event.
const REST_WITHIN: Duration = Duration::from_secs(420);
/// A search may not show a change for so long.
const SETTLED: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The opening stock of a SKU at a location, at least, and how much more it may be.
const OPENING_UNITS: u32 = 20;
const OPENING_SPREAD: u64 = 60;

/// How the demo runs.
#[derive(clap::Args, Clone, Debug)]
pub struct DemoArgs {
    /// How long shoppers buy.
    #[arg(long, default_value_t = 20)]
    pub seconds: u64,
    /// Orders over all shops.
    #[arg(long, default_value_t = 10.0)]
    pub orders_per_second: f64,
    /// Everything random follows from it.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// What goes wrong, as NAME[=RATE]; may be repeated.
    #[arg(long = "fault", value_name = "NAME[=RATE]")]
    pub faults: Vec<String>,
    /// Leave the state directory behind and say where it is.
    #[arg(long)]
    pub keep: bool,
    /// Print one JSON object and nothing else on stdout.
    #[arg(long)]
    pub json: bool,
}

/// Why the demo could not be carried through.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
struct Trouble {
    what: String,
    help: Option<String>,
}

impl From<StartError> for Trouble {
    fn from(error: StartError) -> Self {
        Self {
            what: error.what,
            help: error.help,
        }
    }
}

fn trouble(error: impl std::fmt::Display) -> Trouble {
    Trouble {
        what: error.to_string(),
        help: None,
    }
}

/// Runs the demo.
pub async fn run(args: DemoArgs) -> ExitCode {
    let faults = match Faults::parse(&args.faults) {
        Ok(faults) => faults,
        Err(error) => {
            exit::error(&error.to_string(), None);
            return ExitCode::from(exit::USAGE);
        }
    };
    let dir = std::env::temp_dir().join(format!("channelsync-demo-{}", std::process::id()));
    let ended = play(&args, faults, &dir).await;
    if args.keep {
        eprintln!("state kept in {}", dir.display());
    } else if let Err(error) = std::fs::remove_dir_all(&dir) {
        eprintln!("{} was not removed: {error}", dir.display());
    }
    match ended {
        Ok((audit, rested)) => {
            for finding in &audit.findings {
                eprintln!("found: {finding}");
            }
            if args.json {
                println!("{}", serde_json::json!(audit.summary));
            } else {
                print_summary(&audit);
            }
            if !rested {
                exit::error("the daemon did not come to rest in time", None);
            }
            if rested && audit.summary.is_clean() {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(exit::FOUND)
            }
        }
        Err(error) => {
            exit::error(&error.what, error.help.as_deref());
            ExitCode::from(exit::FOUND)
        }
    }
}

async fn play(
    args: &DemoArgs,
    faults: Faults,
    dir: &std::path::Path,
) -> Result<(Audit, bool), Trouble> {
    let world = daemon::system_world();
    let loopback = ([127, 0, 0, 1], 0).into();
    let doubles = start(&world, args.seed, faults, loopback)
        .await
        .map_err(trouble)?;
    let shops = doubles.sandbox.shops();
    let webhooks = free_port().await.map_err(trouble)?;
    let written = Written {
        doubles: doubles.address,
        webhooks,
        book_from: world.clock.now(),
        shops: &shops,
    };
    write_config(dir, &written).map_err(trouble)?;
    let config = settings::load(dir, &std::collections::BTreeMap::new()).map_err(trouble)?;
    let listener: Listener = daemon::listen(&config).await?;
    let serving = daemon::serve(&world, &config, listener).await?;
    let probe = Probe {
        doubles: doubles.address,
        socket: config.listen.admin_socket.clone(),
        merchant: "demo".to_owned(),
        clock: world.clock.clone(),
        spawn: world.spawn.clone(),
    };
    count_in(&serving.daemon, &shops, args.seed).await?;
    let mut view = View::new(args.json);
    view.say("stock is counted, quantities are on their way to the shops");
    let settled = wait_for_rest(&world, &doubles, &probe, &mut view).await?;
    let mut rested = settled;
    if settled {
        view.say("shoppers buy and cancel, a clerk ships");
        let traffic = start_traffic(&world, &doubles, args.orders_per_second);
        let until = world.clock.uptime() + Duration::from_secs(args.seconds);
        while world.clock.uptime() < until {
            view.show(&doubles, &probe).await?;
            world.clock.sleep(LOOK_EVERY).await;
        }
        traffic.stop();
        view.say("shoppers are gone, waiting for rest");
        rested = wait_for_rest(&world, &doubles, &probe, &mut view).await?;
    }
    view.end();
    let verified = verified(&serving.daemon);
    let found = audit(&probe, verified).await.map_err(trouble)?;
    serving.daemon.stop(config.limits.shutdown).await;
    doubles.stop.cancel();
    doubles.sandbox.stop();
    Ok((found, rested))
}

/// Counts the opening stock of every SKU at every location.
async fn count_in(daemon: &Daemon, shops: &[ShopInfo], seed: u64) -> Result<(), Trouble> {
    let merchant = daemon.merchants.get(&MerchantId::new("demo"));
    let merchant = merchant.ok_or_else(|| trouble("the demo's merchant is missing"))?;
    let dice = SeededRng::new(seed);
    let mut lines = Vec::new();
    let places = shops
        .iter()
        .map(|shop| shop.locations.len())
        .max()
        .unwrap_or(1);
    for variant in shops
        .first()
        .map(|shop| shop.variants.as_slice())
        .unwrap_or_default()
    {
        for place in 1..=places {
            let more = u32::try_from(dice.below(OPENING_SPREAD)).unwrap_or(0);
            lines.push(StockLine {
                id: String::new(),
                sku: Sku::new(&variant.sku),
                location: format!("place-{place}").as_str().into(),
                units: Units(OPENING_UNITS + more),
            });
        }
    }
    let command = Command::Import {
        id: "demo-opening".to_owned(),
        counts: true,
        lines,
    };
    let booked = merchant
        .book
        .book(command, Origin::new("demo", "opening stock"))
        .await;
    booked.map(drop).map_err(trouble)
}

/// Waits until nothing is left to do and every poll has passed the last event.
async fn wait_for_rest(
    world: &World,
    doubles: &Doubles,
    probe: &Probe,
    view: &mut View,
) -> Result<bool, Trouble> {
    let until = world.clock.uptime() + REST_WITHIN;
    while world.clock.uptime() < until {
        view.show(doubles, probe).await?;
        let last = doubles.sandbox.last_event_at();
        let status = probe.status().await.map_err(trouble)?;
        if is_at_rest(&status, last.map_or(0, |at| at.plus(SETTLED).0)) {
            return Ok(true);
        }
        world.clock.sleep(LOOK_EVERY).await;
    }
    let status = probe.status().await.map_err(trouble)?;
    eprintln!("not at rest: {status}");
    Ok(false)
}

/// Whether a daemon has nothing left to do and knows all orders up to an instant (microseconds).
pub(super) fn is_at_rest(status: &Value, last_event_us: i64) -> bool {
    let merchants = status["merchants"].as_array().into_iter().flatten();
    let mut channels =
        merchants.flat_map(|merchant| merchant["channels"].as_array().into_iter().flatten());
    channels.all(|channel| {
        let left = ["dirty", "in_flight", "in_doubt", "to_read", "fetch_wanted"];
        let idle = left.iter().all(|what| channel[*what].as_u64() == Some(0));
        let known = channel["orders_complete_to_us"]
            .as_i64()
            .unwrap_or(i64::MIN);
        idle && known > last_event_us && !channel["scanned_at"].is_null()
    })
}

/// Replays the journal and compares it with its own invariants.
fn verified(daemon: &Daemon) -> bool {
    daemon.merchants.values().all(|merchant| {
        let read = |from, bytes| merchant.journal.read(from, bytes);
        match bookkeeper::open(&read, merchant.journal.head(), Ledger::default()) {
            Ok(ledger) => verify(&ledger).is_empty(),
            Err(error) => {
                eprintln!("journal: {error}");
                false
            }
        }
    })
}

fn print_summary(audit: &Audit) {
    let summary = &audit.summary;
    let good = if summary.is_clean() {
        "clean"
    } else {
        "NOT clean"
    };
    println!("audit: {good}");
    let rows = serde_json::json!(summary);
    for (what, value) in rows.as_object().into_iter().flatten() {
        println!("  {what:<22} {value}");
    }
}

/// The live view: one line per shop, on a terminal only.
struct View {
    live: bool,
    lines: usize,
}

impl View {
    fn new(json: bool) -> Self {
        Self {
            live: !json && std::io::stderr().is_terminal(),
            lines: 0,
        }
    }

    fn say(&mut self, what: &str) {
        if self.live {
            eprintln!("{what}");
            self.lines = 0;
        }
    }

    fn end(&mut self) {
        self.lines = 0;
    }

    async fn show(&mut self, doubles: &Doubles, probe: &Probe) -> Result<(), Trouble> {
        if !self.live {
            return Ok(());
        }
        let status = probe.status().await.map_err(trouble)?;
        if self.lines > 0 {
            eprint!("\x1b[{}A", self.lines);
        }
        let merchants = status["merchants"].as_array().into_iter().flatten();
        let channels: Vec<&Value> = merchants
            .flat_map(|merchant| merchant["channels"].as_array().into_iter().flatten())
            .collect();
        self.lines = channels.len();
        for channel in channels {
            let name = channel["channel"].as_str().unwrap_or_default();
            let page = channelsync_sandbox::TruthPage {
                orders_max: 0,
                orders_after: 0,
                sets_from: usize::MAX,
            };
            let truth = doubles.sandbox.truth(name, page).map_err(trouble)?;
            let shown: i64 = truth.levels.iter().map(|level| level.available).sum();
            eprintln!(
                "\x1b[2K  {name:<8} orders {:>6}   for sale {shown:>7}   to push {:>4}   under way {:>4}   in doubt {:>3}   to fetch {:>4}",
                truth.counters.orders_placed,
                channel["dirty"],
                channel["in_flight"],
                channel["in_doubt"],
                channel["fetch_wanted"],
            );
        }
        Ok(())
    }
}
