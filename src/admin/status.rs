//! The state of everything in one answer.

use std::sync::Arc;

use axum::extract::State;
use channelsync_contract::Timestamp;
use serde_json::{Value, json};

use super::answer::{Answer, Json, Problem};
use super::exposures;
use super::state::{Admin, AdminChannel, AdminMerchant, SettingsNote};
use super::views;
use crate::board::{Confirmed, FILE, Notes, Took};
use crate::bookkeeper::ChannelCounts;

pub(super) async fn status(State(admin): State<Arc<Admin>>) -> Json {
    let merchants = admin
        .merchants
        .iter()
        .map(|(id, merchant)| merchant_status(id, merchant, admin.clock.now()));
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "now": admin.clock.now().to_string(),
        "settings": settings(&admin.settings),
        "merchants": merchants.collect::<Vec<_>>(),
    }))
}

fn settings(note: &SettingsNote) -> Value {
    let refused = note.refused.as_ref();
    json!({
        "loaded_at": note.loaded_at.to_string(),
        "refused_at": refused.map(|(at, _)| at.to_string()),
        "faults": refused.map_or(&[][..], |(_, faults)| faults),
        "changed": note.changed,
        "restart": note.restart,
    })
}

/// Has the settings read anew, and answers once they are taken or refused.
pub(super) async fn reload(State(admin): State<Arc<Admin>>) -> Answer {
    let told = (admin.reload)().await;
    let help = "`channelsync status` tells which settings are in force once it runs again";
    let note = told.ok_or_else(|| Problem::unavailable("the daemon is stopping", help))?;
    Ok(Json(settings(&note)))
}

impl Admin {
    /// The same in one line, for the service manager.
    pub fn in_a_line(&self) -> String {
        let mut troubles = Vec::new();
        if self.settings.refused.is_some() {
            troubles.push("new settings were refused".to_owned());
        }
        let mut channels = 0_usize;
        for (id, merchant) in &self.merchants {
            if merchant.book.published().unwritable.is_some() {
                troubles.push(format!("{id}: journal cannot be written"));
            }
            channels += merchant.channels.len();
            for (name, channel) in &merchant.channels {
                if channel.board.paused().is_some() {
                    troubles.push(format!("{id}/{name}: paused"));
                }
            }
        }
        let serving = format!("channels: {channels}");
        if troubles.is_empty() {
            return format!("{serving}, no alarm");
        }
        format!("{serving}; {}", troubles.join("; "))
    }
}

fn merchant_status(id: &str, merchant: &AdminMerchant, now: Timestamp) -> Value {
    let published = merchant.book.published();
    let channels = merchant
        .channels
        .iter()
        .zip(0..)
        .map(|((name, channel), _)| {
            let counts = published.names.iter().position(|known| known == name);
            let counts = counts.and_then(|place| published.channels.get(place).copied());
            channel_status(name, channel, counts.unwrap_or_default())
        });
    let freezes = published.freezes.iter();
    let freezes = freezes.map(|(scope, frozen)| views::freeze(id, scope, frozen));
    let held = published
        .interlocks
        .iter()
        .map(|(channel, (entry, at, why))| {
            json!({
                "channel": channel, "entry": entry, "since": at.to_string(), "why": why,
                "release": format!("channelsync release --merchant {id} {channel}"),
            })
        });
    let files = merchant
        .files
        .iter()
        .map(|(location, (path, board))| file_status(location, path, &board.read()));
    json!({
        "confirmed": confirmed(&merchant.book.confirmations(), now),
        "stock_files": files.collect::<Vec<_>>(),
        "exposure": merchant.exposures.read().as_ref().map(exposures::summary),
        "interlocks": held.collect::<Vec<_>>(),
        "merchant": id,
        "entry": published.head.seq,
        "head": published.head.to_string(),
        "unwritable": published.unwritable,
        "parked": published.parked,
        "exception_entry": published.exception,
        "frozen": published.frozen,
        "freezes": freezes.collect::<Vec<_>>(),
        "parked_bytes": merchant.parked.total_bytes(),
        "channels": channels.collect::<Vec<_>>(),
    })
}

/// How long it took in the last hour from orders to their units off every channel, and off each.
fn confirmed(confirmed: &Confirmed, now: Timestamp) -> Value {
    let of = |took: &Took| {
        took.last_hour(now).map(|hour| {
            json!({
                "orders": hour.count,
                "p50_ms": u64::try_from(hour.p50.as_millis()).unwrap_or(u64::MAX),
                "p99_ms": u64::try_from(hour.p99.as_millis()).unwrap_or(u64::MAX),
            })
        })
    };
    let channels = confirmed.channels.iter();
    let channels: Vec<Value> = channels
        .map(|(channel, took)| json!({ "channel": channel, "last_hour": of(took) }))
        .collect();
    json!({ "last_hour": of(&confirmed.all), "channels": channels })
}

/// A file that is master of a location: when one was taken last, and why not since.
fn file_status(location: &str, path: &str, notes: &Notes) -> Value {
    let failing = notes.errors.get(FILE);
    json!({
        "location": location,
        "path": path,
        "taken_at": notes.coverage.get(FILE).map(ToString::to_string),
        "failing_since": failing.map(|(since, _)| since.to_string()),
        "failing_since_us": failing.map(|(since, _)| since.0),
        "why": failing.map(|(_, why)| why),
    })
}

/// One channel: what is left to do, how far orders are known, what went wrong.
pub(super) fn channel_status(name: &str, channel: &AdminChannel, counts: ChannelCounts) -> Value {
    let notes = channel.board.read();
    let stats = channel.transport.stats();
    let complete_to = channel.board.complete_to(channel.streams);
    let errors = notes.errors.iter().map(
        |(what, (at, error))| json!({ "activity": what, "at": at.to_string(), "error": error }),
    );
    json!({
        "channel": name,
        "connector": channel.connector,
        "mode": match (counts.retired_at, channel.live) {
            (Some(_), _) => "retired",
            (None, true) => "live",
            (None, false) => "shadow",
        },
        "book_from": counts.book_from.map(|at| at.to_string()),
        "book_from_in_file": channel.book_from_in_file,
        "retired_at": counts.retired_at.map(|at| at.to_string()),
        "paused": notes.paused,
        "dirty": counts.dirty,
        "in_flight": counts.in_flight,
        "in_doubt": counts.in_doubt,
        "to_read": counts.to_read,
        "fetch_wanted": counts.wanted,
        "reports": counts.reports,
        "refused_reports": counts.refused_reports,
        "hid_orders_secs": counts.slow.map(|lag| lag.as_secs()),
        "restored_at": counts.restored_at.map(|at| at.to_string()),
        "orders_complete_to": complete_to.map(|at| at.to_string()),
        "orders_complete_to_us": complete_to.map(|at| at.0),
        "scanned_at": notes.scanned_at.map(|at| at.to_string()),
        "subscriptions": notes.subscriptions,
        "missing_permissions": notes.missing_permissions,
        "warnings": notes.warnings,
        "errors": errors.collect::<Vec<_>>(),
        "counts": notes.counts,
        "requests": stats.requests,
        "outcomes": {
            "succeeded": stats.outcomes.succeeded,
            "empty": stats.outcomes.empty,
            "refused": stats.outcomes.refused,
            "server_errors": stats.outcomes.server_errors,
            "throttled": stats.outcomes.throttled,
            "unauthorized": stats.outcomes.unauthorized,
            "not_sent": stats.outcomes.not_sent,
            "unanswered": stats.outcomes.unanswered,
        },
        "waiting": stats.waiting,
        "breaker": stats.breaker.to_string(),
        "token_expires_secs": stats.token_expires_in.map(|(left, _)| left.as_secs()),
        "token_life_secs": stats.token_expires_in.map(|(_, life)| life.as_secs()),
        "last_error": stats.last_error.map(|error| error.text),
    })
}
