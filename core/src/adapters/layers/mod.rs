//! Decorators over any port: they change when and how often a call is made, never what it means.

mod digests;
mod pace;
mod rate;
mod retry;
mod retrying;

pub use digests::{DigestPolicy, Digests};
pub use pace::{Limit, PacePolicy, Pacer};
pub use retry::{Retrier, RetryPolicy};
pub use retrying::Retrying;
