//! A [`tidegate_model::Scorer`] over ONNX Runtime, for every graph that no native scorer knows.
//!
//! The shared library is loaded at run time ([`Runtime::load`]); sessions run on the caller's thread, one operator
//! after the other, so that answers are bit-equal to onnxruntime's with `intra_op_num_threads = 1`.

mod error;
mod ffi;
mod format;
mod loops;
mod runtime;
mod scorer;
mod shape;
mod signature;
mod wire;

pub use error::OnnxError;
pub use loops::endless_loop;
pub use runtime::Runtime;
pub use scorer::OnnxScorer;
