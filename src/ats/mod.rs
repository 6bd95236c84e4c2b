//! Available to sell: the quantity each slot may show, and how it came about.
//!
//! In: the ledger. Out: one number per slot of an item with every step that led to it. Never reads a
//! clock, a file or a socket; equal inputs give equal numbers, which is how the outbox knows that
//! nothing needs pushing. Rounds down: we would rather miss a sale than owe one.
#![deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]

mod difference;
mod explain;
mod exposure;
mod guard;
mod held;
mod interlock;
mod number;
mod opening;
mod own;
mod pool;
mod rules;
mod shows;
mod steps;

#[cfg(test)]
mod tests;

pub use difference::{Difference, differences};
pub use explain::{
    CommittedTo, Explained, ExplainedFreeze, ExplainedInterlock, ExplainedPart, ExplainedSetAside,
    ExplainedSlot, ExplainedStock, ExplainedUnseen, explain,
};
pub use exposure::{Exposure, Seller, Unseen, exposure, unseen};
pub use held::{ToWrite, to_write};
pub use interlock::{Before, Left, Suspect, Verdict, Watch, before, suspect, would_change};
pub use number::{ItemNumber, NoNumber, SlotNumber, number};
pub use opening::{NoOpening, Opening, OpeningPage, openings, slots_to_open};
pub use own::Own;
pub use pool::{LocationPool, Pool};
pub use rules::{Effective, Level, Won, effective};
pub use shows::{Shows, differs, for_sale, shows};
pub use steps::Steps;
