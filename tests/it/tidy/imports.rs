//! Who may import whom: data runs one way, and imports do too.

use super::source::Source;

/// A folder and what it may import.
struct Room {
    at: &'static str,
    /// Modules of the daemon, by path below `crate`; its own it may always.
    may: &'static [&'static str],
    contract: Contract,
    /// Other crates of the workspace.
    crates: &'static [&'static str],
}

/// How much of the contract.
#[derive(Clone, Copy)]
enum Contract {
    All,
    /// These modules and names.
    Words(&'static [&'static [&'static str]]),
}

/// Ids and units, and time, which is a value like them.
const IDS: &[&str] = &[
    "ids",
    "units",
    "time",
    "CallId",
    "ChannelId",
    "ChannelLocationId",
    "ItemId",
    "LineId",
    "ListingId",
    "LocationId",
    "MerchantId",
    "Money",
    "OrderId",
    "Sku",
    "SlotKey",
    "Timestamp",
    "Units",
];
const PORTS: &[&str] = &["ports", "Clock", "Rng", "Spawn"];
/// What a channel's tasks share; the board is where they leave word for the person on call.
const BESIDE: &[&str] = &[
    "normalize",
    "catalog",
    "ledger",
    "ats",
    "bookkeeper",
    "board",
    "ports",
];
/// The admin answers from what is published or read through the bookkeeper, in the words of the
/// ledger; figures of calls come from transport, the user of a socket from the edge.
const SHOWN: &[&str] = &[
    "bookkeeper",
    "ledger",
    "catalog",
    "ats",
    "board",
    "edge",
    "transport",
    "store::parked",
    "ports",
    "swap",
];

/// The table, in the order data flows.
const ROOMS: &[Room] = &[
    room("src/settings", &[], Contract::All),
    // Turns settings into connectors, and into the setup that the ledger books.
    room(
        "src/channels",
        &["settings", "ledger", "ports", "transport"],
        Contract::All,
    )
    .with(&["channelsync_shopify"]),
    // Notes for the person on call: times and texts alone, so that every task may write them.
    room("src/board", &[], Contract::Words(&[IDS])),
    // Holds any value and looks at none.
    room("src/swap", &[], Contract::Words(&[])),
    // Sockets and their limits; what is served on them is given.
    room("src/edge", &[], Contract::Words(&[PORTS])),
    room(
        "src/inbox",
        &[
            "normalize",
            "catalog",
            "ledger",
            "ats",
            "bookkeeper",
            "board",
            "ports",
            "store::parked",
            "swap",
            "sheet",
        ],
        Contract::All,
    ),
    // Rows of CSV files: whoever reads one.
    room("src/sheet", &[], Contract::Words(&[IDS])),
    room("src/normalize", &["ledger"], Contract::All),
    room(
        "src/bookkeeper",
        &["ledger", "catalog", "ats", "board", "store", "ports"],
        Contract::All,
    ),
    room("src/catalog", &[], Contract::Words(&[IDS])),
    room("src/ledger", &["catalog"], Contract::Words(&[IDS])),
    room("src/ats", &["ledger", "catalog"], Contract::Words(&[IDS])),
    room("src/outbox", BESIDE, Contract::All),
    room("src/reconcile", BESIDE, Contract::All),
    room("src/store", &["ledger"], Contract::All),
    room("src/transport", &["ports"], Contract::All),
    room("src/admin", SHOWN, Contract::All),
    room("src/ports", &[], Contract::All),
    room("connectors/contract/src", &[], Contract::All),
    room("connectors/shopify/src", &[], Contract::All),
    room("sandbox/src", &[], Contract::Words(&[IDS, PORTS])),
];

/// These may import anything, and nobody imports them.
const ABOVE: &[&str] = &["src/main", "src/lib", "src/cli", "src/daemon"];

const fn room(at: &'static str, may: &'static [&'static str], contract: Contract) -> Room {
    Room {
        at,
        may,
        contract,
        crates: &[],
    }
}

impl Room {
    const fn with(self, crates: &'static [&'static str]) -> Self {
        Self { crates, ..self }
    }

    /// Why the path may not stand in a file of this room.
    fn refusal(&self, path: &[String]) -> Option<&'static str> {
        let below = path.get(1).map_or("", String::as_str);
        match path[0].as_str() {
            "channelsync_contract" => match self.contract {
                Contract::Words(words) if !words.iter().any(|words| words.contains(&below)) => {
                    Some("is more of the contract than this folder may know")
                }
                Contract::All | Contract::Words(_) => None,
            },
            name if name == "channelsync" || name.starts_with("channelsync_") => {
                (!self.crates.contains(&name)).then_some("is a crate that this folder may not know")
            }
            // Alone it is the crate of `pub(crate)`.
            "crate" if self.at.starts_with("src/") && path.len() > 1 => {
                let own = self.at.trim_start_matches("src/");
                let whole = path[1..].join("::");
                let is_below = |room: &str| {
                    whole == room
                        || whole
                            .strip_prefix(room)
                            .is_some_and(|rest| rest.starts_with("::"))
                };
                let may = is_below(own) || self.may.iter().any(|room| is_below(room));
                (!may).then_some("is a folder that this one may not import")
            }
            _ => None,
        }
    }
}

pub(super) fn forbidden(source: &Source) -> Vec<String> {
    if !source.is_product() || ABOVE.iter().any(|at| source.is_in(at)) {
        return Vec::new();
    }
    let Some(room) = ROOMS.iter().find(|room| source.is_in(room.at)) else {
        return vec![format!(
            "{}: no rule says what may be imported here: add one",
            source.path
        )];
    };
    let code = source.mentions.iter().filter(|mention| !mention.in_test);
    let faults =
        code.filter_map(|mention| Some(mention.fault(source, room.refusal(&mention.path)?)));
    faults.collect()
}

#[test]
fn forbidden_imports_are_caught() {
    for (path, text) in [
        (
            "src/ats/a.rs",
            "use crate::{catalog::Listing, outbox::Plan};",
        ),
        ("src/ats/a.rs", "fn a(b: super::super::outbox::Plan) {}"),
        ("src/ledger/decide/a.rs", "use crate::ats::Target;"),
        (
            "src/ledger/a.rs",
            "use channelsync_contract::{Sku, OrderSnapshot};",
        ),
        ("src/ledger/a.rs", "use channelsync_contract as contract;"),
        ("src/catalog/a.rs", "use crate::ledger;"),
        ("src/store/a.rs", "use crate::bookkeeper::Handle;"),
        ("src/store/a.rs", "use crate::daemon;"),
        ("src/bookkeeper/a.rs", "use channelsync_shopify::connect;"),
        ("src/inbox/a.rs", "use crate::outbox::Plan;"),
        ("src/inbox/a.rs", "use crate::store::Journal;"),
        ("src/transport/a.rs", "use crate::cli::run;"),
        ("src/transport/a.rs", "use crate::*;"),
        ("connectors/shopify/src/a.rs", "use channelsync::ledger;"),
        (
            "connectors/shopify/src/a.rs",
            "use channelsync_sandbox::Double;",
        ),
        (
            "sandbox/src/a.rs",
            "use channelsync_contract::quantity::Push;",
        ),
        (
            "sandbox/src/a.rs",
            "fn a() { channelsync_shopify::connect() }",
        ),
        ("src/other/a.rs", ""),
    ] {
        assert_eq!(
            forbidden(&Source::read(path, text)).len(),
            1,
            "{path}: {text}"
        );
    }
}

#[test]
fn imports_that_follow_the_data_pass() {
    for (path, text) in [
        (
            "src/ats/a.rs",
            "use crate::{ats::b, catalog::Listing, ledger};\nuse channelsync_contract::{ids, Units};",
        ),
        (
            "src/ats/mod.rs",
            "mod a;\npub use a::{b, c};\nuse super::ledger::Ledger;",
        ),
        (
            "src/channels.rs",
            "use channelsync_shopify::connect;\nuse crate::settings::Config;",
        ),
        ("src/inbox/a.rs", "use crate::store::parked::Parked;"),
        (
            "src/store/a.rs",
            "pub(crate) fn a() {}\nmod b { pub(super) struct C; }",
        ),
        (
            "src/store/a.rs",
            "#[cfg(test)]\nmod tests { use crate::bookkeeper; }",
        ),
        (
            "sandbox/src/a.rs",
            "use channelsync_contract::Clock;\nuse crate::state;",
        ),
        ("src/daemon.rs", "use crate::inbox;"),
    ] {
        assert_eq!(
            forbidden(&Source::read(path, text)),
            Vec::<String>::new(),
            "{path}"
        );
    }
}
