//! The client's side of `proto/`, made by the generator.
#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::all,
    clippy::pedantic,
    reason = "written by tonic-prost-build"
)]

#[rustfmt::skip]
pub mod inference;
