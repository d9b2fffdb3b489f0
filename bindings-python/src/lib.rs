//! The native half of the Python package: the door, without the GIL.
//!
//! Strings in, strings out; exceptions, classes and documentation are made in `python/keywheel`.
//! No logic lives here.

use keywheel_bridge::Answer;
use pyo3::prelude::*;

/// An answer as Python gets it: whether it went well, and JSON either way.
fn landed(answer: Answer) -> (bool, String) {
    match answer {
        Ok(json) => (true, json),
        Err(failure) => (false, failure.to_json()),
    }
}

/// The native module; private, its names may change at any time.
#[pymodule]
mod _keywheel {
    use super::*;

    /// Calls a function that needs no rotator.
    #[pyfunction]
    fn call(py: Python<'_>, method: &str, arguments: &str) -> (bool, String) {
        py.detach(|| landed(keywheel_bridge::call(method, arguments)))
    }
}
