//! `credentials`: what lets us into a channel, sealed in the state directory.
//!
//! Works on files, with or without a daemon; a running one takes what is new at its next reload.
//! Nothing here prints a secret, and none is taken from the command line, where others could see it.

mod ask;
mod authorize;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use channelsync_contract::MerchantId;
use serde_json::{Value, json};

use self::ask::{Given, ask, hidden, read};
use super::failure::{Exit, Failure};
use super::online;
use super::session::Session;
use super::table::{Column, cell, table};
use crate::daemon::{self, Access, Kept, SealedAt, Signing};
use crate::settings::{Channel, KeyPlace};
use crate::store::sealed::SealKey;

const RELOAD: &str = "a running daemon takes them at its next reload: channelsync reload";

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Ask for a channel's credentials, try them, and seal them
    Set {
        /// MERCHANT/CHANNEL, or the channel where there is one merchant
        channel: String,
        #[command(flatten)]
        given: GivenArgs,
    },
    /// Have the merchant let an app of another organization in, by a page of the channel
    Authorize {
        /// MERCHANT/CHANNEL, or the channel where there is one merchant
        channel: String,
        /// Read the app's id and secret as JSON from this file (mode 0600), or from standard input with
        /// `-`, instead of asking
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
        /// Where the channel sends the browser; the app's settings must name it
        #[arg(long, value_name = "URL")]
        redirect: Option<String>,
        /// Ask for orders of any age, too; the channel must have allowed the app to ask
        #[arg(long)]
        all_orders: bool,
        /// The address that the browser ended at, where nobody can be asked for it
        #[arg(long, value_name = "URL")]
        ended_at: Option<String>,
    },
    /// Replace the secret that signs webhooks (and asks for tokens); the old one counts for a while
    Rotate {
        /// MERCHANT/CHANNEL, or the channel where there is one merchant
        channel: String,
        /// For so long the old secret may still sign webhooks
        #[arg(long, default_value_t = 24, value_name = "HOURS", value_parser = clap::value_parser!(u64).range(..=720))]
        old_valid_hours: u64,
        #[command(flatten)]
        given: GivenArgs,
    },
    /// Try credentials that were set, and name the permissions that are missing
    Test {
        /// MERCHANT/CHANNEL, or the channel where there is one merchant
        channel: String,
    },
    /// List all channels with kind and age of their credentials, never their values
    List,
    /// Make the key that seals, where there is none yet
    Key,
}

/// Where credentials come from.
#[derive(clap::Args, Debug)]
struct GivenArgs {
    /// Read JSON from this file (mode 0600), or from standard input with `-`, instead of asking
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Seal them without trying them on the channel
    #[arg(long)]
    untried: bool,
}

pub(super) async fn run(args: Args, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    match args.command {
        Command::Set { channel, given } => set(&channel, &given, session).await,
        Command::Authorize {
            channel,
            from,
            redirect,
            all_orders,
            ended_at,
        } => {
            let consent = authorize::Consent {
                from: from.as_deref(),
                redirect: redirect.as_deref(),
                all_orders,
                ended_at: ended_at.as_deref(),
            };
            authorize::run(&channel, consent, session).await
        }
        Command::Rotate {
            channel,
            old_valid_hours,
            given,
        } => rotate(&channel, old_valid_hours, &given, session).await,
        Command::Test { channel } => test(&channel, session).await,
        Command::List => list(session),
        Command::Key => key(session),
    }
}

/// A channel, its merchant, and where its credentials are.
struct Place {
    merchant: MerchantId,
    channel: Channel,
    path: PathBuf,
}

impl Place {
    fn name(&self) -> String {
        format!("{}/{}", self.merchant, self.channel.id)
    }
}

fn place(named: &str, session: &Session<'_, '_>) -> Result<Place, Failure> {
    let (merchant, name) = match named.split_once('/') {
        Some((merchant, name)) => {
            let known = session.config.merchants.iter();
            let found = known.clone().find(|known| known.id.as_str() == merchant);
            let names: Vec<&str> = known.map(|known| known.id.as_str()).collect();
            let unknown = || {
                let help = format!("the configuration has: {}", names.join(", "));
                Failure::usage(format!("unknown merchant {merchant}"), help)
            };
            (found.ok_or_else(unknown)?, name)
        }
        None => (session.merchant()?, named),
    };
    let channels = merchant.channels.iter();
    let names: Vec<&str> = channels
        .clone()
        .map(|channel| channel.id.as_str())
        .collect();
    let channel = channels.clone().find(|channel| channel.id.as_str() == name);
    let channel = channel.ok_or_else(|| {
        let error = format!("merchant {} has no channel {name}", merchant.id);
        Failure::usage(error, format!("it has: {}", names.join(", ")))
    })?;
    Ok(Place {
        path: daemon::credentials_path(&session.config, &merchant.id, channel),
        merchant: merchant.id.clone(),
        channel: channel.clone(),
    })
}

/// The same, where credentials are sealed and not files of the configuration.
fn sealed_place(named: &str, session: &Session<'_, '_>) -> Result<Place, Failure> {
    let place = place(named, session)?;
    if daemon::is_sealed(&place.channel) {
        return Ok(place);
    }
    let error = format!(
        "the configuration names files with the credentials of {}",
        place.name()
    );
    let help = format!(
        "take [channels.{}.credentials] out of merchants.d/{}.toml to have them sealed, or change \
         the files",
        place.channel.id, place.merchant
    );
    Err(Failure::usage(error, help))
}

fn sealed_at(place: &Place, session: &Session<'_, '_>) -> Result<SealedAt, Failure> {
    let key = daemon::open_key(&session.config, &*session.console.rng)?;
    let rng = session.console.rng.clone();
    Ok(SealedAt {
        path: place.path.clone(),
        vault: daemon::vault(place.merchant.as_str(), Arc::new(key), rng),
        channel: place.channel.id.clone(),
    })
}

async fn set(
    named: &str,
    given: &GivenArgs,
    session: &mut Session<'_, '_>,
) -> Result<Exit, Failure> {
    let place = sealed_place(named, session)?;
    let asked = match &given.from {
        Some(file) => read(file)?,
        None => ask(&place.name())?,
    };
    let now = session.console.clock.now();
    let access = asked.access()?;
    let signing = asked.signing(&access, place.channel.subscriptions)?;
    let kept = Kept {
        saved_at: now,
        access,
        signing,
    };
    let at = sealed_at(&place, session)?;
    let seen = tried(&place, (&kept, &at), given.untried).await?;
    let _held = at.hold()?;
    at.write(&kept)?;
    sealed(&place, &seen, session)
}

async fn rotate(
    named: &str,
    old_valid_hours: u64,
    given: &GivenArgs,
    session: &mut Session<'_, '_>,
) -> Result<Exit, Failure> {
    let place = sealed_place(named, session)?;
    let at = sealed_at(&place, session)?;
    let asked = match &given.from {
        Some(file) => read(file)?,
        None => {
            let secret = hidden("new client secret (signs the webhooks)")?;
            Given {
                client_secret: Some(secret),
                ..Given::default()
            }
        }
    };
    let secret = asked
        .client_secret
        .or_else(|| asked.webhook_secrets.first().cloned());
    let secret = secret.filter(|secret| !secret.is_empty()).ok_or_else(|| {
        Failure::usage(
            "no secret was given",
            "give `client_secret`, or one of `webhook_secrets`",
        )
    })?;
    let now = session.console.clock.now();
    let until = now.plus(Duration::from_secs(old_valid_hours * 3_600));
    let rotated = || {
        let mut kept = kept(&place, &at)?;
        if let Access::Client { secret: own, .. } | Access::Grant { secret: own, .. } =
            &mut kept.access
        {
            own.clone_from(&secret);
        }
        kept.sign_with(secret.clone(), until, now);
        kept.saved_at = now;
        Ok::<_, Failure>(kept)
    };
    let seen = tried(&place, (&rotated()?, &at), given.untried).await?;
    let _held = at.hold()?;
    // A grant may have been renewed meanwhile.
    let kept = rotated()?;
    at.write(&kept)?;
    let exit = sealed(&place, &seen, session)?;
    if !session.common.json && kept.signing.len() > 1 {
        session.console.print(&format!(
            "webhooks signed with the old secret are taken until {until}"
        ))?;
    }
    Ok(exit)
}

/// What the channel says to credentials that are not sealed yet.
async fn tried(
    place: &Place,
    (kept, at): (&Kept, &SealedAt),
    untried: bool,
) -> Result<online::Seen, Failure> {
    if untried {
        return Ok(online::Seen::default());
    }
    let mut channel = place.channel.clone();
    kept.fill(&mut channel, at);
    let (seen, _) = online::probe(&channel, &daemon::system_world()).await;
    if let Some(why) = &seen.unavailable {
        let error = format!("{} cannot be asked: {why}", place.name());
        return Err(Failure::new(
            Exit::Unavailable,
            error,
            "nothing was sealed; `--untried` seals without asking",
        ));
    }
    if let Some(why) = seen.wrong.first() {
        let error = format!("{} refuses them: {why}", place.name());
        return Err(Failure::new(
            Exit::Found,
            error,
            "nothing was sealed; check id, secret and the app's installation",
        ));
    }
    Ok(seen)
}

/// Tells that credentials are sealed, and what the channel said to them.
fn sealed(
    place: &Place,
    seen: &online::Seen,
    session: &mut Session<'_, '_>,
) -> Result<Exit, Failure> {
    if session.common.json {
        let found = json!({ "channel": place.name(), "sealed": true, "seen": seen.json() });
        session.console.json(&found)?;
    } else {
        for line in seen.lines() {
            session.console.print(&line)?;
        }
        session
            .console
            .print(&format!("sealed the credentials of {}", place.name()))?;
        session.console.print(RELOAD)?;
    }
    Ok(seen.exit())
}

fn kept(place: &Place, at: &SealedAt) -> Result<Kept, Failure> {
    at.read()?.ok_or_else(|| {
        let error = format!("no credentials were set for {}", place.name());
        Failure::new(
            Exit::Configuration,
            error,
            format!("channelsync credentials set {}", place.name()),
        )
    })
}

async fn test(named: &str, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let mut place = place(named, session)?;
    if daemon::is_sealed(&place.channel) {
        let at = sealed_at(&place, session)?;
        kept(&place, &at)?.fill(&mut place.channel, &at);
    }
    let (seen, _) = online::probe(&place.channel, &daemon::system_world()).await;
    if session.common.json {
        let found = json!({ "channel": place.name(), "seen": seen.json() });
        session.console.json(&found)?;
    } else {
        for line in seen.lines() {
            session.console.print(&line)?;
        }
        if seen.exit() == Exit::Ok {
            session.console.print(&format!(
                "{} lets us in, no permission is missing",
                place.name()
            ))?;
        }
    }
    Ok(seen.exit())
}

fn list(session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let now = session.console.clock.now();
    let mut rows = Vec::new();
    for merchant in session.merchants()? {
        for channel in &merchant.channels {
            let path = daemon::credentials_path(&session.config, &merchant.id, channel);
            let (merchant, channel) = (merchant.id.clone(), channel.clone());
            let place = Place {
                merchant,
                channel,
                path,
            };
            rows.push(row(&place, now, session));
        }
    }
    if session.common.json {
        session.console.json(&Value::Array(rows))?;
        return Ok(Exit::Ok);
    }
    let columns = [
        Column::Text("CHANNEL"),
        Column::Text("WHERE"),
        Column::Text("KIND"),
        Column::Text("SET"),
        Column::Number("SIGNING SECRETS"),
        Column::Text("OLD ONES UNTIL"),
    ];
    let line = |row: &Value| {
        [
            "channel",
            "where",
            "kind",
            "set_at",
            "signing_secrets",
            "old_until",
        ]
        .map(|key| cell(&row[key]))
        .to_vec()
    };
    let lines = rows.iter().map(line).collect();
    session.console.print(&table(&columns, lines))?;
    Ok(Exit::Ok)
}

/// One channel, without a value.
fn row(place: &Place, now: channelsync_contract::Timestamp, session: &Session<'_, '_>) -> Value {
    let mut row = json!({ "channel": place.name(), "where": "files of the configuration" });
    if !daemon::is_sealed(&place.channel) {
        return row;
    }
    row["where"] = json!("sealed");
    if !place.path.exists() {
        row["where"] = json!("not set");
        return row;
    }
    let opened = daemon::load_key(&session.config).and_then(|key| {
        let rng = session.console.rng.clone();
        let at = SealedAt {
            path: place.path.clone(),
            vault: daemon::vault(place.merchant.as_str(), Arc::new(key), rng),
            channel: place.channel.id.clone(),
        };
        at.read()
    });
    match opened {
        Ok(Some(kept)) => {
            let counting = |one: &&Signing| one.until.is_none_or(|until| now < until);
            let signing: Vec<&Signing> = kept.signing.iter().filter(counting).collect();
            let old_until = signing.iter().filter_map(|one| one.until).max();
            row["kind"] = json!(kept.access.kind());
            row["set_at"] = json!(kept.saved_at.to_string());
            row["signing_secrets"] = json!(signing.len());
            row["old_until"] = json!(old_until.map(|until| until.to_string()));
        }
        Ok(None) => row["where"] = json!("not set"),
        Err(error) => row["where"] = json!(format!("sealed, and cannot be opened: {}", error.what)),
    }
    row
}

fn key(session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let place = session.config.key.clone();
    let made = matches!(place, KeyPlace::File(_)) && !place.path().exists();
    let key: SealKey = daemon::open_key(&session.config, &*session.console.rng)?;
    let (path, id) = (place.path().display().to_string(), key.id());
    if session.common.json {
        session
            .console
            .json(&json!({ "path": path, "id": id, "made": made }))?;
    } else {
        let did = if made { "made" } else { "is there:" };
        session.console.print(&format!(
            "{did} key {id} in {path}; keep a copy of it elsewhere"
        ))?;
    }
    Ok(Exit::Ok)
}
