//! keywheel beside `oci-rust-sdk`: three small adapters for a team that already uses it.
//!
//! AGPL-3.0, as the SDK is; read the README before copying anything. Nothing here is part of keywheel, and nothing of
//! the SDK signs, sends or repeats a request of keywheel's.

mod catalog;
mod credentials;
mod lent;
mod source;

pub use catalog::{CONTAINER_INSTANCE, INSTANCE, WithSdk};
pub use credentials::SdkCredentials;
pub use lent::Lent;
pub use source::{ContainerInstances, Instances, Listing, Seen, Source, TypedInstances};
