//! TLS on the data port.

use std::collections::HashMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The files of TLS, PEM all of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The server's certificate and its chain.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Authorities of client certificates; with them, clients must show one.
    #[serde(default)]
    pub client_ca: Option<PathBuf>,
    /// Principals by a name in the client's certificate; a name that is missing here is a principal's own.
    #[serde(default)]
    pub principals: HashMap<String, String>,
}
