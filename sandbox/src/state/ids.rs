//! Ids: 64-bit numbers above 2^53, and the GIDs around them.

use std::fmt;

use channelsync_contract::Rng;

use crate::dice::Dice;

/// Hands out ids, each larger than the one before, unique over all kinds of a shop.
#[derive(Debug)]
pub(crate) struct Ids(u64);

impl Ids {
    /// The ids of shop `number`. They start above 2^53, so that a float loses them.
    pub(crate) fn new(number: u64, dice: &Dice) -> Self {
        let shop = number.saturating_mul(1_000_000_000_000);
        Self(9_100_000_000_000_001 + shop + dice.below(1_000_000_000))
    }

    /// The next one.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 += 3;
        self.0
    }
}

/// A GID of a kind with one number, such as `gid://shopify/Order/1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gid<'a> {
    /// The type's name.
    pub(crate) kind: &'a str,
    /// Its number.
    pub(crate) id: u64,
    /// What follows a question mark, as in inventory levels.
    pub(crate) query: Option<&'a str>,
}

impl<'a> Gid<'a> {
    /// Reads one; none for anything else.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (kind, rest) = text.strip_prefix("gid://shopify/")?.split_once('/')?;
        let (id, query) = match rest.split_once('?') {
            Some((id, query)) => (id, Some(query)),
            None => (rest, None),
        };
        let id = id.parse().ok()?;
        Some(Self { kind, id, query })
    }

    /// The number of a GID of `kind`; none for another kind.
    pub(crate) fn number(text: &str, kind: &str) -> Option<u64> {
        let gid = Gid::parse(text)?;
        (gid.kind == kind && gid.query.is_none()).then_some(gid.id)
    }

    /// The GID of `id`.
    pub(crate) fn of(kind: &'a str, id: u64) -> Self {
        let query = None;
        Self { kind, id, query }
    }

    /// The inventory item of an inventory level's GID.
    pub(crate) fn item(&self) -> Option<u64> {
        let (_, item) = self.query?.split_once("inventory_item_id=")?;
        item.split('&').next()?.parse().ok()
    }

    /// The GID of the level of `item` at `location`.
    pub(crate) fn level(item: u64, location: u64) -> String {
        format!("gid://shopify/InventoryLevel/{location}?inventory_item_id={item}")
    }
}

impl fmt::Display for Gid<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "gid://shopify/{}/{}", self.kind, self.id)?;
        match self.query {
            Some(query) => write!(out, "?{query}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gids_are_read_exactly() {
        let order = Gid::parse("gid://shopify/Order/9100000000000001").unwrap();
        assert_eq!((order.kind, order.id), ("Order", 9_100_000_000_000_001));
        let level = Gid::level(5, 7);
        let level = Gid::parse(&level).unwrap();
        assert_eq!((level.id, level.item()), (7, Some(5)));
        for text in [
            "",
            "gid://shopify/Order/x",
            "gid://other/Order/1",
            "gid://shopify/Order",
        ] {
            assert_eq!(Gid::parse(text), None, "{text}");
        }
        assert_eq!(Gid::number("gid://shopify/Order/1", "Location"), None);
    }
}
