//! The command line: one file per subcommand.
//!
//! In: arguments. Out: text or one JSON value on standard output, `error:` and `help:` on standard
//! error, an exit code. Most commands ask the running daemon over its socket; `check`, `journal`,
//! `verify`, `backup` and `restore` work on files without it. Never here: a decision about the book.

mod failure;
mod hands;
mod console;
mod table;
mod client;
mod session;
mod slots;
mod anyway;
mod check;
mod credentials;
mod online;
mod status;
mod channels;
mod adopt;
mod listings;
mod map;
mod map_file;
mod movements;
mod stock;
mod import;
mod orders;
mod output;
mod parcels;
mod ship;
mod shorts;
mod parked;
mod explain;
mod account;
mod purchases;
mod plan;
mod race;
mod reconcile;
mod reload;
mod coverage;
mod exposure;
mod shadow;
mod freeze;
mod release;
mod journal;
mod fact;
mod verify;
mod backup;
mod restore;
mod returns;
mod rules;
mod doctor;
mod init;
mod manual;
mod run;
mod sandbox;
mod demo;
mod audit;
mod probe;

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};

pub use console::Console;
pub use failure::{Exit, Failure};
use session::Session;

use crate::daemon;
use crate::ports::{SystemClock, SystemRng};
use crate::settings;

/// The program's name.
const NAME: &str = "channelsync";
/// The variable that names the configuration directory.
const CONFIG_VARIABLE: &str = "CHANNELSYNC_CONFIG";
const CONFIG_DIR: &str = "/etc/channelsync";

/// Keeps every sales channel of a merchant truthful: no oversell, no stale quantity, no lost order.
#[derive(Debug, Parser)]
#[command(name = "channelsync", version, propagate_version = true)]
#[command(
    after_help = "Exit codes: 0 ok, 1 found something, 2 usage, 69 unavailable, \
                        75 try again, 78 configuration."
)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Args, Debug)]
struct Common {
    /// Configuration directory [default: `$CHANNELSYNC_CONFIG`, else /etc/channelsync]
    #[arg(long, global = true, value_name = "DIR")]
    config: Option<PathBuf>,
    /// Whose book; needed only where there are several merchants
    #[arg(long, global = true, value_name = "ID")]
    merchant: Option<String>,
    /// One JSON value on standard output instead of text
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon until it is told to stop
    Run,
    /// Watch orders flow: doubles, daemon, shoppers and an audit, with nothing but this program
    Demo(demo::Args),
    /// Serve doubles of the channels on this machine, or audit a running pair
    Sandbox(sandbox::Args),
    /// Check the configuration: every fault at once, without network unless asked
    Check(check::Args),
    /// Set, try, replace and list what lets us into channels
    Credentials(credentials::Args),
    /// Write a first configuration from flags and a few questions
    Init(init::Args),
    /// Have the running daemon read its settings anew, and see what became of it
    Reload,
    /// How everything stands, and what needs a person
    Status,
    /// Everything a person should look at, each with what resolves it
    Doctor(doctor::Args),
    /// The sales channels: mode, progress, what is left to do; or end one
    Channels(channels::Args),
    /// What the channels sell, and which SKUs it stands for
    Listings(listings::Args),
    /// Say by hand what a listing stands for
    Map(map::Args),
    /// Show stock, or book receipts, counts and corrections
    Stock(stock::Args),
    /// Propose opening counts from what a channel shows; with `--yes`, book them
    Adopt(adopt::Args),
    /// Show orders, or record a parcel that left
    Orders(orders::Args),
    /// What was set aside for a person, and how to let it go
    Parked(parked::Args),
    /// Why a listing shows the quantity it shows
    Explain(explain::Args),
    /// Have a channel polled, scanned or read back now, or let it go on after a pause
    Reconcile(reconcile::Args),
    /// What would be written to a channel, against what it shows; 1 where they differ
    Shadow(shadow::Args),
    /// Of each number a channel shows: what it should be, what was sent, confirmed and read back, and when
    Slots(slots::Args),
    /// Which published numbers and open orders a file would change; 1 where any would
    Plan(plan::Args),
    /// Of which time each channel's orders are known, when nobody was looking, which orders were found late
    Coverage(coverage::Args),
    /// What may be oversold, and by which channels
    Exposure(exposure::Args),
    /// Set rules of what may be shown; alone it lists them
    Rules(rules::Args),
    /// Stop a SKU, a channel or everything from being sold, at once; alone it lists what is frozen
    Freeze(freeze::Args),
    /// Let it be sold again
    Unfreeze(freeze::Undo),
    /// Let a channel go on that is held because too much would change on it at once
    Release(release::Args),
    /// Read the journal's files, with or without a daemon
    Journal(journal::Args),
    /// Prove the journal's files: hash chain, sums, snapshot, parked bytes
    Verify,
    /// Copy the books to a directory while the daemon runs, and verify the copy
    Backup(backup::Args),
    /// Put the books of a backup in the place of lost ones; the daemon must not run
    Restore(restore::Args),
    /// A script that completes commands for a shell, on standard output
    Completions(manual::Completions),
    /// Manual pages, made from the commands themselves
    Man(manual::Man),
}

impl Command {
    /// Whether it needs nothing of the files but the way to the daemon.
    fn asks_alone(&self) -> bool {
        matches!(
            self,
            Self::Reload
                | Self::Status
                | Self::Doctor(_)
                | Self::Stock(_)
                | Self::Orders(_)
                | Self::Freeze(_)
                | Self::Unfreeze(_)
        )
    }
}

/// The whole program: arguments in, exit code out.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help goes to standard output, anything else to standard error; a closed one is no panic.
            drop(error.print());
            let asked = error.exit_code() == 0;
            return if asked { Exit::Ok } else { Exit::Usage };
        }
    };
    let mut env = settings::environment();
    if let Ok(dir) = std::env::var(CONFIG_VARIABLE) {
        env.insert(CONFIG_VARIABLE.to_owned(), dir);
    }
    let (mut out, mut err) = (io::BufWriter::new(io::stdout()), io::stderr());
    let mut console = Console {
        out: &mut out,
        err: &mut err,
        terminal: io::stderr().is_terminal(),
        env,
        clock: Arc::new(SystemClock::new()),
        rng: Arc::new(SystemRng),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(Box::pin(run(cli, &mut console))),
        Err(error) => {
            console.tell(format_args!("error: no threads can be started: {error}\n"));
            Exit::Unavailable
        }
    }
}

/// Carries out one command; failures are told on the console.
pub async fn run(cli: Cli, console: &mut Console<'_>) -> Exit {
    let result = carry_out(cli, console).await;
    match result.and_then(|exit| console.flush().map(|()| exit)) {
        Ok(exit) => exit,
        Err(failure) => {
            // What was written before the failure comes before its text.
            drop(console.flush());
            console.tell(&failure);
            failure.exit()
        }
    }
}

async fn carry_out(cli: Cli, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let Cli { common, command } = cli;
    match &command {
        Command::Demo(args) => return demo::run(args, common.json, console).await,
        Command::Sandbox(args) if !args.is_audit() => return sandbox::run(args, console).await,
        Command::Completions(args) => return manual::completions(args, console),
        Command::Man(args) => return manual::man(args, console),
        _ => {}
    }
    let variable = console.env.get(CONFIG_VARIABLE).map(PathBuf::from);
    let dir = common.config.clone().or(variable);
    let dir = dir.unwrap_or_else(|| PathBuf::from(CONFIG_DIR));
    if let Command::Init(args) = &command {
        return init::run(args, &dir, common.json, console);
    }
    let config = match settings::load(&dir, &console.env) {
        Ok(config) => config,
        Err(faults) if command.asks_alone() => anyway::config(&dir, faults, console).await?,
        Err(faults) => return Err(faults.into()),
    };
    let mut session = Session {
        config,
        common,
        console,
    };
    let session = &mut session;
    match command {
        Command::Run => {
            let (env, rng) = (&session.console.env, &session.console.rng);
            let read = || daemon::unseal(settings::load(&dir, env)?, rng);
            run::run(&read()?, read).await
        }
        Command::Demo(_) | Command::Sandbox(_) => {
            sandbox::run_audit(&session.config, session.common.json, session.console).await
        }
        Command::Check(args) => check::run(&args, session).await,
        Command::Credentials(args) => credentials::run(args, session).await,
        // Needed no configuration: carried out above.
        Command::Init(_) | Command::Completions(_) | Command::Man(_) => Ok(Exit::Ok),
        Command::Reload => reload::run(session).await,
        Command::Status => status::run(session).await,
        Command::Doctor(args) => doctor::run(&args, session).await,
        Command::Channels(args) => channels::run(args, session).await,
        Command::Listings(args) => listings::run(&args, session).await,
        Command::Map(args) => map::run(args, session).await,
        Command::Stock(args) => stock::run(args, session).await,
        Command::Adopt(args) => adopt::run(&args, session).await,
        Command::Orders(args) => orders::run(args, session).await,
        Command::Parked(args) => parked::run(args, session).await,
        Command::Explain(args) => explain::run(&args, session).await,
        Command::Reconcile(args) => reconcile::run(&args, session).await,
        Command::Shadow(args) => shadow::run(&args, session).await,
        Command::Slots(args) => slots::run(&args, session).await,
        Command::Plan(args) => plan::run(&args, &dir, session),
        Command::Coverage(args) => coverage::run(&args, session),
        Command::Exposure(args) => exposure::run(&args, session).await,
        Command::Rules(args) => rules::run(args, session).await,
        Command::Freeze(args) => freeze::run(args, session).await,
        Command::Unfreeze(args) => freeze::undo(args, session).await,
        Command::Release(args) => release::run(&args, session).await,
        Command::Journal(args) => journal::run(&args, session),
        Command::Verify => verify::run(session),
        Command::Backup(args) => backup::run(&args, session).await,
        Command::Restore(args) => restore::run(&args, session).await,
    }
}

#[cfg(test)]
mod tests;
