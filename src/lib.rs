//! The daemon.
pub mod settings;
