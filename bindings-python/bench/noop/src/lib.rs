//! One awaited call that does nothing, by pyo3-async-runtimes: what a call of ours is measured against.

use pyo3::prelude::*;

/// The module.
#[pymodule]
mod keywheel_noop {
    use super::*;

    /// Does nothing, awaited.
    #[pyfunction]
    fn noop(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        pyo3_async_runtimes::tokio::future_into_py(py, async { Ok(()) })
    }
}
