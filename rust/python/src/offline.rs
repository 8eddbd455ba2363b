//! `OfflineScorer`: one version of a deployment for files: no lock, no log, no counters.

use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use tidegate_engine::{self as engine, ArtifactFiles, DeploymentSpec};
use tidegate_onnx::Runtime;

use crate::arrays;
use crate::error::raise;
use crate::forked;
use crate::gil::detached;
use crate::loader::{Kernel, ModelLoader};
use crate::local::batch;

/// A version that scores files.
#[pyclass(frozen, module = "tidegate._native")]
pub(crate) struct OfflineScorer {
    scorer: engine::OfflineScorer,
}

#[pymethods]
impl OfflineScorer {
    #[new]
    #[pyo3(signature = (deployment, home, library, endpoint, version=None))]
    #[expect(clippy::needless_pass_by_value, reason = "paths are converted, not borrowed")]
    fn new(
        py: Python<'_>,
        deployment: &[u8],
        home: PathBuf,
        library: PathBuf,
        endpoint: &str,
        version: Option<&str>,
    ) -> PyResult<Self> {
        forked::check(py)?;
        let runtime = detached(py, || Runtime::load(&library))?;
        let loader = ModelLoader { runtime, kernel: Kernel::Auto };
        let spec = DeploymentSpec::parse(deployment).map_err(|error| raise(py, &error))?;
        let artifacts = ArtifactFiles::of_home(&home);
        detached(py, || engine::OfflineScorer::new(&spec, endpoint, version, &loader, &artifacts))
            .map(|scorer| Self { scorer })
    }

    #[getter]
    fn model(&self) -> &str {
        &self.scorer.variant().model
    }

    #[getter]
    fn version(&self) -> &str {
        &self.scorer.variant().version
    }

    /// The version's digest.
    #[getter]
    fn variant(&self) -> &str {
        &self.scorer.variant().digest
    }

    #[getter]
    fn runs_on(&self) -> &str {
        self.scorer.variant().loaded.runs_on
    }

    /// The endpoint's contract, as JSON.
    fn contract(&self) -> String {
        serde_json::to_string(self.scorer.contract()).unwrap_or_default()
    }

    /// Arrays by input name to arrays by output name.
    fn score<'py>(&self, py: Python<'py>, inputs: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyDict>> {
        forked::check(py)?;
        let batch = batch(self.scorer.contract(), inputs)?;
        let outputs = detached(py, || self.scorer.score(&batch))?;
        let answer = PyDict::new(py);
        for (spec, tensor) in self.scorer.contract().outputs.iter().zip(outputs) {
            answer.set_item(&spec.name, arrays::array(py, tensor)?)?;
        }
        Ok(answer)
    }
}
