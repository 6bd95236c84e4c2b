//! `check`: whether the configuration loads.

use serde_json::{Value, json};

use super::failure::{Exit, Failure};
use super::online;
use super::session::Session;
use super::table::count;
use crate::daemon;
use crate::settings::{Config, Master, Merchant, Mode};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Also ask every channel: permissions, version, locations, listings, webhooks
    #[arg(long)]
    online: bool,
}

/// Faults of the files were told by loading; here sealed credentials are opened, too.
pub(super) async fn run(args: &Args, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let config = daemon::unseal(session.config.clone(), &session.console.rng)?;
    let mut summary = summary(&config);
    let mut exit = Exit::Ok;
    if args.online {
        exit = online(&config, session, &mut summary).await?;
    }
    if session.common.json {
        session.console.json(&summary)?;
    } else {
        session.console.print(&text(&summary))?;
    }
    Ok(exit)
}

/// Asks the channels of the merchants that are meant, and says how bad the worst is.
async fn online(
    config: &Config,
    session: &Session<'_, '_>,
    summary: &mut Value,
) -> Result<Exit, Failure> {
    let named = session.merchants()?;
    let world = daemon::system_world();
    let mut worst = Exit::Ok;
    for (at, merchant) in config.merchants.iter().enumerate() {
        if !named.iter().any(|named| named.id == merchant.id) {
            continue;
        }
        for (place, channel) in merchant.channels.iter().enumerate() {
            let seen = online::look(config, channel, &world).await;
            if worst != Exit::Unavailable && seen.exit() != Exit::Ok {
                worst = seen.exit();
            }
            let row = &mut summary["merchants"][at]["channels"][place];
            row["online"] = seen.json();
            row["lines"] = json!(seen.lines());
        }
    }
    summary["ok"] = json!(worst == Exit::Ok);
    Ok(worst)
}

fn summary(config: &Config) -> Value {
    let merchants = config.merchants.iter().map(|merchant| {
        let channels = merchant.channels.iter().map(|channel| {
            let mode = match channel.mode {
                Mode::Live => "live",
                Mode::Shadow => "shadow",
            };
            json!({ "channel": channel.id, "mode": mode })
        });
        json!({
            "merchant": merchant.id,
            "locations": merchant.locations,
            "channels": channels.collect::<Vec<_>>(),
            "stock_files": stock_files(merchant),
        })
    });
    json!({
        "ok": true,
        "state_dir": config.state_dir,
        "admin_socket": config.listen.admin_socket,
        "merchants": merchants.collect::<Vec<_>>(),
    })
}

/// Files and folders that are masters of a location, and what hinders reading them now: a file may
/// come later, so that is no fault.
fn stock_files(merchant: &Merchant) -> Vec<Value> {
    let files = merchant.masters.iter().filter_map(|(location, master)| {
        let Master::File(file) = master else {
            return None;
        };
        let why = std::fs::metadata(&file.path).err();
        let why = why.map(|error| error.to_string());
        Some(json!({ "location": location, "path": file.path, "unreadable": why }))
    });
    files.collect()
}

fn text(summary: &Value) -> String {
    let found = summary["ok"] == false;
    let mut text = if found { "the files are right" } else { "ok" }.to_owned();
    for merchant in super::table::elements(&summary["merchants"]) {
        let channels = super::table::elements(&merchant["channels"]);
        let locations = super::table::elements(&merchant["locations"]).len();
        let many = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        text.push_str(&format!(
            "\nmerchant {}: {}, {}",
            super::table::cell(&merchant["merchant"]),
            count(many(locations), "location", "locations"),
            count(many(channels.len()), "channel", "channels"),
        ));
        for file in super::table::elements(&merchant["stock_files"]) {
            let [location, path, why] =
                ["location", "path", "unreadable"].map(|key| super::table::cell(&file[key]));
            if !file["unreadable"].is_null() {
                text.push_str(&format!(
                    "\n  {location}: its master {path} cannot be read now: {why}"
                ));
            }
        }
        for channel in channels {
            let mode = match channel["mode"].as_str() {
                Some("live") => "live",
                _ => "shadow: all is computed, nothing is written",
            };
            text.push_str(&format!(
                "\n  {}  {mode}",
                super::table::cell(&channel["channel"])
            ));
            for line in super::table::elements(&channel["lines"]) {
                text.push_str(&format!("\n    {}", super::table::cell(line)));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    #[test]
    fn a_summary_names_merchants_channels_and_modes() {
        assert_snapshot!(text(&json!({ "merchants": [
            { "merchant": "acme", "locations": ["main"], "channels": [
                { "channel": "shopify-us", "mode": "live" },
                { "channel": "shopify-eu", "mode": "shadow" },
            ]},
            { "merchant": "beta", "locations": ["a", "b"], "channels": [], "stock_files": [
                { "location": "a", "path": "/srv/a.csv", "unreadable": "No such file" },
                { "location": "b", "path": "/srv/b.csv", "unreadable": null },
            ]},
        ]})), @r"
        ok
        merchant acme: 1 location, 2 channels
          shopify-us  live
          shopify-eu  shadow: all is computed, nothing is written
        merchant beta: 2 locations, 0 channels
          a: its master /srv/a.csv cannot be read now: No such file
        ");
    }
}
