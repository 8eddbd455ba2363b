//! Metrics of waiting: who waited in vain, for which variant.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use tidegate_engine::{Engine, LaneMode, LaneStatus, Status};

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

const COUNTERS: [(&str, &str, Figure); 10] = [
    ("tidegate_requests_expired", "Requests whose deadline passed before the model was asked", |lane| {
        lane.expired
    }),
    ("tidegate_requests_late", "Requests whose deadline passed while the model ran", |lane| lane.late),
    ("tidegate_requests_cancelled", "Requests whose sender went away before the model was asked", |lane| {
        lane.cancelled
    }),
    ("tidegate_requests_rejected", "Requests refused because too many waited", |lane| lane.rejected),
    ("tidegate_lane_runs", "Runs on lanes", |lane| lane.runs),
    ("tidegate_lane_requests", "Requests in runs on lanes", |lane| lane.run_requests),
    ("tidegate_lane_wait_nanoseconds", "Waiting of the requests in runs on lanes", |lane| {
        lane.waited_nanoseconds
    }),
    ("tidegate_lane_stuck_runs", "Runs on lanes that did not end in time", |lane| lane.stuck),
    ("tidegate_lane_stopped_runs", "Runs on lanes that were ended because nobody waited any more", |lane| {
        lane.stopped
    }),
    ("tidegate_breaker_opened", "Times that a version was left alone because it kept failing", |lane| {
        lane.breaker_opened
    }),
];

const GAUGES: [(&str, &str, Figure); 4] = [
    ("tidegate_lane_queue_requests", "Requests that wait for a lane", |lane| lane.queued as u64),
    ("tidegate_lane_mode", "Whether the version runs on lanes (1) or inline (0)", |lane| {
        u64::from(lane.mode == LaneMode::Lane)
    }),
    (
        "tidegate_version_quarantined",
        "Whether nothing is sent to the version because its runs don't end",
        |lane| u64::from(lane.quarantined),
    ),
    (
        "tidegate_breaker_open",
        "Whether the version is left alone for a while because it kept failing",
        |lane| u64::from(lane.breaker_open),
    ),
];

impl Collector for Waiting {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let status = self.engine.status();
        for (name, help, value) in COUNTERS {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (labels, lane) in variants(&status) {
                metric.encode_family(&labels)?.encode_counter::<NoLabelSet, u64, f64>(&value(lane), None)?;
            }
        }
        for (name, help, value) in GAUGES {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (labels, lane) in variants(&status) {
                metric.encode_family(&labels)?.encode_gauge(&value(lane).cast_signed())?;
            }
        }
        let lanes = &status.lanes;
        for (name, help, value) in [
            ("tidegate_lanes", "Threads that score slow models", lanes.lanes),
            ("tidegate_lanes_free", "Lanes that have nothing to do", lanes.free),
            ("tidegate_lanes_stuck", "Threads that hang in a model", lanes.stuck),
            ("tidegate_lanes_in_flight_requests", "Requests on lanes, waiting or running", lanes.in_flight),
        ] {
            let value = i64::try_from(value).unwrap_or(i64::MAX);
            encoder.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)?;
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
