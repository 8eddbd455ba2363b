//! Transports over the engine: gRPC and HTTP, admission, metrics, drain.
//!
//! [`Server::bind`] checks the settings and opens the ports, [`Server::run`] serves until the [`Stop`] fires. The way of a
//! request: a connection's thread decodes (`rest` or `grpc`), calls the `plane`, encodes; it never changes threads.

mod access;
mod access_log;
mod admin;
mod admission;
mod arrow;
mod body;
mod budget;
mod config;
mod configuration;
mod connections;
mod deadline;
mod decided;
mod error;
mod error_kind;
mod fault;
mod first_bytes;
mod follower;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod generated;
mod grpc;
mod handler;
mod http_answer;
mod listen;
mod memory;
mod peer;
mod plane;
mod prediction_id;
mod raw;
mod readiness;
mod repository;
mod request_id;
mod rest;
mod secret;
mod server;
mod spin;
mod stalled;
mod statistics;
mod stop;
mod tensor_header;
mod tls;
mod traces;
mod weave;

pub use config::{LimitsConfig, ServerConfig, TlsConfig, TracesConfig};
pub use error::ServerError;
pub use error_kind::{Codes, ErrorKind};
pub use follower::restore;
pub use secret::Secret;
pub use server::{Addresses, Report, Server, run};
pub use stop::{Stop, Stopper, stop};
pub use tls::TlsError;
pub use traces::TracesError;
