//! The data plane, as both transports call it: domain types in, domain types or a fault out.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use tidegate_engine::{Deployment, Endpoint, Engine, Label, ScoreRequest, ScoreResponse, Submitted, Worker};
use tokio::sync::oneshot;

use crate::ErrorKind;
use crate::access::Access;
use crate::admission::Caller;
use crate::budget::Budget;
use crate::deadline::Waits;
use crate::fault::Fault;
use crate::memory::Memory;
use crate::peer::Peer;
use crate::readiness::{Phase, Readiness};
use crate::traces::Traces;

/// The server's name in its metadata.
pub(crate) const NAME: &str = "tidegate";
/// Its version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The protocol extensions that are spoken.
pub(crate) const EXTENSIONS: [&str; 6] = [
    "binary_tensor_data",
    "model_repository",
    "statistics",
    "model_configuration",
    "schedule_policy",
    "parameters",
];
/// What every model is, in the protocol's words.
pub(crate) const PLATFORM: &str = "onnx_onnxv1";
/// The same in the words of a model's configuration: platform and backend.
pub(crate) const CONFIGURED_AS: (&str, &str) = ("onnxruntime_onnx", "onnxruntime");
/// Rows of one request that a configuration promises.
pub(crate) const MAX_BATCH_SIZE: i32 = 4096;
/// The header (or gRPC metadata) that carries the routing key.
pub(crate) const ROUTING_KEY: &str = "tidegate-routing-key";
/// The header (or gRPC metadata) that names a request in errors and logs.
pub(crate) const REQUEST_ID: &str = "x-request-id";

/// What all threads share.
#[derive(Debug)]
pub(crate) struct Plane {
    pub(crate) engine: Arc<Engine>,
    pub(crate) readiness: Readiness,
    pub(crate) limits: Limits,
    pub(crate) access: Access,
    pub(crate) waits: Waits,
    pub(crate) budget: Arc<Budget>,
    pub(crate) memory: Memory,
    /// What traces are sent by, where they are on.
    pub(crate) traces: Option<Arc<Traces>>,
}

/// What a request may cost before anything is known about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes of a body.
    pub(crate) body: usize,
    /// Time for a body to come in.
    pub(crate) body_time: std::time::Duration,
}

impl Plane {
    pub(crate) fn new(
        engine: Arc<Engine>,
        limits: Limits,
        access: Access,
        waits: Waits,
        budget: Budget,
        traces: Option<Arc<Traces>>,
    ) -> Self {
        let budget = Arc::new(budget);
        let readiness = Readiness::new();
        let changes = readiness.changes().clone();
        engine.on_install(Box::new(move |_| {
            changes.send_replace(());
        }));
        Self { engine, readiness, limits, access, waits, budget, memory: Memory::new(), traces }
    }

    /// What a call to load or unload is told.
    pub(crate) fn repository_refuses(what: &str) -> Fault {
        Fault::new(
            ErrorKind::Refused,
            format!("{what}: what is loaded follows from the deployment; `promote` a version instead"),
        )
    }

    /// Fails unless requests are answered.
    pub(crate) fn ready(&self) -> Result<(), Fault> {
        match self.readiness.phase() {
            Phase::Ready => Ok(()),
            Phase::Starting => {
                Err(Fault::new(ErrorKind::Unavailable, "the server is loading its deployment"))
            }
            Phase::Draining => Err(Fault::new(ErrorKind::Unavailable, "the server is shutting down")),
        }
    }

    /// The endpoint of that name in the present deployment.
    pub(crate) fn endpoint(&self, name: &str) -> Result<Arc<Endpoint>, Fault> {
        let deployment = self.engine.deployment();
        if let Some(endpoint) = deployment.endpoint(name) {
            return Ok(Arc::clone(endpoint));
        }
        if self.readiness.phase() == Phase::Starting {
            self.ready()?;
        }
        Err(unknown_endpoint(&deployment, name))
    }

    /// The endpoint, after a look at whether its plan holds `version` (empty: any).
    pub(crate) fn endpoint_version(&self, name: &str, version: &str) -> Result<Arc<Endpoint>, Fault> {
        let endpoint = self.endpoint(name)?;
        if version.is_empty() {
            return Ok(endpoint);
        }
        let live = versions(&endpoint);
        if live.contains(&version) {
            return Ok(endpoint);
        }
        let version: String = version.chars().take(80).collect();
        let message =
            format!("version '{version}' is not in the plan of endpoint '{name}'; live: {}", live.join(", "));
        Err(Fault::new(ErrorKind::NotFound, message))
    }

    /// Fails when a request for this endpoint would be refused anyway: before its body is read or decoded, so that saying
    /// no costs little. A `version` asked for by name has a queue of its own.
    pub(crate) fn room(endpoint: &Endpoint, version: &str) -> Result<(), Fault> {
        let refusal = if version.is_empty() { endpoint.refusal() } else { None };
        refusal.map_or(Ok(()), |refusal| Err(refusal.into()))
    }

    /// The same for a request of which nothing is known but that it scores: where there is one version only.
    pub(crate) fn room_at_all(&self) -> Result<(), Fault> {
        if !self.engine.queues() {
            return Ok(());
        }
        let deployment = self.engine.deployment();
        match deployment.endpoints() {
            [only] if only.variants.len() == 1 => Self::room(only, ""),
            _ => Ok(()),
        }
    }

    /// The endpoint that answers where a protocol names none.
    pub(crate) fn default_endpoint(&self) -> Result<Arc<Endpoint>, Fault> {
        let deployment = self.engine.deployment();
        deployment.default_endpoint.clone().ok_or_else(|| {
            let known = known_endpoints(&deployment);
            Fault::new(ErrorKind::NotFound, format!("no endpoint is the default one; there {known}"))
        })
    }

    /// The endpoint that feedback is for when it names none: the default one, else the only one.
    pub(crate) fn implied_endpoint(&self) -> Result<Arc<Endpoint>, Fault> {
        let deployment = self.engine.deployment();
        let only = match deployment.endpoints() {
            [only] => Some(only),
            _ => None,
        };
        deployment.default_endpoint.as_ref().or(only).map(Arc::clone).ok_or_else(|| {
            Fault::invalid(format!("'endpoint' is missing; there {}", known_endpoints(&deployment)))
        })
    }

    /// Returns when the labels are on the disk.
    pub(crate) async fn feedback(&self, endpoint: &str, labels: Vec<Label>) -> Result<(), Fault> {
        let (done, written) = oneshot::channel();
        let tell = move |result| {
            // The client may have gone; its labels are written all the same.
            let _ = done.send(result);
        };
        self.engine.feedback(endpoint, labels, Box::new(tell));
        match written.await {
            Ok(result) => Ok(result?),
            Err(gone) => Err(Fault::internal(&gone)),
        }
    }
}

/// The versions of an endpoint that answer.
pub(crate) fn versions(endpoint: &Endpoint) -> Vec<&str> {
    endpoint.variants.iter().filter(|variant| !variant.shadow).map(|variant| &*variant.version).collect()
}

fn unknown_endpoint(deployment: &Deployment, name: &str) -> Fault {
    let name: String = name.chars().take(80).collect();
    Fault::new(
        ErrorKind::NotFound,
        format!("unknown endpoint '{name}'; there {}", known_endpoints(deployment)),
    )
}

fn known_endpoints(deployment: &Deployment) -> String {
    let names: Vec<_> = deployment.endpoints().iter().map(|endpoint| endpoint.name.as_str()).collect();
    if names.is_empty() { "is none".into() } else { format!("are: {}", names.join(", ")) }
}

/// What one connection's requests work with: the plane, the worker that only this thread uses, who is connected.
pub(crate) struct Desk {
    pub(crate) plane: Arc<Plane>,
    worker: Rc<RefCell<Worker>>,
    pub(crate) peer: Peer,
}

impl Desk {
    pub(crate) fn new(plane: Arc<Plane>, worker: Rc<RefCell<Worker>>, peer: Peer) -> Self {
        Self { plane, worker, peer }
    }

    /// Scores one request of `caller`.
    pub(crate) async fn score(
        &self,
        caller: &Caller,
        endpoint: &Arc<Endpoint>,
        request: ScoreRequest,
    ) -> Result<ScoreResponse, Fault> {
        let span = caller.span.as_deref();
        if let Some(span) = span {
            span.submits(endpoint, request.batch.rows, request.arrived);
        }
        let scored = self.submit(endpoint, request).await;
        if let (Some(span), Ok(response)) = (span, &scored) {
            span.scored(response);
        }
        scored
    }

    /// The worker is never held over an await.
    async fn submit(&self, endpoint: &Arc<Endpoint>, request: ScoreRequest) -> Result<ScoreResponse, Fault> {
        let deadline = request.deadline;
        let submitted = self.worker.borrow_mut().submit(endpoint, request);
        let mut pending = match submitted {
            Submitted::Done(scored) => return Ok(scored?),
            Submitted::Queued(pending) => pending,
        };
        // Dropped with this future when the client goes away, which takes the request out of its queue.
        let Some(deadline) = deadline else { return Ok(pending.await?) };
        match tokio::time::timeout_at(deadline.into(), &mut pending).await {
            Ok(scored) => Ok(scored?),
            Err(_) => Err(pending.expire().into()),
        }
    }

    /// Tells the statistics that the answer is encoded; once per answer.
    pub(crate) fn delivered(&self, caller: &Caller, response: &ScoreResponse) {
        self.worker.borrow().delivered(response);
        if let Some(span) = &caller.span {
            span.delivered();
        }
    }
}
