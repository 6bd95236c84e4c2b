//! Who says how much lies at a location, where it is not this book.

use std::fmt;

use channelsync_contract::ids::{ChannelId, SlotKey};
use serde::{Deserialize, Serialize};

use super::channel::Channel;
use super::order::PlaceIx;
use super::state::{Ledger, LocIx};
use crate::catalog::SkuIx;

/// Who says how much lies at a location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Master {
    /// A channel: what changes there and is not explained came or is gone.
    Channel(ChannelId),
}

impl fmt::Display for Master {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Channel(channel) => write!(out, "channel {channel}"),
        }
    }
}

/// What a slot at a location of its channel's tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shelf {
    /// Where.
    pub location: LocIx,
    /// What lies there.
    pub sku: SkuIx,
    /// Units of it in one listing.
    pub per: u32,
}

impl Ledger {
    /// Who is master of a location; none where this book is.
    pub fn master(&self, location: LocIx) -> Option<&Master> {
        self.setup.masters.get(self.location_id(location))
    }

    /// Our location behind one of a channel's, where that channel is its master.
    pub fn mastered(&self, channel: &Channel, place: Option<PlaceIx>) -> Option<LocIx> {
        if self.setup.masters.is_empty() {
            return None;
        }
        let mut served = channel.places_served();
        let (ours, _) = served.find(|(_, theirs)| *theirs == place)?;
        let Master::Channel(master) = self.master(ours)?;
        (*master == channel.id).then_some(ours)
    }

    /// What a slot tells of, where its channel is master of the location; none where it stands for
    /// several SKUs, or for one that was never counted there.
    pub fn shelf(&self, channel: &Channel, slot: &SlotKey) -> Option<Shelf> {
        let place = match &slot.location {
            Some(location) => Some(channel.place(location)?),
            None => None,
        };
        let location = self.mastered(channel, place)?;
        let listings = channel.items.get(slot.item.as_str())?.listings.iter();
        let listings = listings.map(|number| channel.listings.at(*number));
        let mut live = listings.filter(|listing| !listing.flags.gone);
        let parts = live.next()?.mapping.parts()?;
        let [part] = parts.as_slice() else {
            return None;
        };
        let is_alone = live.all(|other| other.mapping.parts() == Some(parts));
        let stock = self.stock(part.sku, location).filter(|_| is_alone)?;
        stock.counted?;
        Some(Shelf {
            location,
            sku: part.sku,
            per: part.per,
        })
    }
}
