//! Settings, listings and mappings.

use channelsync_contract::ids::{ChannelId, ListingId, LocationId, Sku};

use super::super::channel::{Channel, Item};
use super::super::reported::ListingReport;
use super::super::setup::Setup;
use super::super::state::{Ledger, LocIx, Sold};
use super::{Touched, channel_number, push};
use crate::catalog::{Listing, ListingFlags, Mapping};

pub(super) fn configure(ledger: &mut Ledger, setup: &Setup, touched: &mut Touched) {
    for location in &setup.locations {
        if ledger.location(location.as_str()).is_none() {
            ledger.locations.push(location.clone());
        }
    }
    for channel in &setup.channels {
        if ledger.channel_ix(channel.id.as_str()).is_none() {
            ledger.channels.push(Channel::new(channel.id.clone()));
        }
    }
    for channel in counted_anew(ledger, setup) {
        push::recounted(ledger, &channel);
    }
    let locations = ledger.locations.clone();
    let number = |id: &LocationId| {
        let found = locations.iter().position(|known| known == id);
        LocIx(
            found
                .and_then(|found| u16::try_from(found).ok())
                .expect("a location of the setup"),
        )
    };
    for channel in &mut ledger.channels {
        channel.setup = setup
            .channels
            .iter()
            .find(|own| own.id == channel.id)
            .cloned();
        let pairs = channel
            .setup
            .clone()
            .map(|own| own.locations)
            .unwrap_or_default();
        channel.serves = pairs
            .iter()
            .map(|pair| {
                let place = pair
                    .theirs
                    .as_ref()
                    .map(|theirs| channel.place_entry(theirs));
                (number(&pair.ours), place)
            })
            .collect();
    }
    for channel in &mut ledger.channels {
        let mapped = |item: &super::super::channel::Item| {
            let mut listings = item.listings.iter();
            listings.any(|number| channel.listings.at(*number).mapping.parts().is_some())
        };
        let items: Vec<u32> = channel
            .items
            .iter()
            .filter(|(_, _, item)| mapped(item))
            .map(|(at, _, _)| at)
            .collect();
        items.into_iter().for_each(|item| channel.open_slots(item));
    }
    for channel in (0_u16..).take(ledger.channels.len()) {
        ledger.configure_set_aside(channel);
    }
    ledger.setup = setup.clone();
    ledger.setup_seq = ledger.seq;
    touched.all = true;
}

/// Channels whose slots hold another figure from now on.
fn counted_anew(ledger: &Ledger, setup: &Setup) -> Vec<ChannelId> {
    let differs = |channel: &&Channel| {
        let now = setup.channels.iter().find(|own| own.id == channel.id);
        let both = channel.setup.as_ref().zip(now);
        both.is_some_and(|(was, is)| was.counting != is.counting)
    };
    let channels = ledger.channels.iter().filter(differs);
    channels.map(|channel| channel.id.clone()).collect()
}

pub(super) fn list(ledger: &mut Ledger, at: u16, report: &ListingReport) {
    let channel = ledger.channel_mut(at);
    let item = channel.items.entry(&report.item, Item::default);
    let number = channel.listings.entry(&report.listing, || Listing {
        item,
        sku: Sku::new(""),
        gtin: None,
        mapping: Mapping::Unmapped("not looked at yet".to_owned()),
        flags: ListingFlags::default(),
        mapped_seq: 0,
    });
    let (before, mapping) = channel.listings.change(number, |listing| {
        listing.sku = report.sku.clone();
        listing.gtin = report.gtin;
        listing.flags = ListingFlags {
            unpushable: report.unpushable,
            sells_without_limit: report.sells_without_limit,
            gone: false,
        };
        let before = std::mem::replace(&mut listing.item, item);
        (before, listing.mapping.clone())
    });
    if before != item {
        let own = &mut channel.items.at_mut(before).listings;
        own.retain(|own| *own != number);
    }
    let own = &mut channel.items.at_mut(item).listings;
    if !own.contains(&number) {
        own.push(number);
    }
    for part in mapping.parts().into_iter().flatten() {
        let sold = ledger.skus.at_mut(part.sku.0).listings.iter_mut();
        for own in sold.filter(|own| own.channel == at && own.listing == number) {
            own.item = item;
        }
    }
}

pub(super) fn map(
    ledger: &mut Ledger,
    channel: &ChannelId,
    listing: &ListingId,
    mapping: &Mapping,
    touched: &mut Touched,
) {
    let at = channel_number(ledger, channel);
    let Some(number) = ledger.channel(at).listings.find(listing.as_str()) else {
        panic!("unknown listing {listing} on {channel}");
    };
    let seq = ledger.seq;
    let listings = &mut ledger.channel_mut(at).listings;
    let (before, item) = listings.change(number, |row| {
        row.mapped_seq = seq;
        (
            std::mem::replace(&mut row.mapping, mapping.clone()),
            row.item,
        )
    });
    touched.items.push((at, item));
    if mapping.parts().is_some() {
        ledger.channel_mut(at).open_slots(item);
    }
    let sold = Sold {
        channel: at,
        listing: number,
        item,
    };
    for part in before.parts().into_iter().flatten() {
        ledger
            .skus
            .at_mut(part.sku.0)
            .listings
            .retain(|own| *own != sold);
    }
    for part in mapping.parts().into_iter().flatten() {
        let listings = &mut ledger.skus.at_mut(part.sku.0).listings;
        if !listings.contains(&sold) {
            listings.push(sold);
        }
    }
    touched.touch_parts(ledger, before.parts());
    touched.touch_parts(ledger, mapping.parts());
}
