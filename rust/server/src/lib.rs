//! Transports over the engine: gRPC and HTTP, admission, metrics, drain.
