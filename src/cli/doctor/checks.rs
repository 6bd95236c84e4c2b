//! What is looked at: a table of functions over what the daemon tells.
//!
//! A new check is a function and a row. Each finding names whom it concerns and what resolves it.

use std::time::Duration;

use channelsync_contract::Timestamp;
use serde_json::Value;

use super::super::parked::exceptional;
use super::super::status;
use super::super::table::{cell, count, elements, faults};
use super::time;

mod names;
mod waiting;

pub(super) use waiting::unsettled;

/// Everything there is to look at, of one merchant.
pub(super) struct Seen<'a> {
    pub(super) now: Timestamp,
    /// What is older than this is late.
    pub(super) minutes: u32,
    /// Of the whole daemon.
    pub(super) settings: &'a Value,
    /// A merchant as in the status.
    pub(super) merchant: &'a Value,
    /// Rows of `parked`.
    pub(super) parked: &'a [Value],
    /// What `unsettled` gave.
    pub(super) slots: &'a [Value],
    /// Listings that sell without limit, or stand for what they were called before.
    pub(super) listings: &'a [Value],
    /// SKUs of which more is set aside than is there.
    pub(super) set_asides: &'a [Value],
    /// Rules as they were set.
    pub(super) rules: &'a [Value],
    /// Exceptions that wait for somebody, the newest first.
    pub(super) exceptions: &'a [Value],
    pub(super) space: Option<Space>,
    pub(super) parked_bytes_max: u64,
}

/// Bytes of a file system.
#[derive(Clone, Copy)]
pub(super) struct Space {
    pub(super) free: u64,
    pub(super) all: u64,
}

/// Something a person should look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) of: String,
    pub(super) what: String,
    /// The command or act that resolves it.
    pub(super) remedy: String,
}

type Look = fn(&Seen<'_>) -> Vec<Finding>;

/// All checks, the most pressing first.
pub(super) const CHECKS: &[(&str, Look)] = &[
    ("journal", journal),
    ("space", space),
    ("settings", settings),
    ("paused", paused),
    ("coverage", coverage),
    ("listings", listings),
    ("restored", restored),
    ("interlock", interlock),
    ("frozen", frozen),
    ("permissions", permissions),
    ("token", token),
    ("subscriptions", subscriptions),
    ("errors", errors),
    ("stock-files", stock_files),
    ("parked", waiting::parked),
    ("parked-bytes", parked_bytes),
    ("exceptions", exceptions),
    ("unacknowledged", waiting::unacknowledged),
    ("unlimited", unlimited),
    ("relabelled", names::relabelled),
    ("set-aside", set_aside),
    ("rules", names::rules),
    ("shadow", shadow),
];

/// Findings of one kind that are told one by one.
const TOLD_MAX: usize = 20;
/// A token with less left of its life than this, in per cent, was not renewed in time.
const TOKEN_PERCENT_MIN: u64 = 10;
/// Free space below this share, in per cent, or below this many bytes is little.
const SPACE_PERCENT_MIN: u64 = 5;
const SPACE_BYTES_MIN: u64 = 1 << 30;
/// Parked bytes above this share of their limit, in per cent, are many.
const PARKED_PERCENT_MAX: u64 = 80;

impl Seen<'_> {
    fn id(&self) -> String {
        cell(&self.merchant["merchant"])
    }

    fn one(&self, what: String, remedy: impl Into<String>) -> Vec<Finding> {
        vec![Finding {
            of: self.id(),
            what,
            remedy: remedy.into(),
        }]
    }

    fn is_late(&self, at: Timestamp) -> bool {
        self.now.since(at) > Duration::from_secs(60 * u64::from(self.minutes))
    }

    /// Whether what every channel does at its start had time to be done.
    fn is_settled(&self) -> bool {
        time(&self.settings["loaded_at"]).is_none_or(|at| self.is_late(at))
    }

    /// Whether nobody can say what a channel lists.
    fn is_unread(&self, channel: &Value) -> bool {
        let mut channels = elements(&self.merchant["channels"]).iter();
        channels.any(|known| known["channel"] == *channel && known["scanned_at"].is_null())
    }

    /// What a look at each channel finds: what, and what resolves it.
    fn channels(&self, look: impl Fn(&Value, &str) -> Option<(String, String)>) -> Vec<Finding> {
        let id = self.id();
        let of_each = elements(&self.merchant["channels"])
            .iter()
            .filter_map(|channel| {
                let name = cell(&channel["channel"]);
                let (what, remedy) = look(channel, &name)?;
                let of = format!("{id}/{name}");
                Some(Finding { of, what, remedy })
            });
        of_each.collect()
    }
}

fn journal(seen: &Seen<'_>) -> Vec<Finding> {
    let Some(why) = seen.merchant["unwritable"].as_str() else {
        return Vec::new();
    };
    let what = format!("the journal cannot be written: {why}");
    seen.one(
        what,
        "make space or mend the disk; the daemon goes on by itself",
    )
}

fn space(seen: &Seen<'_>) -> Vec<Finding> {
    let is_little = |space: &Space| {
        let few_percent = space.free < space.all / 100 * SPACE_PERCENT_MIN;
        few_percent || space.free < SPACE_BYTES_MIN
    };
    let little = seen.space.filter(is_little).map(|space| Finding {
        of: "state directory".to_owned(),
        what: format!("{} of {} MiB are free", space.free >> 20, space.all >> 20),
        remedy: "make space: on a full disk nothing more is booked".to_owned(),
    });
    little.into_iter().collect()
}

fn settings(seen: &Seen<'_>) -> Vec<Finding> {
    let finding = |what: String, remedy: &str| Finding {
        of: "settings".to_owned(),
        what,
        remedy: remedy.to_owned(),
    };
    let mut found = Vec::new();
    if let Some(at) = seen.settings["refused_at"].as_str() {
        let faults = faults(&seen.settings["faults"]);
        let what = format!("refused at {at}, those before stay: {faults}");
        found.push(finding(what, "mend them, channelsync check, then reload"));
    }
    let waiting: Vec<String> = elements(&seen.settings["restart"])
        .iter()
        .map(cell)
        .collect();
    if !waiting.is_empty() {
        let what = format!("changed in the files, not in force: {}", waiting.join(", "));
        found.push(finding(what, "systemctl restart channelsync"));
    }
    found
}

fn paused(seen: &Seen<'_>) -> Vec<Finding> {
    let id = seen.id();
    seen.channels(|channel, _| status::paused(&id, channel))
}

fn coverage(seen: &Seen<'_>) -> Vec<Finding> {
    let id = seen.id();
    seen.channels(|channel, name| {
        let to = time(&channel["orders_complete_to"]);
        let is_known = to.map_or(!seen.is_settled(), |to| !seen.is_late(to));
        // A channel that ended is no longer polled.
        if channel["mode"] == "retired" || is_known {
            return None;
        }
        let what = format!(
            "orders are known to {} only",
            cell(&channel["orders_complete_to"])
        );
        let last = channel["last_error"]
            .as_str()
            .map(|error| format!(" ({error})"));
        let remedy = format!("channelsync reconcile --merchant {id} {name}");
        Some((format!("{what}{}", last.unwrap_or_default()), remedy))
    })
}

fn listings(seen: &Seen<'_>) -> Vec<Finding> {
    let id = seen.id();
    seen.channels(|channel, name| {
        let is_unread = channel["mode"] != "retired" && seen.is_unread(&channel["channel"]);
        let what = "its listings were not read since the start; orders of new ones wait".to_owned();
        let remedy =
            format!("channelsync check --online --merchant {id}; see whether {name} is up");
        (is_unread && seen.is_settled()).then_some((what, remedy))
    })
}

fn restored(seen: &Seen<'_>) -> Vec<Finding> {
    seen.channels(|channel, _| {
        let at = time(&channel["restored_at"]).filter(|at| seen.is_late(*at))?;
        let left = [
            ("to_read", "slots to read"),
            ("fetch_wanted", "orders to fetch"),
        ];
        let left = left.map(|(key, what)| format!("{what} {}", cell(&channel[key])));
        let what = format!("held since the restore at {at}: {}", left.join(", "));
        let remedy = "it ends by itself once orders and slots were read; mend what stops that";
        Some((what, remedy.to_owned()))
    })
}

fn shadow(seen: &Seen<'_>) -> Vec<Finding> {
    let id = seen.id();
    seen.channels(|channel, name| {
        let what = "shadow mode: all is computed, nothing is written".to_owned();
        let remedy = format!(
            "channelsync shadow --merchant {id} {name}; then `mode = \"live\"` and channelsync reload"
        );
        (channel["mode"] == "shadow").then_some((what, remedy))
    })
}

fn permissions(seen: &Seen<'_>) -> Vec<Finding> {
    let id = seen.id();
    seen.channels(|channel, name| {
        let told = ["missing_permissions", "warnings"];
        let told = told.iter().flat_map(|key| elements(&channel[*key]));
        let told: Vec<String> = told.map(cell).collect();
        let remedy = format!("mend it on {name}, then: channelsync check --online --merchant {id}");
        (!told.is_empty()).then(|| (told.join("; "), remedy))
    })
}

/// Tokens are renewed at four fifths of their life.
fn token(seen: &Seen<'_>) -> Vec<Finding> {
    let id = seen.id();
    seen.channels(|channel, name| {
        let left = channel["token_expires_secs"].as_u64()?;
        let life = channel["token_life_secs"].as_u64()?;
        let remedy = format!("channelsync credentials test {id}/{name}");
        let what =
            format!("the token ends in {left} s and was not renewed; then nothing is pushed");
        let is_late = left.saturating_mul(100) < life.saturating_mul(TOKEN_PERCENT_MIN);
        is_late.then_some((what, remedy))
    })
}

/// Webhook subscriptions that the channel had dropped: what came meanwhile was polled.
fn subscriptions(seen: &Seen<'_>) -> Vec<Finding> {
    seen.channels(|channel, name| {
        let times @ 1.. = channel["counts"]["subscriptions_recreated"].as_u64()? else {
            return None;
        };
        let times = count(times, "subscription was", "subscriptions were");
        let what =
            format!("{times} gone and made anew since the start; the time between was polled");
        let remedy = format!(
            "see why {name} could not deliver: proxy, certificate, or answers that took too long"
        );
        Some((what, remedy))
    })
}

fn interlock(seen: &Seen<'_>) -> Vec<Finding> {
    let held = elements(&seen.merchant["interlocks"]).iter();
    let each = held.map(|held| Finding {
        of: seen.id(),
        what: status::interlocked(held),
        remedy: format!(
            "see what it is: {0}; was it meant: {0} --yes",
            cell(&held["release"])
        ),
    });
    each.collect()
}

fn frozen(seen: &Seen<'_>) -> Vec<Finding> {
    let told = elements(&seen.merchant["freezes"]).iter();
    let each = told.map(|freeze| (status::frozen(freeze), cell(&freeze["undo"])));
    let all = each.chain(status::more_frozen(seen.merchant));
    let finding = |(what, remedy)| Finding {
        of: seen.id(),
        what,
        remedy,
    };
    all.map(finding).collect()
}

/// Activities whose last try failed, once that has lasted.
fn errors(seen: &Seen<'_>) -> Vec<Finding> {
    let id = seen.id();
    seen.channels(|channel, name| {
        let errors = elements(&channel["errors"]).iter();
        let lasting = errors.filter(|error| {
            time(&error["at"]).is_some_and(|at| {
                // It was tried again since, or it waits for somebody.
                seen.now.since(at) < Duration::from_secs(3_600)
            })
        });
        let texts: Vec<String> = lasting
            .map(|error| {
                format!(
                    "{} failed: {}",
                    cell(&error["activity"]),
                    cell(&error["error"])
                )
            })
            .collect();
        let remedy =
            format!("channelsync check --online --merchant {id}; see whether {name} is up");
        (!texts.is_empty()).then(|| (texts.join("; "), remedy))
    })
}

/// Files that are master of a location and were not taken for long.
fn stock_files(seen: &Seen<'_>) -> Vec<Finding> {
    let files = elements(&seen.merchant["stock_files"]).iter();
    let findings = files.filter_map(|file| {
        let since = Timestamp(file["failing_since_us"].as_i64()?);
        let location = cell(&file["location"]);
        let (path, why) = (cell(&file["path"]), cell(&file["why"]));
        let what = format!("since {}: {why}", cell(&file["failing_since"]));
        let remedy = format!("see what writes {path}; `stock.{location}` in the merchant's file");
        let of = format!("{}/{location}", seen.id());
        seen.is_late(since).then_some(Finding { of, what, remedy })
    });
    findings.collect()
}

fn parked_bytes(seen: &Seen<'_>) -> Vec<Finding> {
    let held = seen.merchant["parked_bytes"].as_u64().unwrap_or(0);
    if held <= seen.parked_bytes_max / 100 * PARKED_PERCENT_MAX {
        return Vec::new();
    }
    let what = format!(
        "{held} of at most {} bytes are parked; above it webhooks get 503",
        seen.parked_bytes_max
    );
    seen.one(what, format!("channelsync parked --merchant {}", seen.id()))
}

fn unlimited(seen: &Seen<'_>) -> Vec<Finding> {
    let id = seen.id();
    let finding = |row: &Value| Finding {
        of: format!("{id}/{}", cell(&row["channel"])),
        what: format!(
            "listing {} ({}) sells below zero: nothing keeps it from being oversold",
            cell(&row["listing"]),
            cell(&row["sku_on_channel"]),
        ),
        remedy: "switch off selling when out of stock on the channel, if that is not meant"
            .to_owned(),
    };
    let unlimited = seen.listings.iter();
    let unlimited = unlimited.filter(|row| row["sells_without_limit"] == true);
    unlimited.map(finding).collect()
}

fn exceptions(seen: &Seen<'_>) -> Vec<Finding> {
    let of = seen.id();
    let finding = |row: &Value| {
        let looked = format!("looked at: {}", cell(&row["seen"]));
        Finding {
            of: of.clone(),
            what: format!(
                "entry {}: {}",
                cell(&row["entry"]),
                exceptional(&row["what"])
            ),
            remedy: match row["do"].as_str() {
                Some(mend) => format!("{mend}; {looked}"),
                None => looked,
            },
        }
    };
    let told = seen.exceptions.iter().take(TOLD_MAX);
    let mut found: Vec<Finding> = told.map(finding).collect();
    if let more @ 1.. = seen.exceptions.len().saturating_sub(TOLD_MAX) {
        let what = format!("{more} more happened that somebody should look at");
        let remedy = format!("channelsync parked --merchant {of} exceptions");
        found.extend(seen.one(what, remedy));
    }
    found
}

fn set_aside(seen: &Seen<'_>) -> Vec<Finding> {
    let id = seen.id();
    let finding = |row: &Value| {
        let [sku, units, there] = ["sku", "set_aside", "available"].map(|key| cell(&row[key]));
        let channels: Vec<String> = elements(&row["channels"]).iter().map(cell).collect();
        Finding {
            of: id.clone(),
            what: format!(
                "{units} of {sku} are set aside for {}, {there} are available: no other channel shows any",
                channels.join(", ")
            ),
            remedy: format!(
                "channelsync stock --merchant {id} {sku}; count or receive it, or lower \
                 `set_aside_units` where `channelsync rules` says it is set"
            ),
        }
    };
    seen.set_asides.iter().map(finding).collect()
}

#[cfg(test)]
mod tests;
