//! What a channel says of us: who we are there, which permissions and settings are missing.

use std::sync::Arc;

use channelsync_contract::connector::{ConnectorError, NextStep};
use channelsync_contract::quantity::Shown;
use channelsync_contract::{Connector, SlotKey};
use serde_json::{Value, json};

use super::failure::Exit;
use super::table::count;
use crate::channels;
use crate::daemon::World;
use crate::settings::{Channel, Config, Mode};
use crate::transport::Paced;

/// Pages of listings that are looked at; a whole catalogue would take too long to wait for.
const LISTING_PAGES_MAX: usize = 4;

/// What was found of one channel.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The account's name there.
    pub(super) account: Option<String>,
    /// Permissions that are needed and not granted.
    pub(super) missing: Vec<String>,
    /// What else must be mended.
    pub(super) wrong: Vec<String>,
    /// What a person should know.
    pub(super) remarks: Vec<String>,
    /// Why the channel could not be asked to the end.
    pub(super) unavailable: Option<String>,
}

impl Seen {
    /// How a command ends that found this.
    pub(super) fn exit(&self) -> Exit {
        if self.unavailable.is_some() {
            Exit::Unavailable
        } else if self.missing.is_empty() && self.wrong.is_empty() {
            Exit::Ok
        } else {
            Exit::Found
        }
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "account": self.account,
            "missing": self.missing,
            "wrong": self.wrong,
            "remarks": self.remarks,
            "unavailable": self.unavailable,
        })
    }

    /// Lines for people, each below the channel's name.
    pub(super) fn lines(&self) -> Vec<String> {
        let account = self
            .account
            .iter()
            .map(|account| format!("account {account}"));
        let missing = self
            .missing
            .iter()
            .map(|what| format!("permission missing: {what}"));
        let wrong = self.wrong.iter().map(|what| format!("wrong: {what}"));
        let remarks = self.remarks.iter().map(|what| format!("note: {what}"));
        let unavailable = self
            .unavailable
            .iter()
            .map(|why| format!("not asked to the end: {why}"));
        account
            .chain(missing)
            .chain(wrong)
            .chain(remarks)
            .chain(unavailable)
            .collect()
    }

    /// Takes note of an error. What a person can mend was found; anything else is a channel that
    /// cannot be asked now.
    fn failed(&mut self, what: &str, error: &ConnectorError) {
        let text = format!("{what}: {error}");
        match error.next_step() {
            NextStep::PauseChannel | NextStep::Park => self.wrong.push(text),
            NextStep::RetryAfter(_) | NextStep::RetryWithBackoff | NextStep::ReadBack => {
                self.unavailable = Some(text);
            }
        }
    }
}

/// The way to a channel whose credentials are filled in.
///
/// # Errors
/// When its account cannot be dialed.
pub(super) fn connect(channel: &Channel, world: &World) -> Result<Connector, String> {
    let account = channels::account(channel);
    let dialed = (world.dial)(&account)?;
    let (clock, rng) = (world.clock.clone(), world.rng.clone());
    let transport: Arc<Paced> = Paced::new(account, channel.id.as_str(), dialed, clock, rng);
    Ok(channels::connect(channel, transport))
}

/// Who we are there and which permissions are missing.
pub(super) async fn probe(channel: &Channel, world: &World) -> (Seen, Option<Connector>) {
    let mut seen = Seen::default();
    let connector = match connect(channel, world) {
        Ok(connector) => connector,
        Err(why) => {
            seen.unavailable = Some(why);
            return (seen, None);
        }
    };
    match connector.probe.probe().await {
        Ok(probe) => {
            seen.account = Some(probe.account);
            seen.missing = probe.missing;
            seen.remarks = probe.warnings;
            (seen, Some(connector))
        }
        Err(error) => {
            seen.failed("credentials", &error);
            (seen, None)
        }
    }
}

/// The same, and whether the settings fit what is there.
pub(super) async fn look(config: &Config, channel: &Channel, world: &World) -> Seen {
    let (mut seen, connector) = probe(channel, world).await;
    let Some(connector) = connector else {
        return seen;
    };
    locations(channel, &connector, &mut seen).await;
    listings(channel, &connector, &mut seen).await;
    subscriptions(config, channel, &connector, &mut seen).await;
    if channel.mode == Mode::Shadow {
        seen.remarks
            .push("mode is shadow: nothing is written".to_owned());
    }
    seen
}

async fn locations(channel: &Channel, connector: &Connector, seen: &mut Seen) {
    let there = match connector.listings.locations().await {
        Ok(there) => there,
        Err(error) => return seen.failed("locations", &error),
    };
    for pair in &channel.locations {
        let known = there.iter().find(|known| known.id == pair.theirs);
        let why = match known {
            Some(known) if known.active => continue,
            Some(known) => format!("is not active there ({})", known.name),
            None => "is not there".to_owned(),
        };
        let active = there.iter().filter(|known| known.active);
        let names: Vec<String> = active
            .map(|known| format!("{} {}", known.id, known.name))
            .collect();
        let (ours, theirs) = (&pair.ours, &pair.theirs);
        seen.wrong.push(format!(
            "location {theirs} (our {ours}) {why}; active are: {}",
            names.join(", ")
        ));
    }
    let paired = |id| channel.locations.iter().any(|pair| pair.theirs == id);
    for other in there
        .iter()
        .filter(|known| known.active && !paired(known.id.clone()))
    {
        seen.remarks.push(format!(
            "location {} {} is paired with none of ours: its stock is not looked at",
            other.id, other.name
        ));
    }
}

async fn listings(channel: &Channel, connector: &Connector, seen: &mut Seen) {
    let (mut found, mut next) = (Vec::new(), None);
    for _ in 0..LISTING_PAGES_MAX {
        let page = match connector.listings.listings(next.as_deref()).await {
            Ok(page) => page,
            Err(error) => return seen.failed("listings", &error),
        };
        found.extend(page.listings);
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    let first = if next.is_some() { "the first " } else { "" };
    let of = format!(
        "of {first}{}",
        count(to_u64(found.len()), "listing", "listings")
    );
    let mut reasons: std::collections::BTreeMap<&str, u64> = Default::default();
    for why in found
        .iter()
        .filter_map(|listing| listing.unpushable.as_deref())
    {
        *reasons.entry(why).or_default() += 1;
    }
    for (why, number) in reasons {
        seen.remarks
            .push(format!("{of}, {number} cannot be written: {why}"));
    }
    let endless = found
        .iter()
        .filter(|listing| listing.sells_without_limit)
        .count();
    if endless > 0 {
        seen.remarks.push(format!(
            "{of}, {endless} sell without limit: the channel goes on selling at zero"
        ));
    }
    let unnamed = found
        .iter()
        .filter(|listing| listing.sku.is_empty())
        .count();
    if unnamed > 0 {
        seen.remarks.push(format!(
            "{of}, {unnamed} have no SKU: they are mapped by hand alone"
        ));
    }
    let writable = found.iter().filter(|listing| listing.unpushable.is_none());
    let mut items: Vec<_> = writable.map(|listing| listing.item.clone()).collect();
    items.dedup();
    items.truncate(connector.capabilities.read_back_max);
    unstocked(channel, connector, &items, seen).await;
}

/// Items that the channel does not stock at a location of ours: nothing can be set there.
async fn unstocked(
    channel: &Channel,
    connector: &Connector,
    items: &[channelsync_contract::ItemId],
    seen: &mut Seen,
) {
    for pair in &channel.locations {
        let slots = items.iter().map(|item| SlotKey {
            item: item.clone(),
            location: Some(pair.theirs.clone()),
        });
        let slots: Vec<SlotKey> = slots.collect();
        if slots.is_empty() {
            return;
        }
        match connector.quantities.read_back(&slots).await {
            Ok(shown) => {
                let absent = |row: &&channelsync_contract::quantity::ShownQuantity| {
                    row.shown == Shown::NotStocked
                };
                let absent = shown.iter().filter(absent).count();
                if absent > 0 {
                    let (looked, theirs) = (slots.len(), &pair.theirs);
                    seen.remarks.push(format!(
                        "of the first {looked} items, {absent} are not stocked at location {theirs}: \
                         no quantity is set there"
                    ));
                }
            }
            Err(error) => return seen.failed("quantities", &error),
        }
    }
}

async fn subscriptions(config: &Config, channel: &Channel, connector: &Connector, seen: &mut Seen) {
    let Some(webhooks) = &connector.webhooks else {
        return;
    };
    let Some(url) = config.public_url.as_ref().filter(|_| channel.subscriptions) else {
        seen.remarks
            .push("no webhooks: `subscriptions` is off, orders come by poll alone".to_owned());
        return;
    };
    let standing = match webhooks.subscriptions().await {
        Ok(standing) => standing,
        Err(error) => return seen.failed("webhook subscriptions", &error),
    };
    let own = |topic: &str| {
        let mut own = standing.iter().filter(|own| own.topic == topic);
        own.any(|own| own.address.starts_with(url.as_str()))
    };
    let absent = webhooks.topics().iter().filter(|topic| !own(topic));
    let absent: Vec<&str> = absent.copied().collect();
    if !absent.is_empty() {
        seen.remarks.push(format!(
            "{} not there yet, the daemon makes them: {}",
            count(
                to_u64(absent.len()),
                "webhook subscription",
                "webhook subscriptions"
            ),
            absent.join(", ")
        ));
    }
}

fn to_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
