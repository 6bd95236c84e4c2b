//! What people stop from being sold, and let go again.

use super::super::entry::Fact;
use super::super::freeze::Scope;
use super::super::refusal::Refusal;
use super::desk::Desk;
use super::stock;

pub(super) fn freeze(desk: &mut Desk<'_>, scope: &Scope, reason: &str) -> Result<(), Refusal> {
    if !stock::is_plain(reason) {
        let why = "a reason is 1 to 255 printable bytes without spaces around them".to_owned();
        return Err(Refusal::Senseless(why));
    }
    check(desk, scope)?;
    let known = desk.ledger.frozen.get(scope);
    if known.is_none_or(|frozen| frozen.reason != reason) {
        let fact = Fact::Frozen(scope.clone(), reason.to_owned());
        desk.facts.push(fact);
    }
    Ok(())
}

pub(super) fn unfreeze(desk: &mut Desk<'_>, scope: &Scope) -> Result<(), Refusal> {
    check(desk, scope)?;
    if desk.ledger.frozen.contains_key(scope) {
        desk.facts.push(Fact::Unfrozen(scope.clone()));
    }
    Ok(())
}

/// What is named must be known: a slip of the pen must not pass for done.
fn check(desk: &Desk<'_>, scope: &Scope) -> Result<(), Refusal> {
    match scope {
        Scope::All => Ok(()),
        Scope::Channel(channel) => desk.channel(channel).map(|_| ()),
        Scope::Sku(sku) => stock::booked_sku(desk.ledger, sku).map(drop),
    }
}
