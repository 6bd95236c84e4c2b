//! What is sold where: listings, the stock units they stand for, and how the two are matched.
//!
//! In: listings as channels report them, SKUs as the merchant counts them. Out: parts (SKU × units)
//! or the reason why there are none. Never here: stock, orders, a guess by title.

mod listing;
mod listings;
mod mapping;
mod skus;
mod table;

pub use listing::{Listing, ListingFlags, Mapping, Part, Parts, SkuIx, merge_parts};
pub use listings::Listings;
pub use mapping::{Automatic, Claim, automatic};
pub use skus::Skus;
pub use table::{Key, Rows, Table};
