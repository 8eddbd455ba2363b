//! Drift alarms: the scan of a stream, its threshold, the design effect of a reference.

use numpy::{PyArray1, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use tidegate_drift::{self as drift, Evidence, Urn, WINDOWS};

use crate::argument::ArgumentError;
use crate::error::raise;

/// The log evidence of every check and the panes of its strongest window, 0 for none.
#[pyfunction]
#[pyo3(signature = (reference, panes, urn, design_effect = 1.0))]
#[expect(
    clippy::needless_pass_by_value,
    clippy::type_complexity,
    reason = "borrowed arrays, a pair of arrays"
)]
pub(crate) fn scan<'py>(
    py: Python<'py>,
    reference: PyReadonlyArray1<'py, u64>,
    panes: PyReadonlyArray2<'py, u64>,
    urn: &str,
    design_effect: f64,
) -> PyResult<(Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<u64>>)> {
    let Some(urn) = Urn::from_name(urn) else {
        return Err(raise(py, &ArgumentError::Urn(urn.to_owned())));
    };
    let reference = reference.as_array().to_vec();
    let Some(evidence) = Evidence::new(&reference, urn, design_effect) else {
        return Err(raise(py, &ArgumentError::Reference));
    };
    let panes = rows(&panes);
    if let Some(pane) = panes.iter().find(|pane| pane.len() != reference.len()) {
        return Err(raise(py, &ArgumentError::Bins { expected: reference.len(), found: pane.len() }));
    }
    let checks = py.detach(|| drift::scan(&evidence, &panes, &WINDOWS));
    let ln_m = checks.iter().map(|check| check.ln_m).collect();
    let windows = checks.iter().map(|check| check.window as u64).collect();
    Ok((PyArray1::from_vec(py, ln_m), PyArray1::from_vec(py, windows)))
}

/// The log evidence that is an alarm.
#[pyfunction]
#[pyo3(signature = (streams, checks = 1000, alpha = 0.01))]
pub(crate) fn ln_alarm(py: Python<'_>, streams: usize, checks: u64, alpha: f64) -> PyResult<f64> {
    if !(alpha > 0.0 && alpha < 1.0) {
        return Err(raise(py, &ArgumentError::Alpha(alpha)));
    }
    Ok(drift::ln_alarm(streams, checks, alpha))
}

/// `NONE`, `WARN` or `ALARM`.
#[pyfunction]
pub(crate) fn alarm_level(ln_m: f64, ln_alarm: f64) -> &'static str {
    drift::Level::of(ln_m, ln_alarm).name()
}

/// The design effect of a reference in panes, None with too few of them.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "borrowed arrays are passed so")]
pub(crate) fn design_effect(py: Python<'_>, panes: PyReadonlyArray2<'_, u64>) -> Option<f64> {
    let panes = rows(&panes);
    py.detach(|| drift::design_effect(&panes))
}

fn rows(panes: &PyReadonlyArray2<'_, u64>) -> Vec<Vec<u64>> {
    panes.as_array().rows().into_iter().map(|row| row.to_vec()).collect()
}
