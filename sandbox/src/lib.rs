//! Doubles of the sales channels, with shoppers and faults.
//!
//! In: options and a seed. Out: an axum router that answers as the channel does, webhooks through a
//! [`Courier`], and under `/control` the truth. Written from the channel's documentation, never
//! from a connector, so that a misunderstanding shows. Never here: a clock of its own, a spawned
//! task, randomness that does not follow from the seed.

mod bucket;
mod control;
mod courier;
mod delivery;
mod dice;
mod faults;
mod figures;
mod graphql;
mod http;
mod placed;
mod idempotency;
mod rest;
mod sandbox;
mod setup;
mod state;
mod traffic;
mod truth;
mod webhook;

pub use control::{Action, ControlError, Done, Found, LineUnits, NewUnits};
pub use courier::{Courier, LoopbackCourier, Undelivered};
pub use faults::{FaultError, Faults, Rate};
pub use http::Unanswered;
pub use sandbox::{LocationInfo, Sandbox, ShopInfo, VariantInfo};
pub use setup::{Demo, Options, Plan, ShopSetup, Timings, VariantSetup};
pub use state::{Buying, Disposal, Refusal, Restock, ReturnStep, SetRecord, Tracking, Wanted};
pub use traffic::Traffic;
pub use truth::{
    AckTimes, BackTruth, Counters, FulfillmentOrderTruth, LevelTruth, LineTruth, OrderTruth,
    SubscriptionTruth, Truth, TruthPage,
};

/// The version of the Admin API that the double speaks.
pub const VERSION: &str = "2026-10";
