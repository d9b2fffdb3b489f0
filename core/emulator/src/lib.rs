//! A deterministic OCI in one process: `World` behind OCI's wire formats, over HTTP on loopback.
//!
//! Shares nothing with keywheel's OCI adapters but the table of operations (service, method, path), so
//! that one mistake is not made twice. Official SDKs are its clients in the test suite.

mod asked;
mod emulator;
mod endpoints;
mod errors;
mod federation;
mod metadata;
mod principals;
mod proxymux;
mod route;
mod server;
mod shared;
mod socket;
pub mod users;
pub mod verify;
mod wire;
mod wire_audit;
mod wire_backup_policies;
mod wire_blocks;
mod wire_buckets;
mod wire_holders;
mod wire_identity;
mod wire_kms;
mod wire_logging;
mod wire_monitoring;
mod wire_objects;
mod wire_ons;
mod wire_search;

pub use emulator::{Emulator, EmulatorSettings};
pub use principals::{Instance, Pod, Resource, Session};
pub use shared::ArrivedMint;
pub use users::{ApiUser, OciConfig};

/// The README, whose example must compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
