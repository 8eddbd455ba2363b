//! `ReferenceProfile`: what the training data looked like, kept as Arrow IPC.

use std::sync::Arc;

use numpy::{PyArray1, ToPyArray};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use tidegate_drift as drift;
use tidegate_drift::{FeatureProfile, Kind, NumericProfile};

use crate::argument::ArgumentError;
use crate::error::raise;
use crate::feature::position;
use crate::gil::detached;

/// What the training data looked like.
#[pyclass(frozen, module = "tidegate._native")]
pub(crate) struct ReferenceProfile {
    pub(crate) profile: Arc<drift::ReferenceProfile>,
}

#[pymethods]
impl ReferenceProfile {
    /// Reads an Arrow IPC file made by `to_bytes`.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        detached(py, || drift::ReferenceProfile::from_ipc(data)).map(Self::new)
    }

    /// The profile as an Arrow IPC file.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &detached(py, || self.profile.to_ipc())?))
    }

    /// One dict per feature.
    fn features<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let features = self.profile.features().iter().map(|feature| {
            let (mode, points) = match &feature.kind {
                Kind::Numeric(numeric) => (Some(numeric.mode().name()), numeric.points().len()),
                Kind::Categorical(categorical) => (None, categorical.categories().len()),
            };
            let dict = PyDict::new(py);
            dict.set_item("name", &feature.name)?;
            dict.set_item("role", feature.role.name())?;
            dict.set_item("kind", feature.kind.name())?;
            dict.set_item("mode", mode)?;
            dict.set_item("rows", feature.reference_rows() + feature.reference_missing())?;
            dict.set_item("missing", feature.reference_missing())?;
            dict.set_item("points", points)?;
            dict.set_item("bins", feature.reference_bins().len())?;
            dict.set_item("urn", feature.urn().name())?;
            Ok(dict)
        });
        PyList::new(py, features.collect::<PyResult<Vec<_>>>()?)
    }

    /// A numeric feature's distinct reference values, ascending.
    #[pyo3(signature = (name, role = "input"))]
    fn points<'py>(&self, py: Python<'py>, name: &str, role: &str) -> PyResult<Bound<'py, PyArray1<f64>>> {
        Ok(self.numeric(py, name, role, "points")?.points().to_pyarray(py))
    }

    /// How many reference rows equal each point.
    #[pyo3(signature = (name, role = "input"))]
    fn weights<'py>(&self, py: Python<'py>, name: &str, role: &str) -> PyResult<Bound<'py, PyArray1<u64>>> {
        Ok(self.numeric(py, name, role, "weights")?.weights().to_pyarray(py))
    }

    /// A numeric feature's finite PSI edges.
    #[pyo3(signature = (name, role = "input"))]
    fn edges<'py>(&self, py: Python<'py>, name: &str, role: &str) -> PyResult<Bound<'py, PyArray1<f64>>> {
        Ok(self.numeric(py, name, role, "edges")?.edges().to_pyarray(py))
    }

    /// A categorical feature's own categories and their reference rows.
    #[pyo3(signature = (name, role = "input"))]
    #[expect(clippy::type_complexity, reason = "a pair of a list and an array")]
    fn categories<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        role: &str,
    ) -> PyResult<(Vec<Bound<'py, PyBytes>>, Bound<'py, PyArray1<u64>>)> {
        match &self.feature(py, name, role)?.kind {
            Kind::Categorical(found) => {
                let names = found.categories().iter().map(|category| PyBytes::new(py, category)).collect();
                Ok((names, found.counts().to_pyarray(py)))
            }
            Kind::Numeric(_) => Err(kind(py, name, "numeric", "categorical", "categories")),
        }
    }

    /// Bytes of one set of counters of this profile.
    fn memory_bytes(&self) -> usize {
        drift::Counters::cell_bytes(&self.profile)
    }
}

impl ReferenceProfile {
    pub(crate) fn new(profile: drift::ReferenceProfile) -> Self {
        Self { profile: Arc::new(profile) }
    }

    fn feature(&self, py: Python<'_>, name: &str, role: &str) -> PyResult<&FeatureProfile> {
        let index = position(py, &self.profile, name, role)?;
        Ok(&self.profile.features()[index])
    }

    fn numeric(
        &self,
        py: Python<'_>,
        name: &str,
        role: &str,
        what: &'static str,
    ) -> PyResult<&NumericProfile> {
        match &self.feature(py, name, role)?.kind {
            Kind::Numeric(numeric) => Ok(numeric),
            Kind::Categorical(_) => Err(kind(py, name, "categorical", "numeric", what)),
        }
    }
}

fn kind(
    py: Python<'_>,
    name: &str,
    found: &'static str,
    expected: &'static str,
    what: &'static str,
) -> PyErr {
    raise(py, &ArgumentError::Kind { name: name.to_owned(), found, expected, what })
}
