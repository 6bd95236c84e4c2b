//! Rules that a person sets by command. What stands in a file is changed in the file.

use channelsync_contract::ids::{ChannelId, LocationId};

use super::super::entry::Fact;
use super::super::refusal::Refusal;
use super::super::rule::{RuleAt, RuleKey, Rules};
use super::desk::Desk;
use super::stock::booked_sku;

/// Sets rules at a level as `values` has them, also to nothing.
pub(super) fn rule(
    desk: &mut Desk<'_>,
    at: &RuleAt,
    keys: &[RuleKey],
    values: &Rules,
) -> Result<(), Refusal> {
    check(desk, at)?;
    let filed = desk.ledger.setup.rules_at(at);
    let known = desk.ledger.ruled.get(at);
    let before = known.map(|ruled| ruled.rules.clone()).unwrap_or_default();
    let mut now = before.clone();
    for key in keys {
        let is_filed = filed.is_some_and(|rules| rules.value(*key).is_some());
        // What a file hides may go: that changes nothing until the file says nothing.
        let may_go = values.value(*key).is_none() && before.value(*key).is_some();
        if is_filed && !may_go {
            return Err(Refusal::RuleOfFile {
                at: at.clone(),
                key: *key,
            });
        }
        now.take(*key, values);
    }
    let is_of_sku = matches!(at, RuleAt::Sku(..));
    sensible(&now, is_of_sku).map_err(Refusal::Senseless)?;
    let named = now.locations.iter().flat_map(|list| &list.0);
    let unknown = |place: &&LocationId| !desk.ledger.setup.locations.contains(place);
    if let Some(place) = named.clone().find(unknown) {
        return Err(Refusal::UnknownLocation(place.clone()));
    }
    if now != before {
        desk.facts.push(Fact::Ruled(at.clone(), Box::new(now)));
    }
    Ok(())
}

/// What is named must be known: a slip of the pen must not pass for done.
fn check(desk: &Desk<'_>, at: &RuleAt) -> Result<(), Refusal> {
    let channel = |id: &ChannelId| desk.channel(id);
    match at {
        RuleAt::Merchant => Ok(()),
        RuleAt::Channel(id) => channel(id).map(drop),
        RuleAt::Sku(id, name) => channel(id).and_then(|_| booked_sku(desk.ledger, name).map(drop)),
        RuleAt::Listing(id, listing) => {
            let (_, known) = channel(id)?;
            match known.listings.find(listing.as_str()) {
                Some(_) => Ok(()),
                None => Err(Refusal::UnknownListing(id.clone(), listing.clone())),
            }
        }
    }
}

/// As in a file: each value within its limits, and something can ever be shown.
fn sensible(rules: &Rules, is_of_sku: bool) -> Result<(), String> {
    for (key, percent) in [
        (RuleKey::SharePercent, rules.share_percent),
        (RuleKey::LowSharePercent, rules.low_share_percent),
    ] {
        if let Some(percent) = percent.filter(|percent| *percent > 100) {
            return Err(format!("{} = {percent} is more than 100", key.name()));
        }
    }
    for (key, units) in [
        (RuleKey::CaseUnits, rules.case_units),
        (RuleKey::SetAsideUnits, rules.set_aside_units),
        (RuleKey::GuardBelowUnits, rules.guard_below_units),
    ] {
        if units == Some(0) {
            return Err(format!("{} = 0: units are counted from 1", key.name()));
        }
    }
    if rules.set_aside_units.is_some() && !is_of_sku {
        return Err("set_aside_units names units of one SKU: set it for a SKU on a channel".into());
    }
    if rules
        .locations
        .as_ref()
        .is_some_and(|list| list.0.is_empty())
    {
        return Err("locations = none: freeze it instead, which has a reason and an undo".into());
    }
    for (min, cap) in [
        (rules.min_units, rules.cap_units),
        (rules.low_min_units, rules.low_cap_units),
    ] {
        if let (Some(min), Some(cap)) = (min, cap)
            && min > cap
        {
            return Err(format!(
                "a minimum of {min} is more than a cap of {cap}: nothing would ever be shown"
            ));
        }
    }
    Ok(())
}
