//! Where engine and scorers meet: models are loaded into ONNX Runtime.

use std::sync::Arc;

use tidegate_engine::{LoadError, Loaded, Loader};
use tidegate_onnx::{OnnxScorer, Runtime};

/// Loads every model into one runtime.
pub(crate) struct OnnxLoader(pub(crate) Runtime);

impl Loader for OnnxLoader {
    fn load(&self, onnx: &[u8]) -> Result<Loaded, LoadError> {
        match OnnxScorer::from_bytes(&self.0, onnx) {
            Ok(scorer) => Ok(Loaded {
                scorer: Arc::new(scorer),
                runs_on: "onnxruntime",
                reason: "every graph runs there".into(),
            }),
            Err(error) => Err(LoadError(error.into())),
        }
    }
}
