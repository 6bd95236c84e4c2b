//! The way to the daemon while the files have a fault.
//!
//! The daemon goes on with the settings that it took before, and what must be done at once (a freeze,
//! a count, a look) must not wait for a typo. Where it listens still comes from the files alone, and
//! from no others than those without a fault about it: another daemon must not be met by mistake. What
//! merchants and locations there are comes from the daemon.

use std::collections::BTreeMap;
use std::path::Path;

use channelsync_contract::{LocationId, MerchantId};

use super::client::{Client, path};
use super::console::Console;
use super::failure::Failure;
use super::table::{cell, elements};
use crate::settings::{self, Config, Faults, Merchant, RuleSet};

/// What a command needs that asks the daemon alone; the faults where that cannot be had.
pub(super) async fn config(
    dir: &Path,
    faults: Faults,
    console: &mut Console<'_>,
) -> Result<Config, Failure> {
    let Some(config) = settings::least(dir, &console.env) else {
        return Err(faults.into());
    };
    let client = Client::new(&config.listen.admin_socket, console.clock.clone());
    // Where no daemon runs, the faults are why.
    let Ok(merchants) = merchants(&client).await else {
        return Err(faults.into());
    };
    console.tell(format_args!(
        "warning: {faults}\nthe daemon goes on with the settings it took before, and is asked all the same\n"
    ));
    Ok(Config {
        merchants,
        ..config
    })
}

/// The merchants of a daemon, without their channels and rules.
async fn merchants(client: &Client) -> Result<Vec<Merchant>, Failure> {
    let status = client.get("/v1/status").await?;
    let mut merchants = Vec::new();
    for merchant in elements(&status["merchants"]) {
        let id = cell(&merchant["merchant"]);
        let names = client.get(&path(&[&id, "names"])).await?;
        let locations = elements(&names["locations"]).iter().map(cell);
        merchants.push(Merchant {
            id: MerchantId::new(&id),
            locations: locations.map(LocationId::new).collect(),
            masters: BTreeMap::new(),
            rules: RuleSet::default(),
            channels: Vec::new(),
        });
    }
    Ok(merchants)
}
