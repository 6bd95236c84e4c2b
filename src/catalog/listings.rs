//! A channel's listings, also found by the SKU text and the barcode that they carry.

use std::ops::Deref;

use channelsync_contract::ids::{Gtin, ListingId};
use serde::de::Deserializer;
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use super::listing::Listing;
use super::table::{Rows, Shared, Table, hash};

/// Listings by id, by SKU text and by barcode. Which of them carries a text is not written anywhere:
/// the listings say it themselves.
#[derive(Clone, Debug, Default)]
pub struct Listings {
    table: Table<ListingId, Listing>,
    by_sku: Shared,
    by_gtin: Shared,
}

impl Deref for Listings {
    type Target = Table<ListingId, Listing>;

    fn deref(&self) -> &Self::Target {
        &self.table
    }
}

impl Listings {
    /// Numbers of the listings that carry a SKU text, in no order.
    pub fn with_sku<'a>(&'a self, sku: &'a str) -> impl Iterator<Item = u32> + 'a {
        let near = self.by_sku.near(hash(sku));
        near.filter(move |number| self.table.at(*number).sku.as_str() == sku)
    }

    /// Numbers of the listings that carry a barcode, in no order.
    pub fn with_gtin(&self, gtin: Gtin) -> impl Iterator<Item = u32> {
        let near = self.by_gtin.near(of_gtin(Some(gtin)));
        near.filter(move |number| self.table.at(*number).gtin == Some(gtin))
    }

    /// The number of a listing, made with `fresh` if there is none.
    pub fn entry(&mut self, id: &ListingId, fresh: impl FnOnce() -> Listing) -> u32 {
        let before = self.table.len();
        let number = self.table.entry(id, fresh);
        if number == before {
            self.index(number);
        }
        number
    }

    /// Changes a listing.
    ///
    /// # Panics
    /// For a number that this table did not give out.
    pub fn change<T>(&mut self, number: u32, change: impl FnOnce(&mut Listing) -> T) -> T {
        let row = self.table.at(number);
        let (sku, gtin) = (row.sku.clone(), row.gtin);
        let result = change(self.table.at_mut(number));
        let row = self.table.at(number);
        if row.sku != sku || row.gtin != gtin {
            self.by_sku.remove(hash(sku.as_str()), number);
            self.by_gtin.remove(of_gtin(gtin), number);
            self.index(number);
        }
        result
    }

    /// The listings alone.
    pub fn into_table(self) -> Table<ListingId, Listing> {
        self.table
    }

    /// Adds the next rows of a table that was taken apart.
    pub fn append(&mut self, rows: Rows<ListingId, Listing>) {
        let first = self.table.len();
        self.table.append(rows);
        (first..self.table.len()).for_each(|number| self.index(number));
    }

    /// A listing without a text is not looked for.
    fn index(&mut self, number: u32) {
        let table = &self.table;
        let row = table.at(number);
        if !row.sku.as_str().is_empty() {
            let own = |number| hash(table.at(number).sku.as_str());
            self.by_sku.insert(number, own);
        }
        if row.gtin.is_some() {
            let own = |number| of_gtin(table.at(number).gtin);
            self.by_gtin.insert(number, own);
        }
    }
}

/// Spreads barcodes, which differ in few digits, over the whole range.
fn of_gtin(gtin: Option<Gtin>) -> u64 {
    let number = gtin.map_or(0, Gtin::number);
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31)
}

impl Serialize for Listings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.table.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Listings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = Table::deserialize(deserializer)?;
        let mut listings = Self {
            by_sku: Shared::with_capacity(table.len()),
            by_gtin: Shared::default(),
            table,
        };
        (0..listings.table.len()).for_each(|number| listings.index(number));
        Ok(listings)
    }
}

#[cfg(test)]
mod tests {
    use channelsync_contract::ids::Sku;

    use super::*;
    use crate::catalog::{ListingFlags, Mapping};

    fn listing(sku: &str) -> Listing {
        Listing {
            item: 0,
            sku: Sku::new(sku),
            gtin: None,
            mapping: Mapping::Unmapped("no stock".into()),
            flags: ListingFlags::default(),
            mapped_seq: 0,
        }
    }

    fn with(listings: &Listings, sku: &str) -> Vec<u32> {
        let mut found: Vec<u32> = listings.with_sku(sku).collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn listings_are_found_by_the_text_they_carry_now() {
        let mut listings = Listings::default();
        for number in 0..300_u32 {
            let id = ListingId::new(format!("L{number}"));
            listings.entry(&id, || listing(&format!("S{}", number % 100)));
        }
        listings.entry(&ListingId::new("blank"), || listing(""));
        assert_eq!(with(&listings, "S7"), [7, 107, 207]);
        assert!(with(&listings, "").is_empty());
        listings.change(107, |listing| listing.sku = Sku::new("S8"));
        listings.change(207, |listing| listing.sku = Sku::new(""));
        assert_eq!(with(&listings, "S7"), [7]);
        assert_eq!(with(&listings, "S8"), [8, 107, 108, 208]);
        let text = serde_json::to_string(&listings).unwrap();
        let back: Listings = serde_json::from_str(&text).unwrap();
        assert_eq!(with(&back, "S8"), [8, 107, 108, 208]);
        assert_eq!(with(&back, "S7"), [7]);
        let gtin = Gtin::parse("73513537").unwrap();
        let carriers = |listings: &Listings| listings.with_gtin(gtin).collect::<Vec<_>>();
        listings.change(7, |listing| listing.gtin = Some(gtin));
        assert_eq!(carriers(&listings), [7]);
        let text = serde_json::to_string(&listings).unwrap();
        assert_eq!(carriers(&serde_json::from_str(&text).unwrap()), [7]);
        listings.change(7, |listing| listing.gtin = None);
        assert!(carriers(&listings).is_empty());
        assert_eq!(with(&listings, "S7"), [7], "the other text still finds it");
    }
}
