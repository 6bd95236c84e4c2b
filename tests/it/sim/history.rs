//! The journal, entry by entry, against what was asked for and what the shops say went where.

use std::collections::BTreeMap;

use channelsync::bookkeeper::decode;
use channelsync::ledger::{
    Bucket, Command, Entry, Fact, Ledger, Movement, Place, StockLine, StockMove, evolve,
};
use channelsync::store::Journal;
use channelsync_contract::{LocationId, Timestamp, Units};
use channelsync_sandbox::{LineTruth, ShopInfo, Truth};

use super::merchant::on_hand;

/// Units that a SKU gained at a place: at a location, on the way to one, or outside.
type Gains = BTreeMap<(String, String), i64>;

/// What the entries of a journal did that their commands do not explain, and what went to customers
/// from where.
pub(super) fn history(
    journal: &dyn Journal,
    asked: &BTreeMap<String, Command>,
) -> (Vec<String>, Gains) {
    let (mut found, mut sent) = (Vec::new(), Gains::new());
    let mut ledger = Ledger::default();
    let mut versions = BTreeMap::new();
    for group in journal.read(1, usize::MAX).unwrap() {
        for entry in decode(&group.payload, group.first).unwrap() {
            let command = asked
                .get(&entry.cause)
                .filter(|_| entry.actor == "merchant");
            let meant = command.and_then(|command| meant(command, &ledger));
            let waited = waiting(command, &ledger);
            evolve(&mut ledger, &entry);
            if meant.is_some_and(|meant| meant != gains(&entry)) {
                found.push(format!("{command:?} was booked as {:?}", entry.movements));
            }
            for fact in &entry.facts {
                let Fact::Order(order) = fact else { continue };
                let key = (order.channel.clone(), order.order.clone());
                let known = versions.insert(key, order.version);
                if known.is_some_and(|known| known > order.version) {
                    let version = order.version;
                    found.push(format!("{} went back to {version:?}", order.name));
                }
            }
            found.extend(passed_over(command, &waited, &waiting(command, &ledger)));
            for movement in &entry.movements {
                for (place, by) in [(&movement.from, 1), (&movement.to, -1)] {
                    let (Place::At(location, _), true) = (place, is_sale(movement)) else {
                        continue;
                    };
                    let key = (movement.sku.to_string(), location.to_string());
                    *sent.entry(key).or_default() += by * movement.units.signed();
                }
            }
        }
    }
    (found, sent)
}

fn is_sale(movement: &Movement) -> bool {
    movement.from == Place::Customer || movement.to == Place::Customer
}

fn named(place: &Place) -> String {
    match place {
        Place::At(location, Bucket::InTransit) => on_the_way(location),
        Place::At(location, _) => location.to_string(),
        outside => outside.to_string(),
    }
}

fn on_the_way(to: &LocationId) -> String {
    format!("on the way to {to}")
}

fn gains(entry: &Entry) -> Gains {
    let mut gains = Gains::new();
    for movement in &entry.movements {
        let units = movement.units.signed();
        for (place, by) in [(&movement.from, -units), (&movement.to, units)] {
            let key = (movement.sku.to_string(), named(place));
            *gains.entry(key).or_default() += by;
        }
    }
    gains.retain(|_, by| *by != 0);
    gains
}

/// What a command about stock means; none of other commands.
fn meant(command: &Command, before: &Ledger) -> Option<Gains> {
    let mut gains = Gains::new();
    let mut gain = |line: (&str, &LocationId), from: String, units: i64| {
        let (sku, to) = (line.0.to_owned(), line.1.to_string());
        *gains.entry((sku.clone(), to)).or_default() += units;
        *gains.entry((sku, from)).or_default() -= units;
    };
    let counted = |line: &StockLine| {
        line.units.signed() - on_hand(before, &line.sku, &line.location).signed()
    };
    let adjustment = || Place::Adjustment.to_string();
    match command {
        Command::Receive(line) => {
            gain(of(line), Place::Supplier.to_string(), line.units.signed());
        }
        Command::Count(line) => gain(of(line), adjustment(), counted(line)),
        Command::Import { lines, .. } => lines
            .iter()
            .for_each(|line| gain(of(line), adjustment(), counted(line))),
        Command::Adjust {
            sku, location, by, ..
        } => gain((sku.as_str(), location), adjustment(), *by),
        Command::Move(what, line) => match what {
            StockMove::Hold | StockMove::Free => {}
            StockMove::WriteOff => gain(of(line), adjustment(), -line.units.signed()),
            StockMove::Send(to) => gain(of(line), on_the_way(to), -line.units.signed()),
            StockMove::Arrive => {
                gain(of(line), on_the_way(&line.location), line.units.signed());
            }
            StockMove::Lose => {
                let here = on_the_way(&line.location);
                let sku = line.sku.to_string();
                gains.insert((sku.clone(), here), -line.units.signed());
                gains.insert((sku, adjustment()), line.units.signed());
            }
        },
        _ => return None,
    }
    gains.retain(|_, by| *by != 0);
    Some(gains)
}

fn of(line: &StockLine) -> (&str, &LocationId) {
    (line.sku.as_str(), &line.location)
}

/// Orders that wait for units of a received SKU, with when they were placed.
type Waiting = BTreeMap<(u16, u32), (Timestamp, Units)>;

fn waiting(command: Option<&Command>, ledger: &Ledger) -> Waiting {
    let Some(Command::Receive(line)) = command else {
        return Waiting::new();
    };
    let Some(sku) = ledger.sku_ix(line.sku.as_str()) else {
        return Waiting::new();
    };
    let open = ledger.sku(sku).open.iter();
    let owed = open.map(|at| {
        let order = ledger.order(*at);
        let owed: Units = order.lines.iter().map(|line| line.backordered(sku)).sum();
        ((at.channel, at.order), (order.placed_at, owed))
    });
    owed.collect()
}

/// An order that got units of a receipt while an older one waits on.
fn passed_over(command: Option<&Command>, before: &Waiting, after: &Waiting) -> Option<String> {
    let owed_now = |at| after.get(at).map_or(Units::ZERO, |(_, owed)| *owed);
    let served = before.iter().filter(|(at, (_, owed))| owed_now(at) < *owed);
    let newest = served.map(|(_, (placed, _))| *placed).max()?;
    let mut waiting = before.iter().filter(|(at, _)| !owed_now(at).is_zero());
    let passed = waiting.find(|(_, (placed, _))| *placed < newest)?;
    Some(format!("{command:?} passed over {passed:?}"))
}

/// What the shops say left a location and is not back, as far as parcels of ours have no part in it,
/// against what the journal says.
pub(super) fn places(ledger: &Ledger, sent: &Gains, shops: &[(ShopInfo, Truth)]) -> Vec<String> {
    let mut unsure: Vec<String> = Vec::new();
    let channels = ledger.channels.iter();
    let lines = channels.flat_map(|channel| channel.orders.iter());
    for line in lines.flat_map(|(_, _, order)| &order.lines) {
        if !line.shipped.is_zero() {
            let parts = line.parts.iter().flatten();
            unsure.extend(parts.map(|part| ledger.sku_id(part.sku).to_string()));
        }
    }
    let mut told = Gains::new();
    for (shop, truth) in shops {
        let orders = truth.orders.iter().filter(|order| !order.test);
        for line in orders.flat_map(|order| &order.lines) {
            for (sku, place, units) in went(shop, line) {
                match place {
                    Some(place) => *told.entry((sku, place)).or_default() += units,
                    None => unsure.push(sku),
                }
            }
        }
    }
    let keys = told.keys().chain(sent.keys());
    let keys = keys.filter(|(sku, _)| !unsure.contains(sku));
    let differs = keys.filter_map(|key| {
        let (told, sent) = [&told, sent]
            .map(|of| of.get(key).copied().unwrap_or(0))
            .into();
        let ((sku, place), differs) = (key, told != sent);
        differs.then(|| format!("{sku}: {told} left {place}, {sent} are booked"))
    });
    let mut found: Vec<String> = differs.collect();
    found.dedup();
    found
}

/// SKU, our location and units that left it for good with a line; no location where that is not told.
fn went(shop: &ShopInfo, line: &LineTruth) -> Vec<(String, Option<String>, i64)> {
    let variant = shop
        .variants
        .iter()
        .find(|one| Some(one.id) == line.variant);
    let Some(variant) = variant.filter(|_| line.counted) else {
        return Vec::new();
    };
    let ours = |theirs: u64| {
        let at = shop.locations.iter().position(|known| known.id == theirs)?;
        Some(format!("place-{}", at + 1))
    };
    let out = line.fulfilled_at.iter();
    let out = out.map(|(place, units)| (ours(*place), *units));
    let back = line.back.iter().filter(|one| one.is_there());
    let back = back.map(|one| (one.location.and_then(ours), -one.units));
    let mut went = Vec::new();
    for (place, units) in out.chain(back) {
        for (sku, per) in variant.pieces() {
            went.push((sku.to_owned(), place.clone(), units * i64::from(per)));
        }
    }
    went
}
