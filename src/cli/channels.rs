//! `channels`: the sales channels.

use serde_json::Value;

use super::failure::{Exit, Failure};
use super::session::Session;
use super::status;
use super::table::elements;

pub(super) async fn run(session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let status = status::fetch(session).await?;
    let merchants = elements(&status["merchants"]);
    if session.common.json {
        session.console.json(&channels(merchants))?;
    } else {
        session.console.print(&status::channel_table(merchants))?;
    }
    Ok(Exit::Ok)
}

/// All channels, each with its merchant.
fn channels(merchants: &[Value]) -> Value {
    let channels = merchants.iter().flat_map(|merchant| {
        let channels = elements(&merchant["channels"]).iter();
        channels.map(|channel| {
            let mut channel = channel.clone();
            channel["merchant"] = merchant["merchant"].clone();
            channel
        })
    });
    channels.collect()
}
