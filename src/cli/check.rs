//! `check`: whether the configuration loads.

use serde_json::{Value, json};

use super::failure::{Exit, Failure};
use super::session::Session;
use super::table::count;
use crate::settings::{Config, Mode};

/// Faults were told by loading; what gets here is right.
pub(super) fn run(session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let summary = summary(&session.config);
    if session.common.json {
        session.console.json(&summary)?;
    } else {
        session.console.print(&text(&summary))?;
    }
    Ok(Exit::Ok)
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
        })
    });
    json!({
        "ok": true,
        "state_dir": config.state_dir,
        "admin_socket": config.listen.admin_socket,
        "merchants": merchants.collect::<Vec<_>>(),
    })
}

fn text(summary: &Value) -> String {
    let mut text = "ok".to_owned();
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
        for channel in channels {
            let mode = match channel["mode"].as_str() {
                Some("live") => "live",
                _ => "shadow: all is computed, nothing is written",
            };
            text.push_str(&format!(
                "\n  {}  {mode}",
                super::table::cell(&channel["channel"])
            ));
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
            { "merchant": "beta", "locations": ["a", "b"], "channels": [] },
        ]})), @r"
        ok
        merchant acme: 1 location, 2 channels
          shopify-us  live
          shopify-eu  shadow: all is computed, nothing is written
        merchant beta: 2 locations, 0 channels
        ");
    }
}
