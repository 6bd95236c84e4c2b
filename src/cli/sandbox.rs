//! `sandbox`: the doubles alone, and a configuration that fits them.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use channelsync_contract::Timestamp;
use channelsync_sandbox::{Demo, Faults, LoopbackCourier, Options, Sandbox, ShopInfo, Traffic};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::audit::audit;
use super::console::Console;
use super::failure::{Exit, Failure};
use super::probe::Probe;
use super::verify;
use crate::daemon::World;
use crate::edge::{self, Edge};

/// What the doubles are made from.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Address to listen on, on this machine.
    #[arg(long, default_value = "127.0.0.1:9090")]
    pub(super) listen: SocketAddr,
    /// Everything random follows from it.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// SKUs that each shop sells.
    #[arg(long, value_name = "SKUS", default_value_t = Demo::default().skus,
        value_parser = clap::value_parser!(u32).range(1..=SKUS_MAX))]
    skus: u32,
    /// What goes wrong, as NAME[=RATE]; may be repeated.
    #[arg(long = "fault", value_name = "NAME[=RATE]")]
    pub(super) faults: Vec<String>,
    /// Write a configuration for `run` into this directory.
    #[arg(long, value_name = "DIR")]
    pub(super) write_config: Option<PathBuf>,
    /// Let shoppers and a clerk act at this rate, once stock was counted in.
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub(super) orders_per_second: Option<f64>,
    /// For so long; without it until the end.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=SECONDS_MAX))]
    pub(super) seconds: Option<u64>,
}

/// Doubles that are being served.
pub(super) struct Doubles {
    /// The doubles.
    pub(super) sandbox: Arc<Sandbox>,
    /// Where they listen.
    pub(super) address: SocketAddr,
    /// Ends them.
    pub(super) stop: CancellationToken,
}

/// Units of a SKU at a place in the counts that come with a written configuration.
const COUNTED_UNITS: u32 = 40;

/// Two shops of so many take two gigabytes.
const SKUS_MAX: i64 = 200_000;

/// A week: nobody watches longer.
pub(super) const SECONDS_MAX: u64 = 604_800;

/// Orders a second, as people may ask for them.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.001..=10_000.0).contains(&rate) => Ok(rate),
        _ => Err("a number from 0.001 to 10000".to_owned()),
    }
}

/// Limits of the doubles' listener; its clients are on this machine.
fn limits() -> Edge {
    Edge {
        connections_max: 1_024,
        connections_per_ip_max: 1_024,
        trusts: Arc::new(|_| false),
        header_bytes_max: 65_536,
        header_timeout: Duration::from_secs(60),
    }
}

/// Serves doubles.
///
/// # Errors
/// When the address cannot be bound, or is not on this machine.
pub(super) async fn start(
    world: &World,
    (catalogue, seed): (Demo, u64),
    faults: Faults,
    listen: SocketAddr,
) -> io::Result<Doubles> {
    if !listen.ip().is_loopback() {
        let why = format!("{listen} is not a loopback address: doubles serve this machine only");
        return Err(io::Error::other(why));
    }
    let listener = TcpListener::bind(listen).await.map_err(|error| {
        io::Error::new(error.kind(), format!("cannot listen on {listen}: {error}"))
    })?;
    let address = listener.local_addr()?;
    let shops = catalogue.shops(seed);
    let options = Options {
        seed,
        shops,
        faults,
        ..Options::default()
    };
    let courier = Arc::new(LoopbackCourier::new(world.spawn.clone()));
    let sandbox = Sandbox::new(&options, world.clock.clone(), courier);
    let stop = CancellationToken::new();
    let (routes, spawn, ended) = (sandbox.router(), world.spawn.clone(), stop.clone());
    world.spawn.spawn(
        "sandbox listener",
        Box::pin(async move { edge::serve(listener, routes, limits(), spawn, ended).await }),
    );
    let driven = sandbox.clone();
    world
        .spawn
        .spawn("sandbox", Box::pin(async move { driven.run().await }));
    Ok(Doubles {
        sandbox,
        address,
        stop,
    })
}

/// Starts shoppers and a clerk.
pub(super) fn start_traffic(
    world: &World,
    doubles: &Doubles,
    orders_per_second: f64,
) -> Arc<Traffic> {
    let gap = Duration::from_secs(1).div_f64(orders_per_second);
    let traffic = Traffic::new(doubles.sandbox.clone(), gap).with_returns();
    let traffic = Arc::new(traffic);
    let acting = traffic.clone();
    world
        .spawn
        .spawn("traffic", Box::pin(async move { acting.run().await }));
    traffic
}

/// Where the daemon of a written configuration listens, and when its books open.
#[derive(Clone, Debug)]
pub(super) struct Written<'a> {
    /// Where the doubles listen.
    pub(super) doubles: SocketAddr,
    /// Where the daemon listens for webhooks.
    pub(super) webhooks: SocketAddr,
    /// When the opening stock is counted.
    pub(super) book_from: Timestamp,
    /// The shops.
    pub(super) shops: &'a [ShopInfo],
    /// How much of the stock may stand on several shops at once.
    pub(super) policy: &'static str,
}

/// Writes a configuration with which `run` works against the doubles as it is.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn write_config(dir: &Path, written: &Written<'_>) -> io::Result<()> {
    let file = dir.join("channelsync.toml");
    if file.exists() {
        let why = format!("{} is there already", file.display());
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
    }
    fs::create_dir_all(dir.join("merchants.d"))?;
    fs::create_dir_all(dir.join("credentials"))?;
    let webhooks = written.webhooks;
    let daemon = format!(
        "state_dir = \"state\"\npublic_url = \"http://{webhooks}\"\n\n[listen]\nwebhooks = \
         \"{webhooks}\"\n"
    );
    fs::write(file, daemon)?;
    let count = written
        .shops
        .iter()
        .map(|shop| shop.locations.len())
        .max()
        .unwrap_or(1);
    let ours: Vec<String> = (1..=count)
        .map(|number| format!("place-{number}"))
        .collect();
    let named: Vec<String> = ours.iter().map(|name| format!("\"{name}\"")).collect();
    let mut merchant = format!(
        "locations = [{}]\n\n[rules]\npolicy = \"{}\"\n",
        named.join(", "),
        written.policy
    );
    for shop in written.shops {
        let pairs = ours.iter().zip(&shop.locations);
        let pairs = pairs
            .map(|(ours, theirs)| format!("{{ ours = \"{ours}\", theirs = \"{}\" }}", theirs.id));
        let pairs: Vec<String> = pairs.collect();
        let name = &shop.name;
        secret(&dir.join("credentials").join(name), &shop.client_secret)?;
        merchant.push_str(&format!(
            "\n[channels.{name}]\nconnector = \"shopify\"\nmode = \"live\"\nshop = \"{}\"\n\
             base_url = \"http://{}{}\"\nbook_from = \"{}\"\nlocations = [{}]\n\
             poll_interval_secs = 5\npoll_overlap_secs = 15\n\
             breaker_pause_secs = 1\nbreaker_pause_secs_max = 5\n\n\
             [channels.{name}.credentials]\nclient_id = \"{}\"\n\
             client_secret_file = \"credentials/{name}\"\n\
             webhook_secret_files = [\"credentials/{name}\"]\n",
            shop.domain,
            written.doubles,
            shop.base_path,
            written.book_from,
            pairs.join(", "),
            shop.client_id,
        ));
    }
    fs::write(dir.join("merchants.d").join("demo.toml"), merchant)?;
    fs::write(dir.join("counts.csv"), counts(written.shops, &ours))
}

/// Opening counts of every SKU at every place, as a merchant would have counted them.
fn counts(shops: &[ShopInfo], places: &[String]) -> String {
    let variants = shops.iter().take(1).flat_map(|shop| &shop.variants);
    let rows = variants.flat_map(|variant| {
        let row = |place| format!("{},{place},{COUNTED_UNITS}\n", variant.sku);
        places.iter().map(row)
    });
    let rows: String = rows.collect();
    format!("sku,location,units\n{rows}")
}

fn secret(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write as _;
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}

/// A free port of this machine, for a daemon that is started later.
///
/// # Errors
/// When there is none.
pub(super) async fn free_port() -> io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0)).await?.local_addr()
}

/// `sandbox`: serves until it is told to stop.
pub(super) async fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let faults = parse_faults(&args.faults)?;
    let served = serve(args, faults, console).await;
    let help = "choose another --listen address or --write-config directory";
    served.map_err(|error| Failure::new(Exit::Unavailable, error, help))?;
    Ok(Exit::Ok)
}

/// Faults as written on the command line.
pub(super) fn parse_faults(faults: &[String]) -> Result<Faults, Failure> {
    Faults::parse(faults).map_err(|error| Failure::usage(error, "see `channelsync demo --help`"))
}

async fn serve(args: &Args, faults: Faults, console: &mut Console<'_>) -> io::Result<()> {
    let world = crate::daemon::system_world();
    let catalogue = Demo {
        skus: args.skus,
        ..Demo::default()
    };
    let doubles = start(&world, (catalogue, args.seed), faults, args.listen).await?;
    let shops = doubles.sandbox.shops();
    if let Some(dir) = &args.write_config {
        let webhooks = free_port().await?;
        let (doubles, book_from) = (doubles.address, world.clock.now());
        write_config(
            dir,
            &Written {
                doubles,
                webhooks,
                book_from,
                shops: &shops,
                policy: "buffered",
            },
        )?;
    }
    let address = doubles.address;
    let rows = shops.iter().map(|shop| {
        json!({
            "name": shop.name,
            "shop": shop.domain,
            "locations": shop.locations.iter().map(|place| &place.id).collect::<Vec<_>>(),
            "base_url": format!("http://{address}{}", shop.base_path),
            "client_id": shop.client_id,
            "client_secret": shop.client_secret,
            "access_token": shop.access_token,
            "webhook_secret": shop.webhook_secret,
        })
    });
    let line = json!({ "shops": rows.collect::<Vec<_>>() });
    let told = console.json(&line).and_then(|()| console.flush());
    told.map_err(|failure| io::Error::other(failure.to_string()))?;
    let traffic = args
        .orders_per_second
        .map(|rate| start_traffic(&world, &doubles, rate));
    let shopping = async {
        if let (Some(traffic), Some(seconds)) = (&traffic, args.seconds) {
            world.clock.sleep(Duration::from_secs(seconds)).await;
            traffic.stop();
        }
        std::future::pending().await
    };
    tokio::select! {
        biased;
        () = signalled() => {}
        () = shopping => {}
    }
    doubles.stop.cancel();
    doubles.sandbox.stop();
    Ok(())
}

/// Returns when the process is told to end.
pub(super) async fn signalled() {
    let terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
    let Ok(mut terminate) = terminate else { return };
    tokio::select! {
        biased;
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// What else can be done with doubles.
#[derive(clap::Subcommand, Clone, Copy, Debug)]
enum Command {
    /// Compare doubles and daemon of `--config` from outside; the summary is that of `demo`.
    Audit,
}

impl Args {
    /// Whether a running pair is to be audited, which needs its configuration.
    pub(super) fn is_audit(&self) -> bool {
        matches!(self.command, Some(Command::Audit))
    }
}

/// `sandbox audit`: the doubles' truth against the ledger of a running daemon.
pub(super) async fn run_audit(
    config: &crate::settings::Config,
    json: bool,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let world = crate::daemon::system_world();
    let merchant = config.merchants.first();
    let channel = merchant.and_then(|merchant| merchant.channels.first());
    let address = channel.and_then(|channel| {
        let crate::settings::ConnectorSettings::Shopify { base_url, .. } = &channel.connector;
        base_url
            .strip_prefix("http://")?
            .split('/')
            .next()?
            .parse()
            .ok()
    });
    let (Some(merchant), Some(doubles)) = (merchant, address) else {
        let help = "use a configuration that `sandbox --write-config` wrote";
        return Err(Failure::usage(
            "the first channel is not on a loopback double",
            help,
        ));
    };
    let probe = Probe {
        doubles,
        socket: config.listen.admin_socket.clone(),
        merchant: merchant.id.to_string(),
        clock: world.clock.clone(),
        spawn: world.spawn.clone(),
    };
    let unreachable = |error| {
        let help = "start `sandbox` and `run` with this configuration";
        Failure::new(Exit::Unavailable, error, help)
    };
    let shops = probe.shops().await.map_err(unreachable)?;
    let names = merchant.channels.iter().map(|channel| channel.id.as_str());
    called_alike(
        shops.iter().map(|shop| shop.name.as_str()),
        &names.collect::<Vec<_>>(),
    )?;
    let is_guarded = config
        .merchants
        .iter()
        .any(|merchant| merchant.rules.values.policy == Some(crate::settings::Policy::Guarded));
    let found = audit(&probe, verify::is_whole(config, console), is_guarded)
        .await
        .map_err(unreachable)?;
    let status = probe.status().await.map_err(unreachable)?;
    if found.moved || !super::demo::is_at_rest(&status, 0) {
        console.tell("note: the pair is not at rest; what differs may only be under way\n");
    }
    if found.summary.listings == 0 {
        let help = "wait until `run` has read the catalogues, and count stock in";
        return Err(Failure::new(
            Exit::TryAgain,
            "there is nothing to compare yet",
            help,
        ));
    }
    super::demo::report(&found, json, console)?;
    Ok(if found.summary.is_clean() {
        Exit::Ok
    } else {
        Exit::Found
    })
}

/// An audit compares each shop with the channel of its name.
fn called_alike<'a>(
    mut shops: impl Iterator<Item = &'a str>,
    channels: &[&str],
) -> Result<(), Failure> {
    let Some(shop) = shops.find(|shop| !channels.contains(shop)) else {
        return Ok(());
    };
    let error = format!(
        "no channel is called as the double's shop {shop}; there are: {}",
        channels.join(", ")
    );
    let help =
        "an audit needs a channel of each shop's name, as `sandbox --write-config` writes them";
    Err(Failure::usage(error, help))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audit_of_channels_with_other_names_says_which_are_missing() {
        let of = |channels: &[&str]| called_alike(["north", "south"].into_iter(), channels);
        assert_eq!(of(&["more", "north", "south"]), Ok(()));
        let told = of(&["north", "shopify"]).unwrap_err().to_string();
        let said =
            "error: no channel is called as the double's shop south; there are: north, shopify";
        assert_eq!(told.lines().next(), Some(said));
    }

    #[test]
    fn rates_are_numbers_that_a_clock_can_follow() {
        assert_eq!(rate("12.5"), Ok(12.5));
        for text in ["NaN", "inf", "0", "-5", "1e9", ""] {
            assert!(rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_configuration_that_is_there_is_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let written = Written {
            doubles: address,
            webhooks: address,
            book_from: Timestamp(0),
            shops: &[],
            policy: "buffered",
        };
        write_config(dir.path(), &written).unwrap();
        let file = dir.path().join("channelsync.toml");
        fs::write(&file, "mine").unwrap();
        let error = write_config(dir.path(), &written).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(file).unwrap(), "mine");
    }
}
