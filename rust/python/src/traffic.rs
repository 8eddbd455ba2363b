//! Keys to slots, weights to slots.

use pyo3::prelude::*;
use tidegate_traffic::{Assignment, TrafficError, seed, slot};

use crate::argument::ArgumentError;
use crate::error::raise;

type Stacks = Vec<Vec<u32>>;

/// The slot of a routing key under a salt.
#[pyfunction]
pub(crate) fn assign(salt: &str, key: &[u8], slots: u32) -> u32 {
    slot(seed(salt), key, slots)
}

/// Moves as few slots as possible so that each arm has its share; gives the new stacks and how many moved.
#[pyfunction]
#[pyo3(signature = (slots, stacks, weights))]
#[expect(clippy::needless_pass_by_value, reason = "a list is converted, not borrowed")]
pub(crate) fn reassign(
    py: Python<'_>,
    slots: u32,
    stacks: Option<Stacks>,
    weights: Vec<f64>,
) -> PyResult<(Stacks, u32)> {
    let fault = |error: TrafficError| raise(py, &error);
    let mut assignment = match stacks {
        Some(stacks) => Assignment::try_from(stacks).map_err(fault)?,
        None => Assignment::start(slots, weights.len()).map_err(fault)?,
    };
    if assignment.slots() != slots {
        return Err(raise(py, &ArgumentError::Slots { expected: slots, found: assignment.slots() }));
    }
    while assignment.stacks().len() < weights.len() {
        assignment.add_arm();
    }
    let moved = assignment.reassign(&weights).map_err(fault)?;
    Ok((assignment.into(), moved))
}

/// Per arm, its slots as ascending `(first, last)` pairs, both inclusive.
#[pyfunction]
pub(crate) fn ranges(py: Python<'_>, stacks: Stacks) -> PyResult<Vec<Vec<(u32, u32)>>> {
    Ok(Assignment::try_from(stacks).map_err(|error| raise(py, &error))?.ranges())
}
