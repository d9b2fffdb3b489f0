//! What several test binaries share: a signer of their own and a client made of one socket.
//!
//! Nothing of keywheel's OCI adapters may be used here: these tests are their second opinion.
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub(crate) mod client;
pub(crate) mod lab;
pub(crate) mod signer;
