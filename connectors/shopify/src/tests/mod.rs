//! Tests of the crate as a whole, through the contract, with a scripted transport.

mod authorize;
mod bodies;
mod bulk;
mod documents;
mod errors;
mod fetch;
mod random;
mod requests;
mod returns;
mod shop;
mod suite;
