//! Reference profiles: built from training data, kept as Arrow IPC.

use std::sync::{Arc, Mutex, PoisonError};

use numpy::{PyArray1, ToPyArray};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use tidegate_drift as drift;
use tidegate_drift::{CategoricalProfile, FeatureProfile, FitOptions, Kind, NumericProfile, Role};
use tidegate_model::TensorData;

use crate::argument::ArgumentError;
use crate::error::raise;
use crate::gil::detached;
use crate::{arrays, counters};

/// Collects features, in the order in which they are added.
#[pyclass(frozen, module = "tidegate._native")]
#[derive(Default)]
pub(crate) struct ProfileBuilder {
    features: Mutex<Vec<FeatureProfile>>,
}

#[pymethods]
impl ProfileBuilder {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Adds an ordered feature.
    #[pyo3(signature = (name, values, role = "input", points = None))]
    fn numeric(
        &self,
        py: Python<'_>,
        name: String,
        values: &Bound<'_, PyAny>,
        role: &str,
        points: Option<usize>,
    ) -> PyResult<()> {
        let role = self::role(py, role)?;
        let values = floats(&arrays::numbers(&name, values)?);
        let options = FitOptions { max_points: points, ..FitOptions::default() };
        let kind = detached(py, || NumericProfile::fit_with(&values, options).map(Kind::Numeric))?;
        self.push(FeatureProfile { name, role, kind });
        Ok(())
    }

    /// Adds an unordered feature.
    #[pyo3(signature = (name, values, role = "input"))]
    fn categorical(
        &self,
        py: Python<'_>,
        name: String,
        values: &Bound<'_, PyAny>,
        role: &str,
    ) -> PyResult<()> {
        let role = self::role(py, role)?;
        let values = values.try_iter()?.enumerate().map(|(index, value)| arrays::text(&name, index, &value?));
        let values = values.collect::<PyResult<Vec<_>>>()?;
        let fit = || CategoricalProfile::fit(values.iter().map(Option::as_deref)).map(Kind::Categorical);
        let kind = detached(py, fit)?;
        self.push(FeatureProfile { name, role, kind });
        Ok(())
    }

    /// The profile of the features added so far.
    fn build(&self, py: Python<'_>) -> PyResult<ReferenceProfile> {
        let features = self.features.lock().unwrap_or_else(PoisonError::into_inner).clone();
        detached(py, || drift::ReferenceProfile::new(features)).map(ReferenceProfile::new)
    }
}

impl ProfileBuilder {
    fn push(&self, feature: FeatureProfile) {
        self.features.lock().unwrap_or_else(PoisonError::into_inner).push(feature);
    }
}

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
    fn new(profile: drift::ReferenceProfile) -> Self {
        Self { profile: Arc::new(profile) }
    }

    fn feature(&self, py: Python<'_>, name: &str, role: &str) -> PyResult<&FeatureProfile> {
        let index = counters::position(py, &self.profile, name, role)?;
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

/// The role of that name.
pub(crate) fn role(py: Python<'_>, name: &str) -> PyResult<Role> {
    Role::from_name(name).ok_or_else(|| raise(py, &ArgumentError::Role(name.to_owned())))
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

fn floats(data: &TensorData) -> Vec<f64> {
    counters::with_numbers!(data, values => values.iter().map(|&value| drift::Value::to_f64(value)).collect(), Vec::new())
}
