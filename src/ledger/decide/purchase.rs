//! Purchase orders are placed, received and cancelled.

use channelsync_contract::ids::Sku;
use channelsync_contract::units::Units;

use super::super::command::StockLine;
use super::super::entry::{Exception, Fact, PurchaseFact};
use super::super::order::total;
use super::super::purchase::Purchase;
use super::super::purchase::PurchaseOrder;
use super::super::refusal::Refusal;
use super::desk::Desk;
use super::stock::{is_plain, known_sku, receive};

/// SKUs of one purchase order.
const LINES_MAX: usize = 500;

pub(super) fn order(desk: &mut Desk<'_>, order: &PurchaseOrder) -> Result<(), Refusal> {
    let senseless = |why: String| Err(Refusal::Senseless(why));
    desk.location(&order.location)?;
    for text in [&order.id, &order.supplier] {
        if !is_plain(text) {
            return senseless(format!("{text:?} is no name: 1 to 255 printable bytes"));
        }
    }
    if order.lines.is_empty() || order.lines.len() > LINES_MAX {
        return senseless(format!("a purchase order has 1 to {LINES_MAX} SKUs"));
    }
    for (place, (sku, units)) in order.lines.iter().enumerate() {
        known_sku(desk, sku)?;
        let before = order.lines.get(..place).unwrap_or_default();
        if units.is_zero() || before.iter().any(|(known, _)| known == sku) {
            return senseless("a purchase order has each SKU once, at least one unit".to_owned());
        }
    }
    if let Some(known) = desk.ledger.purchases.get(&order.id) {
        let ordered = known.lines.iter().filter(|line| !line.ordered.is_zero());
        let ordered: Vec<_> = ordered
            .map(|line| (desk.sku_id(line.sku).clone(), line.ordered))
            .collect();
        let same = ordered == order.lines
            && (&known.supplier, known.expected) == (&order.supplier, order.expected)
            && *desk.ledger.location_id(known.location) == order.location;
        return if same {
            Ok(())
        } else {
            Err(Refusal::OtherUnderId(order.id.clone()))
        };
    }
    let line = |(sku, units): &(Sku, Units)| (sku.clone(), *units, Units::ZERO);
    desk.facts.push(Fact::Purchase(Box::new(PurchaseFact {
        id: order.id.clone(),
        supplier: order.supplier.clone(),
        expected: order.expected,
        location: order.location.clone(),
        lines: order.lines.iter().map(line).collect(),
        cancelled: false,
    })));
    Ok(())
}

/// Books goods that came for a purchase order; no lines mean all that is still expected.
///
/// They are there, whatever was ordered: what is beyond the order or comes after it was cancelled is
/// received like the rest, with an exception.
pub(super) fn arrive(desk: &mut Desk<'_>, id: &str, lines: &[(Sku, Units)]) -> Result<(), Refusal> {
    let known = known(desk, id)?;
    let mut fact = fact_of(desk, id, known);
    let lines = if lines.is_empty() {
        let expected = known.lines.iter().map(|line| {
            let units = known.outstanding(line);
            (desk.sku_id(line.sku).clone(), units)
        });
        expected.filter(|(_, units)| !units.is_zero()).collect()
    } else {
        lines.to_vec()
    };
    if lines.is_empty() {
        let why = format!("purchase order {id} expects nothing more; name what came");
        return Err(Refusal::Senseless(why));
    }
    for (sku, units) in &lines {
        let place = fact.lines.iter().position(|(known, ..)| known == sku);
        let place = place.unwrap_or_else(|| {
            fact.lines.push((sku.clone(), Units::ZERO, Units::ZERO));
            fact.lines.len().saturating_sub(1)
        });
        let line = StockLine {
            id: String::new(),
            sku: sku.clone(),
            location: fact.location.clone(),
            units: *units,
        };
        receive(desk, &line)?;
        let Some((_, ordered, received)) = fact.lines.get_mut(place) else {
            continue;
        };
        let expected = if fact.cancelled {
            Units::ZERO
        } else {
            ordered.minus_or_zero(*received)
        };
        *received = total([*received, *units].into_iter());
        let beyond = units.minus_or_zero(expected);
        if !beyond.is_zero() {
            desk.note(Exception::Unordered {
                purchase: id.to_owned(),
                sku: sku.clone(),
                units: beyond,
            });
        }
    }
    desk.facts.push(Fact::Purchase(Box::new(fact)));
    Ok(())
}

pub(super) fn cancel(desk: &mut Desk<'_>, id: &str) -> Result<(), Refusal> {
    let known = known(desk, id)?;
    if !known.cancelled {
        let mut fact = fact_of(desk, id, known);
        fact.cancelled = true;
        desk.facts.push(Fact::Purchase(Box::new(fact)));
    }
    Ok(())
}

fn known<'a>(desk: &Desk<'a>, id: &str) -> Result<&'a Purchase, Refusal> {
    let known = desk.ledger.purchases.get(id);
    known.ok_or_else(|| Refusal::UnknownPurchase(id.to_owned()))
}

fn fact_of(desk: &Desk<'_>, id: &str, known: &Purchase) -> PurchaseFact {
    let lines = known.lines.iter();
    let lines = lines.map(|line| (desk.sku_id(line.sku).clone(), line.ordered, line.received));
    PurchaseFact {
        id: id.to_owned(),
        supplier: known.supplier.clone(),
        expected: known.expected,
        location: desk.ledger.location_id(known.location).clone(),
        lines: lines.collect(),
        cancelled: known.cancelled,
    }
}
