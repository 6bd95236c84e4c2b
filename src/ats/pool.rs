//! What a channel's locations hold for a listing, in whole listings.

use serde::Serialize;

use crate::catalog::{Part, SkuIx};
use crate::ledger::{Ledger, LocIx};

/// Whole listings that could be made, by location, and below zero what is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pool {
    /// By location, first choice first; each at least 0.
    pub locations: Vec<LocationPool>,
    /// Their sum, or more where parts may come from several locations; where more is withheld than is
    /// there, minus the shortfall.
    pub total: i64,
}

/// What one location could give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LocationPool {
    /// Which.
    #[serde(skip)]
    pub location: LocIx,
    /// Whole listings.
    pub listings: i64,
    /// Whether what lies there is shown at all.
    #[serde(skip)]
    pub counts: bool,
}

/// What is left of a SKU at each location after what is withheld of it was taken, last choice first.
struct Free {
    units: Vec<i64>,
    shortfall: i64,
}

/// A location that serves the channel, and whether what lies there counts.
pub(super) type Shelves = (LocIx, bool);

fn free(ledger: &Ledger, sku: SkuIx, withheld: u32, shelves: &[Shelves]) -> Free {
    let mut withheld = i64::from(withheld);
    let there = |(location, counts): &Shelves| match counts {
        true => ledger.balance(sku, *location).available.signed(),
        false => 0,
    };
    let mut units: Vec<i64> = shelves.iter().map(there).collect();
    for there in units.iter_mut().rev() {
        let taken = withheld.min(*there);
        *there = there.saturating_sub(taken);
        withheld = withheld.saturating_sub(taken);
    }
    Free {
        units,
        shortfall: withheld,
    }
}

/// The pool of a listing made of `parts`, each with what is withheld of its SKU: safety stock, and
/// units set aside for other channels. With `split`, its parts may come from several locations.
pub(super) fn pool(
    ledger: &Ledger,
    parts: &[(Part, u32)],
    shelves: &[Shelves],
    split: bool,
) -> Pool {
    let free: Vec<(i64, Free)> = parts
        .iter()
        .map(|(part, withheld)| {
            (
                i64::from(part.per),
                free(ledger, part.sku, *withheld, shelves),
            )
        })
        .collect();
    let made = |place: usize| {
        let whole = free.iter().map(|(per, free)| {
            let units = free.units.get(place).copied().unwrap_or(0);
            units.checked_div(*per).unwrap_or(0)
        });
        whole.min().unwrap_or(0)
    };
    let locations: Vec<LocationPool> = shelves
        .iter()
        .enumerate()
        .map(|(place, (location, counts))| LocationPool {
            location: *location,
            listings: made(place),
            counts: *counts,
        })
        .collect();
    let sum = if split {
        let all = free.iter().map(|(per, free)| {
            let units = free.units.iter();
            let units = units.fold(0_i64, |sum, here| sum.saturating_add(*here));
            units.checked_div(*per).unwrap_or(0)
        });
        all.min().unwrap_or(0)
    } else {
        let whole = locations.iter();
        whole.fold(0_i64, |sum, here| sum.saturating_add(here.listings))
    };
    let lacking = free
        .iter()
        .map(|(per, free)| ceiling(free.shortfall, *per))
        .max()
        .unwrap_or(0);
    let total = if lacking > 0 {
        0_i64.saturating_sub(lacking)
    } else {
        sum
    };
    Pool { locations, total }
}

fn ceiling(units: i64, per: i64) -> i64 {
    let up = units.saturating_add(per.saturating_sub(1));
    up.checked_div(per).unwrap_or(0)
}
