//! A SKU takes another name.

use channelsync_contract::ids::Sku;

use super::super::entry::{Exception, Fact};
use super::super::refusal::Refusal;
use super::super::state::LocIx;
use super::catalog;
use super::desk::Desk;
use super::stock::{is_plain, room};

/// Gives a SKU another name, or lets it go into the SKU that has that name.
///
/// One fact, the first; movements and lines of its entry bear the new name.
/// What waits for units of the one SKU may take those of the other from now on.
pub(super) fn rename(
    desk: &mut Desk<'_>,
    old: &Sku,
    new: &Sku,
    merge: bool,
) -> Result<(), Refusal> {
    if !is_plain(new.as_str()) || old == new {
        let why = format!("{:?} is no new SKU for {old}", new.as_str());
        return Err(Refusal::Senseless(why));
    }
    let ledger = desk.ledger;
    let into = ledger.sku_ix(new.as_str());
    let Some(from) = ledger.sku_ix(old.as_str()) else {
        return match ledger.renamed(old) {
            Some(now) if Some(now) == into => Ok(()),
            Some(now) => Err(Refusal::Renamed(old.clone(), ledger.sku_id(now).clone())),
            None => Err(Refusal::UnknownSku(old.clone())),
        };
    };
    let Some(into) = into else {
        // Old bookings bear that name, and whoever still uses it means the other SKU.
        if let Some(other) = ledger.renamed(new).filter(|other| *other != from) {
            let now = ledger.sku_id(other).clone();
            return Err(Refusal::FormerName(new.clone(), now));
        }
        desk.facts.push(Fact::Renamed(old.clone(), new.clone()));
        desk.renamed = Some((new.clone(), from));
        catalog::map_unmapped(desk, new);
        return Ok(());
    };
    if !merge {
        return Err(Refusal::SkuExists(new.clone()));
    }
    desk.facts.push(Fact::Renamed(old.clone(), new.clone()));
    desk.note(Exception::Recount { sku: new.clone() });
    for location in (0..).map(LocIx).take(ledger.locations.len()) {
        room(desk, into, location, desk.balance(from, location).all())?;
        desk.merge_stock(from, into, location);
    }
    for at in &ledger.sku(from).open {
        let work = desk.known_work(*at);
        for at in desk.lines(work).collect::<Vec<_>>() {
            desk.line_mut(at).merge(from, into);
        }
    }
    Ok(())
}
