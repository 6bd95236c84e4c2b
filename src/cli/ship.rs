//! `orders ship`: a parcel left. And what people say of orders and parcels later.

use serde_json::{Value, json};

use std::path::Path;

use super::failure::{Exit, Failure};
use super::parcels;
use super::session::Session;
use super::table::cell;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The channel's id of the order, its name such as `#1001`, or a CSV file of parcels
    order: String,
    /// Where the order is, if several channels have one of that name
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// What was in the parcel [default: everything still open]
    #[arg(long = "line", value_name = "LINE=UNITS", value_parser = line)]
    lines: Vec<(String, u32)>,
    /// The carrier's number
    #[arg(long, value_name = "NUMBER")]
    tracking: Option<String>,
    /// The carrier
    #[arg(long, requires = "tracking")]
    company: Option<String>,
    /// Where it left [default: where its units are committed]
    #[arg(long, value_name = "LOCATION")]
    from: Option<String>,
    /// Book it once under this id [default: a fresh one]
    #[arg(long)]
    id: Option<String>,
    /// Of a file: its rows without a carrier's number left, too
    #[arg(long, conflicts_with_all = ["channel", "lines", "tracking", "from", "id"])]
    untracked: bool,
}

#[derive(clap::Args, Debug)]
pub(super) struct OrderArgs {
    /// The channel's id of the order, or its name such as `#1001`
    pub(super) order: String,
    /// Where the order is, if several channels have one of that name
    #[arg(long, value_name = "CHANNEL")]
    pub(super) channel: Option<String>,
}

#[derive(clap::Args, Debug)]
pub(super) struct TrackArgs {
    #[command(flatten)]
    order: OrderArgs,
    /// The parcel, as `orders show` names it
    #[arg(long, value_name = "ID")]
    shipment: String,
    /// The carrier's number
    #[arg(long)]
    number: String,
    /// The carrier
    #[arg(long)]
    company: Option<String>,
}

#[derive(clap::Args, Debug)]
pub(super) struct ReportArgs {
    #[command(flatten)]
    order: OrderArgs,
    /// The parcel, as `orders show` names it
    #[arg(long, value_name = "ID")]
    shipment: String,
    /// It never left: its units are committed again
    #[arg(long)]
    taken_back: bool,
}

#[derive(clap::Args, Debug)]
pub(super) struct HoldArgs {
    #[command(flatten)]
    order: OrderArgs,
    /// Why
    #[arg(long)]
    reason: String,
}

/// Books what a person says of a parcel's number.
pub(super) async fn track(args: TrackArgs, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let tracking = tracking(Some(&args.number), args.company.as_deref());
    let act = json!({ "act": { "track": tracking } });
    say(
        &args.order,
        "shipment",
        (Some(&args.shipment), act),
        session,
    )
    .await
}

/// Lets a refused report go, or takes its parcel back.
pub(super) async fn report(args: ReportArgs, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let act = if args.taken_back {
        "take_back"
    } else {
        "again"
    };
    let act = json!({ "act": act });
    say(
        &args.order,
        "shipment",
        (Some(&args.shipment), act),
        session,
    )
    .await
}

/// Holds an order back.
pub(super) async fn hold(args: HoldArgs, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let act = json!({ "reason": args.reason });
    say(&args.order, "hold", (None, act), session).await
}

/// Lets a held order go.
pub(super) async fn release(args: OrderArgs, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let act = json!({ "reason": null });
    say(&args, "hold", (None, act), session).await
}

async fn say(
    at: &OrderArgs,
    kind: &str,
    (shipment, mut command): (Option<&str>, Value),
    session: &mut Session<'_, '_>,
) -> Result<(), Failure> {
    let (channel, order) = find(at, session).await?;
    command["kind"] = json!(kind);
    command["channel"] = json!(channel);
    command["order"] = order;
    if let Some(shipment) = shipment {
        command["shipment"] = json!(shipment);
    }
    let answer = session.order(&command).await?;
    if session.common.json {
        return session.console.json(&answer);
    }
    session.console.print(&match answer["entry"].as_u64() {
        Some(entry) => format!("booked as entry {entry}"),
        None => "nothing changed".to_owned(),
    })
}

pub(super) async fn run(args: Args, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    if Path::new(&args.order).is_file() {
        return parcels::ship_file(Path::new(&args.order), args.untracked, session).await;
    }
    if args.untracked {
        let error = format!("--untracked is said of a file, and {} is none", args.order);
        return Err(Failure::usage(error, "leave --tracking out of one order"));
    }
    let id = session.id(args.id.clone());
    let at = OrderArgs {
        order: args.order.clone(),
        channel: args.channel.clone(),
    };
    let found = find(&at, session).await;
    let (channel, order) = found.map_err(|failure| failure.repeatable(&id))?;
    let command = json!({
        "kind": "ship",
        "id": id,
        "channel": channel,
        "order": order,
        "lines": args.lines,
        "from": args.from,
        "tracking": tracking(args.tracking.as_deref(), args.company.as_deref()),
    });
    session.order_once(&command, &id).await?;
    Ok(Exit::Ok)
}

/// What a carrier calls a parcel, for the daemon.
pub(super) fn tracking(number: Option<&str>, company: Option<&str>) -> Option<Value> {
    number.map(|number| json!({ "number": number, "company": company }))
}

/// The channel and id of the one order that is meant.
pub(super) async fn find(
    args: &OrderArgs,
    session: &Session<'_, '_>,
) -> Result<(String, Value), Failure> {
    let client = session.client();
    let mut found = Vec::new();
    for channel in session.booked_channels(args.channel.as_deref()).await? {
        let path = session.path(&["orders", &channel, &args.order])?;
        if let Some(order) = client.find(&path).await? {
            found.push((channel, order["order"].clone()));
        }
    }
    let many = found.len() > 1;
    match found.pop() {
        Some(one) if !many => Ok(one),
        Some(last) => {
            found.push(last);
            Err(ambiguous(&args.order, &found))
        }
        None => {
            let order = &args.order;
            let help = "`channelsync orders` lists them; quote names that begin with #";
            let error = match Path::new(order).extension() {
                Some(_) => format!("no channel knows an order {order}, and no file is called so"),
                None => format!("no channel knows an order {order}"),
            };
            Err(Failure::usage(error, help))
        }
    }
}

fn ambiguous(order: &str, found: &[(String, Value)]) -> Failure {
    let places = found
        .iter()
        .map(|(channel, id)| format!("{channel} ({})", cell(id)));
    let places = places.collect::<Vec<_>>().join(", ");
    let error = format!("order {order} is on several channels: {places}");
    Failure::usage(error, "say which with --channel")
}

/// `LINE=UNITS`.
pub(super) fn line(text: &str) -> Result<(String, u32), String> {
    let (line, units) = text.rsplit_once('=').ok_or("it is LINE=UNITS")?;
    match units.parse() {
        Ok(units) if units > 0 && !line.is_empty() => Ok((line.to_owned(), units)),
        _ => Err("it is LINE=UNITS, with at least 1 unit".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_an_id_and_units() {
        assert_eq!(line("7=2"), Ok(("7".to_owned(), 2)));
        assert_eq!(line("a=b=2"), Ok(("a=b".to_owned(), 2)));
        for text in ["7", "7=", "7=0", "7=-1", "=1", "7=4294967296"] {
            assert!(line(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_ambiguous_name_tells_where_it_was_found() {
        let found = [
            ("shopify-eu".to_owned(), json!("9")),
            ("shopify-us".to_owned(), json!("450")),
        ];
        assert_eq!(
            ambiguous("#1001", &found).to_string(),
            "error: order #1001 is on several channels: shopify-eu (9), shopify-us (450)\n\
             help: say which with --channel\n"
        );
    }
}
