//! A ledger with its journal, checked after every entry.

use std::collections::BTreeMap;
use std::time::Duration;

use channelsync_contract::ids::{
    ChannelId, ChannelLocationId, Gtin, ItemId, ListingId, LocationId, Sku,
};
use channelsync_contract::time::Timestamp;

use super::super::command::Command;
use super::super::decide::{Draft, decide};
use super::super::entry::Entry;
use super::super::evolve::evolve;
use super::super::refusal::Refusal;
use super::super::reported::{Change, Happened, ListingReport, OrderReport, Source};
use super::super::rule::Rules;
use super::super::setup::{ChannelSetup, Counting, LocationPair, MassLimits, Setup};
use super::super::state::Ledger;
use super::checks;
use super::shop::ShopOrder;

/// When scripts begin.
pub(super) const START: Timestamp = Timestamp(1_000_000_000_000);
/// How long every line of a script takes.
pub(super) const STEP: Duration = Duration::from_secs(60);

/// A ledger, its journal as text, and the channels' own view of their orders.
pub(super) struct World {
    pub(super) ledger: Ledger,
    /// What the journal's entries add up to.
    replayed: Ledger,
    journal: Vec<String>,
    pub(super) now: Timestamp,
    pub(super) actor: String,
    pub(super) cause: String,
    pub(super) setup: Setup,
    pub(super) orders: BTreeMap<String, ShopOrder>,
    pub(super) copies: BTreeMap<String, OrderReport>,
    pub(super) out: Vec<String>,
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            ledger: Ledger::default(),
            replayed: Ledger::default(),
            journal: Vec::new(),
            now: START,
            actor: "script".to_owned(),
            cause: "line 0".to_owned(),
            setup: Setup::default(),
            orders: BTreeMap::new(),
            copies: BTreeMap::new(),
            out: Vec::new(),
        }
    }

    pub(super) fn step(&mut self) {
        self.now = self.now.plus(STEP);
    }

    /// Decides, journals, evolves and checks. Gives what was booked; an empty draft is no entry.
    pub(super) fn book(&mut self, command: &Command) -> Result<Draft, Refusal> {
        let draft = decide(&self.ledger, command, self.now)?;
        if draft.is_empty() {
            return Ok(draft);
        }
        let entry = Entry {
            seq: self.ledger.seq + 1,
            at: self.now,
            actor: self.actor.clone(),
            cause: self.cause.clone(),
            movements: draft.movements.clone(),
            facts: draft.facts.clone(),
        };
        self.put(&entry);
        let again = decide(&self.ledger, command, self.now);
        assert!(
            again.as_ref().map_or(true, Draft::is_empty),
            "repeated, {command:?} books {again:#?}"
        );
        Ok(draft)
    }

    /// Journals, evolves and checks an entry.
    pub(super) fn put(&mut self, entry: &Entry) {
        let text = serde_json::to_string(entry).unwrap();
        let journaled: Entry = serde_json::from_str(&text).unwrap();
        assert_eq!(journaled, *entry, "the journal's format harms an entry");
        evolve(&mut self.ledger, entry);
        evolve(&mut self.replayed, &journaled);
        checks::equal(&self.ledger, &self.replayed);
        checks::check(&self.ledger);
        self.journal.push(text);
    }

    /// Replays everything from empty and from the snapshot format.
    pub(super) fn finish(&self) {
        let mut ledger = Ledger::default();
        for text in &self.journal {
            evolve(&mut ledger, &serde_json::from_str(text).unwrap());
        }
        checks::equal(&self.ledger, &ledger);
        let bytes = postcard::to_stdvec(&self.ledger).unwrap();
        let snapshot: Ledger = postcard::from_bytes(&bytes).unwrap();
        checks::equal(&self.ledger, &snapshot);
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        let entry = |text: &String| serde_json::from_str(text).unwrap();
        self.journal.iter().map(entry).collect()
    }

    pub(super) fn happened(&self, channel: &str, source: Source, changes: Vec<Change>) -> Command {
        Command::Report(Happened {
            channel: ChannelId::new(channel),
            source,
            began: self.now,
            changes,
            polled: None,
        })
    }

    /// Adds or replaces a channel: places as `ours=theirs`, `ours=` where the channel has none.
    pub(super) fn channel(
        &mut self,
        id: &str,
        pairs: &[(&str, &str)],
        change: impl Fn(&mut ChannelSetup),
    ) -> Command {
        for (ours, _) in pairs {
            let ours = LocationId::new(ours);
            if !self.setup.locations.contains(&ours) {
                self.setup.locations.push(ours);
            }
        }
        let pair = |(ours, theirs): &(&str, &str)| LocationPair {
            ours: LocationId::new(ours),
            theirs: (!theirs.is_empty()).then(|| ChannelLocationId::new(theirs)),
        };
        let mut channel = ChannelSetup {
            id: ChannelId::new(id),
            counting: Counting::Gross,
            compare_and_set: true,
            visibility_lag: Duration::from_secs(60),
            live: true,
            book_from: Some(Timestamp(0)),
            locations: pairs.iter().map(pair).collect(),
            mass_change: MassLimits::default(),
            backorder_priority: 0,
            returns: Default::default(),
            rules: Rules::default(),
            sku_rules: BTreeMap::new(),
            listing_rules: BTreeMap::new(),
        };
        change(&mut channel);
        self.setup.channels.retain(|known| known.id != channel.id);
        self.setup.channels.push(channel);
        Command::Configure(Box::new(self.setup.clone()))
    }

    pub(super) fn listing(
        &self,
        channel: &str,
        listing: &str,
        (sku, barcode): (&str, Option<&str>),
    ) -> Command {
        Command::Listings {
            channel: ChannelId::new(channel),
            listings: vec![ListingReport {
                listing: ListingId::new(listing),
                item: ItemId::new(listing),
                sku: Sku::new(sku),
                gtin: barcode.and_then(Gtin::parse),
                unpushable: false,
                sells_without_limit: false,
            }],
            complete: None,
        }
    }
}
