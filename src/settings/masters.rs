//! Who says how much lies at a location.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use channelsync_contract::{ChannelId, LocationId};

use super::check::Checking;
use super::config::{Master, MasterFile, QuantityName};
use super::fault::meant;
use super::path::KeyPath;
use super::raw::{RawChannel, RawMaster, RawStock};

type RawChannels = BTreeMap<String, RawChannel>;

/// The locations that somebody else than the book is master of.
pub(super) fn masters(
    checking: &mut Checking<'_>,
    path: &KeyPath,
    raw: &BTreeMap<String, RawStock>,
    (locations, channels): (Option<&[LocationId]>, &RawChannels),
) -> BTreeMap<LocationId, Master> {
    let mut masters = BTreeMap::new();
    for (name, raw) in raw {
        let (path, id) = (path.key(name), LocationId::new(name));
        if let Some(known) = locations.filter(|known| !known.contains(&id)) {
            let help = meant(name, known.iter().map(LocationId::as_str));
            checking.fault(
                &path,
                format!("the merchant has no location `{name}`"),
                help,
            );
        } else if let Some(master) = master(checking, &path, name, raw, channels) {
            masters.insert(id, master);
        }
    }
    tell_shared(checking, path, &masters);
    masters
}

fn master(
    checking: &mut Checking<'_>,
    path: &KeyPath,
    location: &str,
    raw: &RawStock,
    channels: &RawChannels,
) -> Option<Master> {
    let named = [
        ("channel", raw.channel.is_some(), RawMaster::Channel),
        ("path", raw.path.is_some(), RawMaster::File),
    ];
    for (key, is_set, master) in named {
        if is_set && raw.master != master {
            let what = format!(
                "`{key}` says nothing where master = \"{}\"",
                raw.master.name()
            );
            let help = format!("set `master = \"{}\"`, or take `{key}` out", master.name());
            checking.fault(&path.key(key), what, help);
            return None;
        }
    }
    match raw.master {
        RawMaster::Ledger => None,
        RawMaster::Channel => {
            let named = raw.channel.as_deref();
            channel(checking, path, (location, named), channels)
        }
        RawMaster::File => {
            let Some(file) = raw.path.as_ref().filter(|file| !file.is_empty()) else {
                let help = "set `path` to the CSV file, or to a folder of such";
                checking.fault(&path.key("master"), "no file is named", help);
                return None;
            };
            Some(Master::File(MasterFile {
                path: checking.dir.join(file),
                look_interval: Duration::from_secs(raw.look_interval_secs),
            }))
        }
    }
}

/// Faults where two locations have one file.
fn tell_shared(
    checking: &mut Checking<'_>,
    path: &KeyPath,
    masters: &BTreeMap<LocationId, Master>,
) {
    let mut known: BTreeMap<&Path, &LocationId> = BTreeMap::new();
    for (location, master) in masters {
        let Master::File(file) = master else {
            continue;
        };
        if let Some(other) = known.insert(&file.path, location) {
            let what = format!("location `{other}` has this path, and a file is of one location");
            let help = "give each location a file or folder of its own";
            checking.fault(&path.key(location.as_str()).key("path"), what, help);
        }
    }
}

/// The channel that is named, or the only one that the location serves.
fn channel(
    checking: &mut Checking<'_>,
    path: &KeyPath,
    (location, named): (&str, Option<&str>),
    channels: &RawChannels,
) -> Option<Master> {
    let serves = |channel: &RawChannel| {
        let mut pairs = channel.locations.iter().flatten();
        pairs.any(|pair| pair.ours.as_deref() == Some(location))
    };
    let served = channels.iter().filter(|(_, channel)| serves(channel));
    let served: Vec<&str> = served.map(|(name, _)| name.as_str()).collect();
    let (what, help) = match (named, served.as_slice()) {
        (None, [name]) => return tells(checking, path, name, channels),
        (Some(name), served) if served.contains(&name) => {
            return tells(checking, path, name, channels);
        }
        (Some(name), _) if channels.contains_key(name) => {
            let what = format!("`{location}` is no location of channel `{name}`");
            let help = "pair it in the channel's `locations`, or name another channel".to_owned();
            (what, help)
        }
        (Some(name), _) => {
            let help = meant(name, channels.keys().map(String::as_str));
            (format!("the merchant has no channel `{name}`"), help)
        }
        (None, []) => {
            let what = format!("no channel has `{location}` among its locations");
            let help = "pair it in the `locations` of the channel that is its master".to_owned();
            (what, help)
        }
        (None, many) => {
            let what = format!("several channels have `{location}`: {}", many.join(", "));
            let help = format!("say which is its master, as in `channel = \"{}\"`", many[0]);
            (what, help)
        }
    };
    let at = if named.is_some() { "channel" } else { "master" };
    checking.fault(&path.key(at), what, help);
    None
}

/// A channel that tells what lies there, not only what may still be sold.
fn tells(
    checking: &mut Checking<'_>,
    path: &KeyPath,
    name: &str,
    channels: &RawChannels,
) -> Option<Master> {
    let figure = channels.get(name).map(|channel| channel.quantity_name);
    if figure == Some(QuantityName::Available) {
        let what = format!("channel `{name}` shows what may be sold, not what lies there");
        let help = "set its `quantity_name = \"on_hand\"`, or name another channel";
        checking.fault(&path.key("master"), what, help);
        return None;
    }
    Some(Master::Channel(ChannelId::new(name)))
}
