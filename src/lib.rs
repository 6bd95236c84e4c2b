//! `channelsync` keeps every sales channel of a merchant truthful.
//!
//! Modules in the order data flows; what decides is pure, what touches the world is a thin shell.

pub mod ats;
pub mod board;
pub mod bookkeeper;
pub mod catalog;
pub mod ledger;
pub mod normalize;
pub mod outbox;
pub mod ports;
pub mod settings;
pub mod store;
pub mod transport;
