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
#[cfg(test)]
mod kernel_tests;
mod matching;
mod onnx;
mod quick;
mod scorer;
#[cfg(test)]
mod scorer_tests;
mod simd;
#[cfg(test)]
mod testing;
mod walk;

pub use check::{Checked, check_rows, compare, difference};
pub use error::TreesError;
pub use scorer::TreeScorer;
