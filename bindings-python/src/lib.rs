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
    use std::path::PathBuf;

    use super::*;

    /// Calls a function that needs no rotator.
    #[pyfunction]
    fn call(py: Python<'_>, method: &str, arguments: &str) -> (bool, String) {
        py.detach(|| landed(keywheel_bridge::call(method, arguments)))
    }

    /// A rotator behind strings.
    #[pyclass(frozen)]
    struct Door(keywheel_bridge::Door);

    #[pymethods]
    impl Door {
        /// Opens the door of a config file: the door, or the failure as JSON.
        #[staticmethod]
        #[allow(clippy::needless_pass_by_value, reason = "arguments come out of Python by value")]
        fn open(py: Python<'_>, config: PathBuf) -> (Option<Self>, Option<String>) {
            match py.detach(|| keywheel_bridge::Door::open(&config)) {
                Ok(door) => (Some(Self(door)), None),
                Err(failure) => (None, Some(failure.to_json())),
            }
        }

        /// Calls a method of the rotator.
        fn call(&self, py: Python<'_>, method: &str, arguments: &str) -> (bool, String) {
            py.detach(|| landed(self.0.call(method, arguments)))
        }
    }
}
