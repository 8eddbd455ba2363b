//! Where engine and scorers meet: models are loaded into ONNX Runtime.

use std::sync::Arc;

use tidegate_engine::{LoadError, Loader};
use tidegate_model::Scorer;
use tidegate_onnx::{OnnxScorer, Runtime};

/// Loads every model into one runtime.
pub(crate) struct OnnxLoader(pub(crate) Runtime);

impl Loader for OnnxLoader {
    fn load(&self, onnx: &[u8]) -> Result<Arc<dyn Scorer>, LoadError> {
        match OnnxScorer::from_bytes(&self.0, onnx) {
            Ok(scorer) => Ok(Arc::new(scorer)),
            Err(error) => Err(LoadError(error.into())),
        }
    }
}
