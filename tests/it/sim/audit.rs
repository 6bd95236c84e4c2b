//! The shops' own truth against the ledger.

use std::collections::{BTreeMap, BTreeSet};

use channelsync::ats::number;
use channelsync::bookkeeper;
use channelsync::ledger::{Channel, Ledger, Order, Scope, SlotState, verify};
use channelsync::store::Journal;
use channelsync_contract::{ChannelLocationId, LocationId, Sku};
use channelsync_sandbox::{LevelTruth, OrderTruth, ShopInfo, Truth, TruthPage};

use super::machine::Machine;
use super::merchant::NUMBER;
use super::plan::GUARDED;

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
        if machine.restores() == 0 {
            parcels(ledger.channel(number), &truth.orders, &mut found);
        }
        let written = |level: &LevelTruth| match machine.plan.quantity_name {
            "available" => level.available,
            _ => level.on_hand,
        };
        slots(ledger, number, &truth.levels, written, &mut found);
        let is_net = machine.plan.quantity_name == "available";
        let rules = Rules::of(machine.rules());
        if machine.rules() != GUARDED {
            for_sale(ledger, number, (shop, is_net), (&truth, rules), &mut found);
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
    owed(ledger, &mut found);
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

/// No more is recorded as a parcel of ours than left in the books; a restored book does not know of
/// parcels that were told before.
fn parcels(channel: &Channel, truth: &[OrderTruth], found: &mut Vec<String>) {
    for order in truth {
        let row = channel.orders.get(&order.id.to_string());
        let known = row.map(|row| row.lines.as_slice()).unwrap_or_default();
        for line in &order.lines {
            let id = line.id.to_string();
            let known = known.iter().find(|known| known.id.as_str() == id);
            let shipped = known.map_or(0, |known| known.shipped.signed());
            let ours = line.fulfilled_as.iter();
            let ours = ours.filter(|(number, _)| number == NUMBER);
            let told: i64 = ours.map(|(_, units)| units).sum();
            if told > shipped {
                found.push(format!(
                    "{} {} {}: {told} recorded as our parcels, {shipped} shipped",
                    channel.id, order.name, line.sku
                ));
            }
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

/// The merchant's rules, as in its file.
#[derive(Clone, Copy)]
struct Rules {
    safety: i64,
    share: i64,
    cap: i64,
    min: i64,
}

impl Rules {
    fn of(text: &str) -> Self {
        let lines = text.lines().filter_map(|line| line.split_once(" = "));
        let rules: BTreeMap<&str, i64> = lines
            .filter_map(|(name, value)| Some((name, value.parse().ok()?)))
            .collect();
        let rule = |name, default| rules.get(name).copied().unwrap_or(default);
        Self {
            safety: rule("safety_stock_units", 0),
            share: rule("share_percent", 100),
            cap: rule("cap_units", i64::MAX),
            min: rule("min_units", 0),
        }
    }

    /// What may be shown of so many.
    fn target(self, pool: i64) -> i64 {
        let target = (pool.max(0) * self.share / 100).min(self.cap);
        if target < self.min { 0 } else { target }
    }
}

/// What buyers may still buy everywhere is what can be packed of what is left, as far as the rules let
/// it be shown, less what is owed.
fn for_sale(
    ledger: &Ledger,
    channel: u16,
    (shop, is_net): (&ShopInfo, bool),
    (truth, rules): (&Truth, Rules),
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
        let Some(left) = packable(ledger, &variant.pieces(), rules.safety) else {
            continue;
        };
        let target = match is_frozen(ledger, &variant.pieces()) {
            true => 0,
            false => rules.target(left),
        };
        let id = variant.id.to_string();
        let lines = known.orders.iter().flat_map(|(_, _, order)| &order.lines);
        let lines =
            lines.filter(|line| line.listing.as_ref().is_some_and(|own| own.as_str() == id));
        let (mut own, mut owed) = (0, 0);
        for line in lines {
            own += line.committed().signed() + line.unreported_open().signed();
            owed += line.wanted().signed() - line.committed().signed();
        }
        let meant = match is_net {
            true => target,
            false => target.min(left).max(-own) - owed,
        };
        if *shown != meant {
            found.push(format!(
                "{} sells {shown} of {}, {left} are left and {owed} owed",
                known.id, variant.sku
            ));
        }
    }
}

fn is_frozen(ledger: &Ledger, pieces: &[(&str, u32)]) -> bool {
    let is_frozen = |scope| ledger.frozen.contains_key(&scope);
    let frozen = |(sku, _): &(&str, u32)| is_frozen(Scope::Sku(Sku::new(*sku)));
    is_frozen(Scope::All) || pieces.iter().any(frozen)
}

/// How many can be packed, each at one location, of what is there beyond the safety stock, and below
/// zero what of that is missing; none where a piece is called otherwise by now.
fn packable(ledger: &Ledger, pieces: &[(&str, u32)], safety: i64) -> Option<i64> {
    let places: Vec<&LocationId> = ledger.setup.locations.iter().collect();
    let (mut whole, mut lacking) = (vec![i64::MAX; places.len()], 0);
    for (sku, per) in pieces {
        let (sku, per, mut kept) = (ledger.sku_ix(sku)?, i64::from(*per), safety);
        for (whole, place) in whole.iter_mut().zip(&places).rev() {
            let location = ledger.location(place.as_str()).unwrap();
            let there = ledger.balance(sku, location).available.signed();
            let taken = kept.min(there);
            kept -= taken;
            *whole = (*whole).min((there - taken) / per);
        }
        lacking = lacking.max((kept + per - 1) / per);
    }
    Some(if lacking > 0 {
        -lacking
    } else {
        whole.iter().sum()
    })
}

/// Nobody waits for units that are there.
fn owed(ledger: &Ledger, found: &mut Vec<String>) {
    for channel in &ledger.channels {
        for (_, id, order) in channel.orders.iter() {
            for line in &order.lines {
                for part in line.parts.iter().flatten() {
                    let mut places = channel.places_served().map(|(ours, _)| ours);
                    let is_there =
                        places.any(|ours| !ledger.balance(part.sku, ours).available.is_zero());
                    if is_there && !line.backordered(part.sku).is_zero() {
                        let sku = ledger.sku_id(part.sku);
                        found.push(format!(
                            "{} {id} waits for {sku}, and it is there",
                            channel.id
                        ));
                    }
                }
            }
        }
    }
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
