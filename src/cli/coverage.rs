//! `coverage`: of which time each channel's orders are known complete, which of it nobody was looking, and
//! which orders were found late. From the journal's files alone.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use channelsync_contract::{ChannelId, Timestamp};
use serde::Serialize;

use super::explain::value;
use super::failure::{Exit, Failure};
use super::journal::entries;
use super::session::Session;
use super::table::{Column, count, table, time};
use crate::ledger::{Entry, Exception, Fact};

/// Rows of one kind and channel that are told; the newest.
const ROWS_TOLD_MAX: usize = 100;

const BLIND: [Column; 5] = [
    Column::Text("CHANNEL"),
    Column::Text("WHAT"),
    Column::Text("NOT READ FROM"),
    Column::Text("TO"),
    Column::Text("READ AFTERWARDS"),
];

const LATE: [Column; 4] = [
    Column::Text("CHANNEL"),
    Column::Text("FOUND LATE"),
    Column::Text("AT"),
    Column::Number("HIDDEN SECONDS"),
];

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The channel [default: all]
    channel: Option<String>,
    /// Tell of times that nobody was looking for longer than so many seconds; an idle channel is noted
    /// once a minute
    #[arg(long, value_name = "SECS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(61..))]
    longer_than: u64,
}

pub(super) fn run(args: &Args, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let channels = session.channels(args.channel.as_deref())?;
    let mut coverage = Coverage::new(&channels, Duration::from_secs(args.longer_than));
    let mut first = None;
    entries(session, |entry| {
        first.get_or_insert((entry.seq, entry.at));
        coverage.enter(entry);
    })?;
    coverage.end(session.console.clock.now());
    if session.common.json {
        session.console.json(&value(&coverage.channels)?)?;
        return Ok(Exit::Ok);
    }
    session.console.print(&coverage.text(first))?;
    Ok(Exit::Ok)
}

/// What is known of the time that changes of a stream cover.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Stream {
    /// Changes since then are complete; that is when it was polled first.
    #[serde(serialize_with = "time")]
    from: Timestamp,
    /// Up to here.
    #[serde(serialize_with = "time")]
    to: Timestamp,
    /// Times in which nobody was looking; what happened then was read afterwards.
    blind: VecDeque<Blind>,
    /// How many there were, told or not.
    blind_times: u64,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Blind {
    #[serde(serialize_with = "time")]
    from: Timestamp,
    #[serde(serialize_with = "time")]
    to: Timestamp,
    /// The entry that booked what was read of it; none where it was not read yet.
    entry: Option<u64>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Late {
    order: String,
    #[serde(serialize_with = "time")]
    at: Timestamp,
    entry: u64,
    hidden_secs: u64,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct OfChannel {
    streams: BTreeMap<String, Stream>,
    late: VecDeque<Late>,
    late_orders: u64,
}

#[derive(Debug)]
struct Coverage {
    channels: BTreeMap<ChannelId, OfChannel>,
    longer_than: Duration,
}

impl Coverage {
    fn new(channels: &[String], longer_than: Duration) -> Self {
        let of = |channel: &String| (channel.as_str().into(), OfChannel::default());
        let channels = channels.iter().map(of).collect();
        Self {
            channels,
            longer_than,
        }
    }

    fn enter(&mut self, entry: &Entry) {
        for fact in &entry.facts {
            match fact {
                Fact::Polled(channel, stream, to, _) => {
                    let longer_than = self.longer_than;
                    if let Some(known) = self.channels.get_mut(channel) {
                        let known = known.streams.entry(stream.clone()).or_insert(Stream {
                            from: *to,
                            to: *to,
                            ..Stream::default()
                        });
                        known.note_blind(*to, Some(entry.seq), longer_than);
                        known.to = known.to.max(*to);
                    }
                }
                Fact::Exception(Exception::LateDiscovery { order, by }) => {
                    let mut orders = entry.facts.iter();
                    let channel = orders.find_map(|fact| match fact {
                        Fact::Order(known) if known.order == *order => Some(&known.channel),
                        _ => None,
                    });
                    let known = channel.and_then(|channel| self.channels.get_mut(channel));
                    if let Some(known) = known {
                        known.late_orders += 1;
                        keep(
                            &mut known.late,
                            Late {
                                order: order.to_string(),
                                at: entry.at,
                                entry: entry.seq,
                                hidden_secs: by.as_secs(),
                            },
                        );
                    }
                }
                _ => {}
            }
        }
    }

    /// Nothing was booked after the last entry: up to now nobody may be looking.
    fn end(&mut self, now: Timestamp) {
        let streams = self
            .channels
            .values_mut()
            .flat_map(|known| known.streams.values_mut());
        for stream in streams {
            stream.note_blind(now, None, self.longer_than);
        }
    }

    fn text(&self, first: Option<(u64, Timestamp)>) -> String {
        let mut lines = Vec::new();
        let (mut blind, mut late) = (Vec::new(), Vec::new());
        for (channel, known) in &self.channels {
            if known.streams.is_empty() {
                lines.push(format!("{channel}: was never read to its end"));
            }
            for (name, stream) in &known.streams {
                let times = count(stream.blind_times, "time", "times");
                lines.push(format!(
                    "{channel}: {name} are complete to {}, read since {}; {times} nobody was looking for more \
                     than {} s",
                    stream.to,
                    stream.from,
                    self.longer_than.as_secs()
                ));
                blind.extend(stream.blind.iter().map(|one| one.row(channel, name)));
            }
            let orders = count(known.late_orders, "order was", "orders were");
            lines.push(format!("{channel}: {orders} found late"));
            late.extend(known.late.iter().map(|one| one.row(channel)));
        }
        if let Some((entry, at)) = first.filter(|(entry, _)| *entry > 1) {
            lines.push(format!("the journal begins with entry {entry} of {at}"));
        }
        for (columns, rows) in [(&BLIND[..], blind), (&LATE[..], late)] {
            if !rows.is_empty() {
                lines.push(table(columns, rows));
            }
        }
        lines.join("\n")
    }
}

impl Stream {
    /// Nobody was looking until a time, if that is long; what happened was read by an entry, if by any.
    fn note_blind(&mut self, to: Timestamp, entry: Option<u64>, longer_than: Duration) {
        if to.since(self.to) > longer_than {
            let from = self.to;
            self.blind_times += 1;
            keep(&mut self.blind, Blind { from, to, entry });
        }
    }
}

/// Keeps the newest.
fn keep<T>(rows: &mut VecDeque<T>, row: T) {
    if rows.len() == ROWS_TOLD_MAX {
        rows.pop_front();
    }
    rows.push_back(row);
}

impl Blind {
    fn row(&self, channel: &ChannelId, stream: &str) -> Vec<String> {
        let read = |entry| format!("by entry {entry}");
        vec![
            channel.to_string(),
            stream.to_owned(),
            self.from.to_string(),
            self.to.to_string(),
            self.entry.map_or_else(|| "not yet".to_owned(), read),
        ]
    }
}

impl Late {
    fn row(&self, channel: &ChannelId) -> Vec<String> {
        vec![
            channel.to_string(),
            format!("order {}", self.order),
            format!("{} (entry {})", self.at, self.entry),
            self.hidden_secs.to_string(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    const fn at(secs: i64) -> Timestamp {
        Timestamp(secs * 1_000_000)
    }

    fn entry(seq: u64, secs: i64, facts: Vec<Fact>) -> Entry {
        Entry {
            seq,
            at: at(secs),
            actor: "poll us".to_owned(),
            cause: String::new(),
            movements: Vec::new(),
            facts,
        }
    }

    fn polled(channel: &str, secs: i64) -> Fact {
        Fact::Polled(channel.into(), "orders".to_owned(), at(secs), at(secs))
    }

    #[test]
    fn a_time_that_nobody_was_looking_is_told_with_the_entry_that_read_it() {
        let channels = ["eu".to_owned(), "us".to_owned()];
        let mut coverage = Coverage::new(&channels, Duration::from_secs(300));
        for (seq, secs) in [(1, 0), (2, 60), (3, 360), (4, 2_000), (5, 2_060)] {
            coverage.enter(&entry(
                seq,
                secs,
                vec![polled("us", secs), polled("gone", secs)],
            ));
        }
        coverage.end(at(2_100));
        assert_snapshot!(coverage.text(Some((1, at(0)))), @"
        eu: was never read to its end
        eu: 0 orders were found late
        us: orders are complete to 1970-01-01T00:34:20Z, read since 1970-01-01T00:00:00Z; 1 time nobody was looking for more than 300 s
        us: 0 orders were found late
        CHANNEL  WHAT    NOT READ FROM         TO                    READ AFTERWARDS
        us       orders  1970-01-01T00:06:00Z  1970-01-01T00:33:20Z  by entry 4
        ");
        coverage.end(at(9_000));
        let us = &coverage.channels[&ChannelId::new("us")].streams["orders"];
        assert_eq!((us.to, us.blind_times), (at(2_060), 2));
        assert_eq!(us.blind[1].entry, None, "nothing of it was read yet");
    }
}
