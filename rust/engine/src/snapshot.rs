//! The live deployment: one immutable snapshot of endpoints, plans and loaded variants.

use std::collections::HashMap;
use std::sync::Arc;

use tidegate_model::{Contract, Signature};

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
}

/// One version within an endpoint's plan, loaded and warm.
#[derive(Debug)]
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
}
