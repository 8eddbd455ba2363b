//! Where engine and scorers meet: what the native kernel answers like ONNX Runtime runs there, all else on ONNX Runtime.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde::Deserialize;
use tidegate_engine::{LoadError, Loaded, Loader, Reference};
use tidegate_model::Scorer;
use tidegate_onnx::{OnnxError, OnnxScorer, Runtime};
use tidegate_trees::{TreeScorer, compare};

/// What may run models.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kernel {
    /// The native kernel where it answers alike.
    #[default]
    Auto,
    /// ONNX Runtime alone.
    OnnxRuntime,
}

impl Kernel {
    /// The kernel of that name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "auto" => Some(Self::Auto),
            "onnxruntime" => Some(Self::OnnxRuntime),
            _ => None,
        }
    }
}

/// Loads every model into one runtime, and lets go of it again where the native kernel does.
pub(crate) struct ModelLoader {
    pub(crate) runtime: Runtime,
    pub(crate) kernel: Kernel,
}

impl ModelLoader {
    /// Loads a model.
    pub(crate) fn model(&self, onnx: &[u8], reference: Option<Reference<'_>>) -> Result<Loaded, OnnxError> {
        let scorer = OnnxScorer::from_bytes(&self.runtime, onnx)?;
        if self.kernel == Kernel::OnnxRuntime {
            return Ok(runtime(scorer, "the setting kernel asks for it"));
        }
        let native = catch_unwind(AssertUnwindSafe(|| native(onnx, &scorer, reference)));
        Ok(match native {
            Ok(Ok(loaded)) => loaded,
            Ok(Err(reason)) => runtime(scorer, &reason),
            Err(_panic) => runtime(scorer, "the native kernel panicked"),
        })
    }
}

/// The model on the native kernel, or why not.
fn native(onnx: &[u8], scorer: &dyn Scorer, reference: Option<Reference<'_>>) -> Result<Loaded, String> {
    let trees = TreeScorer::from_bytes(onnx).map_err(|error| error.to_string())?;
    let reference = reference.and_then(|reference| reference.tensors(trees.signature())).unwrap_or_default();
    let checked = compare(&trees, scorer, &reference)
        .map_err(|difference| format!("the native kernel answers otherwise: {difference}"))?;
    let of_reference = match checked.reference {
        0 => String::new(),
        rows => format!(", {rows} of them from the reference"),
    };
    let reason =
        format!("{}; equal to ONNX Runtime on {} rows{of_reference}", trees.describe(), checked.rows);
    Ok(Loaded { scorer: Arc::new(trees), runs_on: "trees", reason: reason.into() })
}

fn runtime(scorer: OnnxScorer, reason: &str) -> Loaded {
    let reason = format!("runs on ONNX Runtime: {reason}").into();
    Loaded { scorer: Arc::new(scorer), runs_on: "onnxruntime", reason }
}

impl Loader for ModelLoader {
    fn load(&self, onnx: &[u8], reference: Option<Reference<'_>>) -> Result<Loaded, LoadError> {
        self.model(onnx, reference).map_err(|error| LoadError(error.into()))
    }
}
