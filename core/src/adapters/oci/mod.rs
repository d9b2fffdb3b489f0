//! OCI as the far end: signing, credentials, endpoints, transport, and one adapter per port.
//!
//! Only the operations of the table can be called. Nothing decides here what a rotation does next.

pub mod credentials;
mod endpoint;
pub mod operation;
pub mod region;
mod sign;

pub use endpoint::{Endpoints, RegionOverride};
