//! One binary for all tests that see the crate from outside.

mod settings;
mod tidy;
