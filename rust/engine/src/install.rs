//! From a deployment file to a live deployment: verify, load, warm, wire, then swap in one step.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tidegate_drift::ReferenceProfile;
use tidegate_model::ContextRole;
use tidegate_traffic::SlotTable;

use crate::artifacts::verify;
use crate::log::Policy;
use crate::observers::TapKey;
use crate::pane::PaneOwner;
use crate::plan::Plan;
use crate::rule::Rules;
use crate::shared::{Shared, lock};
use crate::snapshot::{Drift, Endpoint, Routing, Variant};
use crate::tap::Tap;
use crate::{
    Artifacts, Deployment, DeploymentSpec, EndpointSpec, InstallError, LoadError, Loaded, Loader, Reference,
    SpecError, VariantSpec, counts, warm, wiring,
};

/// The file in the home that masked columns are hashed with.
const MASK_KEY: &str = "mask.key";

/// Installs a deployment; after an error the old one answers on.
pub(crate) fn install(
    shared: &Shared,
    loader: &dyn Loader,
    spec: &DeploymentSpec,
    artifacts: &dyn Artifacts,
) -> Result<u64, InstallError> {
    let _one_at_a_time = lock(&shared.installing);
    let live = shared.live.load_full();
    if spec.generation <= live.generation {
        return Err(InstallError::Stale { offered: spec.generation, installed: live.generation });
    }
    spec.validate()?;
    let mut installer = Installer { shared, loader, artifacts, models: loaded(&live), counter_bytes: 0 };
    drop(live);
    let endpoints = spec.endpoints.iter().map(|endpoint| installer.endpoint(spec.generation, endpoint));
    let endpoints = endpoints.collect::<Result<Vec<_>, _>>()?;
    for variant in endpoints.iter().flat_map(|endpoint: &Arc<Endpoint>| &endpoint.variants) {
        variant.line.fix(variant.lane.as_ref(), variant.loaded.scorer.bounded());
    }
    let deployment = Deployment::new(spec.generation, spec.default_endpoint.as_deref(), endpoints);
    let replaced = shared.live.swap(Arc::new(deployment));
    lock(&shared.observers).retire(replaced);
    Ok(spec.generation)
}

/// The models of a deployment, by the digest of their bytes: verified when they were loaded.
fn loaded(live: &Deployment) -> HashMap<String, Loaded> {
    let variants = live.endpoints().iter().flat_map(|endpoint| &endpoint.variants);
    variants.map(|variant| (variant.onnx.clone(), variant.loaded.clone())).collect()
}

struct Installer<'a> {
    shared: &'a Shared,
    loader: &'a dyn Loader,
    artifacts: &'a dyn Artifacts,
    models: HashMap<String, Loaded>,
    counter_bytes: u64,
}

impl Installer<'_> {
    fn endpoint(&mut self, generation: u64, spec: &EndpointSpec) -> Result<Arc<Endpoint>, InstallError> {
        let ranges: Vec<(u16, u32, u32)> = (0_u16..)
            .zip(&spec.variants)
            .flat_map(|(index, variant)| variant.slots.iter().map(move |&(start, end)| (index, start, end)))
            .collect();
        let table = SlotTable::from_ranges(spec.slots, &ranges)
            .map_err(|error| InstallError::Slots { endpoint: spec.name.clone(), source: Box::new(error) })?;
        let routing = Routing {
            seed: tidegate_traffic::seed(&spec.salt),
            table,
            rules: Rules::new(spec)
                .map_err(|source| SpecError::Rule { endpoint: spec.name.clone(), source })?,
            key: spec.contract.context.iter().position(|column| column.role == ContextRole::Key),
            watchers: (0..spec.variants.len())
                .filter(|&index| spec.variants[index].shadow || spec.variants[index].mirror)
                .collect(),
        };
        let variants = spec.variants.iter().map(|variant| self.variant(spec, variant).map(Arc::new));
        let endpoint = Endpoint {
            id: spec.id.clone(),
            name: spec.name.clone(),
            generation,
            contract: spec.contract.clone(),
            variants: variants.collect::<Result<_, _>>()?,
            routing,
            log: lock(&self.shared.observers).log(&spec.name),
            policy: Policy::new(&spec.log, &spec.contract, &self.salt(spec)?),
        };
        warm::warm(&endpoint, self.shared.config.output_limit)?;
        Ok(Arc::new(endpoint))
    }

    /// What masked columns are hashed with; asked for only where one is.
    fn salt(&self, spec: &EndpointSpec) -> Result<Vec<u8>, InstallError> {
        if !Policy::hashes(&spec.log) {
            return Ok(Vec::new());
        }
        let path = self.shared.config.home.join(MASK_KEY);
        std::fs::read(&path).map_err(|source| InstallError::MaskKey {
            endpoint: spec.name.clone(),
            path,
            source,
        })
    }

    fn variant(&mut self, endpoint: &EndpointSpec, spec: &VariantSpec) -> Result<Variant, InstallError> {
        let loaded = self.load(endpoint, spec)?;
        let mismatch = |mismatch| InstallError::Mismatch {
            endpoint: endpoint.name.clone(),
            version: spec.version.clone(),
            mismatch,
        };
        let wiring = wiring::wire(&endpoint.contract, loaded.scorer.signature()).map_err(mismatch)?;
        let tap = spec.profile.as_ref().map(|profile| self.tap(endpoint, spec, profile)).transpose()?;
        let drift = tap
            .map(|tap| Plan::new(tap.profile(), &endpoint.contract).map(|plan| Drift { tap, plan }))
            .transpose()
            .map_err(mismatch)?;
        let threads = self.shared.threads();
        let (meter, line) = lock(&self.shared.observers).variant(&endpoint.name, &spec.digest, threads);
        Ok(Variant {
            model: spec.model.as_str().into(),
            version: spec.version.as_str().into(),
            digest: spec.digest.as_str().into(),
            weight: spec.weight,
            shadow: spec.shadow,
            signature: loaded.scorer.signature().clone(),
            onnx: spec.onnx.clone(),
            loaded,
            wiring,
            drift,
            meter,
            line,
            lane: spec.lane,
        })
    }

    fn load(&mut self, endpoint: &EndpointSpec, spec: &VariantSpec) -> Result<Loaded, InstallError> {
        if let Some(loaded) = self.models.get(&spec.onnx) {
            return Ok(loaded.clone());
        }
        let onnx = self.read(endpoint, spec, &spec.onnx)?;
        let profile = spec.profile.as_ref().map(|digest| self.profile(endpoint, spec, digest)).transpose()?;
        let reference = profile.as_ref().map(|profile| Reference { profile, contract: &endpoint.contract });
        let loaded = catch_unwind(AssertUnwindSafe(|| self.loader.load(&onnx, reference)))
            .unwrap_or_else(|_panic| Err(LoadError("the loader panicked".into())));
        let loaded = loaded.map_err(|source| InstallError::Load {
            endpoint: endpoint.name.clone(),
            version: spec.version.clone(),
            source,
        })?;
        self.models.insert(spec.onnx.clone(), loaded.clone());
        Ok(loaded)
    }

    /// The version's counters on this endpoint: those it has, else new ones that go on where an earlier process ended.
    fn tap(
        &mut self,
        endpoint: &EndpointSpec,
        spec: &VariantSpec,
        profile: &str,
    ) -> Result<Arc<Tap>, InstallError> {
        let key = TapKey {
            endpoint: endpoint.name.clone(),
            digest: spec.digest.clone(),
            profile: profile.to_owned(),
        };
        let owner = PaneOwner {
            digest: spec.digest.as_str().into(),
            version: spec.version.as_str().into(),
            shadow: spec.shadow,
        };
        let known = lock(&self.shared.observers).tap(&key);
        let tap = match known {
            Some(tap) => tap,
            None => Arc::new(self.new_tap(endpoint, spec, profile)?),
        };
        self.account(endpoint, spec, &tap)?;
        let shadow_thread = self.shared.shadow_thread();
        tap.prepare(if spec.shadow { shadow_thread..shadow_thread + 1 } else { 0..shadow_thread });
        lock(&self.shared.observers).keep_tap(key, Arc::clone(&tap), owner);
        Ok(tap)
    }

    /// Refuses counters past the limit, before their memory is made.
    fn account(
        &mut self,
        endpoint: &EndpointSpec,
        spec: &VariantSpec,
        tap: &Tap,
    ) -> Result<(), InstallError> {
        self.counter_bytes += tap.bytes();
        let limit = self.shared.config.counter_bytes;
        if self.counter_bytes <= limit {
            return Ok(());
        }
        Err(InstallError::CounterMemory {
            endpoint: endpoint.name.clone(),
            version: spec.version.clone(),
            needed: self.counter_bytes,
            limit,
        })
    }

    fn new_tap(
        &self,
        endpoint: &EndpointSpec,
        spec: &VariantSpec,
        profile: &str,
    ) -> Result<Tap, InstallError> {
        let profile = self.profile(endpoint, spec, profile)?;
        let saved = counts::load(&self.shared.config.home, &endpoint.name, &spec.digest, &profile);
        Ok(Tap::new(profile, saved, self.shared.threads()))
    }

    fn profile(
        &self,
        endpoint: &EndpointSpec,
        spec: &VariantSpec,
        digest: &str,
    ) -> Result<ReferenceProfile, InstallError> {
        let bytes = self.read(endpoint, spec, digest)?;
        ReferenceProfile::from_ipc(&bytes).map_err(|error| InstallError::Profile {
            endpoint: endpoint.name.clone(),
            version: spec.version.clone(),
            source: Box::new(error),
        })
    }

    /// Bytes whose digest was verified; these very bytes are used.
    fn read(
        &self,
        endpoint: &EndpointSpec,
        spec: &VariantSpec,
        digest: &str,
    ) -> Result<Vec<u8>, InstallError> {
        let bytes = self.artifacts.read(digest).and_then(|bytes| verify(digest, &bytes).map(|()| bytes));
        bytes.map_err(|source| InstallError::Artifact {
            endpoint: endpoint.name.clone(),
            version: spec.version.clone(),
            source,
        })
    }
}
