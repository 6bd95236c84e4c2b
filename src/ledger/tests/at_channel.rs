//! What happens on a channel, and what it says of it.

use channelsync_contract::ids::OrderId;

use super::super::reported::{Change, Hint, OrderReport, PutBack, Source};
use super::language::{Told, Words};
use super::shop::{ShopOrder, Without, listing_of, parcel};
use super::world::World;

pub(super) fn command(world: &mut World, words: &Words<'_>) -> Told {
    let (verb, id) = (words.word(0), words.word(1));
    match verb {
        "order" => place(world, words),
        "save" => {
            let copy = world.orders[id].report(without(words));
            world.copies.insert(words.word(2).to_owned(), copy);
            return Ok(None);
        }
        "deliver" => {
            let copy = world.copies[id].clone();
            return deliver(world, words, copy);
        }
        "page" => return page(world, words),
        "tell" => {}
        "hint" | "absent" => return word_of(world, words),
        _ => change(world, words),
    }
    if words.has("quiet") {
        return Ok(None);
    }
    let copy = world.orders[id].report(without(words));
    deliver(world, words, copy)
}

fn without(words: &Words<'_>) -> Without {
    let named = words.option("without").unwrap_or_default();
    let has = |facet| named.split(',').any(|word| word == facet);
    Without {
        lines: has("lines"),
        routes: has("routes") || words.option("by") == Some("webhook"),
        shipments: has("shipments"),
        restocks: has("restocks"),
    }
}

fn deliver(world: &mut World, words: &Words<'_>, copy: OrderReport) -> Told {
    let source = match words.option("by") {
        Some("webhook") => Source::Webhook,
        _ => Source::Fetch,
    };
    let channel = world.orders[copy.order.as_str()].channel.clone();
    let change = Change::Order(Box::new(copy));
    let command = world.happened(&channel, source, vec![change]);
    world.book(&command).map(Some)
}

/// One page of a poll: orders as they stand, or saved copies.
fn page(world: &mut World, words: &Words<'_>) -> Told {
    let names = words.plain.iter().skip(1);
    let copy = |name: &&str| match world.orders.get(*name) {
        Some(order) => order.report(without(words)),
        None => world.copies[*name].clone(),
    };
    let copies: Vec<OrderReport> = names.map(copy).collect();
    let channel = world.orders[copies[0].order.as_str()].channel.clone();
    let changes = copies.into_iter().map(|copy| Change::Order(Box::new(copy)));
    let command = world.happened(&channel, Source::Fetch, changes.collect());
    world.book(&command).map(Some)
}

fn word_of(world: &mut World, words: &Words<'_>) -> Told {
    let order = OrderId::new(words.word(1));
    let known = world.orders.get(order.as_str());
    let channel = known.map_or("us", |known| &known.channel).to_owned();
    let change = if words.word(0) == "absent" {
        Change::Absent(order)
    } else {
        let secs = |key| {
            let by: Option<i64> = words.option(key).map(super::language::number);
            by.map(|by| super::at_slots::from_now(world, by))
        };
        Change::Hint(Hint {
            order,
            version: secs("version").or_else(|| {
                let same = words.has("same");
                known.filter(|_| same).map(|known| known.version)
            }),
            beside: secs("beside"),
        })
    };
    let command = world.happened(&channel, Source::Fetch, vec![change]);
    world.book(&command).map(Some)
}

fn place(world: &mut World, words: &Words<'_>) {
    let (id, channel) = (words.word(1), words.option("on").unwrap_or("us"));
    let placed_at = match words.option("placed") {
        Some(secs) => super::at_slots::from_now(world, super::language::number(secs)),
        None => world.now,
    };
    let mut order = ShopOrder::new(id, channel, placed_at);
    order.version = world.now;
    order.test = words.has("test");
    for (line, units) in words.units(2) {
        list(world, channel, listing_of(line));
        order.add(line, units);
    }
    if let Some(place) = words.option("place") {
        for line in &mut order.lines {
            line.routes = Some(vec![(place.to_owned(), u32::MAX)]);
        }
    }
    world.orders.insert(id.to_owned(), order);
}

/// Makes a listing known under a SKU of its own name.
fn list(world: &mut World, channel: &str, listing: &str) {
    let known = world.ledger.channel_named(channel);
    if known.is_some_and(|known| known.listings.find(listing).is_none()) {
        let command = world.listing(channel, listing, (listing, None));
        world.book(&command).unwrap();
    }
}

fn change(world: &mut World, words: &Words<'_>) {
    let (verb, now) = (words.word(0), world.now);
    let id = words.word(1);
    let place = words.option("place");
    let kind = match words.option("as") {
        Some("inspect") => PutBack::Inspect,
        Some("lost") => PutBack::Lost,
        _ => PutBack::Returned,
    };
    if verb == "edit"
        && let Some(order) = world.orders.get(id)
    {
        let channel = order.channel.clone();
        for (line, _) in words.units(2) {
            list(world, &channel, listing_of(line));
        }
    }
    let order = world.orders.get_mut(id);
    let order = order.unwrap_or_else(|| panic!("no order {id}"));
    order.version = now;
    match verb {
        "drop" => order.lines.retain(|line| line.id != words.word(2)),
        "route" => {
            order.on_hold = words.has("held");
            let route = words.plain[3..]
                .iter()
                .filter(|word| **word != "held")
                .map(|word| match word.split_once(':') {
                    Some((place, units)) => (place.to_owned(), super::language::number(units)),
                    None => ((*word).to_owned(), u32::MAX),
                });
            let route = route.collect();
            if let Some(line) = order.line_mut(words.word(2)) {
                line.routes = Some(route);
            }
        }
        _ => {
            let mut lines = words.units(2);
            let ids = order.line_ids();
            order.cancelled |= verb == "cancel" && lines.is_empty();
            if lines.is_empty() {
                lines = ids.iter().map(|id| (id.as_str(), u32::MAX)).collect();
            }
            for (line, units) in lines {
                match verb {
                    "edit" => order.set_open(line, units),
                    "withhold" => order.take_off(line, units, PutBack::Withheld, now),
                    "lose" => order.write_off(line, units, now),
                    "free" => order.take_off(line, units, PutBack::Released, now),
                    "cancel" => order.set_open(line, order.open(line).saturating_sub(units)),
                    "fulfill" => order.fulfill(line, units, place, (words.option("as"), now)),
                    "undo" => order.undo(line, units, words.option("as")),
                    "return" => order.take_back(kind, parcel(line, units, place, now)),
                    _ => panic!("unknown word: {verb}"),
                }
            }
        }
    }
}
