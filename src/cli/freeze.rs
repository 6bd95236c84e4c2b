//! `freeze`, `unfreeze`: what must not be sold, whatever there is of it.

use serde_json::{Value, json};

use super::failure::{Exit, Failure};
use super::session::{List, Session};
use super::table::{Column, cell};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    what: What,
    /// Why, for whoever finds it later
    #[arg(long)]
    reason: Option<String>,
}

#[derive(clap::Args, Debug)]
pub(super) struct Undo {
    #[command(flatten)]
    what: What,
}

#[derive(clap::Args, Debug)]
#[group(multiple = false)]
struct What {
    /// The SKU, with every listing that it is a part of
    sku: Option<String>,
    /// Everything on this channel
    #[arg(long)]
    channel: Option<String>,
    /// Everything on every channel
    #[arg(long)]
    all: bool,
}

impl What {
    /// As the daemon wants it, and as it is called; none where nothing is named.
    fn scope(&self) -> Option<(Value, String)> {
        match self {
            Self { sku: Some(sku), .. } => Some((json!({ "sku": sku }), format!("SKU {sku}"))),
            Self {
                channel: Some(channel),
                ..
            } => Some((json!({ "channel": channel }), format!("channel {channel}"))),
            Self { all: true, .. } => Some((json!("all"), "everything".to_owned())),
            Self { all: false, .. } => None,
        }
    }
}

const LIST: List = List {
    columns: &[
        Column::Text("WHAT"),
        Column::Text("SINCE"),
        Column::Number("ENTRY"),
        Column::Text("REASON"),
        Column::Text("UNDO"),
    ],
    lines: |row| {
        let keys = ["what", "since", "entry", "reason", "undo"];
        vec![keys.iter().map(|key| cell(&row[*key])).collect()]
    },
    nothing: "nothing is frozen",
};

pub(super) async fn run(args: Args, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    match (args.what.scope(), args.reason) {
        (None, None) => {
            let path = session.path(&["frozen"])?;
            session.list(&[path], &LIST).await?;
            Ok(Exit::Ok)
        }
        (Some((scope, what)), Some(reason)) => {
            let order = json!({ "kind": "freeze", "scope": scope, "reason": reason });
            let done = format!("{what} is frozen; `channelsync freeze` says how to undo it");
            tell(session, &order, done, "it is frozen like that already").await
        }
        (Some(_), None) => {
            let help = "say why with --reason, for whoever finds it later";
            Err(Failure::usage("a freeze needs a reason", help))
        }
        (None, Some(_)) => Err(nothing_named()),
    }
}

pub(super) async fn undo(args: Undo, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let (scope, what) = args.what.scope().ok_or_else(nothing_named)?;
    let order = json!({ "kind": "unfreeze", "scope": scope });
    let done = format!("the freeze of {what} has ended");
    tell(session, &order, done, "it is not frozen").await
}

fn nothing_named() -> Failure {
    let help = "name a SKU, or --channel CHANNEL, or --all";
    Failure::usage("it is not said what is meant", help)
}

async fn tell(
    session: &mut Session<'_, '_>,
    order: &Value,
    done: String,
    nothing: &str,
) -> Result<Exit, Failure> {
    let answer = session.order(order).await?;
    if session.common.json {
        session.console.json(&answer)?;
    } else if answer["entry"].is_null() {
        session.console.print(nothing)?;
    } else {
        session.console.print(&done)?;
    }
    Ok(Exit::Ok)
}
