//! What a channel's word about its orders changes.
//!
//! Quantities in reports are cumulative, so the difference to what is known is what happened. Any
//! permutation, repetition or loss-then-poll of the same history ends in the same ledger.

use std::time::Duration;

use channelsync_contract::ids::OrderId;
use channelsync_contract::time::Timestamp;
use channelsync_contract::units::Units;

use super::super::channel::Channel;
use super::super::entry::{Exception, Fact};
use super::super::order::{Line, Order, PlaceIx, SETTLED_AFTER, Spread, total};
use super::super::refusal::Refusal;
use super::super::reported::{Change, Happened, Hint, OrderReport, Polled, ReportLine, Source};
use super::acknowledge;
use super::desk::{Desk, LineAt};
use super::net;
use super::parcels;
use super::retention;
use super::shipments;
use super::withheld;

/// An order hidden for longer was passed over by some fault: it does not say how slow its channel is.
const HIDDEN_MAX: Duration = Duration::from_secs(3_600);
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
                    parcels::absent(desk, number, channel, id);
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
    let (id, stream) = (channel.id.clone(), polled.stream.clone());
    let Some(to) = polled.to else {
        let reached = channel.reached.get(&polled.stream).copied();
        let reached = reached.max(known.map(|known| known.cursor));
        if let Some(to) = polled.came_to.filter(|to| Some(*to) > reached) {
            desk.polled = Some((Fact::Reached(id, stream, to), polled.book));
        }
        return;
    };
    if known.is_some_and(|known| known.watermark >= to) {
        return;
    }
    let opened = channel.setup.as_ref().and_then(|setup| setup.book_from);
    let before = known.map_or(opened.unwrap_or(to), |known| known.cursor);
    let cursor = polled.came_to.map_or(before, |to| to.max(before));
    desk.polled = Some((Fact::Polled(id, stream, to, cursor), polled.book));
}

/// Wants the order read unless a copy at least as new is known or asked for already.
fn note_hint(desk: &mut Desk<'_>, channel: &Channel, hint: &Hint) {
    let known = channel.orders.get(hint.order.as_str());
    if let (Some(known), Some(changed)) = (known, hint.beside) {
        net::rerouted(desk, channel, known, changed);
    }
    if known.is_some_and(|known| is_known(known, hint)) || channel.too_old.contains_key(&hint.order)
    {
        return;
    }
    let wanted = channel.wanted.get(&hint.order);
    let changed = hint.version.max(hint.beside);
    let covered = |since: Timestamp| changed.is_some_and(|at| since > at.plus(SETTLED_AFTER));
    if wanted.is_some_and(|wanted| covered(wanted.since)) {
        return;
    }
    want(desk, channel, &hint.order, desk.at);
}

/// Whether a copy of the order holds all that a hint tells of.
///
/// A copy of the same version is final only if it was read after that second was over: a webhook
/// shows the order as it was within it.
fn is_known(known: &Order, hint: &Hint) -> bool {
    let version = hint.version.map(|version| match known.version {
        Some(own) => version < own || (version == own && known.was_read_after(version)),
        None => false,
    });
    let beside = hint.beside.map(|beside| known.was_read_after(beside));
    (version.is_some() || beside.is_some()) && version != Some(false) && beside != Some(false)
}

pub(super) fn want(desk: &mut Desk<'_>, channel: &Channel, order: &OrderId, since: Timestamp) {
    let (channel_id, order) = (channel.id.clone(), order.clone());
    let already = channel
        .wanted
        .get(&order)
        .is_some_and(|wanted| wanted.since >= since);
    if !already {
        desk.facts.push(Fact::Wanted(channel_id, order, since));
    }
}

/// R11: a new order that was placed before orders were believed known was hidden for longer than its
/// channel is believed to hide any.
fn note_late(desk: &mut Desk<'_>, channel: &Channel, report: &OrderReport) {
    let sight = channel.sight();
    let Some(to) = sight.known_to.filter(|_| sight.is_past(report.placed_at)) else {
        return;
    };
    let by = to.since(report.placed_at);
    let order = report.order.clone();
    desk.note(Exception::LateDiscovery { order, by });
    if by <= HIDDEN_MAX {
        desk.facts.push(Fact::Slow(channel.id.clone(), by));
    }
}

fn order(desk: &mut Desk<'_>, number: u16, happened: &Happened, report: &OrderReport) {
    let channel = desk.ledger.channel(number);
    if let Some(known) = desk.known_order(number, &report.order)
        && !known.is_older_than(report.version, happened.source, happened.began)
    {
        let version = known.version;
        let differs = version == report.version && differs(known, report);
        refuse_old(desk, channel, (version, differs), happened, report);
        return;
    }
    if desk.known_order(number, &report.order).is_none()
        && retention::is_too_old(desk, channel, report)
    {
        return;
    }
    if report.test {
        header(desk, number, happened, report);
        net::tested(desk, channel, report);
        return;
    }
    let Some(lines) = report.lines.as_ref() else {
        want_rest(desk, channel, happened, report);
        return;
    };
    if desk.known_order(number, &report.order).is_none() {
        note_late(desk, channel, report);
    }
    if shipments::is_history_unknown(desk, number, lines, report) {
        want_rest(desk, channel, happened, report);
        return;
    }
    let before = net::before(desk, number, report);
    let work = header(desk, number, happened, report);
    for line in lines {
        let at = find_line(desk, work, line);
        set_line(desk, at, line, report);
    }
    for at in desk.lines(work).collect::<Vec<_>>() {
        match lines.iter().find(|line| line.line == desk.line(at).id) {
            Some(line) => shipments::book(desk, at, line, report),
            None => vanished(desk, at, report),
        }
        if !channel.is_released() {
            withheld::withhold(desk, at, report);
        }
        net::sold(desk, at, &before, happened.began);
    }
    acknowledge::settle(desk, work, happened, report);
    desk.allocate(work);
    // Before the next order of the page: what this one freed belongs to those who wait.
    desk.fill_gained();
    want_unsaid(desk, channel, work, happened, report);
}

fn differs(known: &Order, report: &OrderReport) -> bool {
    if known.test && report.test {
        // Its lines are not kept.
        return false;
    }
    let Some(lines) = &report.lines else {
        return true;
    };
    let other = |line: &ReportLine| {
        let known = known.lines.iter().find(|known| known.id == line.line);
        known.is_none_or(|known| {
            known.open != line.open
                || known.fulfilled != line.fulfilled
                || known.ordered != line.ordered
        })
    };
    let is_gone = |known: &Line| lines.iter().all(|line| line.line != known.id);
    let vanished = |known: &Line| !known.open.is_zero() && is_gone(known);
    lines.iter().any(other) || known.lines.iter().any(vanished)
}

/// An equal version with other content must be looked at; anything else old is forgotten.
///
/// A read that was asked for and gave an older copy than a webhook is repeated after a pause.
fn refuse_old(
    desk: &mut Desk<'_>,
    channel: &Channel,
    (version, differs): (Option<Timestamp>, bool),
    happened: &Happened,
    report: &OrderReport,
) {
    let wanted = channel.wanted.get(&report.order);
    let asked = wanted.is_some_and(|wanted| happened.began >= wanted.since);
    let since = match happened.source {
        Source::Webhook if differs => desk.at.plus(COALESCE),
        Source::Fetch if asked => desk.at.plus(pause(desk, version, report)),
        Source::Webhook | Source::Fetch => return,
    };
    want(desk, channel, &report.order, since);
}

/// Asks again for an order that came without a part which it cannot be booked without.
fn want_rest(desk: &mut Desk<'_>, channel: &Channel, happened: &Happened, report: &OrderReport) {
    let pause = match happened.source {
        Source::Webhook => COALESCE,
        Source::Fetch => pause(desk, report.version, report),
    };
    want(desk, channel, &report.order, desk.at.plus(pause));
}

/// How long to wait before an order is read again in vain: the longer ago it changed, the longer.
fn pause(desk: &Desk<'_>, version: Option<Timestamp>, report: &OrderReport) -> Duration {
    let changed = version.unwrap_or(report.placed_at);
    match desk.at.since(changed).as_secs() {
        0..=4 => COALESCE,
        5..=29 => Duration::from_secs(10),
        _ => Duration::from_secs(60),
    }
}

fn header(desk: &mut Desk<'_>, number: u16, happened: &Happened, report: &OrderReport) -> usize {
    let work = desk.work(number, &report.order, || Order {
        name: report.name.as_str().into(),
        placed_at: report.placed_at,
        version: report.version,
        began: happened.began,
        source: happened.source,
        fetched: Timestamp::default(),
        test: report.test,
        cancelled: report.cancelled,
        ship_by: None,
        acknowledge_by: report.acknowledge_by,
        hold: None,
        lines: Default::default(),
        shipments: Vec::new(),
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
    order.acknowledge_by = report.acknowledge_by;
    if let Some(routes) = &report.routes {
        order.ship_by = routes.iter().filter_map(|route| route.ship_by).min();
    }
    work
}

fn find_line(desk: &mut Desk<'_>, work: usize, reported: &ReportLine) -> LineAt {
    let lines = &desk.order(work).lines;
    if let Some(line) = lines.iter().position(|line| line.id == reported.line) {
        return LineAt { work, line };
    }
    let line = Line {
        id: reported.line.clone(),
        listing: reported.listing.clone(),
        parts: parts_of(desk.channel_of(work), reported),
        ordered: reported.ordered,
        open: Units::ZERO,
        fulfilled: Units::ZERO,
        history: Units::ZERO,
        shipped: Units::ZERO,
        acknowledged: Units::ZERO,
        back: None,
        withheld: Units::ZERO,
        on_hold: Units::ZERO,
        held: Default::default(),
        routes: None,
        left: Default::default(),
        passed: Box::default(),
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

/// A line that a complete report no longer names: nothing of it is open, and what left of it is what
/// the parcels say.
fn vanished(desk: &mut Desk<'_>, at: LineAt, report: &OrderReport) {
    let line = desk.line_mut(at);
    line.open = Units::ZERO;
    let fulfilled = shipments::left_of(report, &line.id).unwrap_or(line.fulfilled);
    let rest = ReportLine {
        line: line.id.clone(),
        listing: line.listing.clone(),
        ordered: line.ordered,
        open: Units::ZERO,
        fulfilled,
        price: None,
    };
    shipments::book(desk, at, &rest, report);
}

fn parts_of(channel: &Channel, line: &ReportLine) -> Option<crate::catalog::Parts> {
    let listing = channel.listings.get(line.listing.as_ref()?.as_str())?;
    listing.mapping.parts().cloned()
}

fn set_line(desk: &mut Desk<'_>, at: LineAt, reported: &ReportLine, report: &OrderReport) {
    let is_released = desk.channel_of(at.work).is_released();
    let line = desk.line_mut(at);
    line.ordered = reported.ordered;
    line.open = if is_released {
        Units::ZERO
    } else {
        reported.open
    };
    line.price.clone_from(&reported.price);
    if let Some(routes) = &report.routes {
        let channel = desk.channel_of(at.work);
        let mine = routes.iter().filter(|route| route.line == reported.line);
        let on_hold = mine.clone().filter(|route| route.on_hold);
        let on_hold = total(on_hold.map(|route| route.open));
        // Routing comes after the order: open units that no route names were not routed yet.
        let is_said = reported.open.is_zero() || mine.clone().next().is_some();
        let known = mine.filter_map(|route| Some((channel.place(&route.location)?, route.open)));
        let routes = by_place(known);
        let line = desk.line_mut(at);
        line.routes = is_said.then_some(routes);
        line.on_hold = on_hold;
    }
}

/// Units summed by place, in the order in which the places came.
fn by_place(routes: impl Iterator<Item = (PlaceIx, Units)>) -> Spread {
    let mut summed = Spread::new();
    for (place, units) in routes.filter(|(_, units)| !units.is_zero()) {
        match summed.iter_mut().find(|(known, _)| *known == place) {
            Some((_, sum)) => *sum = total([*sum, units].into_iter()),
            None => summed.push((place, units)),
        }
    }
    summed
}

/// Asks again for an order of which the channel has not said all: where its open units ship from, or,
/// where the word came by itself, what came back.
///
/// Routing runs after the order was placed or changed: look after 2 and 10 s, after 60 s only where it is
/// new, then leave it to the poll. Meanwhile orders are not known further than this one.
fn want_unsaid(
    desk: &mut Desk<'_>,
    channel: &Channel,
    work: usize,
    happened: &Happened,
    report: &OrderReport,
) {
    let open = |line: &Line| !line.wanted().is_zero() && line.routes.is_none();
    let is_spread = channel.places_served().nth(1).is_some();
    let is_unrouted = is_spread && desk.order(work).lines.iter().any(open);
    let changed = report.version.unwrap_or(report.placed_at);
    let age = |since: Timestamp| desk.at.since(since).as_secs();
    let pause = match (happened.source, age(changed)) {
        (Source::Webhook, _) if is_unrouted || report.restocks.is_none() => COALESCE,
        (Source::Fetch, 0..=4) if is_unrouted => COALESCE,
        (Source::Fetch, 5..=29) if is_unrouted => Duration::from_secs(10),
        (Source::Fetch, 30..) if is_unrouted && age(report.placed_at) < 300 => {
            Duration::from_secs(60)
        }
        (Source::Webhook | Source::Fetch, _) => return,
    };
    want(desk, channel, &report.order, desk.at.plus(pause));
}
