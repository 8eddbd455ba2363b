//! A process that was forked has none of the threads of the one that loaded a model or served: it may not go on with them.

use std::sync::OnceLock;

use pyo3::prelude::*;

use crate::error::{Fault, raise};

/// The process in which native threads were started first.
static STARTED: OnceLock<u32> = OnceLock::new();

/// Refuses to go on in a child that was forked after the first call.
pub(crate) fn check(py: Python<'_>) -> PyResult<()> {
    let here = std::process::id();
    let started = *STARTED.get_or_init(|| here);
    if started == here { Ok(()) } else { Err(raise(py, &Forked { here, started })) }
}

/// The call came in a forked child.
#[derive(Debug, thiserror::Error)]
#[error(
    "process {here} was forked from {started} after that had loaded a model or served, and has none of its threads: use \
     spawn (multiprocessing.get_context(\"spawn\"))"
)]
struct Forked {
    here: u32,
    started: u32,
}

impl Fault for Forked {
    fn class(&self) -> &'static str {
        "ForkedProcessError"
    }
}
