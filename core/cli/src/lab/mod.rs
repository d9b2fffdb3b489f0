//! What only a lab build can do: an OCI of one's own, a demonstration, deaths at named points.
//!
//! Never part of a release: the emulator behind it knows paths that keywheel's own transport must not.

pub(crate) mod demo;
pub(crate) mod emulate;
pub(crate) mod files;
pub(crate) mod kill;
pub(crate) mod seed;
