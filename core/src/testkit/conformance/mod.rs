//! One suite per port: what every implementation must keep, whoever wrote it.
//!
//! A suite knows the port and nothing of the adapter; each promise is one function named as in the port's docs.

pub mod journal;
