//! The daemon.
pub mod ports;
pub mod transport;
