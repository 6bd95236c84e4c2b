//! One binary for all tests that see the crate from outside.

#![expect(clippy::unwrap_used, reason = "what cannot be set up fails the test")]

mod cli;
mod crash;
mod fuzz;
mod golden;
mod clients;
mod outbox;
mod settings;
mod sim;
mod systemd;
mod tidy;
