//! For tests, ours and yours: a lab in memory, crash points, conformance suites, mockall doubles.
//!
//! May know every room but `compose`. Nothing in here is in a release of the command line tool.

pub mod conformance;
#[cfg(feature = "testkit")]
pub mod crash;
#[cfg(feature = "testkit")]
pub mod executor;
#[cfg(feature = "testkit")]
mod lab;
#[cfg(feature = "testkit")]
pub mod sim;
#[cfg(feature = "testkit")]
pub mod strategies;

#[cfg(feature = "testkit")]
pub use lab::{ELSEWHERE, HOME, Lab};

/// The mockall double of every port.
#[cfg(feature = "testkit")]
pub use crate::ports::doubles;
