//! A ledger in pieces, for files: a large one is never held twice.
//!
//! In: a ledger, or its pieces in order. Out: the other. The first piece is everything but the rows of
//! the tables, which are nearly all of it.

use channelsync_contract::ids::{ItemId, ListingId, OrderId, Sku};
use serde::{Deserialize, Serialize};

use super::channel::{Channel, Item};
use super::order::Order;
use super::state::{Ledger, SkuRow};
use crate::catalog::{Key, Listing, Rows, Table};

/// Rows in one piece.
const PIECE_ROWS_MAX: usize = 4_096;

/// A piece.
#[derive(Debug, Serialize, Deserialize)]
pub enum Piece {
    /// Everything but rows.
    Frame(Box<Ledger>),
    /// SKUs.
    Skus(Rows<Sku, SkuRow>),
    /// Listings of a channel.
    Listings(u16, Rows<ListingId, Listing>),
    /// Items of a channel.
    Items(u16, Rows<ItemId, Item>),
    /// Orders of a channel.
    Orders(u16, Rows<OrderId, Order>),
}

/// Rows of a channel that the ledger does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rows of channel number {0} came without the channel")]
pub struct Stray(u16);

impl Ledger {
    /// Takes the ledger apart, a piece at a time.
    pub fn into_pieces(mut self) -> impl Iterator<Item = Piece> {
        let skus = std::mem::take(&mut self.skus).into_table();
        let skus = cut(skus).map(Piece::Skus);
        let apart = |(number, channel): (u16, &mut Channel)| {
            let listings = std::mem::take(&mut channel.listings).into_table();
            let items = std::mem::take(&mut channel.items);
            let orders = std::mem::take(&mut channel.orders);
            let listings = cut(listings).map(move |rows| Piece::Listings(number, rows));
            let items = cut(items).map(move |rows| Piece::Items(number, rows));
            let orders = cut(orders).map(move |rows| Piece::Orders(number, rows));
            listings.chain(items).chain(orders)
        };
        let channels = (0_u16..).zip(&mut self.channels).map(apart);
        let channels: Vec<_> = channels.collect();
        let frame = std::iter::once(Piece::Frame(Box::new(self)));
        frame.chain(skus).chain(channels.into_iter().flatten())
    }

    /// Adds the next piece.
    ///
    /// # Errors
    /// [`Stray`] when the pieces do not belong together.
    pub fn add(&mut self, piece: Piece) -> Result<(), Stray> {
        match piece {
            Piece::Frame(frame) => *self = *frame,
            Piece::Skus(rows) => self.skus.append(rows),
            Piece::Listings(number, rows) => self.row_of(number)?.listings.append(rows),
            Piece::Items(number, rows) => self.row_of(number)?.items.append(rows),
            Piece::Orders(number, rows) => self.row_of(number)?.orders.append(rows),
        }
        Ok(())
    }

    fn row_of(&mut self, number: u16) -> Result<&mut Channel, Stray> {
        let channel = self.channels.get_mut(usize::from(number));
        channel.ok_or(Stray(number))
    }
}

fn cut<K: Key, V>(table: Table<K, V>) -> impl Iterator<Item = Rows<K, V>> {
    table.into_rows(PIECE_ROWS_MAX)
}
