//! What can be said about keys and rotations to people and machines that watch: pure, over what the rotator read.
//!
//! Nothing here asks the cloud, the journal or a clock.

pub mod metrics;
mod prometheus;

pub use metrics::{Definition, METRICS, Observed, metrics};
pub use prometheus::render_prometheus;
