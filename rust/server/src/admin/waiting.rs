//! Metrics of waiting: who waited in vain, for which variant.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use tidegate_engine::{Engine, LaneStatus, Status};

use crate::plane::Plane;

/// One figure of a variant.
type Figure = fn(&LaneStatus) -> u64;

/// A reading of waiting, made when metrics are asked for.
#[derive(Debug)]
pub(super) struct Waiting {
    engine: Arc<Engine>,
    malformed: u64,
}

impl Waiting {
    pub(super) fn of(plane: &Plane) -> Self {
        Self { engine: Arc::clone(&plane.engine), malformed: plane.waits.malformed() }
    }
}

const COUNTERS: [(&str, &str, Figure); 1] =
    [("tidegate_requests_expired", "Requests whose deadline passed before the model was asked", |lane| {
        lane.expired
    })];

impl Collector for Waiting {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let status = self.engine.status();
        for (name, help, value) in COUNTERS {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (labels, lane) in variants(&status) {
                metric.encode_family(&labels)?.encode_counter::<NoLabelSet, u64, f64>(&value(lane), None)?;
            }
        }
        let mut metric = encoder.encode_descriptor(
            "tidegate_timeouts_malformed",
            "Timeouts in headers that could not be read and were passed over",
            None,
            MetricType::Counter,
        )?;
        metric.encode_counter::<NoLabelSet, u64, f64>(&self.malformed, None)
    }
}

type Labels<'a> = [(&'static str, &'a str); 4];

fn variants(status: &Status) -> impl Iterator<Item = (Labels<'_>, &LaneStatus)> {
    status.endpoints.iter().flat_map(|endpoint| {
        endpoint.variants.iter().map(|variant| {
            let role = if variant.shadow { "shadow" } else { "answer" };
            let labels = [
                ("endpoint", endpoint.name.as_str()),
                ("model", variant.model.as_str()),
                ("version", variant.version.as_str()),
                ("role", role),
            ];
            (labels, &variant.lane)
        })
    })
}
