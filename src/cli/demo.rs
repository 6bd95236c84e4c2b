//! `demo`: doubles and daemon on loopback, shoppers and a clerk, and an audit at the end.

mod oversold;

use std::collections::BTreeMap;
use std::time::Duration;

use channelsync_contract::ports::Rng as _;
use channelsync_contract::{MerchantId, Sku, Units};
use channelsync_sandbox::{Demo, Faults, ShopInfo, TruthPage};
use serde_json::Value;

use super::audit::{Audit, audit};
use super::console::Console;
use super::failure::{Exit, Failure};
use super::hands::Hands;
use super::probe::Probe;
use super::sandbox::{
    Doubles, SECONDS_MAX, Written, free_port, rate, signalled, start, start_traffic, write_config,
};
use super::verify;
use crate::bookkeeper::Origin;
use crate::daemon::{self, Daemon, World};
use crate::edge::Listener;
use crate::ledger::{Command, MapRow, StockLine};
use crate::ports::SeededRng;
use crate::settings::{self, Config};
use oversold::Watch;

/// Rest must come within this after the last event.
const REST_WITHIN: Duration = Duration::from_secs(900);
/// A search may not show a change for so long.
const SETTLED: Duration = Duration::from_secs(5);
/// Audits in which the book changed, before the last one is taken as it is.
const AUDITS_MAX: usize = 5;
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The opening stock of a SKU at a location, at least, and how much more it may be.
const OPENING_UNITS: u32 = 20;
const OPENING_SPREAD: u64 = 60;

/// Sets and packs that each shop sells beside its SKUs.
const KITS: u32 = 12;

/// How the demo runs.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    /// How long shoppers buy. Then, as before it, the daemon has 15 minutes to come to rest.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(..=SECONDS_MAX))]
    pub(super) seconds: u64,
    /// Orders over all shops.
    #[arg(long, default_value_t = 10.0, value_parser = rate)]
    pub(super) orders_per_second: f64,
    /// Everything random follows from it.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// What goes wrong, as NAME[=RATE]; may be repeated.
    #[arg(long = "fault", value_name = "NAME[=RATE]")]
    pub(super) faults: Vec<String>,
    /// How much of the stock may stand on several shops at once
    #[arg(long, value_enum, default_value_t = DemoPolicy::Buffered)]
    pub(super) policy: DemoPolicy,
    /// Leave the state directory behind and say where it is.
    #[arg(long)]
    pub(super) keep: bool,
}

/// The policies that a merchant's file may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum DemoPolicy {
    /// All of it on each shop, without safety stock
    Pooled,
    /// All of it on each shop
    Buffered,
    /// Each unit on one shop only: nothing may be oversold
    Guarded,
}

impl DemoPolicy {
    fn name(self) -> &'static str {
        match self {
            Self::Pooled => "pooled",
            Self::Buffered => "buffered",
            Self::Guarded => "guarded",
        }
    }
}

pub(super) fn trouble(error: impl std::fmt::Display) -> Failure {
    Failure::advised(Exit::Found, error, None)
}

/// Runs the demo.
pub(super) async fn run(
    args: &Args,
    json: bool,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let faults = super::sandbox::parse_faults(&args.faults)?;
    // Never one that is there: it would be another run's.
    let dir = std::env::temp_dir().join(format!("channelsync-demo-{}", console.rng.uuid()));
    let mut view = View {
        live: !json && console.terminal,
        lines: 0,
        waiting: BTreeMap::new(),
        console,
    };
    let ended = tokio::select! {
        biased;
        () = signalled() => Err(trouble("interrupted, nothing was audited")),
        ended = Box::pin(play(args, faults, &dir, &mut view)) => ended,
    };
    if args.keep {
        console.tell(format_args!("state kept in {}\n", dir.display()));
    } else if let Err(error) = std::fs::remove_dir_all(&dir) {
        console.tell(format_args!("{} was not removed: {error}\n", dir.display()));
    }
    let (found, rested) = ended?;
    report(&found, json, console)?;
    if !rested {
        let minutes = REST_WITHIN.as_secs() / 60;
        return Err(trouble(format!(
            "the daemon did not come to rest within {minutes} minutes"
        )));
    }
    Ok(if found.summary.is_clean() {
        Exit::Ok
    } else {
        Exit::Found
    })
}

/// Findings for people, then the summary.
pub(super) fn report(found: &Audit, json: bool, console: &mut Console<'_>) -> Result<(), Failure> {
    for finding in &found.findings {
        console.tell(format_args!("found: {finding}\n"));
    }
    let summary = serde_json::json!(found.summary);
    if json {
        return console.json(&summary);
    }
    let clean = if found.summary.is_clean() {
        "clean"
    } else {
        "NOT clean"
    };
    console.print(&format!("audit: {clean}"))?;
    for (what, value) in summary.as_object().into_iter().flatten() {
        console.print(&format!("  {what:<22} {value}"))?;
    }
    Ok(())
}

async fn play(
    args: &Args,
    faults: Faults,
    dir: &std::path::Path,
    view: &mut View<'_, '_>,
) -> Result<(Audit, bool), Failure> {
    let world = daemon::system_world();
    let loopback = ([127, 0, 0, 1], 0).into();
    let catalogue = Demo {
        kits: KITS,
        ..Demo::default()
    };
    let doubles = start(&world, (catalogue, args.seed), faults, loopback)
        .await
        .map_err(trouble)?;
    let shops = doubles.sandbox.shops();
    let webhooks = free_port().await.map_err(trouble)?;
    let written = Written {
        doubles: doubles.address,
        webhooks,
        book_from: world.clock.now(),
        shops: &shops,
        policy: args.policy.name(),
    };
    write_config(dir, &written).map_err(trouble)?;
    let config = settings::load(dir, &std::collections::BTreeMap::new()).map_err(trouble)?;
    let lock = daemon::hold(&config)?;
    let listener: Listener = daemon::listen(&config).await?;
    let serving = daemon::serve(&world, &config, lock, listener).await?;
    let probe = Probe {
        doubles: doubles.address,
        socket: config.listen.admin_socket.clone(),
        merchant: "demo".to_owned(),
        clock: world.clock.clone(),
        spawn: world.spawn.clone(),
    };
    let is_guarded = args.policy == DemoPolicy::Guarded;
    let watch = Watch::start(&world, &serving.daemon, &doubles.sandbox, is_guarded);
    count_in(&serving.daemon, &shops, args.seed).await?;
    view.say("stock is counted, quantities are on their way to the shops");
    let mut settled = wait_for_rest(&world, &doubles, &probe, view).await?;
    if settled {
        map_kits(&serving.daemon, &shops).await?;
        settled = wait_for_rest(&world, &doubles, &probe, view).await?;
    }
    let mut rested = settled;
    if settled {
        view.say("shoppers buy and cancel, a clerk ships, units move between locations");
        let mut hands = Hands::new(&shops, args.seed);
        let traffic = start_traffic(&world, &doubles, args.orders_per_second);
        let until = world.clock.uptime() + Duration::from_secs(args.seconds);
        while world.clock.uptime() < until {
            view.show(&doubles, &probe).await?;
            hands.act(&serving.daemon).await?;
            world.clock.sleep(LOOK_EVERY).await;
        }
        hands.finish(&serving.daemon).await?;
        traffic.stop();
        view.say("shoppers are gone, waiting for rest");
        rested = wait_for_rest(&world, &doubles, &probe, view).await?;
    }
    let mut found = look(&config, &probe, is_guarded, view).await?;
    // An order that is read again follows its route as soon as units are free there.
    for _ in 1..AUDITS_MAX {
        if !rested || !found.moved || found.summary.is_clean() {
            break;
        }
        rested = wait_for_rest(&world, &doubles, &probe, view).await?;
        found = look(&config, &probe, is_guarded, view).await?;
    }
    watch.tell(&mut found);
    serving.daemon.stop(config.limits.shutdown).await;
    doubles.stop.cancel();
    doubles.sandbox.stop();
    Ok((found, rested))
}

async fn look(
    config: &Config,
    probe: &Probe,
    is_guarded: bool,
    view: &mut View<'_, '_>,
) -> Result<Audit, Failure> {
    let verified = verify::is_whole(config, view.console);
    audit(probe, verified, is_guarded).await.map_err(trouble)
}

/// Counts the opening stock of every SKU at every location.
async fn count_in(daemon: &Daemon, shops: &[ShopInfo], seed: u64) -> Result<(), Failure> {
    let dice = SeededRng::new(seed);
    let mut lines = Vec::new();
    let places = shops
        .iter()
        .map(|shop| shop.locations.len())
        .max()
        .unwrap_or(1);
    let variants = shops.iter().take(1).flat_map(|shop| &shop.variants);
    for variant in variants.filter(|variant| variant.parts.is_empty()) {
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
    book(daemon, command, "opening stock").await
}

/// Says what the sets and packs of all shops are made of.
async fn map_kits(daemon: &Daemon, shops: &[ShopInfo]) -> Result<(), Failure> {
    let rows = shops.iter().flat_map(|shop| {
        let kits = shop.variants.iter().filter(|one| !one.parts.is_empty());
        kits.map(|one| {
            let parts = one.parts.iter();
            MapRow {
                channel: shop.name.as_str().into(),
                listing: one.id.to_string().as_str().into(),
                parts: parts.map(|(sku, per)| (Sku::new(sku), *per)).collect(),
            }
        })
    });
    book(daemon, Command::Map(rows.collect()), "sets and packs").await
}

async fn book(daemon: &Daemon, command: Command, cause: &str) -> Result<(), Failure> {
    let merchant = daemon.merchants.get(&MerchantId::new("demo"));
    let merchant = merchant.ok_or_else(|| trouble("the demo's merchant is missing"))?;
    let booked = merchant
        .book
        .book(command, Origin::new("demo", cause))
        .await;
    booked.map(drop).map_err(trouble)
}

/// Waits until nothing is left to do and every poll has passed the last event.
async fn wait_for_rest(
    world: &World,
    doubles: &Doubles,
    probe: &Probe,
    view: &mut View<'_, '_>,
) -> Result<bool, Failure> {
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
    view.console.tell(format_args!(
        "not at rest: {status}
"
    ));
    Ok(false)
}

/// Whether a daemon has nothing left to do and knows all orders up to an instant (microseconds).
pub(super) fn is_at_rest(status: &Value, last_event_us: i64) -> bool {
    channels(status).into_iter().all(|channel| {
        let left = [
            "dirty",
            "in_flight",
            "in_doubt",
            "to_read",
            "fetch_wanted",
            "reports",
        ];
        let idle = left.iter().all(|what| channel[*what].as_u64() == Some(0));
        let known = channel["orders_complete_to_us"]
            .as_i64()
            .unwrap_or(i64::MIN);
        idle && known > last_event_us && !channel["scanned_at"].is_null()
    })
}

/// The live view: one line per shop, on a terminal only.
struct View<'v, 'c> {
    live: bool,
    lines: usize,
    /// Since when something waits to be pushed, by shop.
    waiting: BTreeMap<String, Duration>,
    console: &'v mut Console<'c>,
}

impl View<'_, '_> {
    fn say(&mut self, what: &str) {
        if self.live {
            self.console.tell(format_args!("{what}\n"));
            self.lines = 0;
        }
    }

    async fn show(&mut self, doubles: &Doubles, probe: &Probe) -> Result<(), Failure> {
        if !self.live {
            return Ok(());
        }
        let status = probe.status().await.map_err(trouble)?;
        if self.lines > 0 {
            self.console.tell(format_args!("\x1b[{}A", self.lines));
        }
        let channels = channels(&status);
        self.lines = channels.len();
        for channel in channels {
            let name = channel["channel"].as_str().unwrap_or_default();
            let page = TruthPage {
                orders_max: 0,
                orders_after: 0,
                sets_from: usize::MAX,
            };
            let truth = doubles.sandbox.truth(name, page).map_err(trouble)?;
            let shown: i64 = truth.levels.iter().map(|level| level.available).sum();
            let left = |what: &str| channel[what].as_u64().unwrap_or(0);
            let now = probe.clock.uptime();
            let since = match left("dirty") + left("in_flight") + left("in_doubt") {
                0 => {
                    self.waiting.remove(name);
                    now
                }
                _ => *self.waiting.entry(name.to_owned()).or_insert(now),
            };
            let lag_ms = now.saturating_sub(since).as_millis();
            self.console.tell(format_args!(
                "\x1b[2K  {name:<8} orders {:>6}   for sale {shown:>7}   to push {:>4}   \
                 under way {:>3}   in doubt {:>3}   push lag {lag_ms:>6} ms   to fetch {:>4}\n",
                truth.counters.orders_placed,
                left("dirty"),
                left("in_flight"),
                left("in_doubt"),
                left("fetch_wanted"),
            ));
        }
        Ok(())
    }
}

/// All channels of a status.
fn channels(status: &Value) -> Vec<&Value> {
    let merchants = status["merchants"].as_array().into_iter().flatten();
    merchants
        .flat_map(|merchant| merchant["channels"].as_array().into_iter().flatten())
        .collect()
}
