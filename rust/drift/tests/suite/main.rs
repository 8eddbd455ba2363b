//! Tests of the crate's public face, one module per subject.

#![allow(
    clippy::unwrap_used,
    clippy::float_cmp,
    reason = "helpers of tests fail as tests do; values are exact"
)]

mod categories;
mod counting;
mod evidence;
mod golden;
mod ipc;
mod kolmogorov;
mod numbers;
mod support;
