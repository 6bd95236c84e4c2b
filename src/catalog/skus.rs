//! The merchant's SKUs, also found by a text that differs from theirs in case.

use std::ops::{Deref, DerefMut};

use channelsync_contract::ids::Sku;
use serde::de::Deserializer;
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use super::table::{Rows, Shared, Table, hash};

/// SKUs with what is known of each.
#[derive(Clone, Debug)]
pub struct Skus<V> {
    table: Table<Sku, V>,
    /// By their text in small letters. Only a to z have a case here: SKUs of other letters exist, but
    /// a wrong hint is worse than none.
    folded: Shared,
}

impl<V> Default for Skus<V> {
    fn default() -> Self {
        Self {
            table: Table::default(),
            folded: Shared::default(),
        }
    }
}

impl<V> Deref for Skus<V> {
    type Target = Table<Sku, V>;

    fn deref(&self) -> &Self::Target {
        &self.table
    }
}

impl<V> DerefMut for Skus<V> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.table
    }
}

impl<V> Skus<V> {
    /// A SKU that differs from a text in case alone.
    pub fn near(&self, text: &str) -> Option<&Sku> {
        let near = self.folded.near(fold(text)).map(|row| self.table.key(row));
        let mut near = near.filter(|sku| {
            let sku = sku.as_str();
            sku != text && sku.eq_ignore_ascii_case(text)
        });
        near.next()
    }

    /// The number of a SKU, made with `fresh` if there is none.
    pub fn entry(&mut self, sku: &Sku, fresh: impl FnOnce() -> V) -> u32 {
        let before = self.table.len();
        let number = self.table.entry(sku, fresh);
        if number == before {
            self.index(number);
        }
        number
    }

    /// Gives a SKU another name, or none: then it is found by its number alone.
    ///
    /// # Panics
    /// For a number that this table did not give out, and for a name that another one has.
    pub fn rename(&mut self, number: u32, sku: Sku) {
        self.folded
            .remove(fold(self.table.key(number).as_str()), number);
        self.table.rename(number, sku);
        self.index(number);
    }

    /// The SKUs alone.
    pub fn into_table(self) -> Table<Sku, V> {
        self.table
    }

    /// Adds the next rows of a table that was taken apart.
    pub fn append(&mut self, rows: Rows<Sku, V>) {
        let first = self.table.len();
        self.table.append(rows);
        (first..self.table.len()).for_each(|number| self.index(number));
    }

    fn index(&mut self, number: u32) {
        let table = &self.table;
        if !table.key(number).as_str().is_empty() {
            let folded = |row| fold(table.key(row).as_str());
            self.folded.insert(number, folded);
        }
    }
}

fn fold(text: &str) -> u64 {
    if text.bytes().any(|letter| letter.is_ascii_uppercase()) {
        hash(&text.to_ascii_lowercase())
    } else {
        hash(text)
    }
}

impl<V: Serialize> Serialize for Skus<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.table.serialize(serializer)
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Skus<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = Table::deserialize(deserializer)?;
        let folded = Shared::with_capacity(table.len());
        let mut skus = Self { table, folded };
        (0..skus.table.len()).for_each(|number| skus.index(number));
        Ok(skus)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sku_is_found_by_a_text_that_differs_in_case_alone() {
        let mut skus = Skus::default();
        for sku in ["MUG-Red", "cup", "ÄPFEL"] {
            skus.entry(&Sku::new(sku), || ());
        }
        skus.entry(&Sku::new("Old"), || ());
        skus.rename(3, Sku::new("New"));
        let text = serde_json::to_string(&skus).unwrap();
        let back: Skus<()> = serde_json::from_str(&text).unwrap();
        for skus in [&skus, &back] {
            let near = |text| skus.near(text).map(Sku::as_str);
            assert_eq!(near("mug-red"), Some("MUG-Red"));
            assert_eq!(near("MUG-Red"), None);
            assert_eq!(near("Cup"), Some("cup"));
            assert_eq!(near("äpfel"), None);
            assert_eq!(near("mug"), None);
            assert_eq!((near("OLD"), near("NEW")), (None, Some("New")));
        }
    }
}
