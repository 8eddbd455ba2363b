//! Reads status and metrics off what the threads count.

use crate::shared::{Shared, lock};
use crate::snapshot::{Endpoint, Variant};
use crate::{Deployment, EndpointStatus, Status, VariantStats, VariantStatus};

impl Shared {
    pub(crate) fn status(&self) -> Status {
        let live = self.live.load();
        Status {
            generation: live.generation,
            endpoints: live.endpoints().iter().map(|endpoint| endpoint_status(endpoint)).collect(),
            counter_bytes: counter_bytes(&live),
            predictions: self.totals.log_status(),
            lanes: self.pool.status(),
            shadows: self.totals.shadow_status(),
            labels: self.totals.label_status(),
            failed: lock(&self.failed).clone(),
        }
    }

    pub(crate) fn stats(&self) -> Vec<VariantStats> {
        let live = self.live.load();
        let endpoints = live.endpoints().iter();
        endpoints
            .flat_map(|endpoint| endpoint.variants.iter().map(|variant| variant_stats(endpoint, variant)))
            .collect()
    }
}

fn counter_bytes(live: &Deployment) -> u64 {
    let variants = live.endpoints().iter().flat_map(|endpoint| &endpoint.variants);
    variants.filter_map(|variant| variant.drift.as_ref()).map(|drift| drift.tap.bytes()).sum()
}

fn endpoint_status(endpoint: &Endpoint) -> EndpointStatus {
    EndpointStatus {
        name: endpoint.name.clone(),
        dropped: endpoint.log.dropped.load(std::sync::atomic::Ordering::Relaxed),
        variants: endpoint.variants.iter().map(|variant| variant_status(variant)).collect(),
    }
}

fn variant_status(variant: &Variant) -> VariantStatus {
    let sum = variant.meter.read();
    VariantStatus {
        model: variant.model.to_string(),
        version: variant.version.to_string(),
        digest: variant.digest.to_string(),
        runs_on: variant.loaded.runs_on.to_owned(),
        reason: variant.loaded.reason.to_string(),
        shadow: variant.shadow,
        weight: variant.weight,
        rows: sum.rows,
        requests: sum.requests,
        errors: sum.errors,
        lane: variant.line.status(),
    }
}

fn variant_stats(endpoint: &Endpoint, variant: &Variant) -> VariantStats {
    VariantStats {
        endpoint: endpoint.name.clone(),
        model: variant.model.to_string(),
        version: variant.version.to_string(),
        shadow: variant.shadow,
        ..variant.meter.read()
    }
}
