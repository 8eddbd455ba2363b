//! The checked-in code again, for its clients.
#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::all,
    clippy::pedantic,
    reason = "written by tonic-prost-build"
)]

#[rustfmt::skip]
#[path = "../../src/generated/inference.rs"]
pub mod inference;
#[rustfmt::skip]
#[path = "../../src/generated/tidegate.v1.rs"]
pub mod tidegate_v1;
