#![doc = include_str!("../README.md")]
//!
//! # Rooms
//!
//! `model` the nouns · `ports` the traits between engine and world · `rotation` the pure state machine ·
//! `journal` facts as chained lines · `engine` performs and records · `compliance` metrics · `memory` one deterministic cloud ·
//! `adapters` the world as it is · `testkit` for tests, ours and yours.
#![forbid(unsafe_code)]

pub mod adapters;
#[cfg(feature = "oci")]
pub mod blocking;
pub mod compliance;
#[cfg(all(feature = "oci", feature = "sqlite"))]
pub mod compose;
pub mod config;
pub mod engine;
pub mod error;
pub mod journal;
pub mod memory;
pub mod model;
pub mod ports;
pub mod rotation;
mod rotator;
#[cfg(not(keywheel_mutants))]
mod safeguard;
#[cfg(keywheel_mutants)]
pub mod safeguard;
#[cfg(feature = "conformance")]
pub mod testkit;

#[cfg(all(feature = "oci", feature = "sqlite"))]
pub use compose::iam_policy;
pub use engine::{Progress, ProgressStream};
pub use error::{Error, ErrorKind, Landed, Result, Retry};
pub use rotator::{Rotated, Rotator, Started};
