//! The server as its clients see it.

mod admin;
mod drain;
mod errors;
mod follower;
mod generated;
mod generated_code;
mod grpc;
mod limits;
mod parity;
mod rest;
mod support;
