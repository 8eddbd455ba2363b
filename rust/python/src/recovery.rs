//! How much of a growing log segment is whole.

use std::io::ErrorKind;
use std::path::PathBuf;

use pyo3::prelude::*;

use crate::argument::ArgumentError;
use crate::error::raise;

/// The length in bytes of the whole batches of an Arrow IPC stream, and their rows.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "a path is converted, not borrowed")]
pub(crate) fn recover(py: Python<'_>, path: PathBuf) -> PyResult<(u64, u64)> {
    match py.detach(|| tidegate_engine::recover(&path)) {
        Ok(whole) => Ok((whole.bytes, whole.rows)),
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            Err(raise(py, &ArgumentError::Segment(error)))
        }
        Err(error) => Err(error.into()),
    }
}
