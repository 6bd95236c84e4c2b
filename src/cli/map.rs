//! `map`: a person says what a listing stands for.

use serde_json::json;

use super::failure::{Exit, Failure};
use super::session::Session;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Let a listing stand for these SKUs, whatever SKU text the channel has
    Set {
        /// The channel
        channel: String,
        /// The channel's own id of the listing, as `channelsync listings` shows it
        listing: String,
        /// What one sold unit takes: a SKU, with `=UNITS` if more than one of it
        #[arg(required = true, value_name = "SKU[=UNITS]", value_parser = part)]
        parts: Vec<(String, u32)>,
    },
    /// Return a listing to automatic mapping by its exact SKU
    Auto {
        /// The channel
        channel: String,
        /// The channel's own id of the listing
        listing: String,
    },
}

pub(super) async fn run(args: Args, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let (channel, listing, parts) = match args.command {
        Command::Set {
            channel,
            listing,
            parts,
        } => (channel, listing, parts),
        Command::Auto { channel, listing } => (channel, listing, Vec::new()),
    };
    session.channels(Some(&channel))?;
    let order = json!({ "kind": "map", "channel": channel, "listing": listing, "parts": parts });
    let answer = session.order(&order).await?;
    if session.common.json {
        session.console.json(&answer)?;
        return Ok(Exit::Ok);
    }
    session.console.print(&match answer["entry"].as_u64() {
        Some(entry) => format!("mapped by entry {entry}"),
        None => "it is mapped like that already".to_owned(),
    })?;
    Ok(Exit::Ok)
}

/// `SKU` or `SKU=UNITS`; a SKU that itself ends like that is written `A=2=1`.
fn part(text: &str) -> Result<(String, u32), String> {
    let (sku, units) = match text.rsplit_once('=') {
        Some((sku, units)) if !units.is_empty() && units.bytes().all(|b| b.is_ascii_digit()) => {
            let units = units.parse().ok().filter(|units| *units > 0);
            (sku, units.ok_or("units are 1 to 4294967295")?)
        }
        _ => (text, 1),
    };
    if sku.is_empty() {
        return Err("the SKU is missing".to_owned());
    }
    Ok((sku.to_owned(), units))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_a_sku_and_perhaps_units() {
        for (text, expected) in [
            ("MUG", Some(("MUG", 1))),
            ("MUG=12", Some(("MUG", 12))),
            ("A=2=1", Some(("A=2", 1))),
            ("A=B", Some(("A=B", 1))),
            ("MUG=", Some(("MUG=", 1))),
            ("MUG=0", None),
            ("MUG=4294967296", None),
            ("=2", None),
            ("", None),
        ] {
            let found = part(text).ok();
            let expected = expected.map(|(sku, units)| (sku.to_owned(), units));
            assert_eq!(found, expected, "{text}");
        }
    }
}
