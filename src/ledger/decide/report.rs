//! What a channel's word about its orders changes.
//!
//! Quantities in reports are cumulative, so the difference to what is known is what happened. Any
//! permutation, repetition or loss-then-poll of the same history ends in the same ledger.

use std::time::Duration;

use channelsync_contract::ids::OrderId;
use channelsync_contract::time::Timestamp;
use channelsync_contract::units::Units;

use super::super::channel::Channel;
use super::super::command::{
    Change, Happened, Hint, OrderReport, Polled, Refusal, ReportLine, Source,
};
use super::super::entry::Fact;
use super::super::order::{Line, Order};
use super::desk::{Desk, LineAt};
use super::shipments;

/// Versions have whole seconds and searches lag: a copy read this long after its version is final.
const SETTLED_AFTER: Duration = Duration::from_secs(5);
/// Word of one order that comes in a burst causes one read after this.
const COALESCE: Duration = Duration::from_secs(2);

pub(super) fn report(desk: &mut Desk<'_>, happened: &Happened) -> Result<(), Refusal> {
    let (number, channel) = desk.channel(&happened.channel)?;
    for change in &happened.changes {
        match change {
            Change::Order(report) => order(desk, number, happened, report),
            Change::Hint(hint) => note_hint(desk, channel, hint),
            Change::Absent(id) => {
                if channel.wanted.contains_key(id) {
                    desk.facts
                        .push(Fact::Absent(channel.id.clone(), id.clone()));
                }
            }
            Change::Parked(bytes) => {
                if !desk.ledger.parked.contains_key(&bytes.id) {
                    desk.facts.push(Fact::Parked(bytes.clone()));
                }
            }
        }
    }
    if let Some(polled) = &happened.polled {
        note_poll(desk, channel, polled);
    }
    Ok(())
}

fn note_poll(desk: &mut Desk<'_>, channel: &Channel, polled: &Polled) {
    let known = channel.streams.get(&polled.stream);
    let ahead = known.is_none_or(|known| known.watermark < polled.to);
    let news = polled.book || !desk.facts.is_empty() || !desk.works.is_empty();
    if ahead && news {
        let setup = channel
            .setup
            .as_ref()
            .map_or(polled.to, |setup| setup.book_from);
        let before = known.map_or(setup, |known| known.cursor);
        let cursor = polled.newest.map_or(before, |newest| newest.max(before));
        let stream = polled.stream.clone();
        desk.facts
            .push(Fact::Polled(channel.id.clone(), stream, polled.to, cursor));
    }
}

/// Wants the order read unless a copy at least as new is known or asked for already.
fn note_hint(desk: &mut Desk<'_>, channel: &Channel, hint: &Hint) {
    let wanted = channel.wanted.get(&hint.order);
    if let Some(known) = channel.orders.get(hint.order.as_str()) {
        let settled = |at: Timestamp| known.began > at.plus(SETTLED_AFTER);
        let newer_known = match (known.version, hint.version) {
            (Some(known_version), Some(version)) => {
                version < known_version || (version == known_version && settled(version))
            }
            (Some(_) | None, None) | (None, Some(_)) => false,
        };
        let beside_known = hint
            .beside
            .is_some_and(|beside| known.source == Source::Fetch && settled(beside));
        if newer_known || beside_known {
            return;
        }
    }
    let changed = hint.version.or(hint.beside);
    let covered = |since: Timestamp| changed.is_some_and(|at| since > at.plus(SETTLED_AFTER));
    if wanted.is_some_and(|wanted| covered(wanted.since)) {
        return;
    }
    want(desk, channel, &hint.order, desk.at);
}

fn want(desk: &mut Desk<'_>, channel: &Channel, order: &OrderId, since: Timestamp) {
    let (channel_id, order) = (channel.id.clone(), order.clone());
    let already = channel
        .wanted
        .get(&order)
        .is_some_and(|wanted| wanted.since >= since);
    if !already {
        desk.facts.push(Fact::Wanted(channel_id, order, since));
    }
}

fn order(desk: &mut Desk<'_>, number: u16, happened: &Happened, report: &OrderReport) {
    let channel = desk.ledger.channel(number);
    let Some(lines) = report.lines.as_ref().filter(|_| !report.test) else {
        if report.test {
            header(desk, number, happened, report);
        } else {
            want(desk, channel, &report.order, desk.at.plus(COALESCE));
        }
        return;
    };
    let known = channel.orders.find(report.order.as_str());
    let fresh_work = desk
        .works
        .iter()
        .any(|work| work.at.channel == number && work.id == report.order && work.reported);
    if let Some(known) = known
        && !fresh_work
        && !channel
            .orders
            .at(known)
            .is_older_than(report.version, happened.source, happened.began)
    {
        refuse_old(desk, channel, channel.orders.at(known), happened, report);
        return;
    }
    let work = header(desk, number, happened, report);
    let opened = channel
        .setup
        .as_ref()
        .map_or(Timestamp(i64::MIN), |setup| setup.book_from);
    for line in lines {
        let at = find_line(desk, work, line, report, opened);
        set_line(desk, at, line, report);
    }
    for at in desk.lines(work).collect::<Vec<_>>() {
        let line = desk.line_mut(at);
        if !lines.iter().any(|reported| reported.line == line.id) {
            line.open = Units::ZERO;
        }
    }
    desk.allocate(work);
    if happened.source == Source::Webhook || report.routes.is_none() {
        want_routes(desk, channel, work, happened, report);
    }
}

/// An equal version with other content must be looked at; anything else old is forgotten.
fn refuse_old(
    desk: &mut Desk<'_>,
    channel: &Channel,
    known: &Order,
    happened: &Happened,
    report: &OrderReport,
) {
    let same_version = known.version == report.version && happened.source == Source::Webhook;
    let differs = report.lines.iter().flatten().any(|line| {
        let known = known.lines.iter().find(|known| known.id == line.line);
        known.is_none_or(|known| {
            known.open != line.open
                || known.fulfilled != line.fulfilled
                || known.ordered != line.ordered
        })
    });
    if same_version && differs {
        want(desk, channel, &report.order, desk.at.plus(COALESCE));
    }
}

fn header(desk: &mut Desk<'_>, number: u16, happened: &Happened, report: &OrderReport) -> usize {
    let work = desk.work(number, &report.order, || Order {
        name: report.name.as_str().into(),
        placed_at: report.placed_at,
        version: report.version,
        began: happened.began,
        source: happened.source,
        test: report.test,
        cancelled: report.cancelled,
        lines: Default::default(),
        seq: 0,
    });
    let row = desk.order_mut(work);
    let order = &mut row.order;
    row.reported = true;
    order.name = report.name.as_str().into();
    order.placed_at = report.placed_at;
    order.version = report.version;
    order.began = happened.began;
    order.source = happened.source;
    order.test = report.test;
    order.cancelled = report.cancelled;
    work
}

fn find_line(
    desk: &mut Desk<'_>,
    work: usize,
    reported: &ReportLine,
    report: &OrderReport,
    opened: Timestamp,
) -> LineAt {
    let found = desk
        .order(work)
        .lines
        .iter()
        .position(|line| line.id == reported.line);
    if let Some(line) = found {
        return LineAt { work, line };
    }
    let before = |at: Option<Timestamp>| match at {
        Some(at) => at < opened,
        None => report.placed_at < opened && report.version.is_none_or(|version| version < opened),
    };
    let shipped = report.shipments.iter().flatten();
    let history: Units = shipped
        .filter(|shipment| shipment.line == reported.line && before(shipment.at))
        .map(|shipment| shipment.units)
        .sum();
    let restocked: Units = shipments::returned(report, reported)
        .filter(|restock| before(restock.at))
        .map(|restock| restock.units)
        .sum();
    let history = history.min(reported.fulfilled);
    let line = Line {
        id: reported.line.clone(),
        listing: reported.listing.clone(),
        parts: parts_of(desk.channel_of(work), reported),
        ordered: reported.ordered,
        open: Units::ZERO,
        fulfilled: history,
        history,
        shipped: Units::ZERO,
        acknowledged: Units::ZERO,
        restocked,
        held: Default::default(),
        routes: None,
        left: Default::default(),
        price: reported.price.clone(),
        seq: 0,
    };
    let lines = &mut desk.order_mut(work).order.lines;
    lines.push(line);
    LineAt {
        work,
        line: lines.len().saturating_sub(1),
    }
}

fn parts_of(channel: &Channel, line: &ReportLine) -> Option<crate::catalog::Parts> {
    let listing = channel.listings.get(line.listing.as_ref()?.as_str())?;
    listing.mapping.parts().cloned()
}

fn set_line(desk: &mut Desk<'_>, at: LineAt, reported: &ReportLine, report: &OrderReport) {
    let line = desk.line_mut(at);
    line.ordered = reported.ordered;
    line.open = reported.open;
    line.price.clone_from(&reported.price);
    if let Some(routes) = &report.routes {
        let channel = desk.channel_of(at.work);
        let mine = routes.iter().filter(|route| route.line == reported.line);
        let known = mine.filter_map(|route| Some((channel.place(&route.location)?, route.open)));
        let routes = known.filter(|(_, units)| !units.is_zero()).collect();
        desk.line_mut(at).routes = Some(routes);
    }
    shipments::book(desk, at, reported, report);
}

/// Asks again for the order while the channel has not said where its open units ship from.
///
/// Routing runs after the order was placed: look after 2, 10 and 60 s, then leave it to the poll.
fn want_routes(
    desk: &mut Desk<'_>,
    channel: &Channel,
    work: usize,
    happened: &Happened,
    report: &OrderReport,
) {
    let unrouted = |line: &Line| !line.wanted().is_zero() && line.routes.is_none();
    let served = channel.places_served().count();
    if served < 2 || !desk.order(work).lines.iter().any(unrouted) {
        return;
    }
    let pause = match (happened.source, desk.at.since(report.placed_at).as_secs()) {
        (Source::Webhook, _) => COALESCE,
        (Source::Fetch, 0..=4) => COALESCE,
        (Source::Fetch, 5..=29) => Duration::from_secs(10),
        (Source::Fetch, 30..=299) => Duration::from_secs(60),
        (Source::Fetch, _) => return,
    };
    want(desk, channel, &report.order, desk.at.plus(pause));
}
