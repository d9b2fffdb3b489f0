//! OCI as the far end: signing, credentials, endpoints, transport, and one adapter per port.
//!
//! Only the operations of the table can be called. Nothing decides here what a rotation does next.

mod answer;
mod audit_bucket;
mod audit_log;
mod backup_policies;
mod blocks;
mod call;
mod catalog;
mod client;
pub mod credentials;
mod endpoint;
mod examine;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod holders;
pub mod iam;
mod key_store;
mod locate;
mod logging_sink;
#[cfg(test)]
mod loopback;
mod monitoring;
mod ons;
pub mod operation;
mod policies;
pub mod region;
mod rekey;
mod retention;
mod search;
mod search_types;
mod seen_buckets;
mod sign;
mod transport;
mod wire;
mod wire_audit;

pub use audit_bucket::{AuditBucket, AuditBucketPlace};
pub use audit_log::Audit;
pub use catalog::Catalog;
pub use client::{Client, ClientSettings};
pub use endpoint::Endpoints;
pub use examine::{OciExaminer, Premises};
pub use key_store::VaultKeyStore;
pub use logging_sink::LoggingSink;
pub use monitoring::Monitoring;
pub use ons::Topic;
pub use rekey::{BlockReKeyer, BucketReKeyer, HolderReader, NodePoolReKeyer, Rekeyers};
pub use seen_buckets::ListedEtags;
pub use transport::Timeouts;
