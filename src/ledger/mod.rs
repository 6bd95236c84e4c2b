//! The ledger: double entry, one writer.
//!
//! In: commands. Out: entries (movements and facts that happened together) and the state they add
//! up to. `decide` says what follows from a command, `evolve` is the only code that changes state;
//! both are pure. Never here: a clock, a file, a channel's vocabulary beyond its ids.
#![deny(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm)]

mod balance;
mod bulk;
mod channel;
mod command;
mod decide;
mod entry;
mod evolve;
mod freeze;
mod interlock;
mod lately;
mod master;
mod order;
mod pieces;
mod purchase;
mod push;
mod refusal;
mod reported;
mod retire;
mod rule;
mod set_aside;
mod setup;
mod shipment;
mod state;
#[cfg(test)]
mod tests;
mod verify;

pub use balance::{Balance, Stock};
pub use bulk::BulkFile;
pub use channel::{Channel, Item, Restored, Stream, Wanted};
pub use command::{
    Command, FileTaken, MapRow, ParkedBytes, RowOutcome, ShipLine, ShownReport, StockLine,
    StockMove,
};
pub use decide::{Draft, decide, is_plain, would_change};
pub use entry::{
    Actor, Bucket, Entry, Exception, Fact, LineFact, MappedBy, Movement, OrderFact, PassingFact,
    Place, PurchaseFact, Reading, Recheck,
};
pub use evolve::{Touched, evolve, touched};
pub use freeze::{Frozen, Scope};
pub use interlock::{HeldBack, Interlock, MassChange, Showed, Swing};
pub use lately::Lately;
pub use master::{Master, Shelf};
pub use order::{Back, BackAt, CameBack, Fate, Held, Line, Order, OrderRef, PlaceIx};
pub use pieces::{Piece, Stray};
pub use purchase::{Purchase, PurchaseLine, PurchaseOrder};
pub use push::{Call, Fall, Peak, PushState, Row, Sight, SlotState};
pub use refusal::Refusal;
pub use reported::{
    Change, Happened, Hint, ListingReport, OrderReport, Polled, PutBack, ReportFacet, ReportLine,
    ReportRestock, ReportRoute, ReportShipment, Source,
};
pub use retire::{OpenOrders, Retired};
pub use rule::{LocationList, Policy, RuleAt, RuleKey, Ruled, Rules};
pub use set_aside::{SetAside, SetAsideBeyond};
pub use setup::{ChannelSetup, Counting, LocationPair, MassLimits, Returns, Setup};
pub use shipment::{
    Packed, ReportAnswer, ReportState, Shipment, ShipmentAct, ShipmentAt, Tracking,
};
pub use state::{Ledger, LocIx, ParkedRow, SkuRow, Sold};
pub use verify::{Broken, verify};
