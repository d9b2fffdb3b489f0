//! Room testkit.

pub mod conformance;
