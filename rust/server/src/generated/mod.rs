//! Code made from `proto/`; a test fails when it is stale. The clients in it are there for tests.
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
#[rustfmt::skip]
#[path = "tidegate.v1.rs"]
pub mod tidegate_v1;

/// Both files as a `FileDescriptorSet`, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!("descriptors.bin");
