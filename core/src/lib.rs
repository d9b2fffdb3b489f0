//! Placeholder front page.
#![forbid(unsafe_code)]

pub mod adapters;
pub mod compliance;
pub mod config;
pub mod engine;
pub mod error;
pub mod journal;
pub mod memory;
pub mod model;
pub mod ports;
pub mod rotation;
#[cfg(feature = "testkit")]
pub mod testkit;

pub use error::{Error, ErrorKind, Landed, Result, Retry};
