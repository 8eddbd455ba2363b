//! `Scorer`: a model in this process.

use std::path::PathBuf;

use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyMapping};
use tidegate_engine::Loaded;
use tidegate_onnx::Runtime;

use crate::argument::ArgumentError;
use crate::arrays;
use crate::error::raise;
use crate::forked;
use crate::gil::detached;
use crate::loader::{Kernel, ModelLoader};

/// The name of a loop that no constant bounds, if the model has one.
#[pyfunction]
pub(crate) fn endless_loop(py: Python<'_>, onnx: &[u8]) -> Option<String> {
    py.detach(|| tidegate_onnx::endless_loop(onnx))
}

/// A loaded ONNX model.
#[pyclass(frozen, module = "tidegate._native")]
pub(crate) struct Scorer {
    loaded: Loaded,
}

#[pymethods]
impl Scorer {
    #[new]
    #[pyo3(signature = (onnx, library, kernel = "auto"))]
    #[expect(clippy::needless_pass_by_value, reason = "a path is converted, not borrowed")]
    fn new(py: Python<'_>, onnx: &[u8], library: PathBuf, kernel: &str) -> PyResult<Self> {
        forked::check(py)?;
        let found = Kernel::from_name(kernel);
        let kernel = found.ok_or_else(|| raise(py, &ArgumentError::Kernel(kernel.to_owned())))?;
        detached(py, || ModelLoader { runtime: Runtime::load(&library)?, kernel }.model(onnx, None))
            .map(|loaded| Self { loaded })
    }

    /// What runs the model: `trees` or `onnxruntime`.
    #[getter]
    fn runs_on(&self) -> &'static str {
        self.loaded.runs_on
    }

    /// Why that one.
    #[getter]
    fn reason(&self) -> &str {
        &self.loaded.reason
    }

    /// Inputs and outputs, as `{"inputs": [{"name", "datatype", "shape"}], "outputs": [...]}`.
    fn signature<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let json = serde_json::to_string(self.loaded.scorer.signature()).unwrap_or_default();
        py.import("json")?.call_method1("loads", (json,))
    }

    /// Scores a batch: arrays by input name to arrays by output name.
    fn score<'py>(&self, py: Python<'py>, inputs: &Bound<'py, PyMapping>) -> PyResult<Bound<'py, PyDict>> {
        forked::check(py)?;
        let signature = self.loaded.scorer.signature();
        let mut tensors = Vec::with_capacity(signature.inputs.len());
        for spec in &signature.inputs {
            match inputs.get_item(&spec.name) {
                Ok(value) => tensors.push(arrays::tensor(&spec.name, &value)?),
                Err(error) if error.is_instance_of::<PyKeyError>(py) => {
                    return Err(raise(py, &ArgumentError::MissingInput(spec.name.clone())));
                }
                Err(error) => return Err(error),
            }
        }
        if inputs.len()? > tensors.len() {
            return Err(self.unknown(inputs)?);
        }
        let rows = tensors.first().and_then(|tensor| tensor.shape.first()).copied().unwrap_or(0);
        let outputs = detached(py, || self.loaded.scorer.score(rows, &tensors.iter().collect::<Vec<_>>()))?;
        let answer = PyDict::new(py);
        for (spec, tensor) in signature.outputs.iter().zip(outputs) {
            answer.set_item(&spec.name, arrays::array(py, tensor)?)?;
        }
        Ok(answer)
    }
}

impl Scorer {
    fn unknown(&self, inputs: &Bound<'_, PyMapping>) -> PyResult<PyErr> {
        let known: Vec<_> =
            self.loaded.scorer.signature().inputs.iter().map(|spec| spec.name.as_str()).collect();
        let mut names =
            inputs.keys()?.iter().map(|key| Ok(key.str()?.to_string())).collect::<PyResult<Vec<_>>>()?;
        names.retain(|name| !known.contains(&name.as_str()));
        Ok(raise(
            inputs.py(),
            &ArgumentError::UnknownInput { name: names.join("', '"), expected: known.join(", ") },
        ))
    }
}
