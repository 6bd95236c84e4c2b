//! The shops' own truth against the ledger.

use std::collections::{BTreeMap, BTreeSet};

use channelsync::ats::number;
use channelsync::bookkeeper;
use channelsync::ledger::{Channel, Ledger, Order, Scope, SlotState, verify};
use channelsync::store::Journal;
use channelsync_contract::{ChannelLocationId, LocationId, Sku};
use channelsync_sandbox::{LevelTruth, OrderTruth, ShopInfo, Truth, TruthPage};

use super::machine::Machine;

/// Everything that is not as it must be at rest.
pub(super) fn audit(machine: &Machine, ledger: &Ledger) -> Vec<String> {
    let mut found = Vec::new();
    let mut left: BTreeMap<String, i64> = BTreeMap::new();
    for shop in &machine.shops {
        let truth = machine
            .sandbox
            .truth(&shop.name, TruthPage::default())
            .unwrap();
        let Some(number) = ledger.channel_ix(&shop.name) else {
            found.push(format!("no channel {}", shop.name));
            continue;
        };
        orders(ledger.channel(number), &truth.orders, &mut found);
        let written = |level: &LevelTruth| match machine.plan.quantity_name {
            "available" => level.available,
            _ => level.on_hand,
        };
        slots(ledger, number, &truth.levels, written, &mut found);
        if machine.plan.rules.is_empty() {
            let is_net = machine.plan.quantity_name == "available";
            for_sale(ledger, number, (shop, is_net), &truth, &mut found);
        }
        let orders = truth.orders.iter().filter(|order| !order.test);
        let lines = orders.flat_map(|order| &order.lines);
        for line in lines.filter(|line| line.counted) {
            let mut variants = shop.variants.iter();
            let variant = variants.find(|one| Some(one.id) == line.variant).unwrap();
            for (sku, units) in variant.pieces() {
                let gone = line.fulfilled - line.came_back();
                *left.entry(sku.to_owned()).or_default() += gone * i64::from(units);
            }
        }
    }
    units(ledger, left, &mut found);
    idle(ledger, &mut found);
    found.extend(verify(ledger).iter().map(ToString::to_string));
    found
}

/// The journal replayed from its first entry is the live ledger, byte by byte.
pub(super) fn replays(journal: &dyn Journal, ledger: &Ledger) -> Option<String> {
    let read = |from, bytes| journal.read(from, bytes);
    let replayed = match bookkeeper::open(&read, journal.head(), Ledger::default()) {
        Ok(replayed) => replayed,
        Err(error) => return Some(format!("the journal cannot be replayed: {error}")),
    };
    let bytes = |ledger: &Ledger| postcard::to_allocvec(ledger).unwrap();
    (bytes(&replayed) != bytes(ledger)).then(|| "a replay of the journal differs".to_owned())
}

fn orders(channel: &Channel, truth: &[OrderTruth], found: &mut Vec<String>) {
    let mut known = BTreeSet::new();
    for (_, id, _) in channel.orders.iter() {
        if !known.insert(id.as_str().to_owned()) {
            found.push(format!("{} {id} is there twice", channel.id));
        }
    }
    for order in truth {
        let id = order.id.to_string();
        known.remove(&id);
        match channel.orders.get(&id) {
            None if order.test => {}
            None => found.push(format!("{} {} is not there", channel.id, order.name)),
            Some(row) if order.test => {
                if row.lines.iter().any(|line| !line.held.is_empty()) {
                    found.push(format!("test order {} holds units", order.name));
                }
            }
            Some(row) => lines(channel, order, row, found),
        }
    }
    for id in known {
        found.push(format!("{} {id} is no order of the shop", channel.id));
    }
}

fn lines(channel: &Channel, order: &OrderTruth, row: &Order, found: &mut Vec<String>) {
    for line in order.lines.iter().filter(|line| line.counted) {
        let id = line.id.to_string();
        let name = format!("{} {} {}", channel.id, order.name, line.sku);
        let Some(known) = row.lines.iter().find(|known| known.id.as_str() == id) else {
            found.push(format!("{name}: the line is not there"));
            continue;
        };
        let figures = [
            ("ordered", line.ordered, known.ordered.signed()),
            ("open", line.open, known.open.signed()),
            ("fulfilled", line.fulfilled, known.fulfilled.signed()),
            ("restocked", line.returned, known.restocked().signed()),
        ];
        for (what, true_units, booked) in figures {
            if true_units != booked {
                found.push(format!("{name}: {what} {true_units}, booked {booked}"));
            }
        }
        let held: BTreeMap<String, i64> = line
            .open_at
            .iter()
            .map(|(place, units)| (place.to_string(), *units))
            .collect();
        let believed: BTreeMap<String, i64> = known
            .routes
            .iter()
            .flatten()
            .map(|(place, units)| (channel.place_id(*place).to_string(), units.signed()))
            .filter(|(_, units)| *units != 0)
            .collect();
        if line.open > 0 && known.routes.is_some() && held != believed {
            found.push(format!(
                "{name}: open at {held:?}, believed at {believed:?}"
            ));
        }
    }
}

fn slots(
    ledger: &Ledger,
    channel: u16,
    levels: &[LevelTruth],
    written: impl Fn(&LevelTruth) -> i64,
    found: &mut Vec<String>,
) {
    let known = ledger.channel(channel);
    for level in levels.iter().filter(|level| level.active && level.tracked) {
        let name = format!("{} {} at {}", known.id, level.sku, level.location);
        let Some(item) = known.items.find(&level.item.to_string()) else {
            found.push(format!("{name}: not known"));
            continue;
        };
        let place = known.place(&ChannelLocationId::new(level.location.to_string()));
        let numbers = match number(ledger, channel, item) {
            Ok(numbers) => numbers,
            Err(why) => {
                found.push(format!("{name}: no number: {why}"));
                continue;
            }
        };
        let slot = numbers.slots.iter().find(|slot| slot.place == place);
        let state = known.items.at(item).slot(place);
        let (Some(slot), Some(state)) = (slot, state) else {
            found.push(format!("{name}: no slot"));
            continue;
        };
        let shown = written(level);
        if !(slot.low.signed()..=slot.high.signed()).contains(&shown) {
            found.push(format!(
                "{name}: {shown} shown, the number is {} to {}, {state:?}",
                slot.low, slot.high
            ));
        }
        let wrong = |expected: i64| shown != expected;
        if state.expected.is_none_or(wrong) {
            found.push(format!(
                "{name}: {shown} shown, believed {:?}",
                state.expected
            ));
        }
        if state.state != SlotState::Free {
            found.push(format!("{name}: {:?}", state.state));
        }
    }
}

/// Without rules, what buyers may still buy everywhere is what can be packed of what is left, less
/// what is owed.
fn for_sale(
    ledger: &Ledger,
    channel: u16,
    (shop, is_net): (&ShopInfo, bool),
    truth: &Truth,
    found: &mut Vec<String>,
) {
    let known = ledger.channel(channel);
    let mut shown: BTreeMap<u64, i64> = BTreeMap::new();
    let levels = truth.levels.iter();
    for level in levels.filter(|level| level.active && level.tracked) {
        *shown.entry(level.variant).or_default() += level.available;
    }
    // A shop holds stock for its test orders too; what may be sold was set beside them.
    let tests = truth.orders.iter().filter(|order| order.test && !is_net);
    for line in tests.flat_map(|order| &order.lines) {
        let shown = line.variant.and_then(|variant| shown.get_mut(&variant));
        if let Some(shown) = shown {
            *shown += line.open;
        }
    }
    for variant in &shop.variants {
        let Some(shown) = shown.get(&variant.id) else {
            continue;
        };
        let Some(left) = makeable(ledger, &variant.pieces()) else {
            continue;
        };
        let id = variant.id.to_string();
        let lines = known.orders.iter().flat_map(|(_, _, order)| &order.lines);
        let own = lines.filter(|line| line.listing.as_ref().is_some_and(|own| own.as_str() == id));
        let owed: i64 = own
            .map(|line| line.wanted().signed() - line.committed().signed())
            .sum();
        let owed = if is_net { 0 } else { owed };
        if *shown != left - owed {
            found.push(format!(
                "{} sells {shown} of {}, {left} are left and {owed} owed",
                known.id, variant.sku
            ));
        }
    }
}

/// How many can be packed, each at one location; none where a piece is called otherwise by now.
fn makeable(ledger: &Ledger, pieces: &[(&str, u32)]) -> Option<i64> {
    let is_frozen = |scope| ledger.frozen.contains_key(&scope);
    let frozen = |(sku, _): &(&str, u32)| is_frozen(Scope::Sku(Sku::new(*sku)));
    if is_frozen(Scope::All) || pieces.iter().any(frozen) {
        return Some(0);
    }
    let known = pieces.iter();
    let known: Option<Vec<_>> = known
        .map(|(sku, units)| Some((ledger.sku_ix(sku)?, i64::from(*units))))
        .collect();
    let known = known?;
    let made = |place: &LocationId| {
        let location = ledger.location(place.as_str()).unwrap();
        let whole = known
            .iter()
            .map(|(sku, units)| ledger.balance(*sku, location).available.signed() / units);
        whole.min().unwrap()
    };
    Some(ledger.setup.locations.iter().map(made).sum())
}

/// Nothing appears and nothing vanishes: what left is what the shops say left, and our own parcels.
fn units(ledger: &Ledger, mut left: BTreeMap<String, i64>, found: &mut Vec<String>) {
    for channel in &ledger.channels {
        for line in channel.orders.iter().flat_map(|(_, _, order)| &order.lines) {
            for part in line.parts.iter().flatten() {
                let sku = ledger.sku_id(part.sku).to_string();
                let units = line.unreported().signed() * i64::from(part.per);
                *left.entry(sku).or_default() += units;
            }
        }
    }
    for (_, sku, row) in ledger.skus.iter() {
        let left = left.remove(sku.as_str()).unwrap_or(0);
        if row.outside.customer != left {
            found.push(format!(
                "{sku}: {left} left, {} are booked at customers",
                row.outside.customer
            ));
        }
    }
    for (sku, units) in left.into_iter().filter(|(_, units)| *units != 0) {
        found.push(format!("{sku}: {units} left, and nothing is booked"));
    }
}

fn idle(ledger: &Ledger, found: &mut Vec<String>) {
    if !ledger.calls.is_empty() {
        found.push(format!("calls under way at rest: {:?}", ledger.calls));
    }
    for (id, row) in &ledger.parked {
        let (what, why) = (&row.bytes.what, &row.bytes.why);
        found.push(format!("parked {id}: {what} {why}"));
    }
    for channel in &ledger.channels {
        for (_, parcel) in channel.unsettled() {
            if !parcel.is_refused() {
                found.push(format!("{}: not told of {parcel:?}", channel.id));
            }
        }
        if !channel.wanted.is_empty() || !channel.to_read.is_empty() || !channel.parked.is_empty() {
            let (wanted, to_read, parked) = (&channel.wanted, &channel.to_read, &channel.parked);
            found.push(format!(
                "{}: wanted {wanted:?}, to read {to_read:?}, parked {parked:?}",
                channel.id
            ));
        }
    }
}
