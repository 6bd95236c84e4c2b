//! Parcels of ours: recorded, held back, reported to the channel, taken back.
//!
//! The books move first, then the channel is told. What a report came to decides whether it is sent
//! again, and never before the order was read when it may have arrived.

use std::collections::BTreeMap;
use std::time::Duration;

use channelsync_contract::ids::{ChannelId, LineId, LocationId, OrderId};
use channelsync_contract::time::Timestamp;
use channelsync_contract::units::Units;
use smol_str::{SmolStr, format_smolstr};

use super::super::channel::Channel;
use super::super::command::ShipLine;
use super::super::entry::{Bucket, Exception, Fact};
use super::super::order::OrderRef;
use super::super::refusal::Refusal;
use super::super::shipment::{
    Packed, ReportAnswer, ReportState, Shipment, ShipmentAct, ShipmentAt, Tracking,
};
use super::super::state::LocIx;
use super::desk::{Desk, LineAt, Spot};
use super::report::want;
use super::stock::is_plain;

/// A request whose answer nobody awaits any more may still be carried out, up to a minute and a half
/// after it left (as transport has it: an answer comes in thirty seconds or never, and what was given up
/// stands in a queue for another minute). It is not looked for before this, and was sent at most as long
/// before as the doubt is old: the process may have ended in the middle of the call.
const DOUBT_LASTS: Duration = Duration::from_secs(100);
/// The longest reason that is kept of a channel's own words.
const WHY_CHARS_MAX: usize = 300;
/// Routing runs after the order was placed: a channel without the units is looked at again after these.
const PATIENCE: [Duration; 4] = [
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::from_secs(60),
    Duration::from_secs(60),
];

/// What a person says of a parcel.
pub(super) struct Parcel<'a> {
    pub(super) id: &'a str,
    pub(super) lines: &'a [ShipLine],
    pub(super) from: Option<&'a LocationId>,
    pub(super) tracking: Option<&'a Tracking>,
}

pub(super) fn ship(
    desk: &mut Desk<'_>,
    (channel, order): (&ChannelId, &OrderId),
    parcel: &Parcel<'_>,
) -> Result<(), Refusal> {
    check_tracking(parcel.tracking)?;
    let (number, work) = known_order(desk, channel, order)?;
    if let Some(why) = &desk.order(work).hold {
        return Err(Refusal::OnHold(order.clone(), why.to_string()));
    }
    let from = parcel.from.map(|from| desk.location(from)).transpose()?;
    if let Some(from) = from.filter(|from| !desk.served(number).contains(from)) {
        let from = desk.ledger.location_id(from);
        let why = format!("{from} is no location that {channel} is served from");
        return Err(Refusal::Senseless(why));
    }
    let lines = if parcel.lines.is_empty() {
        all_open(desk, work)
    } else {
        parcel.lines.to_vec()
    };
    if lines.is_empty() {
        return Err(Refusal::NothingToShip(order.clone()));
    }
    let mut boxes: BTreeMap<LocIx, Vec<Packed>> = BTreeMap::new();
    for ship in &lines {
        let at = check_line(desk, work, ship)?;
        let origins = match from {
            Some(from) => vec![(from, ship.units)],
            None => origins(desk, at, ship.units),
        };
        let line = desk.line_mut(at);
        line.shipped = line.shipped.plus(ship.units);
        desk.ship_units(at, ship.units, &origins);
        for (location, units) in origins {
            let (line, acknowledged) = (ship.line.clone(), Units::ZERO);
            let packed = Packed {
                line,
                units,
                acknowledged,
            };
            boxes.entry(location).or_default().push(packed);
        }
    }
    desk.allocate(work);
    for (location, lines) in boxes {
        let shipment = Shipment {
            id: free_id(desk, work, parcel.id),
            from: desk.ledger.location_id(location).clone(),
            lines,
            tracking: parcel.tracking.cloned(),
            told: None,
            state: ReportState::Unsent,
            tries: 0,
            at: desk.at,
        };
        desk.order_mut(work).order.shipments.push(shipment);
    }
    Ok(())
}

fn check_tracking(tracking: Option<&Tracking>) -> Result<(), Refusal> {
    let texts = tracking
        .into_iter()
        .flat_map(|tracking| [Some(&tracking.number), tracking.company.as_ref()]);
    match texts.flatten().find(|text| !is_plain(text)) {
        Some(text) => Err(Refusal::Senseless(format!(
            "{text:?} names no carrier or number of one: 1 to 255 printable bytes"
        ))),
        None => Ok(()),
    }
}

pub(super) fn known_order(
    desk: &mut Desk<'_>,
    channel: &ChannelId,
    order: &OrderId,
) -> Result<(u16, usize), Refusal> {
    let (number, known) = desk.channel(channel)?;
    let Some(found) = known.orders.find(order.as_str()) else {
        return Err(Refusal::UnknownOrder(channel.clone(), order.clone()));
    };
    let (channel, order) = (number, found);
    Ok((number, desk.known_work(OrderRef { channel, order })))
}

pub(super) fn known_line(desk: &Desk<'_>, work: usize, id: &LineId) -> Result<LineAt, Refusal> {
    let lines = &desk.order(work).lines;
    match lines.iter().position(|line| line.id == *id) {
        Some(line) => Ok(LineAt { work, line }),
        None => Err(Refusal::UnknownLine(
            desk.order_id(work).clone(),
            id.clone(),
        )),
    }
}

fn check_line(desk: &Desk<'_>, work: usize, ship: &ShipLine) -> Result<LineAt, Refusal> {
    let at = known_line(desk, work, &ship.line)?;
    let open = if desk.line(at).parts.is_some() {
        desk.line(at).wanted()
    } else {
        Units::ZERO
    };
    if ship.units > open || ship.units.is_zero() {
        let (line, asked) = (ship.line.clone(), ship.units);
        return Err(Refusal::MoreThanOpen { line, asked, open });
    }
    Ok(at)
}

fn all_open(desk: &Desk<'_>, work: usize) -> Vec<ShipLine> {
    let booked = desk.lines(work).filter(|at| desk.line(*at).parts.is_some());
    let open = booked
        .map(|at| desk.line(at))
        .filter(|line| !line.wanted().is_zero());
    open.map(|line| ShipLine {
        line: line.id.clone(),
        units: line.wanted(),
    })
    .collect()
}

/// Where units of a line leave when nobody says: where they are committed, then the first location.
fn origins(desk: &Desk<'_>, at: LineAt, units: Units) -> Vec<(LocIx, Units)> {
    let line = desk.line(at);
    let mut left = units;
    let mut from: Vec<(LocIx, Units)> = Vec::new();
    // The listing units of a kit lie where its first part does.
    if let Some(part) = line.parts.iter().flatten().next() {
        for held in line.held.iter().filter(|held| held.sku == part.sku) {
            let whole = Units(held.units.0.checked_div(part.per).unwrap_or(0));
            let here = left.min(whole);
            if !here.is_zero() {
                from.push((held.location, here));
                left = left.minus(here);
            }
        }
    }
    if !left.is_zero() {
        let first = desk.first_choice(at);
        match from.iter_mut().find(|(location, _)| *location == first) {
            Some((_, units)) => *units = units.plus(left),
            None => from.push((first, left)),
        }
    }
    from
}

fn free_id(desk: &Desk<'_>, work: usize, id: &str) -> SmolStr {
    let order = desk.order(work);
    let numbered = (2_u32..).map(|number| format_smolstr!("{id}/{number}"));
    let mut ids = std::iter::once(SmolStr::new(id)).chain(numbered);
    let free = ids.find(|id| order.shipment(id).is_none());
    free.expect("an order has fewer than 2^32 parcels")
}

/// Word of a parcel: from the task that reports it, or from a person.
pub(super) fn act(desk: &mut Desk<'_>, at: &ShipmentAt, act: &ShipmentAct) -> Result<(), Refusal> {
    let (number, work) = known_order(desk, &at.channel, &at.order)?;
    let shipments = &desk.order(work).shipments;
    let Some(place) = shipments.iter().position(|known| known.id == at.id) else {
        return Err(Refusal::UnknownShipment(at.order.clone(), at.id.clone()));
    };
    let refused = |why| Err(Refusal::ShipmentState(at.id.clone(), why));
    let now = desk.at;
    let shipment = shipment_mut(desk, work, place);
    match act {
        ShipmentAct::Sending if shipment.state == ReportState::Unsent => {
            shipment.state = ReportState::InFlight;
        }
        ShipmentAct::Sending => return refused("it is not to be reported now"),
        ShipmentAct::Answered(answer) if shipment.state == ReportState::InFlight => {
            if let Some(since) = answered(shipment, answer, now) {
                want(desk, desk.ledger.channel(number), &at.order, since);
            }
        }
        ShipmentAct::Answered(_) => return refused("no report of it is under way"),
        // Refused it counts as told, too, or it would be sent for ever.
        ShipmentAct::TrackingTold(told, refused) if shipment.told.as_ref() != Some(told) => {
            shipment.told = Some(told.clone());
            if let Some(why) = refused {
                let (order, shipment, why) = (at.order.clone(), at.id.clone(), cut(why));
                desk.note(Exception::TrackingRefused {
                    order,
                    shipment,
                    why,
                });
            }
        }
        ShipmentAct::TrackingTold(..) => {}
        ShipmentAct::Track(tracking) => {
            check_tracking(Some(tracking))?;
            shipment.tracking = Some(tracking.clone());
        }
        ShipmentAct::Again if shipment.waits_for_us() => {
            shipment.state = ReportState::Unsent;
            shipment.tries = 0;
        }
        ShipmentAct::Again => return refused("nothing of it was refused"),
        ShipmentAct::TakeBack if shipment.waits_for_us() => take_back(desk, work, place),
        ShipmentAct::TakeBack => {
            return refused("the channel knows of it or may: undo it there");
        }
    }
    Ok(())
}

pub(super) fn shipment_mut<'a>(
    desk: &'a mut Desk<'_>,
    work: usize,
    place: usize,
) -> &'a mut Shipment {
    let shipments = &mut desk.order_mut(work).order.shipments;
    shipments.get_mut(place).expect("a parcel on this desk")
}

/// Takes an answer in; gives from when on the order must be read.
fn answered(shipment: &mut Shipment, answer: &ReportAnswer, now: Timestamp) -> Option<Timestamp> {
    let (state, read_from) = match answer {
        ReportAnswer::Done(id, told) => {
            shipment.told.clone_from(told);
            let (fulfillment, since) = (Some(SmolStr::new(id)), Some(now));
            (ReportState::Told { fulfillment, since }, Some(now))
        }
        ReportAnswer::NotSent => (ReportState::Unsent, None),
        ReportAnswer::InDoubt => {
            let since = now.plus(DOUBT_LASTS);
            (ReportState::InDoubt(since), Some(since))
        }
        ReportAnswer::Refused(why) => (ReportState::Refused(cut(why)), None),
        ReportAnswer::Changed(why) => match PATIENCE.get(usize::from(shipment.tries)) {
            Some(pause) => {
                shipment.tries = shipment.tries.saturating_add(1);
                let since = now.plus(*pause);
                (ReportState::Waiting(since), Some(since))
            }
            None => (ReportState::Refused(cut(why)), None),
        },
    };
    shipment.state = state;
    read_from
}

fn cut(why: &str) -> String {
    why.chars().take(WHY_CHARS_MAX).collect()
}

/// What the channel does not know of comes back to where it left, and is committed again.
fn take_back(desk: &mut Desk<'_>, work: usize, place: usize) {
    let shipment = shipment_mut(desk, work, place);
    let mut back: Vec<(LineId, Units)> = Vec::new();
    for packed in &mut shipment.lines {
        let missing = packed.units.minus_or_zero(packed.acknowledged);
        back.push((packed.line.clone(), missing));
        packed.units = packed.acknowledged;
    }
    shipment.state = ReportState::Told {
        fulfillment: None,
        since: None,
    };
    let from = shipment.from.clone();
    for (line, units) in back {
        let mut lines = desk.lines(work);
        let Some(at) = lines.find(|at| desk.line(*at).id == line) else {
            continue;
        };
        let line = desk.line_mut(at);
        let before = line.came_back();
        line.shipped = line.shipped.minus(units);
        // Of what never left, some may be back already.
        let units = units.minus_or_zero(before.minus_or_zero(line.came_back()));
        let known = desk.ledger.location(from.as_str());
        let location = known.unwrap_or_else(|| desk.first_choice(at));
        desk.give_back(at, Spot::At(location, Bucket::Available), units);
    }
    desk.allocate(work);
}

/// Reports under way may or may not have arrived.
pub(super) fn doubt(desk: &mut Desk<'_>) {
    let since = desk.at.plus(DOUBT_LASTS);
    for (number, channel) in (0_u16..).zip(&desk.ledger.channels) {
        let under_way = channel
            .unsettled()
            .filter(|(_, shipment)| shipment.state == ReportState::InFlight);
        for (order, shipment) in under_way {
            let work = desk.known_work(OrderRef {
                channel: number,
                order,
            });
            let shipments = &mut desk.order_mut(work).order.shipments;
            for known in shipments.iter_mut().filter(|known| known.id == shipment.id) {
                known.state = ReportState::InDoubt(since);
            }
            want(desk, channel, channel.orders.key(order), since);
        }
    }
}

/// The channel does not show an order: what waits for a reading of it waits for a person now.
pub(super) fn absent(desk: &mut Desk<'_>, number: u16, channel: &Channel, order: &OrderId) {
    let Some(found) = channel.orders.find(order.as_str()) else {
        return;
    };
    if !channel.reports.contains(&found) {
        return;
    }
    let work = desk.known_work(OrderRef {
        channel: number,
        order: found,
    });
    for shipment in &mut desk.order_mut(work).order.shipments {
        match &mut shipment.state {
            ReportState::InDoubt(_) | ReportState::Waiting(_) => {
                let why = "the channel no longer shows the order";
                shipment.state = ReportState::Refused(why.to_owned());
            }
            ReportState::Told { since, .. } => *since = None,
            ReportState::Unsent | ReportState::InFlight | ReportState::Refused(_) => {}
        }
    }
}

/// A person holds an order back, or lets it go. Its units stay committed.
pub(super) fn hold(
    desk: &mut Desk<'_>,
    channel: &ChannelId,
    order: &OrderId,
    reason: Option<&String>,
) -> Result<(), Refusal> {
    if let Some(reason) = reason.filter(|reason| !is_plain(reason)) {
        let why = format!("{reason:?} is no reason: 1 to 255 printable bytes");
        return Err(Refusal::Senseless(why));
    }
    let (_, work) = known_order(desk, channel, order)?;
    if desk.order(work).hold.as_deref() != reason.map(String::as_str) {
        let (channel, order) = (channel.clone(), order.clone());
        desk.facts.push(Fact::Held(channel, order, reason.cloned()));
    }
    Ok(())
}
