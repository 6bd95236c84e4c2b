//! `credentials authorize`: a merchant lets an app of another organization into the channel.
//!
//! The address where the merchant agrees is printed; the channel then sends the browser on, and the
//! address that it ended at comes back here, pasted or as an argument. What it carries is of use only
//! together with the app's secret, once.

use std::io::{self, BufRead as _, IsTerminal as _};
use std::path::Path;
use std::time::Duration;

use channelsync_contract::transport::{Grant, Secret};
use channelsync_contract::{Timestamp, Transport as _};

use super::super::failure::{Exit, Failure};
use super::super::online;
use super::super::session::Session;
use super::ask::{Given, ask_app, read};
use super::{Place, sealed, sealed_at, sealed_place};
use crate::channels;
use crate::daemon::{self, Access, Kept, SealedAt};
use crate::settings::{Channel, ConnectorSettings, Credentials};
use crate::transport::Paced;

/// The merchant agrees within this time.
const CONSENT_WITHIN: Duration = Duration::from_hours(1);

/// What was given on the command line.
pub(super) struct Consent<'a> {
    pub(super) from: Option<&'a Path>,
    pub(super) redirect: Option<&'a str>,
    pub(super) all_orders: bool,
    pub(super) ended_at: Option<&'a str>,
}

pub(super) async fn run(
    named: &str,
    consent: Consent<'_>,
    session: &mut Session<'_, '_>,
) -> Result<Exit, Failure> {
    let place = sealed_place(named, session)?;
    let at = sealed_at(&place, session)?;
    let given = match consent.from {
        Some(file) => read(file)?,
        None => ask_app(&place.name())?,
    };
    let Access::Client { id, secret } = given.access()? else {
        let help = "an access token needs nobody's consent: `credentials set` takes it";
        return Err(Failure::usage("give client_id and client_secret", help));
    };
    let authorization = channels::authorization(&place.channel, &id, &secret);
    let now = session.console.clock.now();
    let ended_at = match consent.ended_at {
        Some(address) => address.to_owned(),
        None => {
            let redirect = redirect(consent.redirect, session)?;
            let until = now.plus(CONSENT_WITHIN);
            let state = state(&place, &at, &id, until);
            let address = authorization.address(&redirect, &state, consent.all_orders);
            match agreed(&place, &address, session)? {
                Some(address) => address,
                None => return Ok(Exit::Ok),
            }
        }
    };
    let is_ours = |given: &str| {
        let until = given
            .split_once('.')
            .and_then(|(until, _)| until.parse().ok());
        until
            .map(Timestamp)
            .is_some_and(|until| now < until && given == state(&place, &at, &id, until))
    };
    let code = authorization.code(&ended_at, is_ours).map_err(|error| {
        let help = "paste the whole address of the page that the browser ended at, or begin again";
        Failure::usage(error.to_string(), help)
    })?;
    let refused = |why: String| {
        let error = format!("{} gave no token: {why}", place.name());
        Failure::new(
            Exit::Unavailable,
            error,
            "nothing was sealed; begin again, a code counts once",
        )
    };
    let mut channel = place.channel.clone();
    let_in(&mut channel, Secret::new(""));
    let world = daemon::system_world();
    let account = channels::account(&channel);
    let dialed = (world.dial)(&account).map_err(refused)?;
    let line = Paced::new(
        account,
        named,
        dialed,
        world.clock.clone(),
        world.rng.clone(),
    );
    let answer = line.call(authorization.request(&code)).await;
    let answer = answer.map_err(|error| refused(error.to_string()))?;
    let grant = authorization.grant(&answer, now);
    let grant = grant.map_err(|error| refused(error.to_string()))?;
    // The code is used up: what it gave is kept, whatever the channel says to it.
    let kept = kept(&given, (id, secret), &grant, &place, now)?;
    let held = at.hold()?;
    at.write(&kept)?;
    drop(held);
    let_in(&mut channel, grant.token);
    let (seen, _) = online::probe(&channel, &world).await;
    sealed(&place, &seen, session)
}

fn kept(
    given: &Given,
    (id, secret): (String, String),
    grant: &Grant,
    place: &Place,
    now: Timestamp,
) -> Result<Kept, Failure> {
    let client = Access::Client {
        id: id.clone(),
        secret: secret.clone(),
    };
    Ok(Kept {
        saved_at: now,
        signing: given.signing(&client, place.channel.subscriptions)?,
        access: Access::Grant {
            id,
            secret,
            token: grant.token.expose().to_owned(),
            expires_at: grant.expires_at,
            refresh: grant.refresh.expose().to_owned(),
        },
    })
}

fn let_in(channel: &mut Channel, token: Secret) {
    let ConnectorSettings::Shopify { credentials, .. } = &mut channel.connector;
    *credentials = Credentials::AccessToken(token);
}

/// Where the channel sends the browser: a page of the webhook listener, unless another was named.
fn redirect(named: Option<&str>, session: &Session<'_, '_>) -> Result<String, Failure> {
    if let Some(named) = named {
        return Ok(named.to_owned());
    }
    let own = session.config.public_url.as_ref();
    own.map(|url| format!("{url}/authorized")).ok_or_else(|| {
        let help =
            "set `public_url`, or give an address that the app's settings name: --redirect URL";
        Failure::usage("there is nowhere to send the browser to", help)
    })
}

/// What comes back with the browser: until when, and a mark that only our key can make.
fn state(place: &Place, at: &SealedAt, id: &str, until: Timestamp) -> String {
    let of = format!("consent\n{}\n{id}\n{}", place.name(), until.0);
    format!("{}.{}", until.0, at.vault.key.mark(of.as_bytes()))
}

/// Shows where to agree, and waits for the address that the browser ended at; none where nobody can
/// be asked.
fn agreed(
    place: &Place,
    address: &str,
    session: &mut Session<'_, '_>,
) -> Result<Option<String>, Failure> {
    let console = &mut *session.console;
    if session.common.json {
        console.json(&serde_json::json!({ "channel": place.name(), "agree_at": address }))?;
        return Ok(None);
    }
    console.print(&format!(
        "open this page within the hour, as the merchant of {}:\n  {address}",
        place.name()
    ))?;
    if !io::stdin().is_terminal() {
        console.print(
            "then repeat this command with: --ended-at 'ADDRESS', where the browser ended",
        )?;
        return Ok(None);
    }
    console.print("the browser ends at a page that asks for its address here:")?;
    console.flush()?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).map_err(|error| {
        Failure::usage(
            format!("no address was read: {error}"),
            "give it as --ended-at ADDRESS",
        )
    })?;
    Ok(Some(line))
}
