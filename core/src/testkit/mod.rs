//! For tests, ours and yours: a lab in memory, crash points, conformance suites, mockall doubles.
//!
//! May know every room but `compose`. Nothing in here is in a release of the command line tool.

pub mod conformance;
pub mod crash;
pub mod executor;
mod lab;
pub mod sim;
pub mod strategies;

pub use lab::{ELSEWHERE, HOME, Lab};

/// The mockall double of every port.
pub use crate::ports::doubles;
