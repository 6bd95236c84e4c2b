//! Rules that a person set by command.

use channelsync_contract::ids::Sku;

use super::super::rule::{RuleAt, RuleKey, Rules};
use super::super::state::Ledger;
use super::channel_number;

pub(super) fn rule(ledger: &mut Ledger, at: &RuleAt, rules: &Rules) {
    let seq = ledger.seq;
    let mut ruled = ledger.ruled.remove(at).unwrap_or_default();
    for key in RuleKey::ALL {
        let value = rules.value(*key);
        if value.is_none() {
            ruled.seqs.remove(key);
        } else if value != ruled.rules.value(*key) {
            ruled.seqs.insert(*key, seq);
        }
    }
    ruled.rules = rules.clone();
    if !ruled.seqs.is_empty() {
        ledger.ruled.insert(at.clone(), ruled);
    }
    if let RuleAt::Sku(channel, _) = at {
        let channel = channel_number(ledger, channel);
        ledger.configure_set_aside(channel);
    }
}

/// What was said of a SKU holds under its new name, where nothing is said of that.
pub(super) fn rename(ledger: &mut Ledger, old: &Sku, new: &Sku) {
    let is_of = |at: &&RuleAt| matches!(at, RuleAt::Sku(_, sku) if sku == old);
    let levels: Vec<RuleAt> = ledger.ruled.keys().filter(is_of).cloned().collect();
    for at in levels {
        let ruled = ledger.ruled.remove(&at);
        let (RuleAt::Sku(channel, _), Some(ruled)) = (at, ruled) else {
            continue;
        };
        let number = channel_number(ledger, &channel);
        let at = RuleAt::Sku(channel, new.clone());
        ledger.ruled.entry(at).or_insert(ruled);
        rename_set_aside(ledger, number, old, new);
    }
}

/// What was sold of what is set aside goes with it, unless a file still calls it as before.
fn rename_set_aside(ledger: &mut Ledger, channel: u16, old: &Sku, new: &Sku) {
    let known = ledger.channel_mut(channel);
    let filed = known
        .setup
        .as_ref()
        .and_then(|setup| setup.sku_rules.get(old));
    if filed.is_none_or(|rules| rules.set_aside_units.is_none())
        && let Some(kept) = known.set_aside.remove(old)
    {
        known.set_aside.entry(new.clone()).or_insert(kept);
    }
    ledger.configure_set_aside(channel);
}
