//! Who says how much lies at a location, where it is not this book.

use std::fmt;

use channelsync_contract::ids::{ChannelId, LocationId, SlotKey};
use channelsync_contract::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::channel::Channel;
use super::command::FileTaken;
use super::order::PlaceIx;
use super::state::{Ledger, LocIx};
use crate::catalog::SkuIx;

/// Who says how much lies at a location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Master {
    /// A channel: what changes there and is not explained came or is gone.
    Channel(ChannelId),
    /// A file, by its path: what it says was there at a time was there.
    File(String),
}

impl fmt::Display for Master {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Channel(channel) => write!(out, "channel {channel}"),
            Self::File(path) => write!(out, "file {path}"),
        }
    }
}

/// Files of a location that are known again. What an older one says, newer counts have overtaken.
const FILES_KEPT_MAX: usize = 1_000;

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

    /// Whether a file of these bytes was taken at that location.
    pub fn has_taken(&self, file: &FileTaken) -> bool {
        let known = self.files.get(&file.location);
        let mut known = known.into_iter().flatten();
        known.any(|(known, _)| known.sha256 == file.sha256)
    }

    /// The file that was taken last at a location, and when.
    pub fn last_file(&self, location: &LocationId) -> Option<&(FileTaken, Timestamp)> {
        self.files.get(location)?.back()
    }

    pub(super) fn take_file(&mut self, file: &FileTaken, at: Timestamp) {
        let known = self.files.entry(file.location.clone()).or_default();
        if known.len() >= FILES_KEPT_MAX {
            known.pop_front();
        }
        known.push_back((file.clone(), at));
    }

    /// Our location behind one of a channel's, where that channel is its master.
    pub fn mastered(&self, channel: &Channel, place: Option<PlaceIx>) -> Option<LocIx> {
        if self.setup.masters.is_empty() {
            return None;
        }
        let mut served = channel.places_served();
        let (ours, _) = served.find(|(_, theirs)| *theirs == place)?;
        let is_master = matches!(self.master(ours)?, Master::Channel(id) if *id == channel.id);
        is_master.then_some(ours)
    }

    /// Our location behind a slot, where its channel is master there.
    pub fn mastered_at(&self, channel: &Channel, slot: &SlotKey) -> Option<LocIx> {
        let place = match &slot.location {
            Some(location) => Some(channel.place(location)?),
            None => None,
        };
        self.mastered(channel, place)
    }

    /// What a slot tells of, where its channel is master of the location; none where it stands for
    /// several SKUs, or for one that was never counted there.
    pub fn shelf(&self, channel: &Channel, slot: &SlotKey) -> Option<Shelf> {
        let location = self.mastered_at(channel, slot)?;
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
