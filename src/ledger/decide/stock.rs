//! What people do with stock: receive, count, adjust, move.

use channelsync_contract::ids::{LocationId, Sku};
use channelsync_contract::units::Units;

use super::super::command::{StockLine, StockMove};
use super::super::entry::{Bucket, Fact};
use super::super::order::stock_units;
use super::super::refusal::Refusal;
use super::super::state::{Ledger, LocIx};
use super::desk::{Desk, LineAt, Spot};
use crate::catalog::SkuIx;

/// Units of a SKU that a location holds at most, as far as people say so.
const UNITS_MAX: u32 = 1_000_000_000;
/// Bytes of a SKU, an id, a carrier's number.
const TEXT_BYTES_MAX: usize = 255;

pub(super) fn receive(desk: &mut Desk<'_>, line: &StockLine) -> Result<(), Refusal> {
    let location = desk.location(&line.location)?;
    if line.units.is_zero() {
        return Err(Refusal::Senseless("a receipt of 0 units".to_owned()));
    }
    let sku = known_sku(desk, &line.sku)?;
    room(desk, sku, location, line.units)?;
    desk.shift(
        sku,
        Spot::Supplier,
        Spot::At(location, Bucket::Available),
        line.units,
    );
    Ok(())
}

pub(super) fn count(desk: &mut Desk<'_>, line: &StockLine) -> Result<(), Refusal> {
    let location = desk.location(&line.location)?;
    let sku = known_sku(desk, &line.sku)?;
    desk.facts
        .push(Fact::Counted(line.sku.clone(), line.location.clone()));
    set_on_hand(desk, (sku, location), line.units)
}

/// Brings what is physically there to so many units.
pub(super) fn set_on_hand(
    desk: &mut Desk<'_>,
    (sku, location): (SkuIx, LocIx),
    units: Units,
) -> Result<(), Refusal> {
    let balance = desk.balance(sku, location);
    let on_hand = balance.on_hand();
    let here = Spot::At(location, Bucket::Available);
    match units.checked_minus(on_hand) {
        Some(found) => {
            room(desk, sku, location, found)?;
            desk.shift(sku, Spot::Adjustment, here, found);
        }
        None => {
            let missing = on_hand.minus(units);
            let sellable = missing.min(balance.available.plus(balance.committed));
            desk.take(sku, location, sellable, Spot::Adjustment);
            let unsellable = Spot::At(location, Bucket::Unavailable);
            desk.shift(sku, unsellable, Spot::Adjustment, missing.minus(sellable));
        }
    }
    Ok(())
}

pub(super) fn adjust(
    desk: &mut Desk<'_>,
    sku: &Sku,
    location: &LocationId,
    by: i64,
) -> Result<(), Refusal> {
    let place = desk.location(location)?;
    let number = known_sku(desk, sku)?;
    let here = Spot::At(place, Bucket::Available);
    let Ok(units) = u32::try_from(by.unsigned_abs()).map(Units) else {
        return Err(Refusal::Senseless(format!("{by} units are too many")));
    };
    if units.is_zero() {
        return Err(Refusal::Senseless("an adjustment by 0 units".to_owned()));
    }
    if by > 0 {
        room(desk, number, place, units)?;
        desk.shift(number, Spot::Adjustment, here, units);
        return Ok(());
    }
    let balance = desk.balance(number, place);
    let available = balance.available.plus(balance.committed);
    if units > available {
        let (sku, location) = (sku.clone(), location.clone());
        return Err(Refusal::NotThere {
            sku,
            location,
            asked: units,
            available,
        });
    }
    desk.take(number, place, units, Spot::Adjustment);
    Ok(())
}

/// Moves units between places of the house, or out of it for good.
///
/// What is for sale is taken even from open orders, the newest first: units that are damaged or on
/// their way cannot be shipped.
pub(super) fn shift(
    desk: &mut Desk<'_>,
    what: &StockMove,
    line: &StockLine,
) -> Result<(), Refusal> {
    let location = desk.location(&line.location)?;
    let sku = known_sku(desk, &line.sku)?;
    if line.units.is_zero() {
        return Err(Refusal::Senseless("a move of 0 units".to_owned()));
    }
    let here = |bucket| Spot::At(location, bucket);
    let (from, to) = match what {
        StockMove::Hold => (Bucket::Available, here(Bucket::Unavailable)),
        StockMove::Free => (Bucket::Unavailable, here(Bucket::Available)),
        StockMove::WriteOff => (Bucket::Unavailable, Spot::Adjustment),
        StockMove::Send(there) if *there == line.location => {
            let why = format!("{there} is where they are");
            return Err(Refusal::Senseless(why));
        }
        StockMove::Send(there) => {
            let there = desk.location(there)?;
            room(desk, sku, there, line.units)?;
            (Bucket::Available, Spot::At(there, Bucket::InTransit))
        }
        StockMove::Arrive => (Bucket::InTransit, here(Bucket::Available)),
        StockMove::Lose => (Bucket::InTransit, Spot::Adjustment),
    };
    let balance = desk.balance(sku, location);
    let there = match from {
        Bucket::Available => balance.available.plus(balance.committed),
        held @ (Bucket::Unavailable | Bucket::InTransit | Bucket::Committed) => {
            balance.bucket(held)
        }
    };
    if line.units > there {
        return Err(Refusal::NotThere {
            sku: line.sku.clone(),
            location: line.location.clone(),
            asked: line.units,
            available: there,
        });
    }
    match from {
        Bucket::Available => desk.take(sku, location, line.units, to),
        held @ (Bucket::Unavailable | Bucket::InTransit | Bucket::Committed) => {
            desk.shift(sku, here(held), to, line.units);
        }
    }
    Ok(())
}

/// Refuses units that only a slip of the pen can mean.
pub(super) fn room(
    desk: &Desk<'_>,
    sku: SkuIx,
    location: LocIx,
    more: Units,
) -> Result<(), Refusal> {
    let there = desk.balance(sku, location).all();
    if there.signed().saturating_add(more.signed()) <= i64::from(UNITS_MAX) {
        return Ok(());
    }
    let (sku, place) = (desk.sku_id(sku), desk.ledger.location_id(location));
    Err(Refusal::Senseless(format!(
        "{sku} at {place}: {more} more make over {UNITS_MAX} units"
    )))
}

/// Of units that come from outside those that a location can hold: a channel's figures have no bound.
pub(super) fn fitting(
    desk: &Desk<'_>,
    sku: SkuIx,
    (from, to): (Spot, Spot),
    units: Units,
) -> Units {
    match to {
        Spot::At(location, _) if !matches!(from, Spot::At(..)) => {
            units.min(desk.balance(sku, location).room())
        }
        Spot::At(..) | Spot::Supplier | Spot::Customer | Spot::Adjustment => units,
    }
}

/// Whether a text may name something for ever: short, and what it looks like.
pub fn is_plain(text: &str) -> bool {
    let turns = |letter| matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let hidden = |letter: char| letter.is_control() || turns(letter);
    (1..=TEXT_BYTES_MAX).contains(&text.len()) && text.trim() == text && !text.contains(hidden)
}

/// A SKU that was booked before, where a new name can only be a slip of the pen.
pub(super) fn booked_sku(ledger: &Ledger, sku: &Sku) -> Result<SkuIx, Refusal> {
    match (ledger.sku_ix(sku.as_str()), ledger.renamed(sku)) {
        (Some(known), _) => Ok(known),
        (None, Some(now)) => Err(Refusal::Renamed(sku.clone(), ledger.sku_id(now).clone())),
        (None, None) => Err(Refusal::UnknownSku(sku.clone())),
    }
}

pub(super) fn known_sku(desk: &mut Desk<'_>, sku: &Sku) -> Result<SkuIx, Refusal> {
    let text = sku.as_str();
    if !is_plain(text) {
        let why =
            format!("{text:?} is no SKU: 1 to 255 printable bytes without spaces around them");
        return Err(Refusal::Senseless(why));
    }
    if let Some(now) = desk.ledger.renamed(sku) {
        return Err(Refusal::Renamed(sku.clone(), desk.sku_id(now).clone()));
    }
    Ok(desk.sku(sku))
}

impl Desk<'_> {
    /// Moves listing units of a line to the customer: from the locations named, each up to so many
    /// listing units, then from where the line is committed, then from its first location.
    pub(super) fn ship_units(&mut self, at: LineAt, units: Units, from: &[(LocIx, Units)]) {
        for part in self.parts(at) {
            let mut left = stock_units(units, part.per);
            for (location, most) in from {
                let here = left.min(stock_units(*most, part.per));
                self.ship_from(at, part.sku, *location, here);
                left = left.minus(here);
            }
            let held: Vec<_> = self.line(at).held.iter().copied().collect();
            for held in held.into_iter().filter(|held| held.sku == part.sku) {
                let here = left.min(held.units);
                self.ship_from(at, part.sku, held.location, here);
                left = left.minus(here);
            }
            if left.is_zero() {
                continue;
            }
            let first = self.first_choice(at);
            self.ship_from(at, part.sku, first, left);
        }
    }

    /// Brings shipped listing units of a line back.
    pub(super) fn give_back(&mut self, at: LineAt, to: Spot, units: Units) {
        for part in self.parts(at) {
            self.shift(part.sku, Spot::Customer, to, stock_units(units, part.per));
        }
    }

    /// The location where a line's units are looked for when nothing tells: routed, else first served.
    pub(super) fn first_choice(&self, at: LineAt) -> LocIx {
        let channel = self.channel_of(at.work);
        let routed = self
            .line(at)
            .routes
            .iter()
            .flatten()
            .find_map(|(place, _)| channel.ours(*place));
        let served = self
            .served(self.order_ref(at.work).channel)
            .first()
            .copied();
        routed.or(served).unwrap_or(LocIx(0))
    }

    fn ship_from(&mut self, at: LineAt, sku: SkuIx, location: LocIx, units: Units) {
        let held = units.min(self.line(at).held_at(sku, location));
        self.unhold(at, sku, location, held, Spot::Customer);
        let rest = units.minus(held);
        if !rest.is_zero() {
            // Shipped without being committed there: it is committed and shipped in one step.
            let committed = Spot::At(location, Bucket::Committed);
            self.take(sku, location, rest, committed);
            self.shift(sku, committed, Spot::Customer, rest);
        }
    }
}
