//! `rules`: what may be shown, as the files and people say it.

use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::failure::{Exit, Failure};
use super::session::{List, Session};
use super::table::{Column, cell};
use crate::ledger::{RuleKey, Rules};
use crate::settings::RuleSet;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Set rules, effective at once and until they are unset
    Set {
        #[command(flatten)]
        at: At,
        /// As in a file, such as `share_percent=50` or `locations=main,annex`
        #[arg(required = true, value_name = "RULE=VALUE")]
        rules: Vec<String>,
    },
    /// Let rules go that were set by command
    Unset {
        #[command(flatten)]
        at: At,
        /// Such as `share_percent`
        #[arg(required = true, value_name = "RULE")]
        rules: Vec<String>,
    },
}

/// At which level; the whole merchant where nothing is named.
#[derive(clap::Args, Debug)]
struct At {
    /// Everything on this channel
    #[arg(long)]
    channel: Option<String>,
    /// This SKU on the channel
    #[arg(long, requires = "channel")]
    sku: Option<String>,
    /// This listing on the channel
    #[arg(long, requires = "channel", conflicts_with = "sku")]
    listing: Option<String>,
}

impl At {
    /// As the daemon wants it.
    fn level(&self) -> Value {
        match self {
            Self { channel: None, .. } => json!("merchant"),
            Self {
                channel,
                sku: Some(sku),
                ..
            } => json!({ "sku": [channel, sku] }),
            Self {
                channel,
                listing: Some(listing),
                ..
            } => json!({ "listing": [channel, listing] }),
            Self { channel, .. } => json!({ "channel": channel }),
        }
    }

    /// What the files on this machine say at the level.
    fn filed<'a>(&self, session: &'a Session<'_, '_>) -> Result<Option<&'a RuleSet>, Failure> {
        let merchant = session.merchant()?;
        let Some(channel) = &self.channel else {
            return Ok(Some(&merchant.rules));
        };
        let mut channels = merchant.channels.iter();
        let channel = channels.find(|known| known.id.as_str() == channel);
        Ok(
            channel.and_then(|channel| match (&self.sku, &self.listing) {
                (Some(sku), _) => channel.sku_rules.get(sku.as_str()),
                (_, Some(listing)) => channel.listing_rules.get(listing.as_str()),
                (None, None) => Some(&channel.rules),
            }),
        )
    }
}

const LIST: List = List {
    columns: &[
        Column::Text("WHERE"),
        Column::Text("RULE"),
        Column::Text("VALUE"),
        Column::Text("SET BY"),
        Column::Text("UNDO"),
    ],
    lines: |row| {
        let by = match (row["entry"].as_u64(), row["overridden"] == true) {
            (Some(entry), false) => format!("command, entry {entry}"),
            (Some(entry), true) => format!("command, entry {entry}; the file goes before it"),
            (None, _) if row["names_nothing"] == true => "file; the book knows none".to_owned(),
            (None, _) => "file".to_owned(),
        };
        let text = |key: &str| cell(&row[key]);
        vec![vec![
            text("where"),
            text("rule"),
            text("value"),
            by,
            text("undo"),
        ]]
    },
    nothing: "no rules are set: everything that is there is shown on every channel",
};

pub(super) async fn run(args: Args, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let (at, keys, values) = match args.command {
        None => {
            let path = session.path(&["rules"])?;
            session.list(&[path], &LIST).await?;
            return Ok(Exit::Ok);
        }
        Some(Command::Set { at, rules }) => {
            let mut values = Map::new();
            for rule in &rules {
                let (key, value) = said(rule)?;
                values.insert(key.name().to_owned(), value);
            }
            (at, values.keys().cloned().collect(), values)
        }
        Some(Command::Unset { at, rules }) => {
            let keys = rules.iter().map(|name| Ok(key(name)?.name().to_owned()));
            let keys: Vec<String> = keys.collect::<Result<_, Failure>>()?;
            (at, keys, Map::new())
        }
    };
    let is_set = !values.is_empty();
    if is_set {
        not_of_file(&at, &keys, session)?;
    }
    let order = json!({ "kind": "rule", "at": at.level(), "keys": keys, "values": values });
    let answer = session.order(&order).await?;
    // What a file hides can be unset; what the file says cannot.
    if !is_set && answer["entry"].is_null() {
        not_of_file(&at, &keys, session)?;
    }
    session.tell_booked(&answer)?;
    Ok(Exit::Ok)
}

/// What stands in a file is changed in the file.
fn not_of_file(at: &At, keys: &[String], session: &Session<'_, '_>) -> Result<(), Failure> {
    let Some(filed) = at.filed(session)? else {
        return Ok(());
    };
    let rules = crate::channels::rules(filed);
    let is_filed = |name: &&String| key(name).is_ok_and(|key| rules.value(key).is_some());
    let (Some(name), Some(origin)) = (keys.iter().find(is_filed), &filed.origin) else {
        return Ok(());
    };
    let error = format!("{name} is set in {origin} and its lines below");
    Err(Failure::usage(
        error,
        "change it there, then `channelsync reload`",
    ))
}

fn key(name: &str) -> Result<RuleKey, Failure> {
    let known = RuleKey::ALL.iter().find(|key| key.name() == name);
    known.copied().ok_or_else(|| {
        let names: Vec<&str> = RuleKey::ALL.iter().map(|key| key.name()).collect();
        Failure::usage(
            format!("no rule is called {name}"),
            format!("rules are: {}", names.join(", ")),
        )
    })
}

/// A rule and its value.
fn said(rule: &str) -> Result<(RuleKey, Value), Failure> {
    let (name, text) = rule.split_once('=').ok_or_else(|| {
        let help = "write it as in a file, such as `share_percent=50`";
        Failure::usage(format!("{rule} has no value"), help)
    })?;
    let (key, text) = (key(name.trim())?, text.trim());
    let value = match text {
        "true" => json!(true),
        "false" => json!(false),
        number if number.bytes().all(|byte| byte.is_ascii_digit()) => number
            .parse::<u32>()
            .map_or_else(|_| json!(number), |units| json!(units)),
        policy if key == RuleKey::Policy => json!(policy),
        names => json!(names.split(',').map(str::trim).collect::<Vec<_>>()),
    };
    let mut values = Map::new();
    values.insert(key.name().to_owned(), value.clone());
    match serde_json::from_value::<Rules>(Value::Object(values)) {
        Ok(_) => Ok((key, value)),
        Err(_) => {
            let help = match key {
                RuleKey::SplitKits => "it is true or false",
                RuleKey::Policy => "it is pooled, buffered or guarded",
                RuleKey::Locations => "it is locations of yours, such as main,annex",
                _ => "it is a whole number, 0 or more",
            };
            Err(Failure::usage(
                format!("{} cannot be {text}", key.name()),
                help,
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_in_a_file() {
        let said = |rule| {
            self::said(rule)
                .map(|(key, value)| (key.name(), value))
                .ok()
        };
        assert_eq!(said("cap_units = 5"), Some(("cap_units", json!(5))));
        assert_eq!(said("split_kits=true"), Some(("split_kits", json!(true))));
        let places = Some(("locations", json!(["main", "annex"])));
        assert_eq!(said("locations=main, annex"), places);
        for wrong in [
            "cap_units",
            "cap_units=",
            "cap_units=-1",
            "cap_units=4294967296",
            "cap_units=main",
            "split_kits=1",
            "locations=3",
            "cap=5",
        ] {
            assert_eq!(said(wrong), None, "{wrong}");
        }
    }
}
