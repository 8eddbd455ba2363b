//! PSI and KS as dicts; what is undefined is None, with a reason code.

use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use tidegate_drift::{
    self as drift, Counts, FeatureCounts, FeatureProfile, Kind, Ks, Psi, ReferenceProfile, Smoothing,
};

use crate::argument::ArgumentError;
use crate::error::raise;

/// PSI of live counts against reference counts, bin by bin.
#[pyfunction]
#[pyo3(signature = (reference, live, alpha = 0.05))]
#[expect(clippy::needless_pass_by_value, reason = "borrowed arrays are passed so")]
pub(crate) fn psi<'py>(
    py: Python<'py>,
    reference: PyReadonlyArray1<'py, u64>,
    live: PyReadonlyArray1<'py, u64>,
    alpha: f64,
) -> PyResult<Bound<'py, PyDict>> {
    check(py, alpha)?;
    let (reference, live) = (reference.as_array().to_vec(), live.as_array().to_vec());
    if reference.len() != live.len() {
        return Err(raise(py, &ArgumentError::Bins { expected: reference.len(), found: live.len() }));
    }
    let dict = PyDict::new(py);
    set_psi(&dict, &drift::psi(&reference, &live, Smoothing::Jeffreys), alpha)?;
    Ok(dict)
}

/// The statistics of every feature.
pub(crate) fn of<'py>(
    py: Python<'py>,
    profile: &ReferenceProfile,
    counts: &Counts,
    alpha: f64,
) -> PyResult<Bound<'py, PyList>> {
    check(py, alpha)?;
    let features = profile.features().iter().zip(counts.features());
    let computed =
        py.detach(|| features.map(|(feature, counts)| Computed::of(feature, counts)).collect::<Vec<_>>());
    let features = profile.features().iter().zip(counts.features()).zip(computed);
    let dicts = features.map(|((feature, counts), computed)| computed.dict(py, feature, counts, alpha));
    PyList::new(py, dicts.collect::<PyResult<Vec<_>>>()?)
}

struct Computed {
    psi: Psi,
    ks: Option<Ks>,
}

impl Computed {
    fn of(feature: &FeatureProfile, counts: &FeatureCounts) -> Self {
        let psi = drift::psi(&feature.reference_bins(), &feature.bins(counts.cells()), Smoothing::Jeffreys);
        let ks = match &feature.kind {
            // The counts were made for this profile: there is no other error.
            Kind::Numeric(numeric) => drift::ks(numeric, counts).ok(),
            Kind::Categorical(_) => None,
        };
        Self { psi, ks }
    }

    fn dict<'py>(
        &self,
        py: Python<'py>,
        feature: &FeatureProfile,
        counts: &FeatureCounts,
        alpha: f64,
    ) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("feature", &feature.name)?;
        dict.set_item("role", feature.role.name())?;
        dict.set_item("kind", feature.kind.name())?;
        dict.set_item("rows", counts.rows())?;
        dict.set_item("missing", counts.missing())?;
        dict.set_item("nonfinite", counts.nonfinite())?;
        dict.set_item("reference_rows", feature.reference_rows() + feature.reference_missing())?;
        dict.set_item("reference_missing", feature.reference_missing())?;
        set_psi(&dict, &self.psi, alpha)?;
        let ks = self.ks.as_ref();
        dict.set_item("ks", ks.and_then(|ks| ks.d))?;
        dict.set_item("ks_numerator", ks.map(|ks| ks.numerator))?;
        dict.set_item("ks_denominator", ks.map(|ks| ks.denominator))?;
        dict.set_item("ks_p_value", ks.and_then(|ks| ks.p_value))?;
        dict.set_item("ks_location", ks.and_then(|ks| ks.location))?;
        dict.set_item("ks_exact", ks.map(|ks| ks.exact))?;
        let reason = self.psi.reason.or_else(|| ks.and_then(|ks| ks.reason));
        dict.set_item("reason", reason.map(drift::Reason::code))?;
        Ok(dict)
    }
}

fn set_psi(dict: &Bound<'_, PyDict>, psi: &Psi, alpha: f64) -> PyResult<()> {
    dict.set_item("psi", psi.value)?;
    dict.set_item("psi_bias_corrected", psi.bias_corrected)?;
    dict.set_item("psi_threshold", psi.threshold(alpha))?;
    dict.set_item("psi_p_value", psi.p_value)?;
    dict.set_item("psi_ci_low", psi.ci95.map(|ci| ci.0))?;
    dict.set_item("psi_ci_high", psi.ci95.map(|ci| ci.1))?;
    dict.set_item("psi_bins", psi.bins)?;
    dict.set_item("magnitude", psi.magnitude().map(drift::Magnitude::name))?;
    dict.set_item("reason", psi.reason.map(drift::Reason::code))
}

fn check(py: Python<'_>, alpha: f64) -> PyResult<()> {
    if alpha > 0.0 && alpha < 1.0 { Ok(()) } else { Err(raise(py, &ArgumentError::Alpha(alpha))) }
}
