//! `channelsync` keeps every sales channel of a merchant truthful.
//!
//! Modules in the order data flows; what decides is pure, what touches the world is a thin shell.

pub mod inbox;
pub mod normalize;
pub mod catalog;
pub mod ledger;
pub mod ats;
pub mod bookkeeper;
pub mod outbox;
pub mod reconcile;
pub mod store;
pub mod transport;
pub mod settings;
pub mod edge;
pub mod admin;
pub mod channels;
pub mod daemon;
pub mod board;
pub mod sheet;
pub mod swap;
pub mod ports;
pub mod cli;
