//! The single writer of a merchant's book.
//!
//! In: commands and questions from every task, through one bounded queue. Out: answers, only after
//! what they rest on is durable. It takes what is waiting, decides and evolves each command in memory,
//! writes the whole group as one frame, and then answers every caller. Never here: what a command
//! means (ledger), where bytes go (store).

mod code;
mod dirty;
mod handle;
mod history;
mod line;
mod movements;
mod open;
mod pen;
mod snapshots;
mod sold;
mod writer;

pub use code::{Unreadable, decode, encode};
pub use dirty::{Dirty, Marked};
pub use handle::{BookError, Booked, Handle, Origin};
pub use history::{Recorded, keep_records, order_key, rebuild_records};
pub use line::{Rank, Urgency};
pub use movements::{GoOn, Moved, MovementsAsked, MovementsPage, ReadMovements, Side, movements};
pub use open::{OpenError, ReadGroups, open, replay, restored};
pub use snapshots::{Loaded, load_base, load_newest, prepare_cut, take_snapshot, write_piece};
pub use writer::{ChannelCounts, Published, Writer, WriterLimits};
