//! What a watch saw, told to people.

use channelsync_contract::Timestamp;
use serde::Serialize;

use super::super::table::{Column, table};
use super::after;
use super::watch::{By, Seller, Short, Subject, Taking, Watch};
use crate::ledger::{Ledger, Policy};

/// What became of an order's lines.
#[derive(Debug, Serialize)]
pub(super) struct Story {
    channel: String,
    order: String,
    name: String,
    placed_at: String,
    booked: Option<By>,
    lines: Vec<LineStory>,
}

/// One SKU of a line.
#[derive(Debug, Serialize)]
struct LineStory {
    line: String,
    sku: String,
    /// None where it was never short.
    short: Option<ShortStory>,
}

#[derive(Debug, Serialize)]
struct ShortStory {
    units: u32,
    since: By,
    /// Of these, owed now.
    still: u32,
    why: Vec<String>,
    prevented_by: Vec<String>,
    shown: Vec<Shown>,
    taken_meanwhile: Vec<Taken>,
}

/// What a channel let buyers buy when the order was placed.
#[derive(Debug, Serialize)]
struct Shown {
    channel: String,
    listing: String,
    /// None where nobody knows.
    could_buy: Option<i64>,
    shown_since: Option<By>,
    /// None where there was no number.
    number: Option<i64>,
    number_since: Option<By>,
    /// The first time after it that no more was shown than the number.
    lowered: Option<By>,
}

#[derive(Debug, Serialize)]
struct Taken {
    by: By,
    units: u64,
    orders: Vec<String>,
    /// Whether another channel sold them.
    elsewhere: bool,
}

/// Puts together what was seen.
pub(super) fn story(now: &Ledger, watch: &Watch) -> Story {
    let known = now.channel(watch.channel);
    let order = known.orders.at(watch.order);
    let line = |subject: &Subject| {
        let line = order.lines.get(subject.line);
        let still = line.map_or(0, |line| line.backordered(subject.sku).0);
        let told = |short: &Short| told(now, watch, (subject, short), still);
        LineStory {
            line: line.map_or_else(String::new, |line| line.id.to_string()),
            sku: now.sku_id(subject.sku).to_string(),
            short: subject.short.as_ref().map(told),
        }
    };
    Story {
        channel: known.id.to_string(),
        order: known.orders.key(watch.order).to_string(),
        name: order.name.to_string(),
        placed_at: order.placed_at.to_string(),
        booked: watch.booked.clone(),
        lines: watch.subjects.iter().map(line).collect(),
    }
}

fn told(
    now: &Ledger,
    watch: &Watch,
    (subject, short): (&Subject, &Short),
    still: u32,
) -> ShortStory {
    let placed_at = now.channel(watch.channel).orders.at(watch.order).placed_at;
    let sellers = subject.sellers.iter();
    let shown: Vec<(u16, Shown)> = sellers
        .map(|seller| (seller.channel, shown(now, seller, placed_at)))
        .collect();
    let own = now.channel(watch.channel);
    let me = (own.id.to_string(), own.orders.key(watch.order).to_string());
    // What moves after it had its units is no race.
    let takings = subject.takings.iter().filter(|_| !short.lost);
    let taken_meanwhile: Vec<Taken> = takings
        .filter_map(|taking| taken(now, taking, &me))
        .collect();
    let elsewhere = taken_meanwhile.iter().any(|taken| taken.elsewhere);
    let here = shown.iter().find(|(channel, _)| *channel == watch.channel);
    let why = if short.lost {
        let what = if short.counted {
            "a count that found fewer, entry"
        } else {
            "entry"
        };
        let By {
            entry,
            actor,
            cause,
            ..
        } = &short.by;
        vec![format!(
            "it had its units, and lost them to {what} {entry} by {actor} ({cause})"
        )]
    } else {
        why(here.map(|(_, shown)| shown), &taken_meanwhile, placed_at)
    };
    ShortStory {
        units: short.units.0,
        since: short.by.clone(),
        still,
        why,
        prevented_by: prevented_by((subject, short), elsewhere),
        shown: shown.into_iter().map(|(_, shown)| shown).collect(),
        taken_meanwhile,
    }
}

fn shown(now: &Ledger, seller: &Seller, placed_at: Timestamp) -> Shown {
    let known = now.channel(seller.channel);
    let listing = known.items.at(seller.item).listings.first();
    let listing = listing.map(|listing| known.listings.key(*listing).to_string());
    let (shown, number) = (seller.shown.at(placed_at), seller.number.at(placed_at));
    let wanted = number.and_then(|(_, number)| *number);
    let could_buy = shown.and_then(|(_, shown)| *shown);
    let is_too_much = could_buy
        .zip(wanted)
        .is_some_and(|(could_buy, wanted)| could_buy > wanted);
    let lowered = seller.shown.0.iter().find(|(by, shown)| {
        let is_enough = shown
            .zip(wanted)
            .is_some_and(|(shown, wanted)| shown <= wanted);
        is_too_much && by.at > placed_at && is_enough
    });
    Shown {
        channel: known.id.to_string(),
        listing: listing.unwrap_or_default(),
        could_buy,
        shown_since: shown.map(|(by, _)| by.clone()),
        number: wanted,
        number_since: number.map(|(by, _)| by.clone()),
        lowered: lowered.map(|(by, _)| by.clone()),
    }
}

/// What others took between the placing of the order and its booking.
fn taken(now: &Ledger, taking: &Taking, me: &(String, String)) -> Option<Taken> {
    let others: Vec<_> = taking.orders.iter().filter(|order| *order != me).collect();
    let name = |(channel, order): &(String, String)| {
        let known = now.channel_named(channel);
        let row = known.and_then(|known| Some(known.orders.at(known.orders.find(order)?)));
        let name = row.map_or(order.as_str(), |row| row.name.as_str());
        format!("{name} on {channel}")
    };
    (!others.is_empty()).then(|| Taken {
        by: taking.by.clone(),
        units: taking.units,
        orders: others.iter().map(|order| name(order)).collect(),
        elsewhere: others.iter().any(|(channel, _)| *channel != me.0),
    })
}

fn why(here: Option<&Shown>, taken: &[Taken], placed_at: Timestamp) -> Vec<String> {
    let mut why = Vec::new();
    match here.map(|here| (here.could_buy, here.number, here)) {
        Some((Some(could_buy), Some(number), here)) if could_buy > number => {
            why.push(format!(
                "{} let buyers buy {could_buy} where our number was {number}{}",
                here.channel,
                late(here)
            ));
        }
        Some((None, _, here)) => {
            why.push(format!("what {} showed was not known then", here.channel));
        }
        Some((_, None, here)) => {
            why.push(format!("{} had no number of it then", here.channel));
        }
        Some(_) | None => {}
    }
    if let Some(first) = taken.first() {
        let units: u64 = taken.iter().map(|taken| taken.units).sum();
        why.push(format!(
            "other orders took {units} after it was placed and before it was known, the first {} after it",
            after(placed_at, first.by.at)
        ));
    }
    if why.is_empty() {
        why.push("its channel sold more than it showed".to_owned());
    }
    why
}

/// How late the write was that showed the number.
fn late(here: &Shown) -> String {
    let Some(since) = &here.number_since else {
        return String::new();
    };
    let cause = format!(
        " since entry {} by {} ({})",
        since.entry, since.actor, since.cause
    );
    match &here.lowered {
        Some(lowered) => format!(
            "{cause}; it showed that {} later",
            after(since.at, lowered.at)
        ),
        None => format!("{cause}; it has not shown that yet"),
    }
}

/// Rules under which these units had not been for sale when they were sold.
///
/// Of units that were lost as many had to be kept back. Against a race each channel had to show so much
/// less that all together showed no more than there was.
fn prevented_by((subject, short): (&Subject, &Short), elsewhere: bool) -> Vec<String> {
    let Some(rules) = &short.rules else {
        return Vec::new();
    };
    let more = match (short.lost, subject.exposure) {
        (true, _) => Some(short.owed.signed()),
        (false, Some(exposed)) if exposed > 0 => Some(each_less(exposed, subject.sellers.len())),
        (false, Some(_) | None) => None,
    };
    let policy = rules.policy.value;
    let (held_back, also) = match policy {
        Policy::Pooled => (0, " with policy = \"buffered\""),
        Policy::Buffered | Policy::Guarded => (rules.safety_stock_units.value, ""),
    };
    let mut told = Vec::new();
    if let Some(more) = more {
        let units = more.saturating_add(held_back.into());
        told.push(format!(
            "safety_stock_units = {units}{also} (it was {held_back})"
        ));
    }
    if elsewhere && policy != Policy::Guarded {
        told.push("policy = \"guarded\": no two channels offer the same unit".to_owned());
    }
    told
}

/// How much less each of some sellers must show, so that together they show so much less.
fn each_less(units: i64, sellers: usize) -> i64 {
    let sellers = i64::try_from(sellers).unwrap_or(i64::MAX).max(1);
    let whole = units.div_euclid(sellers);
    if units.rem_euclid(sellers) == 0 {
        whole
    } else {
        whole.saturating_add(1)
    }
}

impl Story {
    /// For people.
    pub(super) fn text(&self) -> String {
        let booked = self.booked.as_ref().map_or_else(
            || "not booked".to_owned(),
            |by| format!("booked {} by entry {} ({})", by.at, by.entry, by.actor),
        );
        let mut text = format!(
            "order {} ({}) on {}, placed {}, {booked}\n",
            self.name, self.order, self.channel, self.placed_at
        );
        for line in &self.lines {
            text.push('\n');
            text.push_str(&line.text());
        }
        text.trim_end().to_owned()
    }
}

impl LineStory {
    fn text(&self) -> String {
        let Some(short) = &self.short else {
            return format!("line {}: {} was never short\n", self.line, self.sku);
        };
        let since = &short.since;
        let still = match short.still {
            0 => "it has all its units now".to_owned(),
            still => format!("{still} are owed now"),
        };
        let mut text = format!(
            "line {}: {} was short of {} since {} (entry {}); {still}\n",
            self.line, self.sku, short.units, since.at, since.entry
        );
        for why in &short.why {
            text.push_str(&format!("  why: {why}\n"));
        }
        for rule in &short.prevented_by {
            text.push_str(&format!("  would have prevented it: {rule}\n"));
        }
        text.push_str("\nwhat buyers could buy when it was placed\n");
        text.push_str(&short.shown_table());
        if !short.taken_meanwhile.is_empty() {
            text.push_str("\n\nwho took units before it was known\n");
            text.push_str(&short.taken_table());
        }
        text.push('\n');
        text
    }
}

fn figure(value: Option<i64>) -> String {
    value.map_or_else(|| "?".to_owned(), |value| value.to_string())
}

fn when(by: Option<&By>) -> String {
    by.map_or_else(
        || "-".to_owned(),
        |by| format!("{} (entry {})", by.at, by.entry),
    )
}

impl ShortStory {
    fn shown_table(&self) -> String {
        let columns = [
            Column::Text("CHANNEL"),
            Column::Text("LISTING"),
            Column::Number("COULD BUY"),
            Column::Text("SINCE"),
            Column::Number("OUR NUMBER"),
            Column::Text("SINCE"),
            Column::Text("LOWERED TO IT"),
        ];
        let rows = self.shown.iter().map(|shown| {
            vec![
                shown.channel.clone(),
                shown.listing.clone(),
                figure(shown.could_buy),
                when(shown.shown_since.as_ref()),
                figure(shown.number),
                when(shown.number_since.as_ref()),
                when(shown.lowered.as_ref()),
            ]
        });
        table(&columns, rows.collect())
    }

    fn taken_table(&self) -> String {
        let columns = [
            Column::Text("BOOKED"),
            Column::Number("UNITS"),
            Column::Text("ORDERS"),
        ];
        let rows = self.taken_meanwhile.iter().map(|taken| {
            let booked = when(Some(&taken.by));
            vec![booked, taken.units.to_string(), taken.orders.join(", ")]
        });
        table(&columns, rows.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::each_less;

    #[test]
    fn what_is_shown_too_much_is_shared_by_all_who_show_it() {
        for (units, sellers, each) in [(18, 2, 9), (7, 2, 4), (1, 3, 1), (5, 1, 5), (6, 3, 2)] {
            assert_eq!(each_less(units, sellers), each, "{units} of {sellers}");
        }
    }
}
