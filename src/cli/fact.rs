//! Facts of the journal in words.

use channelsync_contract::{ChannelId, ChannelLocationId, Sku, SlotKey, Units};

use crate::ledger::{
    Back, BackAt, BulkFile, Exception, Fact, LineFact, MappedBy, OpenOrders, OrderFact,
    PurchaseFact, Reading, ReportState, RowOutcome, RuleAt, RuleKey, Rules, Shipment,
};

/// A fact in a line.
#[expect(clippy::too_many_lines, reason = "one arm for each kind of fact")]
pub(super) fn fact(fact: &Fact) -> String {
    match fact {
        Fact::Configured(setup) => {
            let locations = setup.locations.len();
            let channels = setup.channels.iter().map(|channel| {
                let since = channel
                    .book_from
                    .map_or(String::new(), |at| format!(" since {at}"));
                format!("{}{since}", channel.id)
            });
            let channels = channels.collect::<Vec<_>>().join(", ");
            format!("settings: locations {locations}, channels {channels}")
        }
        Fact::Counted(sku, location) => format!("{sku} was counted at {location}"),
        Fact::Listing(channel, report) => format!(
            "{channel} lists {} with SKU {:?}, item {}",
            report.listing,
            report.sku.as_str(),
            report.item
        ),
        Fact::ListingGone(channel, listing) => format!("{channel} no longer lists {listing}"),
        Fact::Mapped(channel, listing, parts, by) => {
            let (parts, by) = (parts_text(parts), mapped_by(*by));
            format!("listing {listing} on {channel} stands for {parts}, {by}")
        }
        Fact::Unmapped(channel, listing, why) => {
            format!("listing {listing} on {channel} stands for nothing: {why}")
        }
        Fact::Barcode(sku, gtin, true) => format!("{sku} has barcode {gtin}"),
        Fact::Barcode(sku, gtin, false) => format!("{sku} no longer has barcode {gtin}"),
        Fact::Renamed(old, new) => format!("SKU {old} is called {new} from now on"),
        Fact::Purchase(known) => purchase(known),
        Fact::Passed(sku, location, by, at) => {
            format!("{by:+} {sku} at {location} passed at {at} already")
        }
        Fact::CountedAsOf(sku, location, at) => format!("{sku} counted at {location} as of {at}"),
        Fact::Order(known) => order(known),
        Fact::Line(known) => line(known),
        Fact::Shipment(channel, order, parcel) => {
            let (id, told) = (&parcel.id, shipment(parcel));
            format!("parcel {id} of order {order} on {channel}: {told}")
        }
        Fact::Held(channel, order, Some(why)) => {
            format!("order {order} on {channel} is held: {why}")
        }
        Fact::Held(channel, order, None) => format!("order {order} on {channel} is let go"),
        Fact::Wanted(channel, id, since) => {
            format!("order {id} on {channel} must be read, since {since}")
        }
        Fact::Absent(channel, id) => format!("order {id} is not shown by {channel}"),
        Fact::Polled(channel, stream, to, theirs) => {
            format!(
                "{stream} of {channel} are complete to {to}, polls go on from {theirs} of its clock"
            )
        }
        Fact::Reached(channel, stream, to) => {
            format!("{stream} of {channel} are read to {to}, more are to come")
        }
        Fact::Slow(channel, lag) => {
            let hidden = lag.as_secs();
            format!(
                "{channel} may hide orders for {hidden} s: until it hid none for a week, so long is waited for them"
            )
        }
        Fact::Bulk(channel, what, file) => bulk(channel, what, file),
        Fact::BulkEnded(channel, what) => format!("the file of {what} of {channel} is over"),
        Fact::Shown(channel, began, readings) => {
            let readings: Vec<String> = readings.iter().map(reading).collect();
            format!("{channel}, read at {began}, shows {}", readings.join("; "))
        }
        Fact::Parked(bytes) => format!(
            "parked {}: {} of {}, {} bytes: {}",
            bytes.id, bytes.what, bytes.channel, bytes.length, bytes.why
        ),
        Fact::Restored(last) => {
            format!("restored from a backup that ends at {last}: every channel is held")
        }
        Fact::CaughtUp(channel) => format!("{channel} was looked at whole and may be written"),
        Fact::Interlocked(channel, change) => format!("{channel} is held: {change}"),
        Fact::SoldOfSetAside(channel, sku, by) => {
            format!("{channel} sold {by:+} of {sku} set aside for it")
        }
        Fact::WentOn(channel) => format!("{channel} goes on"),
        Fact::Frozen(scope, reason) => format!("{scope} is frozen: {reason}"),
        Fact::Retired(channel, OpenOrders::Keep) => {
            format!("{channel} is retired, its open orders are kept")
        }
        Fact::Retired(channel, OpenOrders::Release) => {
            format!("{channel} is retired, its open orders are let go")
        }
        Fact::Revived(channel) => format!("{channel} is no longer retired"),
        Fact::Unfrozen(scope) => format!("{scope} may be sold again"),
        Fact::Ruled(at, rules) => ruled(at, rules),
        Fact::Unparked(id) => format!("{id} is no longer parked"),
        Fact::Erased(id) => format!("{id} was erased"),
        Fact::Forgot(before, orders) => {
            let all: usize = orders.iter().map(|(_, gone)| gone.len()).sum();
            format!("{all} orders with which nothing happened since {before} left the book")
        }
        Fact::TooOld(channel, order, placed) => {
            format!("order {order} on {channel} of {placed} is too old to be booked")
        }
        Fact::Dismissed(channel, order) => {
            format!("order {order} on {channel}, too old, was dealt with")
        }
        Fact::Exception(known) => exception(known),
        Fact::Seen(from, to) if from == to => format!("exceptions of entry {to} were looked at"),
        Fact::Seen(_, to) => format!("exceptions up to entry {to} were looked at"),
        Fact::Done(id, _) => format!("done: {id}"),
        Fact::TookFile(taken) => format!(
            "{} taken for {}: {} good rows, {} parked",
            taken.name, taken.location, taken.rows, taken.parked
        ),
        Fact::Intent(..)
        | Fact::Outcome(..)
        | Fact::InDoubt(_)
        | Fact::Moved(..)
        | Fact::MovedMaybe(..)
        | Fact::Mastered(..)
        | Fact::Reread(..)
        | Fact::Unsure(..)
        | Fact::Released(..) => push(fact),
    }
}

fn ruled(at: &RuleAt, rules: &Rules) -> String {
    let said = RuleKey::ALL.iter().filter_map(|key| {
        let value = rules.value(*key)?;
        Some(format!("{} = {value}", key.name()))
    });
    let said: Vec<String> = said.collect();
    match said.as_slice() {
        [] => format!("no rule is set by command for {at}"),
        said => format!("rules set by command for {at}: {}", said.join(", ")),
    }
}

fn mapped_by(by: MappedBy) -> &'static str {
    match by {
        MappedBy::Sku => "by SKU",
        MappedBy::Barcode => "by barcode",
        MappedBy::Person => "by a person",
    }
}

/// Facts about calls and slots; others give nothing.
fn push(fact: &Fact) -> String {
    let slot_of = |channel: &_, slot: &SlotKey| format!("slot {slot} on {channel}");
    match fact {
        Fact::Intent(call, channel, rows) => {
            let rows = rows.iter().map(|row| {
                let replacing = row.expected.map(|held| format!(" replacing {held}"));
                format!(
                    "{}={}{}",
                    row.slot,
                    row.quantity,
                    replacing.unwrap_or_default()
                )
            });
            let rows: Vec<String> = rows.collect();
            format!("call {call} to {channel} sets {}", rows.join(" "))
        }
        Fact::Outcome(call, outcomes) => {
            let outcomes: Vec<String> = outcomes.iter().map(outcome).collect();
            format!("call {call} ended: {}", outcomes.join(", "))
        }
        Fact::InDoubt(call) => format!("call {call} may or may not have had its effect"),
        Fact::Moved(channel, slot, by) => {
            format!("{} moved by {by:+} on the channel", slot_of(channel, slot))
        }
        Fact::MovedMaybe(channel, slot, by) => {
            let slot = slot_of(channel, slot);
            format!("{slot} moved by {by:+} on the channel, or was read so: it must be read")
        }
        Fact::Mastered(channel, slot, sku, location, by) => {
            format!("{} says {sku} at {location} {by:+}", slot_of(channel, slot))
        }
        Fact::Reread(channel, slot) => format!("{} must be read", slot_of(channel, slot)),
        Fact::Unsure(channel, slot) => format!(
            "{} must be read: an act may or may not be in what it is believed to hold",
            slot_of(channel, slot)
        ),
        Fact::Released(channel, slot) => format!("{} may be pushed again", slot_of(channel, slot)),
        _ => String::new(),
    }
}

fn shipment(parcel: &Shipment) -> String {
    let lines = parcel.lines.iter();
    let lines: Vec<String> = lines.map(|l| format!("{}={}", l.line, l.units)).collect();
    let tracking = parcel
        .tracking
        .as_ref()
        .map(|tracking| tracking.number.as_str());
    let state = match &parcel.state {
        ReportState::Unsent => "to be reported".to_owned(),
        ReportState::InFlight => "being reported".to_owned(),
        ReportState::InDoubt(since) => format!("report in doubt, to be read from {since} on"),
        ReportState::Waiting(since) => format!("order to be read from {since} on"),
        ReportState::Told { fulfillment, .. } => match fulfillment {
            Some(id) => format!("reported as {id}"),
            None => "known to the channel".to_owned(),
        },
        ReportState::Refused(why) => format!("parked: {why}"),
    };
    let (from, tracking) = (&parcel.from, tracking.unwrap_or("none"));
    format!(
        "{} from {from}; tracking {tracking}; {state}",
        lines.join(" ")
    )
}

fn purchase(purchase: &PurchaseFact) -> String {
    let lines = purchase.lines.iter();
    let lines = lines.map(|(sku, ordered, came)| format!("{came} of {ordered} {sku}"));
    let lines: Vec<String> = lines.collect();
    let cancelled = if purchase.cancelled {
        ", cancelled"
    } else {
        ""
    };
    format!(
        "purchase order {} from {} to {}, expected {}{cancelled}: {} came",
        purchase.id,
        purchase.supplier,
        purchase.location,
        purchase.expected,
        lines.join(", ")
    )
}

fn order(order: &OrderFact) -> String {
    let flags = [(order.test, ", a test"), (order.cancelled, ", cancelled")];
    let flags: String = flags
        .iter()
        .filter(|(is, _)| *is)
        .map(|(_, word)| *word)
        .collect();
    let version = order.version.map(|version| format!(", version {version}"));
    format!(
        "order {} ({}) on {}, placed {}{}{flags}",
        order.name,
        order.order,
        order.channel,
        order.placed_at,
        version.unwrap_or_default()
    )
}

fn line(line: &LineFact) -> String {
    let mut text = format!(
        "line {} of order {} on {}:",
        line.line, line.order, line.channel
    );
    match (&line.listing, &line.parts) {
        (None, _) => text.push_str(" nothing of stock"),
        (Some(listing), None) => text.push_str(&format!(" listing {listing}, unmapped")),
        (Some(listing), Some(parts)) => {
            text.push_str(&format!(" listing {listing} of {}", parts_text(parts)));
        }
    }
    text.push_str(&format!(", ordered {}, open {}", line.ordered, line.open));
    for (units, what) in [
        (line.fulfilled, "fulfilled"),
        (line.history, "before the books"),
        (line.shipped, "shipped by us"),
        (line.acknowledged, "acknowledged"),
    ] {
        if units > Units::ZERO {
            text.push_str(&format!(", {what} {units}"));
        }
    }
    if let Some(back) = &line.back {
        back.told
            .iter()
            .for_each(|told| text.push_str(&told_text(told)));
        if !back.received.is_zero() {
            text.push_str(&format!(", received back {}", back.received));
        }
    }
    for (sku, location, units) in &line.held {
        text.push_str(&format!(", holds {units} {sku} at {location}"));
    }
    text
}

fn told_text(back: &Back<ChannelLocationId>) -> String {
    let what = if back.inspect {
        "came back to be looked at"
    } else {
        "restocked"
    };
    let place = match &back.at {
        BackAt::Unsaid => String::new(),
        BackAt::Place(place) => format!(" at {place}"),
        BackAt::Elsewhere => " at no place of ours".to_owned(),
    };
    let mut text = format!(", {what} {}{place}", back.units);
    for (units, what) in [
        (back.history, "before the books"),
        (back.awaited, "left to a receipt"),
    ] {
        if !units.is_zero() {
            text.push_str(&format!(" ({units} {what})"));
        }
    }
    text
}

fn parts_text(parts: &[(Sku, u32)]) -> String {
    let part = |(sku, units): &(Sku, u32)| format!("{units} × {sku}");
    parts.iter().map(part).collect::<Vec<_>>().join(" + ")
}

fn bulk(channel: &ChannelId, what: &str, file: &BulkFile) -> String {
    let since = file.since.map(|since| format!(" since {since}"));
    let since = since.unwrap_or_default();
    match &file.started {
        Some((id, at)) => {
            let taken = file.taken;
            format!("{channel} writes file {id} of {what}{since}, begun {at}: {taken} bytes taken")
        }
        None => format!("{channel} is asked for a file of {what}{since}"),
    }
}

fn reading(reading: &Reading) -> String {
    let mut text = match reading.written {
        Some(written) => format!("{}={written}", reading.slot),
        None => format!("{} not stocked", reading.slot),
    };
    if let Some(drift) = reading.drift {
        text.push_str(&format!(" (drift {drift:+})"));
    }
    if let Some(recheck) = &reading.recheck {
        text.push_str(&format!(
            " (differs by {:+}, perhaps an order)",
            recheck.difference
        ));
    }
    if let Some(why) = &reading.park {
        text.push_str(&format!(" (parked: {why})"));
    }
    text
}

fn outcome(outcome: &RowOutcome) -> String {
    match outcome {
        RowOutcome::Applied => "applied".to_owned(),
        RowOutcome::Accepted(ticket) => format!("accepted as {ticket}"),
        RowOutcome::Stale => "stale".to_owned(),
        RowOutcome::Refused(why) => format!("refused: {why}"),
        RowOutcome::NotApplied => "not applied".to_owned(),
        RowOutcome::InDoubt => "in doubt".to_owned(),
    }
}

/// An exception in one line.
pub(super) fn exception(exception: &Exception) -> String {
    match exception {
        Exception::Short {
            sku,
            location,
            units,
        } => format!("short: {units} {sku} left {location} that the books did not have"),
        Exception::Displaced {
            sku,
            location,
            units,
        } => format!("displaced: {units} {sku} at {location} were taken from orders"),
        Exception::Withheld {
            order,
            sku,
            location,
            units,
        } => format!(
            "withheld: {units} {sku} at {location}, cancelled in order {order} unstocked; \
             `stock free` or `stock write-off` ends it"
        ),
        Exception::ToInspect {
            order,
            sku,
            location,
            units,
        } => format!(
            "to be looked at: {units} {sku} at {location}, returned in order {order}; \
             `stock free` or `stock write-off` ends it"
        ),
        Exception::BackElsewhere { order, line, units } => format!(
            "line {line} of order {order}: {units} came back at no location of ours; \
             `stock returns receive` books where they are"
        ),
        Exception::RestockExcess { order, line, units } => {
            format!("line {line} of order {order}: {units} more put back than shipped")
        }
        Exception::Unordered {
            purchase,
            sku,
            units,
        } => format!("unordered: {units} {sku} came that purchase order {purchase} did not expect"),
        Exception::Recount { sku } => {
            format!("recount: SKU {sku} is two SKUs in one and is not pushed until it is counted")
        }
        Exception::LateDiscovery { order, by } => {
            let hidden = by.as_secs();
            format!("order {order} was found late: its channel hid it for {hidden} s or more")
        }
        Exception::TrackingRefused {
            order,
            shipment,
            why,
        } => format!(
            "the channel does not take the number of parcel {shipment} of order {order}: {why}; \
             `orders tracking` sets another"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;
    use serde_json::json;

    #[test]
    fn facts_read_like_sentences() {
        let call = "00000000-0000-4000-8000-000000000001";
        let slot = json!({ "item": "77", "location": "101" });
        let facts = json!([
            { "mapped": ["us", "101", [["MUG", 2]], "person"] },
            { "unmapped": ["us", "102", "no SKU BOX"] },
            { "order": { "channel": "us", "order": "450", "name": "#1001", "placed_at": 0,
                "version": 1_000_000, "began": 0, "source": "webhook", "cancelled": true } },
            { "line": { "channel": "us", "order": "450", "line": "1", "listing": "101",
                "parts": [["MUG", 2]], "ordered": 3, "open": 2, "fulfilled": 1,
                "held": [["MUG", "main", 4]], "routes": null } },
            { "line": { "channel": "us", "order": "450", "line": "2", "listing": null,
                "parts": null, "ordered": 1, "open": 1, "fulfilled": 0, "routes": null } },
            { "shipment": ["us", "450", { "id": "s-1", "from": "main",
                "lines": [{ "line": "1", "units": 2, "acknowledged": 0 }], "tracking": null,
                "told": null, "state": "unsent", "tries": 0, "at": 0 }] },
            { "polled": ["us", "orders", 60_000_000, 30_000_000] },
            { "outcome": [call, ["applied", { "refused": "unknown item" }, "stale"]] },
            { "in_doubt": call },
            { "moved": ["us", slot, -2] },
            { "shown": ["us", 0, [{ "slot": slot, "written": 5, "sellable": 5, "unsellable": 0,
                "adopt": true, "drift": 1, "recheck": null, "park": null }]] },
            { "exception": { "short": { "sku": "MUG", "location": "main", "units": 1 } } },
            { "done": ["r-1", 7] },
        ]);
        let facts: Vec<Fact> = serde_json::from_value(facts).unwrap();
        let lines: Vec<String> = facts.iter().map(fact).collect();
        assert_snapshot!(lines.join("\n"), @r"
        listing 101 on us stands for 2 × MUG, by a person
        listing 102 on us stands for nothing: no SKU BOX
        order #1001 (450) on us, placed 1970-01-01T00:00:00Z, version 1970-01-01T00:00:01Z, cancelled
        line 1 of order 450 on us: listing 101 of 2 × MUG, ordered 3, open 2, fulfilled 1, holds 4 MUG at main
        line 2 of order 450 on us: nothing of stock, ordered 1, open 1
        parcel s-1 of order 450 on us: 1=2 from main; tracking none; to be reported
        orders of us are complete to 1970-01-01T00:01:00Z, polls go on from 1970-01-01T00:00:30Z of its clock
        call 00000000-0000-4000-8000-000000000001 ended: applied, refused: unknown item, stale
        call 00000000-0000-4000-8000-000000000001 may or may not have had its effect
        slot 77@101 on us moved by -2 on the channel
        us, read at 1970-01-01T00:00:00Z, shows 77@101=5 (drift +1)
        short: 1 MUG left main that the books did not have
        done: r-1
        ");
    }
}
