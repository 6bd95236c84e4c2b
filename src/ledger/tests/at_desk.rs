//! What people at our desk say: settings, mappings, stock, parcels.

use std::time::Duration;

use channelsync_contract::ids::{ChannelId, Gtin, LineId, ListingId, LocationId, OrderId, Sku};
use channelsync_contract::time::Timestamp;
use channelsync_contract::units::Units;

use super::super::command::{Command, MapRow, ShipLine, StockLine, StockMove};
use super::super::freeze::Scope;
use super::super::master::Master;
use super::super::order::Fate;
use super::super::purchase::PurchaseOrder;
use super::super::reported::{Happened, Polled, Source};
use super::super::retire::OpenOrders;
use super::super::setup::{Counting, Returns};
use super::language::{Told, Words, number};
use super::world::{START, World};

pub(super) fn command(world: &mut World, words: &Words<'_>) -> Told {
    let command = match words.word(0) {
        "channel" => channel(world, words),
        "list" => {
            let (channel, listing) = (words.word(1), words.word(2));
            let sku = words.option("sku").unwrap_or(listing);
            world.listing(channel, listing, (sku, words.option("barcode")))
        }
        "map" => Command::Map(vec![MapRow {
            channel: ChannelId::new("us"),
            listing: ListingId::new(words.word(1)),
            parts: words
                .pairs
                .iter()
                .map(|(sku, per)| (Sku::new(sku), number(per)))
                .collect(),
        }]),
        "reapply" | "gtin" | "ungtin" | "rename" | "buy" | "came" | "drop-po" => {
            of_skus(world, words)
        }
        "freeze" => Command::Freeze {
            scope: Scope::Sku(words.word(1).into()),
            reason: "recall".to_owned(),
        },
        "countat" | "polled" => counted_then(world, words),
        "receive" => Command::Receive(stock_line(world, words, words.word(1), words.number(2))),
        "count" => Command::Count(stock_line(world, words, words.word(1), words.number(2))),
        "adjust" => {
            let line = stock_line(world, words, words.word(1), 0);
            Command::Adjust {
                id: line.id,
                sku: line.sku,
                location: line.location,
                by: words.number(2),
            }
        }
        "hold" | "unhold" | "write-off" | "send" | "arrive" | "miss" => {
            let what = match words.word(0) {
                "hold" => StockMove::Hold,
                "unhold" => StockMove::Free,
                "write-off" => StockMove::WriteOff,
                "send" => StockMove::Send(LocationId::new(words.option("to").unwrap())),
                "arrive" => StockMove::Arrive,
                _ => StockMove::Lose,
            };
            let line = stock_line(world, words, words.word(1), words.number(2));
            Command::Move(what, line)
        }
        "import" => {
            let line = |(sku, units)| stock_line(world, words, sku, units);
            Command::Import {
                id: id(world, words),
                counts: words.has("counts"),
                lines: words.units(1).into_iter().map(line).collect(),
            }
        }
        "take-back" => take_back(world, words),
        "retire" | "revive" | "forget" => ends(world, words),
        "let-go" => {
            let secs: i64 = words.number(1);
            Command::Forget(Timestamp(world.now.0 - secs * 1_000_000))
        }
        "seen" => Command::Seen(words.number(1), words.number(2)),
        "dismiss" => Command::Dismiss(ChannelId::new("us"), OrderId::new(words.word(1))),
        _ => ship(world, words),
    };
    world.book(&command).map(Some)
}

fn channel(world: &mut World, words: &Words<'_>) -> Command {
    let is_place = |(key, _): &&(&str, &str)| !matches!(*key, "priority" | "from" | "master");
    let pairs: Vec<_> = words.pairs.iter().filter(is_place).copied().collect();
    if let Some(location) = words.option("master") {
        let master = Master::Channel(ChannelId::new(words.word(1)));
        world
            .setup
            .masters
            .insert(LocationId::new(location), master);
    }
    world.channel(words.word(1), &pairs, |channel| {
        if let Some(priority) = words.option("priority") {
            channel.backorder_priority = number(priority);
        }
        if let Some(from) = words.option("from") {
            let secs: i64 = number(from);
            channel.book_from = Some(Timestamp(START.0 + secs * 1_000_000));
        }
        if words.has("silent") {
            channel.book_from = None;
        }
        if words.has("manual") {
            channel.returns = Returns::Manual;
        }
        if words.has("net") {
            channel.counting = Counting::Net;
        }
    })
}

fn of_skus(world: &World, words: &Words<'_>) -> Command {
    match words.word(0) {
        "reapply" => Command::Reapply {
            channel: ChannelId::new("us"),
            listing: words.plain.get(1).map(ListingId::new),
        },
        "gtin" | "ungtin" => Command::Barcodes {
            sku: Sku::new(words.word(1)),
            gtins: words.plain[2..]
                .iter()
                .map(|text| Gtin::parse(text).unwrap())
                .collect(),
            has: words.word(0) == "gtin",
        },
        "rename" => Command::Rename {
            old: Sku::new(words.word(1)),
            new: Sku::new(words.word(2)),
            merge: words.has("merge"),
        },
        "buy" => Command::Purchase(PurchaseOrder {
            id: words.word(1).to_owned(),
            supplier: "mill".to_owned(),
            expected: START,
            location: LocationId::new(words.option("at").unwrap_or("main")),
            lines: purchased(words),
        }),
        "came" => Command::PurchaseArrived {
            id: id(world, words),
            purchase: words.word(1).to_owned(),
            lines: purchased(words),
        },
        _ => Command::PurchaseCancelled(words.word(1).to_owned()),
    }
}

fn counted_then(world: &mut World, words: &Words<'_>) -> Command {
    if words.word(0) == "polled" {
        return Command::Report(Happened {
            channel: ChannelId::new(words.word(1)),
            source: Source::Fetch,
            began: world.now,
            changes: Vec::new(),
            polled: Some(Polled {
                stream: "orders".to_owned(),
                to: Some(world.now),
                came_to: None,
                book: true,
            }),
        });
    }
    let line = stock_line(world, words, words.word(1), words.number(2));
    let since = number(words.option("since").unwrap());
    let as_of = START.plus(Duration::from_secs(since));
    let id = line.id.clone();
    let lines = vec![(line, as_of)];
    Command::CountAsOf { id, lines }
}

fn purchased(words: &Words<'_>) -> Vec<(Sku, Units)> {
    let lines = words.units(2).into_iter();
    lines
        .map(|(sku, units)| (Sku::new(sku), Units(units)))
        .collect()
}

/// A command's id: given, or the line's own.
fn id(world: &World, words: &Words<'_>) -> String {
    words.option("id").unwrap_or(&world.cause).to_owned()
}

fn stock_line(world: &World, words: &Words<'_>, sku: &str, units: u32) -> StockLine {
    StockLine {
        id: id(world, words),
        sku: Sku::new(sku),
        location: LocationId::new(words.option("at").unwrap_or("main")),
        units: Units(units),
    }
}

fn ship(world: &World, words: &Words<'_>) -> Command {
    Command::Ship {
        id: id(world, words),
        channel: channel_of(world, words),
        order: OrderId::new(words.word(1)),
        lines: order_lines(words),
        from: words.option("from").map(LocationId::new),
        tracking: words.option("track").map(super::at_parcels::tracking),
    }
}

fn take_back(world: &World, words: &Words<'_>) -> Command {
    Command::TakeBack {
        id: id(world, words),
        channel: channel_of(world, words),
        order: OrderId::new(words.word(1)),
        lines: order_lines(words),
        fate: match words.option("as") {
            Some("hold") => Fate::Hold,
            Some("write-off") => Fate::WriteOff,
            _ => Fate::Restock,
        },
        location: words.option("at").map(LocationId::new),
    }
}

/// The channel of the order that a line is about.
fn channel_of(world: &World, words: &Words<'_>) -> ChannelId {
    let known = world.orders.get(words.word(1));
    ChannelId::new(known.map_or("us", |order| &order.channel))
}

fn order_lines(words: &Words<'_>) -> Vec<ShipLine> {
    let line = |(line, units): (&str, u32)| ShipLine {
        line: LineId::new(line),
        units: Units(units),
    };
    words.units(2).into_iter().map(line).collect()
}

fn ends(world: &World, words: &Words<'_>) -> Command {
    let channel = ChannelId::new(words.word(1));
    match words.word(0) {
        "retire" => {
            let orders = match (words.has("keep"), words.has("release")) {
                (true, _) => Some(OpenOrders::Keep),
                (false, true) => Some(OpenOrders::Release),
                (false, false) => None,
            };
            Command::Retire(channel, orders)
        }
        "revive" => Command::Revive(channel),
        _ => {
            let mut setup = world.setup.clone();
            setup.channels.retain(|own| own.id != channel);
            Command::Configure(Box::new(setup))
        }
    }
}
