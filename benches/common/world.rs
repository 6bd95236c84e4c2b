//! A merchant of any size: SKUs with stock, and on every channel one listing for each SKU.

use channelsync::ledger::{
    Bucket, ChannelSetup, Counting, Entry, Fact, Ledger, ListingReport, LocationPair, MappedBy,
    MassLimits, Movement, Place, Rules, Setup, evolve,
};
use channelsync_contract::{
    ChannelId, ChannelLocationId, ItemId, ListingId, LocationId, Sku, Timestamp, Units,
};

/// The first entry's time; each entry is a microsecond later.
pub(crate) const START: Timestamp = Timestamp(1_790_000_000_000_000);
/// Units of each SKU.
const ON_HAND: Units = Units(1_000_000);
const SKUS_IN_ENTRY: u32 = 1_000;

/// How large.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    /// SKUs.
    pub(crate) skus: u32,
    /// Channels.
    pub(crate) channels: u16,
}

/// A SKU as merchants write them.
pub(crate) fn sku(number: u32) -> Sku {
    Sku::new(format!("MUG-{:04}-{:05}", number % 9_973, number))
}

/// A channel.
pub(crate) fn channel(number: u16) -> ChannelId {
    ChannelId::new(format!("shop-{number}"))
}

/// A listing, numbered as channels do.
pub(crate) fn listing(channel: u16, number: u32) -> ListingId {
    ListingId::new(long_number(44, channel, number))
}

/// Its item.
pub(crate) fn item(channel: u16, number: u32) -> ItemId {
    ItemId::new(long_number(46, channel, number))
}

/// An id of 14 digits.
pub(crate) fn long_number(kind: u64, channel: u16, number: u32) -> String {
    let digits = kind * 1_000_000_000_000 + u64::from(channel) * 10_000_000_000 + u64::from(number);
    digits.to_string()
}

fn location() -> LocationId {
    LocationId::new("main")
}

/// The channel's name of the one location.
pub(crate) fn place(channel: u16) -> ChannelLocationId {
    ChannelLocationId::new(long_number(71, channel, 1))
}

/// A ledger with all of it; every entry that led there is shown to `keep`.
pub(crate) fn ledger(size: Size, mut keep: impl FnMut(Entry)) -> Ledger {
    let mut ledger = Ledger::default();
    let mut book = |movements, facts| {
        let entry = Entry {
            seq: ledger.seq + 1,
            at: START,
            actor: "bench".to_owned(),
            cause: "a merchant of this size".to_owned(),
            movements,
            facts,
        };
        evolve(&mut ledger, &entry);
        keep(entry);
    };
    let channels = 0..size.channels;
    book(
        Vec::new(),
        vec![Fact::Configured(Box::new(setup(channels.clone())))],
    );
    for first in (0..size.skus).step_by(SKUS_IN_ENTRY as usize) {
        let some = first..size.skus.min(first + SKUS_IN_ENTRY);
        let movements = some.clone().map(received).collect();
        let counted = some
            .clone()
            .map(|number| Fact::Counted(sku(number), location()));
        book(movements, counted.collect());
        for channel in channels.clone() {
            let listed = some.clone().flat_map(|number| listed(channel, number));
            book(Vec::new(), listed.collect());
        }
    }
    ledger
}

fn setup(channels: std::ops::Range<u16>) -> Setup {
    Setup {
        locations: vec![location()],
        channels: channels
            .map(|number| ChannelSetup {
                id: channel(number),
                counting: Counting::Gross,
                compare_and_set: true,
                visibility_lag: std::time::Duration::from_secs(60),
                live: true,
                book_from: Some(Timestamp(0)),
                locations: vec![LocationPair {
                    ours: location(),
                    theirs: Some(place(number)),
                }],
                mass_change: MassLimits::default(),
                backorder_priority: 0,
                returns: Default::default(),
                rules: Rules::default(),
                sku_rules: Default::default(),
                listing_rules: Default::default(),
            })
            .collect(),
        ..Setup::default()
    }
}

fn received(number: u32) -> Movement {
    Movement {
        sku: sku(number),
        units: ON_HAND,
        from: Place::Adjustment,
        to: Place::At(location(), Bucket::Available),
    }
}

fn listed(on: u16, number: u32) -> [Fact; 2] {
    let report = ListingReport {
        listing: listing(on, number),
        item: item(on, number),
        sku: sku(number),
        gtin: None,
        unpushable: false,
        sells_without_limit: false,
    };
    let parts = vec![(sku(number), 1)];
    let id = report.listing.clone();
    [
        Fact::Listing(channel(on), Box::new(report)),
        Fact::Mapped(channel(on), id, parts, MappedBy::Sku),
    ]
}
