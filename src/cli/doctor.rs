//! `doctor`: everything a person should look at, each with what resolves it. Exit 1 when there is any.

use std::path::Path;

use channelsync_contract::Timestamp;
use serde_json::{Value, json};

use super::client::query;
use super::failure::{Exit, Failure};
use super::session::Session;
use super::status;
use super::table::{count, elements, printable};

mod checks;

use checks::{CHECKS, Finding, Seen, Space};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// How long orders may be unknown, or a quantity wait for its acknowledgement
    #[arg(long, value_name = "N", default_value_t = 15)]
    minutes: u32,
}

pub(super) async fn run(args: &Args, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let status = status::fetch(session).await?;
    let space = free(&session.config.state_dir);
    let parked_max = session.config.limits.parked_bytes_max;
    let mut found: Vec<(&str, Finding)> = Vec::new();
    for merchant in elements(&status["merchants"]) {
        let (parked, slots, listings) = rows(merchant, session).await?;
        let set_asides = all(merchant, "set-asides", session).await?;
        let rules = all(merchant, "rules", session).await?;
        let mut exceptions = all(merchant, "exceptions", session).await?;
        exceptions.retain(|row| row["open"] == true);
        let seen = Seen {
            now: session.console.clock.now(),
            minutes: args.minutes,
            settings: &status["settings"],
            merchant,
            parked: &parked,
            slots: &slots,
            listings: &listings,
            set_asides: &set_asides,
            rules: &rules,
            exceptions: &exceptions,
            space,
            parked_bytes_max: parked_max,
        };
        for (name, look) in CHECKS {
            found.extend(look(&seen).into_iter().map(|finding| (*name, finding)));
        }
    }
    // What concerns all merchants was found with each.
    found.dedup();
    let exit = if found.is_empty() {
        Exit::Ok
    } else {
        Exit::Found
    };
    if session.common.json {
        let rows = found.iter().map(|(check, finding)| {
            json!({ "check": check, "of": finding.of, "what": finding.what, "do": finding.remedy })
        });
        session.console.json(&Value::Array(rows.collect()))?;
        return Ok(exit);
    }
    for (_, finding) in &found {
        let (of, what) = (&finding.of, printable(&finding.what));
        session
            .console
            .print(&format!("{of}: {what}\n  do: {}", finding.remedy))?;
    }
    let number = u64::try_from(found.len()).unwrap_or(u64::MAX);
    session.console.print(&match number {
        0 => "nothing needs a person".to_owned(),
        _ => count(number, "thing needs a person", "things need a person"),
    })?;
    Ok(exit)
}

/// What is parked, slots that are not at rest, listings of which something is to be told.
async fn rows(
    merchant: &Value,
    session: &Session<'_, '_>,
) -> Result<(Vec<Value>, Vec<Value>, Vec<Value>), Failure> {
    let client = session.client();
    let id = merchant["merchant"].as_str().unwrap_or_default();
    let parked = all(merchant, "parked", session).await?;
    let (mut slots, mut listings) = (Vec::new(), Vec::new());
    let path = |what: &str| super::client::path(&[id, what]);
    for channel in elements(&merchant["channels"]) {
        let name = channel["channel"].as_str().unwrap_or_default();
        if channel["mode"] == "live" {
            let take = |rows: Vec<Value>| {
                slots.extend(rows.iter().flat_map(checks::unsettled));
                Ok(())
            };
            let of_channel = query(&path("slots"), &[("channel", name)]);
            client.pages(&of_channel, take).await?;
        }
        let take = |rows: Vec<Value>| {
            let told = |row: &Value| {
                row["gone"] != true
                    && (row["sells_without_limit"] == true || row["relabelled"] == true)
            };
            listings.extend(rows.into_iter().filter(told));
            Ok(())
        };
        let of_channel = query(&path("listings"), &[("channel", name)]);
        client.pages(&of_channel, take).await?;
    }
    Ok((parked, slots, listings))
}

/// All rows of a list of a merchant.
async fn all(
    merchant: &Value,
    list: &str,
    session: &Session<'_, '_>,
) -> Result<Vec<Value>, Failure> {
    let id = merchant["merchant"].as_str().unwrap_or_default();
    let mut all = Vec::new();
    let take = |rows: Vec<Value>| {
        all.extend(rows);
        Ok(())
    };
    let path = super::client::path(&[id, list]);
    session.client().pages(&path, take).await?;
    Ok(all)
}

/// Space on the file system of the state directory, where the system tells.
fn free(dir: &Path) -> Option<Space> {
    let told = rustix::fs::statvfs(dir).ok()?;
    Some(Space {
        free: told.f_bavail.saturating_mul(told.f_frsize),
        all: told.f_blocks.saturating_mul(told.f_frsize),
    })
}

/// A time as the daemon writes it.
fn time(value: &Value) -> Option<Timestamp> {
    Timestamp::parse(value.as_str()?)
}
