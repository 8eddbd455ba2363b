//! Code made from `proto/`; a test fails when it is stale.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    reason = "written by tonic-prost-build"
)]

#[rustfmt::skip]
pub mod inference;
