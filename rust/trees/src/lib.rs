//! A `Scorer` for tree ensembles: native, bit-equal to ONNX Runtime.
//!
//! [`TreeScorer`] reads an ONNX graph that is one tree ensemble with the usual surroundings and answers what ONNX Runtime
//! answers on one thread, bit for bit. [`check_rows`] and [`difference`] are for proving that of a model before it is served.

mod check;
mod columns;
mod ensemble;
mod error;
mod finish;
mod forest;
mod kernel;
mod matching;
mod onnx;
mod quick;
mod scorer;
mod simd;
mod walk;

pub use check::{Checked, check_rows, compare, difference};
pub use error::TreesError;
pub use scorer::TreeScorer;
