//! The world as it is: one folder per far end. Adapters know ports and model, nothing else of ours.

#[cfg(any(feature = "oci", feature = "webhook"))]
mod http;
pub mod layers;
#[cfg(feature = "oci")]
pub mod oci;
#[cfg(all(feature = "operations", not(feature = "oci")))]
#[path = "oci/operation.rs"]
pub mod operation;
// One path to the table whatever features another package switches on.
#[cfg(feature = "oci")]
pub use oci::operation;
#[cfg(feature = "sqlite")]
pub mod sqlite;
pub mod system;
#[cfg(feature = "webhook")]
pub mod webhook;
