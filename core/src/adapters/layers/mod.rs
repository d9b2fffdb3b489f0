//! Decorators over any port: they change when and how often a call is made, never what it means.

mod retry;
mod retrying;

pub use retry::{Retrier, RetryPolicy};
pub use retrying::Retrying;
