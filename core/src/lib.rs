//! Placeholder front page.
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
#[cfg(feature = "testkit")]
pub mod testkit;

pub use engine::{Progress, ProgressStream};
pub use error::{Error, ErrorKind, Landed, Result, Retry};
pub use rotator::{Rotated, Rotator, Started};
