//! The model repository extension: what is there is told; what is loaded follows from the deployment alone.

use serde::Serialize;

use crate::ErrorKind;
use crate::fault::Fault;
use crate::plane::{self, Plane};

/// One version of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Entry {
    /// The endpoint.
    pub(crate) name: String,
    pub(crate) version: String,
    /// `READY`, or `UNAVAILABLE` while the server is not.
    pub(crate) state: &'static str,
    /// Why it is not ready.
    pub(crate) reason: String,
}

/// Every version that answers; with `ready`, only while it does.
pub(crate) fn index(plane: &Plane, ready: bool) -> Vec<Entry> {
    let (state, reason) = match plane.ready() {
        Ok(()) => ("READY", String::new()),
        Err(_) if ready => return Vec::new(),
        Err(fault) => ("UNAVAILABLE", fault.message),
    };
    let deployment = plane.engine.deployment();
    let endpoints = deployment.endpoints().iter();
    endpoints
        .flat_map(|endpoint| plane::versions(endpoint).into_iter().map(move |version| (endpoint, version)))
        .map(|(endpoint, version)| Entry {
            name: endpoint.name.clone(),
            version: version.to_owned(),
            state,
            reason: reason.clone(),
        })
        .collect()
}

/// Loading and unloading by a client: refused, with what does it instead. `call` is `load` or `unload`.
pub(crate) fn refuse(call: &str, name: &str) -> Fault {
    let name: String = name.chars().take(80).collect();
    let message = format!(
        "'{name}' can't be {call}ed by a client: what is loaded follows from the deployment; \
         use `tidegate version promote` (or promote and retire through the management API)"
    );
    Fault::new(ErrorKind::Refused, message)
}
