//! The rules of the GIL: it is released before anything that computes, loads or waits, nothing that holds a lock waits
//! for it, and calls across the boundary carry whole batches. A few rows through a model that takes microseconds are
//! cheaper than the release.

use pyo3::prelude::*;

use crate::error::{Fault, raise};

/// Calls without the GIL and maps the error.
pub(crate) fn detached<T: Send, E: Fault + Send>(
    py: Python<'_>,
    call: impl FnOnce() -> Result<T, E> + Send,
) -> PyResult<T> {
    py.detach(call).map_err(|error| raise(py, &error))
}
