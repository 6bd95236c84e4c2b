//! Parcels of ours, and what becomes of the reports of them.

use channelsync_contract::ids::{ChannelId, OrderId};

use super::super::command::Command;
use super::super::shipment::{
    ReportAnswer, ReportState, Shipment, ShipmentAct, ShipmentAt, Tracking,
};
use super::language::{Told, Words};
use super::world::World;

pub(super) fn command(world: &mut World, words: &Words<'_>) -> Told {
    let order = OrderId::new(words.word(1));
    let channel = world.orders.get(order.as_str());
    let channel = ChannelId::new(channel.map_or("us", |order| &order.channel));
    let command = match words.word(0) {
        "keep" | "let" => Command::Hold {
            channel,
            order,
            reason: words.option("why").map(str::to_owned),
        },
        _ => {
            let known = world.ledger.channel_named(channel.as_str());
            let known = known.and_then(|known| known.orders.get(order.as_str()));
            let place: usize = words.number(2);
            let one = known.and_then(|known| known.shipments.get(place.saturating_sub(1)));
            let id = one.map_or("none", |one| one.id.as_str()).to_owned();
            let at = ShipmentAt { channel, order, id };
            Command::Shipment(at, act(words, one))
        }
    };
    world.book(&command).map(Some)
}

pub(super) fn tracking(number: &str) -> Tracking {
    Tracking {
        number: number.to_owned(),
        company: None,
    }
}

fn act(words: &Words<'_>, one: Option<&Shipment>) -> ShipmentAct {
    if let Some(number) = words.option("track") {
        return ShipmentAct::Track(tracking(number));
    }
    if let Some(number) = words.option("told") {
        let refused = words.option("refused").map(ToOwned::to_owned);
        return ShipmentAct::TrackingTold(tracking(number), refused);
    }
    if let Some(id) = words.option("done") {
        let tracking = one.and_then(|one| one.tracking.clone());
        return ShipmentAct::Answered(ReportAnswer::Done(id.to_owned(), tracking));
    }
    match words.word(3) {
        "sending" => ShipmentAct::Sending,
        "doubt" => ShipmentAct::Answered(ReportAnswer::InDoubt),
        "changed" => ShipmentAct::Answered(ReportAnswer::Changed("it has fewer".to_owned())),
        "refused" => ShipmentAct::Answered(ReportAnswer::Refused("no".to_owned())),
        "unsent" => ShipmentAct::Answered(ReportAnswer::NotSent),
        "again" => ShipmentAct::Again,
        "take-back" => ShipmentAct::TakeBack,
        other => panic!("unknown word: {other}"),
    }
}

/// Parcels of ours, one a line.
pub(super) fn print(world: &World) -> Vec<String> {
    let channels = world.ledger.channels.iter();
    let orders = channels.flat_map(|channel| channel.orders.iter());
    let parcels = orders.flat_map(|(_, id, order)| {
        let parcels = order.shipments.iter();
        parcels.map(move |parcel| format!("{id} {}", text(parcel)))
    });
    parcels.collect()
}

fn text(parcel: &Shipment) -> String {
    let lines = parcel.lines.iter();
    let lines: Vec<String> = lines
        .map(|packed| format!("{} {}/{}", packed.line, packed.acknowledged, packed.units))
        .collect();
    let state = match &parcel.state {
        ReportState::Unsent => "unsent".to_owned(),
        ReportState::InFlight => "in flight".to_owned(),
        ReportState::InDoubt(_) => "in doubt".to_owned(),
        ReportState::Waiting(_) => "waits".to_owned(),
        ReportState::Told { fulfillment, since } => {
            let id = fulfillment.as_deref().unwrap_or("nobody's");
            let seen = if since.is_some() { ", unseen" } else { "" };
            format!("told as {id}{seen}")
        }
        ReportState::Refused(why) => format!("parked: {why}"),
    };
    let owes = if parcel.owes_tracking() {
        ", owes its number"
    } else {
        ""
    };
    format!("{} from {}: {state}{owes}", lines.join(" "), parcel.from)
}
