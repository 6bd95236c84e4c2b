//! What came back after shipping: by the channel's word, or as a person received it.
//!
//! A channel's records are cumulative by place. Units go where it says, never to "the first" of our
//! locations: what came back to a place that is none of ours, or nobody knows where, waits for a
//! person to receive it, as all returns of a channel with `returns = manual` do.

use std::cmp::Reverse;

use channelsync_contract::ids::{ChannelId, LocationId, OrderId};
use channelsync_contract::units::Units;
use smallvec::SmallVec;

use super::super::command::ShipLine;
use super::super::entry::{Bucket, Exception};
use super::super::order::{Back, BackAt, Fate, Line, PlaceIx, stock_units, total};
use super::super::refusal::Refusal;
use super::super::reported::{OrderReport, PutBack, ReportRestock};
use super::super::setup::Returns;
use super::super::state::LocIx;
use super::as_of;
use super::desk::{Desk, LineAt, Spot};
use super::parcels::{known_line, known_order};
use super::shipments::{is_history, moved, unsure};

/// What was booked of a line's returns before a report.
pub(super) struct Before {
    /// Units that were back, whoever said so.
    pub(super) came_back: Units,
    /// By the channel's word, as [`Line::told`] lists them.
    by_word: SmallVec<[Units; 2]>,
    excess: Units,
}

impl Before {
    pub(super) fn of(line: &Line) -> Self {
        Self {
            came_back: line.came_back(),
            by_word: line.brought_back(),
            excess: line.excess(),
        }
    }

    /// What of it still counts after parcels were undone.
    pub(super) fn after_fall(mut self, line: &Line) -> Self {
        for (before, now) in self.by_word.iter_mut().zip(line.brought_back()) {
            *before = now.min(*before);
        }
        self
    }
}

/// Books what came back since the last report of a line.
///
/// Never more than left: what comes back beyond that is an exception, and counts once more leaves.
pub(super) fn book(desk: &mut Desk<'_>, at: LineAt, before: &Before, report: &OrderReport) {
    learn(desk, at, report);
    let mut room = desk.line(at).room();
    for number in 0..desk.line(at).told().len() {
        let line = desk.line(at);
        let Some(back) = line.told().get(number).copied() else {
            continue;
        };
        let booked = before.by_word.get(number).copied().unwrap_or_default();
        let mut counts = back.by_word().min(room);
        let more = counts.minus_or_zero(booked);
        if !more.is_zero() && !bring(desk, at, &back, more) {
            counts = counts.minus(more);
            await_receipt(desk, at, number, more);
            let (order, line) = (report.order.clone(), desk.line(at).id.clone());
            desk.note(Exception::BackElsewhere {
                order,
                line,
                units: more,
            });
        }
        passed(desk, at, &back, counts.minus_or_zero(booked), report);
        room = room.minus(counts);
    }
    let more = desk.line(at).excess().minus_or_zero(before.excess);
    if !more.is_zero() {
        let (order, line) = (report.order.clone(), desk.line(at).id.clone());
        desk.note(Exception::RestockExcess {
            order,
            line,
            units: more,
        });
    }
}

/// Takes note of the channel's records, oldest first, and of what each did to the slots.
fn learn(desk: &mut Desk<'_>, at: LineAt, report: &OrderReport) {
    let line = desk.line(at).id.clone();
    let records = report.restocks.iter().flatten();
    let mut records: Vec<&ReportRestock> = records
        .filter(|one| one.line == line && matches!(one.kind, PutBack::Returned | PutBack::Inspect))
        .collect();
    records.sort_by_key(|record| record.at);
    let manual = returns(desk, at) == Returns::Manual;
    let mut known: Vec<Back<PlaceIx>> = desk.line(at).told().to_vec();
    for record in records {
        let inspect = record.kind == PutBack::Inspect;
        let place = place_of(desk, at, record);
        let same = |back: &&mut Back<PlaceIx>| back.inspect == inspect && back.at == place;
        let seen = known.iter_mut().find(same).map_or(Units::ZERO, |known| {
            let seen = known.units.min(record.units);
            known.units = known.units.minus(seen);
            seen
        });
        let units = record.units.minus(seen);
        if units.is_zero() {
            continue;
        }
        let history = is_history(desk, at, report, record.at);
        if !history {
            touch_slot(desk, at, place, inspect, record, units);
        }
        let told = &mut desk.line_mut(at).back.get_or_insert_default().told;
        let found = told
            .iter()
            .position(|back| back.inspect == inspect && back.at == place);
        let number = found.unwrap_or_else(|| {
            told.push(Back {
                at: place,
                inspect,
                units: Units::ZERO,
                history: Units::ZERO,
                awaited: Units::ZERO,
            });
            told.len().saturating_sub(1)
        });
        let back = told.get_mut(number).expect("a record was found or made");
        let mut add = vec![&mut back.units];
        if history {
            add.push(&mut back.history);
        } else if manual {
            add.push(&mut back.awaited);
        }
        for sum in add {
            *sum = total([*sum, units].into_iter());
        }
    }
}

fn returns(desk: &Desk<'_>, at: LineAt) -> Returns {
    let setup = desk.channel_of(at.work).setup.as_ref();
    setup.map_or(Returns::Channel, |setup| setup.returns)
}

fn place_of(desk: &Desk<'_>, at: LineAt, record: &ReportRestock) -> BackAt<PlaceIx> {
    let Some(id) = &record.location else {
        return BackAt::Unsaid;
    };
    let place = desk.channel_of(at.work).place(id);
    place.map_or(BackAt::Elsewhere, BackAt::Place)
}

/// What a record did to the slots: what was put back was added there, while of units to be looked at
/// it is not known whether the channel counts them.
fn touch_slot(
    desk: &mut Desk<'_>,
    at: LineAt,
    place: BackAt<PlaceIx>,
    inspect: bool,
    record: &ReportRestock,
    units: Units,
) {
    match place {
        BackAt::Place(place) if !inspect => moved(desk, at, place, units.signed(), record.at),
        BackAt::Place(place) => unsure(desk, at, Some(place), units.signed()),
        BackAt::Unsaid => unsure(desk, at, None, units.signed()),
        BackAt::Elsewhere => {}
    }
}

/// Our location where units came back to; none where that cannot be told.
fn location(desk: &Desk<'_>, at: LineAt, place: BackAt<PlaceIx>) -> Option<LocIx> {
    let channel = desk.channel_of(at.work);
    match place {
        BackAt::Place(place) => channel.ours(place),
        BackAt::Elsewhere => None,
        // Where the line left is no answer: it may come to be known later, and differently.
        BackAt::Unsaid => {
            let mut served = channel.places_served().map(|(ours, _)| ours);
            served.next().filter(|_| served.next().is_none())
        }
    }
}

/// Moves units to where they came back to; false where that cannot be told.
fn bring(desk: &mut Desk<'_>, at: LineAt, back: &Back<PlaceIx>, units: Units) -> bool {
    let Some(location) = location(desk, at, back.at) else {
        return false;
    };
    if !back.inspect {
        desk.give_back(at, Spot::At(location, Bucket::Available), units);
        return true;
    }
    desk.give_back(at, Spot::At(location, Bucket::Unavailable), units);
    for part in desk.parts(at) {
        let (sku, location) = (desk.sku_id(part.sku), desk.ledger.location_id(location));
        let exception = Exception::ToInspect {
            order: desk.order_id(at.work).clone(),
            sku: sku.clone(),
            location: location.clone(),
            units: stock_units(units, part.per),
        };
        desk.note(exception);
    }
    true
}

/// Tells counts of an earlier time when the newest of a place's records came, up to so many units.
fn passed(
    desk: &mut Desk<'_>,
    at: LineAt,
    back: &Back<PlaceIx>,
    units: Units,
    report: &OrderReport,
) {
    let Some(location) = location(desk, at, back.at) else {
        return;
    };
    let (bucket, kind) = match back.inspect {
        true => (Bucket::Unavailable, PutBack::Inspect),
        false => (Bucket::Available, PutBack::Returned),
    };
    let line = desk.line(at).id.clone();
    let records = report.restocks.iter().flatten();
    let mut here: Vec<&ReportRestock> = records
        .filter(|one| one.line == line && one.kind == kind && place_of(desk, at, one) == back.at)
        .collect();
    here.sort_by_key(|record| Reverse(record.at));
    let mut left = units;
    for record in here {
        let units = left.min(record.units);
        left = left.minus(units);
        if let Some(when) = record.at {
            as_of::passed(desk, at, (location, bucket), (units, true), when);
        }
    }
}

fn await_receipt(desk: &mut Desk<'_>, at: LineAt, number: usize, units: Units) {
    let told = desk.line_mut(at).back.as_mut().map(|back| &mut back.told);
    if let Some(back) = told.and_then(|told| told.get_mut(number)) {
        back.awaited = back.awaited.plus(units);
    }
}

/// Books what came back of a line that was just mapped, where the channel said.
pub(super) fn book_waiting(desk: &mut Desk<'_>, at: LineAt) {
    let backs: Vec<Back<PlaceIx>> = desk.line(at).told().to_vec();
    let counted = desk.line(at).brought_back();
    for (number, (back, units)) in backs.iter().zip(counted).enumerate() {
        if !units.is_zero() && !bring(desk, at, back, units) {
            await_receipt(desk, at, number, units);
        }
    }
}

/// A person says what became of units that came back.
///
/// Never more than left and is not back yet; where the channel's word counts, only what waits, because
/// the channel may still speak of the rest.
pub(super) fn receive(
    desk: &mut Desk<'_>,
    (channel, order): (&ChannelId, &OrderId),
    lines: &[ShipLine],
    fate: Fate,
    place: Option<&LocationId>,
) -> Result<(), Refusal> {
    let (_, work) = known_order(desk, channel, order)?;
    let named = place.map(|place| desk.location(place)).transpose()?;
    let lines = if lines.is_empty() {
        awaited(desk, work)
    } else {
        lines.to_vec()
    };
    if lines.is_empty() {
        return Err(Refusal::NothingToReceive(order.clone()));
    }
    for one in &lines {
        let at = known_line(desk, work, &one.line)?;
        let left = left_to_receive(desk, at);
        if one.units > left || one.units.is_zero() {
            let (line, asked) = (one.line.clone(), one.units);
            return Err(match returns(desk, at) {
                Returns::Manual => Refusal::MoreThanLeft { line, asked, left },
                Returns::Channel => Refusal::MoreThanAwaited { line, asked, left },
            });
        }
        let found = named.or_else(|| whereabouts(desk, at));
        let location = found.ok_or_else(|| Refusal::Whereabouts(one.line.clone()))?;
        let to = match fate {
            Fate::Restock => Spot::At(location, Bucket::Available),
            Fate::Hold => Spot::At(location, Bucket::Unavailable),
            Fate::WriteOff => Spot::Adjustment,
        };
        desk.give_back(at, to, one.units);
        let back = desk.line_mut(at).back.get_or_insert_default();
        back.received = back.received.plus(one.units);
    }
    Ok(())
}

fn awaited(desk: &Desk<'_>, work: usize) -> Vec<ShipLine> {
    let lines = desk.order(work).lines.iter();
    let awaited = lines.filter(|line| line.parts.is_some() && !line.awaited().is_zero());
    awaited
        .map(|line| ShipLine {
            line: line.id.clone(),
            units: line.awaited(),
        })
        .collect()
}

/// Units that a person may receive; none of a line whose listing stands for nothing yet.
fn left_to_receive(desk: &Desk<'_>, at: LineAt) -> Units {
    let line = desk.line(at);
    if line.parts.is_none() {
        return Units::ZERO;
    }
    let left = line
        .room()
        .minus_or_zero(total(line.brought_back().into_iter()));
    match returns(desk, at) {
        Returns::Manual => left,
        Returns::Channel => left.min(line.awaited()),
    }
}

/// The one location of ours where the channel says that the awaited units are, else where they left.
fn whereabouts(desk: &Desk<'_>, at: LineAt) -> Option<LocIx> {
    let told = desk.line(at).told().iter();
    let waiting = told.filter(|back| !back.awaited.is_zero());
    let mut places = waiting.map(|back| location(desk, at, back.at));
    match (places.next(), desk.line(at).left.as_slice()) {
        (Some(first), _) => first.filter(|_| places.all(|place| place == first)),
        (None, [(left, _)]) => desk.channel_of(at.work).ours(*left),
        (None, _) => location(desk, at, BackAt::Unsaid),
    }
}
