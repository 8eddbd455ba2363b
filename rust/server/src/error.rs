//! Why a server can't start.

use tidegate_engine::EngineError;

use crate::{TlsError, TracesError};

/// Why a server can't start. Nothing is served when it is returned.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Another program listens there.
    #[error("{what} port {address} is in use")]
    PortInUse {
        /// `data` or `admin`.
        what: &'static str,
        /// The address.
        address: String,
    },
    /// Not an address to listen at.
    #[error("{what} address '{address}' must be an IP address and a port, such as 127.0.0.1:8000")]
    Address {
        /// `data` or `admin`.
        what: &'static str,
        /// What came.
        address: String,
    },
    /// The system refuses the address.
    #[error("{what} port {address} can't be opened: {source}")]
    Listen {
        /// `data` or `admin`.
        what: &'static str,
        /// The address.
        address: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Control's address is none that can be followed.
    #[error("control address '{0}' must be http://host:port")]
    Control(String),
    /// The node key has characters that no header can carry.
    #[error("the node key must be printable ASCII")]
    NodeKey,
    /// The access log can't be opened.
    #[error("access_log: the file can't be opened: {0}")]
    AccessLog(#[source] std::io::Error),
    /// TLS can't be spoken with the files that were given.
    #[error(transparent)]
    Tls(TlsError),
    /// Spans can't be exported with the settings that were given.
    #[error(transparent)]
    Traces(TracesError),
    /// A setting is no time.
    #[error("{name} is {value}; expected seconds, 0 or more")]
    Seconds {
        /// The setting.
        name: &'static str,
        /// What came.
        value: f64,
    },
    /// The engine has no free worker for a thread.
    #[error("the engine can't serve {threads} threads: {source}")]
    Worker {
        /// How many are wanted.
        threads: usize,
        /// What the engine said.
        source: EngineError,
    },
    /// A thread or its event loop can't be started.
    #[error("a serving thread can't be started: {0}")]
    Thread(#[source] std::io::Error),
}
