//! `shadow report`: what our numbers would have changed for the orders that came since a channel is in
//! shadow mode.
//!
//! The journal is replayed beside the daemon. Of each line that is new the book as it was before tells
//! what our number let buyers buy and what the channel showed, and the book after it how much of the line
//! could not be filled.

use std::collections::BTreeMap;

use channelsync_contract::{ChannelId, LineId, OrderId, Timestamp, Units};
use serde::Serialize;

use crate::ats::for_sale;
use crate::cli::table::{Column, count, table, time};
use crate::ledger::{Entry, Fact, Ledger, LineFact, Setup};

/// Lines told one by one; the last ones. All are counted.
const LINES_TOLD_MAX: usize = 50;

const COLUMNS: [Column; 9] = [
    Column::Text("PLACED"),
    Column::Text("ORDER"),
    Column::Text("LISTING"),
    Column::Number("UNITS"),
    Column::Number("SHORT"),
    Column::Number("OUR NUMBER"),
    Column::Number("SHOWN"),
    Column::Number("AVOIDED"),
    Column::Number("REFUSED"),
];

/// What became of the orders of a channel in shadow mode. All units are listing units.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    channel: ChannelId,
    #[serde(serialize_with = "time")]
    since: Timestamp,
    lines: u64,
    units: u64,
    /// Units that could not be filled when they came, on so many lines.
    short_units: u64,
    short_lines: u64,
    /// Of these, beyond our number.
    avoided_units: u64,
    /// Of these, beyond what the channel showed and not beyond our number.
    caused_units: u64,
    /// Units that could be filled, beyond our number.
    refused_units: u64,
    refused_lines: u64,
    /// Lines of which our number was not known.
    unknown_lines: u64,
    /// The last ones that our number would have changed, or that were short.
    told: Vec<Told>,
}

/// A line.
#[derive(Debug, Serialize)]
struct Told {
    #[serde(serialize_with = "time")]
    placed_at: Timestamp,
    order: String,
    listing: String,
    units: u32,
    short: i64,
    ours: Option<i64>,
    shown: Option<i64>,
    avoided: i64,
    refused: i64,
}

/// A new line, by the book before it.
#[derive(Debug)]
struct New {
    channel: ChannelId,
    order: OrderId,
    line: LineId,
    item: u32,
    open: Units,
    ours: Option<i64>,
    shown: Option<i64>,
}

/// What is watched while the journal is replayed.
#[derive(Debug, Default)]
pub(super) struct Watch {
    channels: Vec<ChannelId>,
    reports: BTreeMap<ChannelId, Report>,
    new: Vec<New>,
}

impl Watch {
    pub(super) fn new(channels: &[String]) -> Self {
        let channels = channels.iter().map(|channel| channel.as_str().into());
        Self {
            channels: channels.collect(),
            ..Self::default()
        }
    }

    /// What was found of channels that are in shadow mode.
    pub(super) fn reports(self) -> Vec<Report> {
        self.reports.into_values().collect()
    }

    /// Takes note of an entry that is about to be booked.
    pub(super) fn enter(&mut self, ledger: &Ledger, entry: &Entry) {
        for fact in &entry.facts {
            match fact {
                Fact::Configured(setup) => self.configured(setup, entry.at),
                Fact::Line(line) if self.reports.contains_key(&line.channel) => {
                    if let Some(new) = new(ledger, line, &self.new) {
                        self.new.push(new);
                    }
                }
                _ => {}
            }
        }
    }

    fn configured(&mut self, setup: &Setup, at: Timestamp) {
        for channel in &self.channels {
            let mut known = setup.channels.iter();
            let is_shadow = known.any(|known| known.id == *channel && !known.live);
            if !is_shadow {
                self.reports.remove(channel);
                continue;
            }
            let report = || Report::new(channel.clone(), at);
            self.reports.entry(channel.clone()).or_insert_with(report);
        }
    }

    /// Looks at what became of the lines of the entry before.
    pub(super) fn look(&mut self, ledger: &Ledger) {
        for new in std::mem::take(&mut self.new) {
            if let Some(report) = self.reports.get_mut(&new.channel) {
                report.add(ledger, &new);
            }
        }
    }
}

/// A line that takes stock and that the book does not know yet. Of one order a line is left what those
/// before it do not take.
fn new(ledger: &Ledger, line: &LineFact, before: &[New]) -> Option<New> {
    let number = ledger.channel_ix(line.channel.as_str())?;
    let known = ledger.channel(number);
    let order = known.orders.find(line.order.as_str());
    let mut lines = order
        .into_iter()
        .flat_map(|order| &known.orders.at(order).lines);
    if line.parts.is_none() || line.open.is_zero() || lines.any(|one| one.id == line.line) {
        return None;
    }
    let listing = known.listings.get(line.listing.as_ref()?.as_str())?;
    let beside = before.iter().filter(|new| {
        new.channel == line.channel && new.order == line.order && new.item == listing.item
    });
    let taken: i64 = beside.map(|new| new.open.signed()).sum();
    let left = |units: Option<i64>| units.map(|units| units.saturating_sub(taken));
    let (ours, shown) = for_sale(ledger, number, listing.item);
    Some(New {
        channel: line.channel.clone(),
        order: line.order.clone(),
        line: line.line.clone(),
        item: listing.item,
        open: line.open,
        ours: left(ours),
        shown: left(shown),
    })
}

impl Report {
    const fn new(channel: ChannelId, since: Timestamp) -> Self {
        Self {
            channel,
            since,
            lines: 0,
            units: 0,
            short_units: 0,
            short_lines: 0,
            avoided_units: 0,
            caused_units: 0,
            refused_units: 0,
            refused_lines: 0,
            unknown_lines: 0,
            told: Vec::new(),
        }
    }

    fn add(&mut self, ledger: &Ledger, new: &New) {
        let Some(known) = ledger.channel_named(self.channel.as_str()) else {
            return;
        };
        let Some(order) = known.orders.get(new.order.as_str()) else {
            return;
        };
        let mut lines = order.lines.iter();
        let line = lines.find(|line| line.id == new.line);
        // What was open before is no order of the time that is told of.
        let Some(line) = line.filter(|_| order.placed_at >= self.since) else {
            return;
        };
        let short = line.open.minus_or_zero(line.committed());
        let Judged {
            avoided,
            caused,
            refused,
        } = judge(line.open, short, new.ours, new.shown);
        self.lines += 1;
        self.units += u64::from(line.open.0);
        self.short_units += u64::from(short.0);
        self.short_lines += u64::from(!short.is_zero());
        self.avoided_units += avoided;
        self.caused_units += caused;
        self.refused_units += refused;
        self.refused_lines += u64::from(refused > 0);
        self.unknown_lines += u64::from(new.ours.is_none());
        if short.is_zero() && refused == 0 {
            return;
        }
        if self.told.len() == LINES_TOLD_MAX {
            self.told.remove(0);
        }
        self.told.push(Told {
            placed_at: order.placed_at,
            order: order.name.to_string(),
            listing: line
                .listing
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            units: line.open.0,
            short: short.signed(),
            ours: new.ours,
            shown: new.shown,
            avoided: i64::try_from(avoided).unwrap_or(i64::MAX),
            refused: i64::try_from(refused).unwrap_or(i64::MAX),
        });
    }

    pub(super) fn text(&self) -> String {
        let lines = count(self.lines, "line was ordered", "lines were ordered");
        let short = count(self.short_lines, "line", "lines");
        let refused = count(self.refused_lines, "line", "lines");
        let mut text = format!(
            "{} is in shadow mode since {}; since then {lines}, {} units\n\
             \x20 oversold: {} on {short}, which could not be filled when they came\n\
             \x20   avoided with our number: {}, it was lower\n\
             \x20   caused by our number: {}, the channel showed less than was bought\n\
             \x20 turned away with our number: {} on {refused} that could be filled",
            self.channel,
            self.since,
            self.units,
            self.short_units,
            self.avoided_units,
            self.caused_units,
            self.refused_units,
        );
        if self.unknown_lines > 0 {
            let unknown = count(self.unknown_lines, "line", "lines");
            text.push_str(&format!("\n  our number was not known: {unknown}"));
        }
        text.push_str(
            "\n  What buyers would have bought beyond what the channel showed leaves no trace: `channelsync \
             exposure` bounds what of that may be oversold",
        );
        if !self.told.is_empty() {
            let rows = self.told.iter().map(Told::row).collect();
            text.push_str(&format!("\n{}", table(&COLUMNS, rows)));
        }
        text
    }
}

impl Told {
    fn row(&self) -> Vec<String> {
        let known = |units: Option<i64>| units.map_or_else(String::new, |units| units.to_string());
        vec![
            self.placed_at.to_string(),
            self.order.clone(),
            self.listing.clone(),
            self.units.to_string(),
            self.short.to_string(),
            known(self.ours),
            known(self.shown),
            self.avoided.to_string(),
            self.refused.to_string(),
        ]
    }
}

/// Units of a line.
#[derive(Debug, PartialEq, Eq)]
struct Judged {
    /// Could not be filled, and could not have been bought by our number.
    avoided: u64,
    /// Could not be filled, could have been bought by our number and not by what was shown.
    caused: u64,
    /// Could be filled, and could not have been bought by our number.
    refused: u64,
}

fn judge(units: Units, short: Units, ours: Option<i64>, shown: Option<i64>) -> Judged {
    let beyond = |number: Option<i64>| match number {
        Some(number) => units.minus_or_zero(Units::from_signed(number.max(0)).unwrap_or(units)),
        None => Units::ZERO,
    };
    let (beyond_ours, beyond_shown) = (beyond(ours), beyond(shown));
    let avoided = short.min(beyond_ours);
    let caused = beyond_shown
        .minus_or_zero(beyond_ours)
        .min(short.minus_or_zero(avoided));
    let wide = |units: Units| u64::from(units.0);
    Judged {
        avoided: wide(avoided),
        caused: wide(caused),
        refused: wide(beyond_ours.minus_or_zero(avoided)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_judged_by_both_numbers() {
        // Units, short, our number, shown; avoided, caused, turned away.
        for (units, short, ours, shown, expected) in [
            (2, 0, Some(5), Some(9), (0, 0, 0)),
            (2, 2, Some(0), Some(9), (2, 0, 0)),
            (2, 1, Some(1), Some(9), (1, 0, 0)),
            (3, 1, Some(0), Some(9), (1, 0, 2)),
            (2, 2, Some(5), Some(9), (0, 0, 0)),
            (2, 2, Some(5), Some(0), (0, 2, 0)),
            (3, 3, Some(2), Some(1), (1, 1, 0)),
            (2, 0, Some(-4), Some(9), (0, 0, 2)),
            (2, 2, None, Some(9), (0, 0, 0)),
            (2, 1, Some(0), None, (1, 0, 1)),
        ] {
            let judged = judge(Units(units), Units(short), ours, shown);
            let Judged {
                avoided,
                caused,
                refused,
            } = judged;
            let told = (avoided, caused, refused);
            assert_eq!(told, expected, "{units} {short} {ours:?} {shown:?}");
        }
    }
}
