//! One version of an endpoint, scored as the live engine scores it and observed by nobody.

use std::sync::Arc;

use tidegate_drift::ReferenceProfile;
use tidegate_model::{Batch, Contract, Tensor};
use tidegate_traffic::SlotTable;

use crate::artifacts::verify;
use crate::log::Policy;
use crate::meter::Meter;
use crate::rule::Rules;
use crate::snapshot::{Endpoint, Routing, Variant};
use crate::totals::EndpointLog;
use crate::{
    Artifacts, DeploymentSpec, EndpointSpec, EngineError, InstallError, Loader, Reference, VariantSpec,
    scoring, warm, wiring,
};

/// A version for scoring files: the checks and the model of the live engine without its lock, log and counters.
#[derive(Debug)]
pub struct OfflineScorer {
    endpoint: Endpoint,
}

impl OfflineScorer {
    /// Verifies, loads and warms a version of an endpoint's plan; without one the only version that answers.
    ///
    /// # Errors
    /// [`OfflineError`].
    pub fn new(
        spec: &DeploymentSpec,
        endpoint: &str,
        version: Option<&str>,
        loader: &dyn Loader,
        artifacts: &dyn Artifacts,
    ) -> Result<Self, OfflineError> {
        let found = spec.endpoints.iter().find(|found| found.name == endpoint).ok_or_else(|| {
            let known = spec.endpoints.iter().map(|endpoint| endpoint.name.clone()).collect();
            EngineError::UnknownEndpoint { name: endpoint.to_owned(), known }
        })?;
        let variant = load(found, chosen(found, version)?, loader, artifacts)?;
        let table = SlotTable::from_ranges(1, &[(0, 0, 0)])
            .map_err(|error| InstallError::Slots { endpoint: endpoint.to_owned(), source: error.into() })?;
        let endpoint = Endpoint {
            id: found.id.clone(),
            name: found.name.clone(),
            generation: spec.generation,
            contract: found.contract.clone(),
            variants: vec![Arc::new(variant)],
            routing: Routing { seed: 0, table, rules: Rules::default(), key: None, watchers: Vec::new() },
            log: Arc::new(EndpointLog::default()),
            policy: Policy::default(),
        };
        warm::warm(&endpoint, usize::MAX)?;
        Ok(Self { endpoint })
    }

    /// What the endpoint's clients send and get.
    #[must_use]
    pub const fn contract(&self) -> &Contract {
        &self.endpoint.contract
    }

    /// The version that scores.
    #[must_use]
    pub fn variant(&self) -> &Variant {
        &self.endpoint.variants[0]
    }

    /// The outputs of a batch, in the order of the contract.
    ///
    /// # Errors
    /// [`EngineError`]: the batch or the model.
    pub fn score(&self, batch: &Batch) -> Result<Vec<Tensor>, EngineError> {
        if !scoring::fits(batch, &self.endpoint.contract) {
            return Err(EngineError::Batch { endpoint: self.endpoint.name.clone() });
        }
        scoring::run_whole(&self.endpoint, self.variant(), batch, usize::MAX, None, || Ok(()))
    }
}

/// Why a version can't score files.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// No such endpoint or version.
    #[error(transparent)]
    Unknown(#[from] EngineError),
    /// Several versions answer, and a file is scored by one.
    #[error("{endpoint} is answered by versions {versions}; name one", versions = versions.join(", "))]
    Several {
        /// The endpoint.
        endpoint: String,
        /// The versions.
        versions: Vec<String>,
    },
    /// The version can't be loaded.
    #[error(transparent)]
    Install(#[from] InstallError),
}

fn chosen<'a>(endpoint: &'a EndpointSpec, version: Option<&str>) -> Result<&'a VariantSpec, OfflineError> {
    let live = |variants: Vec<&VariantSpec>| variants.iter().map(|found| found.version.clone()).collect();
    let Some(version) = version else {
        let answering: Vec<_> = endpoint.variants.iter().filter(|found| !found.slots.is_empty()).collect();
        let [only] = answering[..] else {
            return Err(OfflineError::Several { endpoint: endpoint.name.clone(), versions: live(answering) });
        };
        return Ok(only);
    };
    endpoint.variants.iter().find(|found| found.version == version).ok_or_else(|| {
        let unknown = EngineError::UnknownVersion {
            endpoint: endpoint.name.clone(),
            version: version.to_owned(),
            live: live(endpoint.variants.iter().collect()),
        };
        OfflineError::Unknown(unknown)
    })
}

fn load(
    endpoint: &EndpointSpec,
    spec: &VariantSpec,
    loader: &dyn Loader,
    artifacts: &dyn Artifacts,
) -> Result<Variant, InstallError> {
    let (name, version) = (|| endpoint.name.clone(), || spec.version.clone());
    let read = |digest: &str| {
        let bytes = artifacts.read(digest).and_then(|bytes| verify(digest, &bytes).map(|()| bytes));
        bytes.map_err(|source| InstallError::Artifact { endpoint: name(), version: version(), source })
    };
    let onnx = read(&spec.onnx)?;
    // The model is tried on the profile's points, so that it runs on what it runs on in a server.
    let profile = match &spec.profile {
        None => None,
        Some(digest) => Some(ReferenceProfile::from_ipc(&read(digest)?).map_err(|error| {
            InstallError::Profile { endpoint: name(), version: version(), source: Box::new(error) }
        })?),
    };
    let reference = profile.as_ref().map(|profile| Reference { profile, contract: &endpoint.contract });
    let model = loader.load(&onnx, reference).map_err(|source| InstallError::Load {
        endpoint: name(),
        version: version(),
        source,
    })?;
    let wiring = wiring::wire(&endpoint.contract, model.scorer.signature())
        .map_err(|mismatch| InstallError::Mismatch { endpoint: name(), version: version(), mismatch })?;
    Ok(Variant {
        model: spec.model.as_str().into(),
        version: spec.version.as_str().into(),
        digest: spec.digest.as_str().into(),
        weight: 1.0,
        shadow: false,
        signature: model.scorer.signature().clone(),
        onnx: spec.onnx.clone(),
        loaded: model,
        wiring,
        drift: None,
        meter: Arc::new(Meter::new(0)),
        line: Arc::default(),
        lane: None,
    })
}
