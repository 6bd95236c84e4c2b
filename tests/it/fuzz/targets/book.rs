//! A small book, and what must hold of it whatever is booked.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use channelsync::ats::{differences, explain};
use channelsync::bookkeeper::{decode, encode};
use channelsync::ledger::{
    Change, ChannelSetup, Command, Counting, Draft, Entry, Happened, Ledger, ListingReport,
    LocationPair, MapRow, MassLimits, Rules, Setup, Source, StockLine, decide, evolve, verify,
};
use channelsync::normalize;
use channelsync_contract::order::Changed;
use channelsync_contract::{Timestamp, Units};

/// Every time is after what the inputs tell of.
const NOW: Timestamp = Timestamp(1_796_000_000_000_000);
pub(super) const CHANNEL: &str = "shopify-us";

/// One channel that lists a mug as variant 3301, item 4501, and a set of twelve mugs and five cups as
/// variant 3302, item 4502; forty of both at its location 101.
pub(super) struct Book {
    pub(super) ledger: Ledger,
}

impl Book {
    pub(super) fn new() -> Self {
        static LEDGER: OnceLock<Ledger> = OnceLock::new();
        let begin = || {
            let mut book = Self {
                ledger: Ledger::default(),
            };
            for command in beginning() {
                book.book(&command);
            }
            book.ledger
        };
        Self {
            ledger: LEDGER.get_or_init(begin).clone(),
        }
    }

    /// Books what a command leads to: it is stored as it is, sums hold, and the same again changes
    /// nothing.
    pub(super) fn book(&mut self, command: &Command) {
        let draft = decide(&self.ledger, command, NOW).unwrap_or_default();
        if draft.is_empty() {
            return;
        }
        let entry = Entry {
            seq: self.ledger.seq + 1,
            at: NOW,
            actor: "test".to_owned(),
            cause: "any bytes".to_owned(),
            movements: draft.movements,
            facts: draft.facts,
        };
        let stored = encode(std::slice::from_ref(&entry));
        let read = decode(&stored, entry.seq).unwrap();
        assert_eq!(read, std::slice::from_ref(&entry), "stored as it is");
        evolve(&mut self.ledger, &entry);
        assert_eq!(verify(&self.ledger), []);
        let again = decide(&self.ledger, command, NOW);
        assert!(
            again.as_ref().map_or(true, Draft::is_empty),
            "again, {command:?} books {again:?}"
        );
        for channel in 0..u16::try_from(self.ledger.channels.len()).unwrap() {
            let known = self.ledger.channel(channel);
            let (items, listings) = (known.items.len(), known.listings.iter());
            (0..items).for_each(|item| drop(differences(&self.ledger, channel, item)));
            for (_, listing, _) in listings {
                let explained = explain(&self.ledger, known.id.as_str(), listing.as_str());
                assert!(explained.is_some(), "{listing}");
            }
        }
    }

    /// Books what a channel reports.
    pub(super) fn report(&mut self, source: Source, changes: Vec<Change>) {
        self.book(&Command::Report(Happened {
            channel: CHANNEL.into(),
            source,
            began: NOW,
            changes,
            polled: None,
        }));
    }
}

/// A change as the ledger is told of it; none for what would be parked.
pub(super) fn told(changed: Changed) -> Option<Change> {
    match changed {
        Changed::Order(snapshot) => Some(Change::Order(Box::new(normalize::order(*snapshot)))),
        Changed::Hint(hint) => Some(Change::Hint(normalize::hint(hint))),
        Changed::Unreadable { .. } => None,
    }
}

pub(super) fn beginning() -> Vec<Command> {
    let listing = |listing: &str, item: &str, sku: &str| ListingReport {
        listing: listing.into(),
        item: item.into(),
        sku: sku.into(),
        gtin: None,
        unpushable: false,
        sells_without_limit: false,
    };
    let count = |sku: &str, units: u32| {
        Command::Count(StockLine {
            id: format!("count-{sku}"),
            sku: sku.into(),
            location: "main".into(),
            units: Units(units),
        })
    };
    let set = MapRow {
        channel: CHANNEL.into(),
        listing: "3302".into(),
        parts: vec![("MUG-RED".into(), 12), ("CUP".into(), 5)],
    };
    vec![
        Command::Configure(Box::new(setup())),
        count("MUG-RED", 40),
        count("CUP", 40),
        Command::Listings {
            channel: CHANNEL.into(),
            listings: vec![
                listing("3301", "4501", "MUG-RED"),
                listing("3302", "4502", "SET"),
            ],
            complete: None,
        },
        Command::Map(vec![set]),
    ]
}

fn setup() -> Setup {
    let pair = LocationPair {
        ours: "main".into(),
        theirs: Some("101".into()),
    };
    let channel = ChannelSetup {
        id: CHANNEL.into(),
        counting: Counting::Gross,
        compare_and_set: true,
        visibility_lag: std::time::Duration::from_secs(60),
        live: true,
        book_from: Some(Timestamp(0)),
        locations: vec![pair],
        mass_change: MassLimits::default(),
        backorder_priority: 0,
        returns: Default::default(),
        rules: Rules::default(),
        sku_rules: BTreeMap::new(),
        listing_rules: BTreeMap::new(),
    };
    Setup {
        locations: vec!["main".into(), "annex".into()],
        channels: vec![channel],
        ..Setup::default()
    }
}
