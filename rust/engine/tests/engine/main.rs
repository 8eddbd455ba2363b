//! The engine as a whole, over scorers written in Rust.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod deadlines;
mod drift;
mod fake;
mod install;
mod labels;
mod lanes;
mod log;
mod log_policy;
mod restart;
mod routing;
mod shadows;
mod statistics;
mod support;
mod swap;
