//! The server as its clients see it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that meets the unexpected ends"
)]

mod access;
mod admin;
mod arrow;
mod coding;
mod deadlines;
mod drain;
mod errors;
mod extensions;
mod follower;
mod generated;
mod generated_code;
mod grpc;
mod grpc_describe;
mod grpc_streams;
mod grpc_tidegate;
mod lanes;
mod limits;
mod mlflow;
mod panics;
mod parity;
mod rest;
mod strict;
mod support;
mod tls;
mod traces;
mod traces_lost;
