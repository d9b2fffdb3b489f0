//! What several test binaries share: a signer of their own and a client made of one socket.
//!
//! Nothing of keywheel's OCI adapters may be used here: these tests are their second opinion.
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub(crate) mod client;
pub(crate) mod lab;
pub(crate) mod recorder;
pub(crate) mod signer;
pub(crate) mod transcript;

/// A path that a person gave, seen from the repository's root, where people type; a bare name stays one.
pub(crate) fn from_root(path: std::ffi::OsString) -> std::path::PathBuf {
    let path = std::path::PathBuf::from(path);
    if path.components().count() < 2 {
        return path;
    }
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}
