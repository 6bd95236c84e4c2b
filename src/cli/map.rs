//! `map`: a person says what listings stand for.

use std::path::PathBuf;

use serde_json::json;

use super::failure::{Exit, Failure};
use super::map_file;
use super::output::Output;
use super::session::Session;
use super::table::count;

#[derive(clap::Args, Debug)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub(super) struct Args {
    /// Let open lines of a channel, or of one listing, stand for what the listing stands for now
    #[arg(long, num_args = 1..=2, value_names = ["CHANNEL", "LISTING"])]
    reapply: Option<Vec<String>>,
    /// Tell what would change and book nothing
    #[arg(long, requires = "reapply")]
    dry_run: bool,
    #[command(subcommand)]
    command: Option<Command>,
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
    /// Return a listing to automatic mapping by its exact SKU or its barcode
    Auto {
        /// The channel
        channel: String,
        /// The channel's own id of the listing
        listing: String,
    },
    /// Write what all listings stand for as CSV: `channel,listing,sku,units`, a row for each SKU
    Export(Output),
    /// Book a CSV file like the exported one; a row without sku and units maps by itself again
    Import {
        /// The file
        file: PathBuf,
        /// Tell what would change and book nothing
        #[arg(long)]
        dry_run: bool,
    },
}

pub(super) async fn run(args: Args, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    match (args.reapply, args.command) {
        (Some(named), _) => reapply(&named, args.dry_run, session).await?,
        (
            None,
            Some(Command::Set {
                channel,
                listing,
                parts,
            }),
        ) => set(&channel, &listing, &parts, session).await?,
        (None, Some(Command::Auto { channel, listing })) => {
            set(&channel, &listing, &[], session).await?;
        }
        (None, Some(Command::Export(output))) => map_file::export(&output, session).await?,
        (None, Some(Command::Import { file, dry_run })) => {
            map_file::import(&file, dry_run, session).await?;
        }
        (None, None) => {
            let help = "`channelsync map --help` lists what can be said";
            return Err(Failure::usage("nothing was said to map", help));
        }
    }
    Ok(Exit::Ok)
}

async fn set(
    channel: &str,
    listing: &str,
    parts: &[(String, u32)],
    session: &mut Session<'_, '_>,
) -> Result<(), Failure> {
    session.channels(Some(channel))?;
    let row = json!({ "channel": channel, "listing": listing, "parts": parts });
    let answer = session
        .order(&json!({ "kind": "map", "rows": [row] }))
        .await?;
    let path = session.path(&["map", "reapply"])?;
    let wanted = json!({ "channel": channel, "listing": listing });
    let others = session.client().post(&path, &wanted).await?;
    let moved = others["lines"].as_u64().unwrap_or(0);
    if session.common.json {
        let told = json!({ "entry": answer["entry"], "lines_as_before": moved });
        return session.console.json(&told);
    }
    session.console.print(&match answer["entry"].as_u64() {
        Some(entry) => format!("mapped by entry {entry}"),
        None => "it is mapped like that already".to_owned(),
    })?;
    if moved == 0 {
        return Ok(());
    }
    let lines = count(moved, "open line stands", "open lines stand");
    let merchant = &session.merchant()?.id;
    session.console.print(&format!(
        "{lines} for what the listing stood for before; to move them: \
         channelsync map --merchant {merchant} --reapply {channel} {listing}"
    ))
}

/// The figures come first: what they count is gone once it is booked.
async fn reapply(
    named: &[String],
    dry_run: bool,
    session: &mut Session<'_, '_>,
) -> Result<(), Failure> {
    let (channel, listing) = (named.first().map(String::as_str), named.get(1));
    session.channels(channel)?;
    let path = session.path(&["map", "reapply"])?;
    let wanted = json!({ "channel": channel, "listing": listing });
    let mut found = session.client().post(&path, &wanted).await?;
    if !dry_run {
        let order = json!({ "kind": "reapply", "channel": channel, "listing": listing });
        found["entry"] = session.order(&order).await?["entry"].take();
    }
    if session.common.json {
        return session.console.json(&found);
    }
    let lines = |key: &str| count(found[key].as_u64().unwrap_or(0), "open line", "open lines");
    let mut text = match (dry_run, found["entry"].as_u64()) {
        (true, _) => format!("{} would stand for something else", lines("lines")),
        (false, Some(entry)) => format!("{} booked anew by entry {entry}", lines("lines")),
        (false, None) => "every open line stands for what its listing stands for".to_owned(),
    };
    if found["kept"].as_u64().unwrap_or(0) > 0 {
        let kept = lines("kept");
        text.push_str(&format!(
            "; {kept} of which units left keep what they were booked as"
        ));
    }
    session.console.print(&text)
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
