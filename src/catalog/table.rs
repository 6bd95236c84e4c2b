//! A dense table with a text key: rows keep their number for ever, look-up is by hash.
//!
//! The hash is fixed, so equal histories give equal tables in every process.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use serde::de::Deserializer;
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use std::hash::BuildHasher;

const SEED: u64 = 0x6368_616e_6e65_6c73;

/// A key that is a text.
pub trait Key {
    /// The text.
    fn text(&self) -> &str;
}

/// Rows numbered in order of arrival. A number is for ever, unless rows are removed.
#[derive(Clone, Debug)]
pub struct Table<K, V> {
    rows: Vec<(K, V)>,
    index: HashTable<u32>,
}

/// Some rows of a table, in order.
#[derive(Debug, Serialize, Deserialize)]
pub struct Rows<K, V> {
    /// How many the table has in all.
    of: u32,
    rows: Vec<(K, V)>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            index: HashTable::new(),
        }
    }
}

pub(super) fn hash(text: &str) -> u64 {
    FixedState::with_seed(SEED).hash_one(text)
}

impl<K: Key, V> Table<K, V> {
    /// The number of the row with this key.
    pub fn find(&self, key: &str) -> Option<u32> {
        self.find_hashed(hash(key), key)
    }

    fn find_hashed(&self, hash: u64, key: &str) -> Option<u32> {
        let same = |row: &u32| self.row(*row).is_some_and(|(found, _)| found.text() == key);
        self.index.find(hash, same).copied()
    }

    fn row(&self, number: u32) -> Option<&(K, V)> {
        self.rows.get(usize::try_from(number).ok()?)
    }

    /// The row with this key.
    pub fn get(&self, key: &str) -> Option<&V> {
        self.find(key).map(|number| self.at(number))
    }

    /// The row with this key.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut V> {
        let number = self.find(key)?;
        Some(self.at_mut(number))
    }

    /// The row with this number.
    ///
    /// # Panics
    /// For a number that this table did not give out.
    pub fn at(&self, number: u32) -> &V {
        &self.row(number).expect("row number of this table").1
    }

    /// The row with this number.
    ///
    /// # Panics
    /// For a number that this table did not give out.
    pub fn at_mut(&mut self, number: u32) -> &mut V {
        let row = usize::try_from(number)
            .ok()
            .and_then(|number| self.rows.get_mut(number));
        &mut row.expect("row number of this table").1
    }

    /// The key of the row with this number.
    ///
    /// # Panics
    /// For a number that this table did not give out.
    pub fn key(&self, number: u32) -> &K {
        &self.row(number).expect("row number of this table").0
    }

    /// The number of the row with this key, made with `fresh` if there is none.
    ///
    /// # Panics
    /// Above 4,294,967,295 rows.
    pub fn entry(&mut self, key: &K, fresh: impl FnOnce() -> V) -> u32
    where
        K: Clone,
    {
        let hash = hash(key.text());
        if let Some(number) = self.find_hashed(hash, key.text()) {
            return number;
        }
        let number = u32::try_from(self.rows.len()).expect("fewer than 2^32 rows");
        self.rows.push((key.clone(), fresh()));
        self.link(hash, number);
        number
    }

    fn link(&mut self, own: u64, number: u32) {
        let rows = &self.rows;
        let text = |number: &u32| {
            let row = usize::try_from(*number)
                .ok()
                .and_then(|number| rows.get(number));
            row.map_or("", |(key, _)| key.text())
        };
        self.index
            .insert_unique(own, number, |other| hash(text(other)));
    }

    /// Gives a row another key, or none: then it is found by its number alone.
    ///
    /// # Panics
    /// For a number that this table did not give out, and for a key that another row has.
    pub fn rename(&mut self, number: u32, key: K) {
        assert!(self.find(key.text()).is_none(), "two rows of one key");
        let before = hash(self.key(number).text());
        if let Ok(found) = self.index.find_entry(before, |row| *row == number) {
            found.remove();
        }
        let row = usize::try_from(number).ok();
        let row = row.and_then(|row| self.rows.get_mut(row));
        row.expect("row number of this table").0 = key;
        self.link_named(number);
    }

    /// A row without a key is not looked for.
    fn link_named(&mut self, number: u32) {
        let own = hash(self.key(number).text());
        if !self.key(number).text().is_empty() {
            self.link(own, number);
        }
    }

    /// Removes the rows whose key is not to be kept; gives the number that each row has now.
    pub fn retain(&mut self, keep: impl Fn(&K) -> bool) -> Vec<Option<u32>> {
        let rows = std::mem::take(&mut self.rows);
        let (mut numbers, mut left) = (Vec::with_capacity(rows.len()), 0);
        for row in rows {
            let kept = keep(&row.0);
            numbers.push(kept.then_some(left));
            if kept {
                self.rows.push(row);
                left += 1;
            }
        }
        self.rows.shrink_to_fit();
        self.index = HashTable::with_capacity(self.rows.len());
        (0..left).for_each(|number| self.link_named(number));
        numbers
    }

    /// Takes the table apart, so many rows at a time.
    pub fn into_rows(self, most: usize) -> impl Iterator<Item = Rows<K, V>> {
        let of = self.len();
        let mut rows = self.rows.into_iter();
        std::iter::from_fn(move || {
            let some: Vec<(K, V)> = rows.by_ref().take(most).collect();
            (!some.is_empty()).then_some(Rows { of, rows: some })
        })
    }

    /// Adds the next rows of a table that was taken apart.
    pub fn append(&mut self, rows: Rows<K, V>) {
        if self.is_empty() {
            let of = usize::try_from(rows.of).unwrap_or_default();
            self.rows.reserve_exact(of);
            self.index = HashTable::with_capacity(of);
        }
        let first = self.len();
        self.rows.extend(rows.rows);
        (first..self.len()).for_each(|number| self.link_named(number));
    }

    /// How many rows there are.
    pub fn len(&self) -> u32 {
        u32::try_from(self.rows.len()).unwrap_or(u32::MAX)
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// All rows in order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &K, &V)> {
        (0u32..)
            .zip(&self.rows)
            .map(|(number, (key, value))| (number, key, value))
    }

    /// All values in order of their numbers.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.rows.iter_mut().map(|(_, value)| value)
    }
}

impl<K: Serialize, V: Serialize> Serialize for Table<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.rows.serialize(serializer)
    }
}

impl<'de, K: Key + Deserialize<'de>, V: Deserialize<'de>> Deserialize<'de> for Table<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let rows: Vec<(K, V)> = Vec::deserialize(deserializer)?;
        let count = u32::try_from(rows.len()).map_err(serde::de::Error::custom)?;
        let mut table = Self {
            index: HashTable::with_capacity(rows.len()),
            rows,
        };
        (0..count).for_each(|number| table.link_named(number));
        Ok(table)
    }
}

/// Numbers of rows by something that several of them may share; the rows hold it.
/// Only its hash is looked at here.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared {
    rows: HashTable<u32>,
}

impl Shared {
    pub(super) fn with_capacity(rows: u32) -> Self {
        let rows = usize::try_from(rows).unwrap_or_default();
        Self {
            rows: HashTable::with_capacity(rows),
        }
    }

    /// Adds a row; `hash` gives that of any row's present text.
    pub(super) fn insert(&mut self, row: u32, hash: impl Fn(u32) -> u64) {
        let own = hash(row);
        self.rows.insert_unique(own, row, |other| hash(*other));
    }

    /// Takes a row away from the text that it had.
    pub(super) fn remove(&mut self, hash: u64, row: u32) {
        if let Ok(found) = self.rows.find_entry(hash, |other| *other == row) {
            found.remove();
        }
    }

    /// Rows that may have a text of this hash, in no order; the caller compares.
    pub(super) fn near(&self, hash: u64) -> impl Iterator<Item = u32> {
        self.rows.iter_hash(hash).copied()
    }
}

macro_rules! keys {
    ($($name:ident)*) => {$(
        impl Key for channelsync_contract::ids::$name {
            fn text(&self) -> &str {
                self.as_str()
            }
        }
    )*};
}
keys! { Sku ListingId ItemId OrderId }

#[cfg(test)]
mod tests {
    use super::*;
    use channelsync_contract::ids::Sku;

    #[test]
    fn rows_keep_their_numbers_and_survive_a_round_trip() {
        let mut table = Table::default();
        for number in 0..1000_u32 {
            assert_eq!(
                table.entry(&Sku::new(format!("S{number}")), || number),
                number
            );
        }
        assert_eq!(table.entry(&Sku::new("S7"), || 0), 7);
        let text = serde_json::to_string(&table).unwrap();
        let back: Table<Sku, u32> = serde_json::from_str(&text).unwrap();
        assert_eq!(back.get("S999"), Some(&999));
        assert_eq!(back.find("S1000"), None);
        assert_eq!(back.len(), 1000);
        table.rename(7, Sku::new("T7"));
        table.rename(8, Sku::new(""));
        table.rename(9, Sku::new(""));
        let text = serde_json::to_string(&table).unwrap();
        let back: Table<Sku, u32> = serde_json::from_str(&text).unwrap();
        for table in [&table, &back] {
            let found = ["S6", "S7", "T7", "S8", ""].map(|key| table.find(key));
            assert_eq!(found, [Some(6), None, Some(7), None, None]);
        }
    }
}
