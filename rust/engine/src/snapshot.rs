//! The live deployment: one immutable snapshot of endpoints, plans and loaded variants.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use tidegate_model::{Contract, Signature};
use tidegate_traffic::SlotTable;

use crate::lanes::Line;
use crate::log::Policy;
use crate::meter::Meter;
use crate::plan::Plan;
use crate::rule::Rules;
use crate::tap::Tap;
use crate::totals::EndpointLog;
use crate::{EngineError, HeadersMet, LaneSpec, Loaded};

/// One generation. A request sees one from start to end.
#[derive(Debug, Default)]
pub struct Deployment {
    /// Its generation; 0 is the empty deployment of a fresh home.
    pub generation: u64,
    /// The endpoint that answers where a protocol names none.
    pub default_endpoint: Option<Arc<Endpoint>>,
    endpoints: Vec<Arc<Endpoint>>,
    by_name: HashMap<String, usize>,
}

impl Deployment {
    pub(crate) fn new(generation: u64, default: Option<&str>, endpoints: Vec<Arc<Endpoint>>) -> Self {
        let by_name: HashMap<_, _> =
            endpoints.iter().enumerate().map(|(index, endpoint)| (endpoint.name.clone(), index)).collect();
        let default_endpoint =
            default.and_then(|name| by_name.get(name)).map(|&index| Arc::clone(&endpoints[index]));
        Self { generation, default_endpoint, endpoints, by_name }
    }

    /// The endpoint of that name.
    #[must_use]
    pub fn endpoint(&self, name: &str) -> Option<&Arc<Endpoint>> {
        self.by_name.get(name).map(|&index| &self.endpoints[index])
    }

    /// All endpoints, in the order of the deployment file.
    #[must_use]
    pub fn endpoints(&self) -> &[Arc<Endpoint>] {
        &self.endpoints
    }

    /// Whether somebody still works with an endpoint of this deployment.
    pub(crate) fn in_use(self: &Arc<Self>) -> bool {
        let held = |endpoint: &Arc<Endpoint>| {
            let default =
                self.default_endpoint.as_ref().is_some_and(|default| Arc::ptr_eq(default, endpoint));
            Arc::strong_count(endpoint) > 1 + usize::from(default)
        };
        Arc::strong_count(self) > 1 || self.endpoints.iter().any(held)
    }
}

/// One endpoint of a generation.
#[derive(Debug)]
pub struct Endpoint {
    /// The endpoint's id.
    pub id: String,
    /// The name that clients call.
    pub name: String,
    /// The generation that this endpoint belongs to.
    pub generation: u64,
    /// What clients send and get.
    pub contract: Contract,
    /// Answering variants and shadows, in the order of the deployment file.
    pub variants: Vec<Arc<Variant>>,
    pub(crate) routing: Routing,
    pub(crate) log: Arc<EndpointLog>,
    pub(crate) policy: Policy,
}

impl Endpoint {
    /// Which of the endpoint's header rules a request meets; `value` gives the value of a header. Asks for nothing when
    /// there are no rules.
    #[must_use]
    pub fn met<'a>(&self, value: impl Fn(&str) -> Option<&'a [u8]>) -> HeadersMet {
        self.routing.rules.met(value)
    }
}

impl Endpoint {
    /// Why a request that names no version would be refused now, as far as one can tell before it is read. Counted as
    /// refused: whoever asks refuses it.
    #[must_use]
    pub fn refusal(&self) -> Option<EngineError> {
        if !self.routing.rules.is_empty() {
            return None;
        }
        let mut answering =
            self.variants.iter().filter(|variant| !variant.shadow && variant.weight > 0.0).peekable();
        let first = answering.peek().copied()?;
        if !answering.all(|variant| variant.line.refuses(Instant::now)) {
            return None;
        }
        let (endpoint, version) = (self.name.clone(), first.version.to_string());
        Some(if first.line.quarantined() {
            EngineError::Quarantined { endpoint, version }
        } else if first.line.breaker.is_open() {
            EngineError::Failing { endpoint, version }
        } else {
            first.line.tally.rejected.one();
            EngineError::Overloaded { endpoint, version }
        })
    }
}

/// How an endpoint chooses.
#[derive(Debug)]
pub(crate) struct Routing {
    pub(crate) seed: u64,
    pub(crate) table: SlotTable,
    /// What is asked before the table.
    pub(crate) rules: Rules,
    /// The context column with role `key`.
    pub(crate) key: Option<usize>,
    /// The variants that are scored on what others answer: shadows and mirrors.
    pub(crate) watchers: Vec<usize>,
}

/// One version within an endpoint's plan, loaded and warm.
pub struct Variant {
    /// The model.
    pub model: Arc<str>,
    /// The version's number.
    pub version: Arc<str>,
    /// The version's digest.
    pub digest: Arc<str>,
    /// Share of the traffic, 0 to 1.
    pub weight: f64,
    /// Scored, never answers.
    pub shadow: bool,
    /// What the model itself takes and gives.
    pub signature: Signature,
    pub(crate) onnx: String,
    /// The model itself, and which engine runs it.
    pub loaded: Loaded,
    pub(crate) wiring: Wiring,
    pub(crate) drift: Option<Drift>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) line: Arc<Line>,
    /// How the deployment wants it run.
    pub(crate) lane: Option<LaneSpec>,
}

/// Which tensor of the contract is which tensor of the model.
#[derive(Debug)]
pub(crate) struct Wiring {
    /// For each input of the model, its position in the contract.
    pub(crate) inputs: Vec<usize>,
    /// For each output of the contract, its position in the model.
    pub(crate) outputs: Vec<usize>,
}

/// The drift counting of a variant.
#[derive(Debug)]
pub(crate) struct Drift {
    pub(crate) tap: Arc<Tap>,
    pub(crate) plan: Plan,
}

impl fmt::Debug for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Variant")
            .field("model", &self.model)
            .field("version", &self.version)
            .field("digest", &self.digest)
            .field("weight", &self.weight)
            .field("shadow", &self.shadow)
            .finish_non_exhaustive()
    }
}
