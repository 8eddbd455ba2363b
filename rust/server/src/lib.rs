//! Transports over the engine: gRPC and HTTP, admission, metrics, drain.

mod error_kind;
mod fault;
mod generated;
mod raw;
mod rest;

pub use error_kind::{Codes, ErrorKind};
