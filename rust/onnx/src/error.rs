//! Why a runtime or a model did not load.

use std::path::PathBuf;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why ONNX Runtime or a model could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum OnnxError {
    /// The shared library is missing, is none, or is too old.
    #[error("can't load ONNX Runtime from {path}: expected a libonnxruntime of version 1.17 or newer")]
    Library {
        /// The file that was asked for.
        path: PathBuf,
        /// What the loader said.
        #[source]
        source: Source,
    },
    /// A process has one ONNX Runtime, and it is another one.
    #[error("ONNX Runtime is already loaded from {loaded}, a process can't load a second one from {asked}")]
    AnotherLibrary {
        /// The library in use.
        loaded: PathBuf,
        /// The library that was asked for.
        asked: PathBuf,
    },
    /// The bytes are no ONNX model.
    #[error("not an ONNX model: expected a ModelProto, found {found}")]
    NotOnnx {
        /// What the bytes look like.
        found: &'static str,
    },
    /// The file ends before its model does.
    #[error("the ONNX model is cut short: expected at least {expected} bytes, found {found}")]
    Truncated {
        /// Bytes that the model says it has.
        expected: u64,
        /// Bytes that came.
        found: u64,
    },
    /// ONNX Runtime refused the graph.
    #[error("ONNX Runtime refused the model")]
    Refused(#[source] Source),
    /// An input or output that is not a tensor.
    #[error(
        "{side} '{name}' is {found}, expected a tensor (scikit-learn's classifiers: convert with zipmap=False)"
    )]
    NotTensor {
        /// `input` or `output`.
        side: &'static str,
        /// Its name.
        name: String,
        /// Its kind.
        found: &'static str,
    },
    /// An element type that the protocol lacks.
    #[error("{side} '{name}' has elements of type {found}, which the Open Inference Protocol lacks")]
    ElementType {
        /// `input` or `output`.
        side: &'static str,
        /// Its name.
        name: String,
        /// Its element type.
        found: String,
    },
    /// An input that can't hold one row, or has no rows.
    #[error("input '{name}' has shape {shape:?}, expected rows first: [-1, ...] or [1, ...]")]
    Rows {
        /// The input.
        name: String,
        /// Its shape in the graph.
        shape: Vec<i64>,
    },
}
