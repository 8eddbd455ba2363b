//! `ProfileBuilder`: from training data to a profile.

use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use tidegate_drift::{self as drift, CategoricalProfile, FeatureProfile, FitOptions, Kind, NumericProfile};
use tidegate_model::TensorData;

use crate::arrays;
use crate::feature::{role as role_of, with_numbers};
use crate::gil::detached;
use crate::profile::ReferenceProfile;

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
        let role = role_of(py, role)?;
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
        let role = role_of(py, role)?;
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

fn floats(data: &TensorData) -> Vec<f64> {
    with_numbers!(data, values => values.iter().map(|&value| drift::Value::to_f64(value)).collect(), Vec::new())
}
