//! `Prediction`: an answer whose parts become Python objects when somebody asks for them.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PySlice};
use tidegate_engine::{Endpoint, ScoreResponse};

use crate::argument::ArgumentError;
use crate::arrays;
use crate::error::raise;

/// The answer to one request.
#[pyclass(frozen, module = "tidegate._native")]
pub(crate) struct Prediction {
    pub(crate) response: ScoreResponse,
    pub(crate) endpoint: Arc<Endpoint>,
}

#[pymethods]
impl Prediction {
    #[getter]
    fn prediction_id(&self) -> String {
        self.response.prediction_id.to_string()
    }

    #[getter]
    fn model(&self) -> &str {
        &self.response.model
    }

    #[getter]
    fn version(&self) -> &str {
        &self.response.version
    }

    #[getter]
    fn variant(&self) -> &str {
        &self.response.variant
    }

    #[getter]
    fn route(&self) -> &str {
        self.response.route.name()
    }

    #[getter]
    const fn sticky(&self) -> bool {
        self.response.sticky
    }

    #[getter]
    const fn generation(&self) -> u64 {
        self.response.generation
    }

    /// All outputs by name.
    #[getter]
    fn outputs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let outputs = PyDict::new(py);
        for (spec, tensor) in self.endpoint.contract.outputs.iter().zip(&*self.response.outputs) {
            outputs.set_item(&spec.name, arrays::array(py, tensor.clone())?)?;
        }
        Ok(outputs)
    }

    /// One output.
    fn __getitem__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let outputs = &self.endpoint.contract.outputs;
        let found = outputs.iter().zip(&*self.response.outputs).find(|(spec, _)| spec.name == name);
        let Some((_, tensor)) = found else {
            let expected: Vec<_> = outputs.iter().map(|spec| spec.name.as_str()).collect();
            let (name, expected) = (name.to_owned(), expected.join(", "));
            return Err(raise(py, &ArgumentError::UnknownOutput { name, expected }));
        };
        arrays::array(py, tensor.clone())
    }

    /// The score of each row, or None where the contract names none.
    #[getter]
    fn score<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(score) = &self.endpoint.contract.score else { return Ok(None) };
        let output = self.__getitem__(py, &score.output)?;
        if output.getattr("ndim")?.extract::<usize>()? == 1 {
            return Ok(Some(output));
        }
        output.get_item((PySlice::full(py), score.column)).map(Some)
    }

    fn __repr__(&self) -> String {
        let (response, endpoint) = (&self.response, &self.endpoint.name);
        let (model, version, route) = (&response.model, &response.version, response.route.name());
        format!(
            "<Prediction {} of {endpoint} by {model} version {version} ({route})>",
            response.prediction_id
        )
    }
}
