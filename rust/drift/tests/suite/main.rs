//! Tests of the crate's public face, one module per subject.

mod categories;
mod counting;
mod golden;
mod ipc;
mod kolmogorov;
mod numbers;
mod support;
