//! Tests of the ledger: scripts in a tiny language, run through `decide` and `evolve`.
//!
//! Every entry of every script is checked: nothing broken, no eligible backorder beside available
//! units, indexes exact, the entry unharmed by the journal's format, and the ledger equal to one that
//! was replayed from the journal. `language` has the words.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, which is what it is for"
)]

mod as_of;
mod at_channel;
mod at_desk;
mod at_parcels;
mod at_slots;
mod checks;
mod deliveries;
mod language;
mod print;
mod shop;
mod world;

mod history;
mod locations;
mod mapping;
mod masters;
mod net;
mod opened;
mod orders;
mod purchases;
mod pushes;
mod random;
mod readings;
mod rename;
mod retire;
mod reports;
mod retention;
mod returns;
mod rules;
mod scarcity;
mod shipments;
mod stock;
mod withheld;
