//! The engine's counters as Prometheus reads them, in base units. Labels come from the deployment only.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use tidegate_engine::{DURATION_BOUNDS_US, Engine, VariantStats};

use super::aliases;
use super::spans::Spans;
use super::waiting::Waiting;
use crate::fault::Fault;
use crate::plane::Plane;

/// The media type of the text.
pub(crate) const MEDIA: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All metrics as text.
pub(crate) fn text(plane: &Plane) -> Result<String, Fault> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Metrics(Arc::clone(&plane.engine))));
    registry.register_collector(Box::new(Waiting::of(plane)));
    if let Some(traces) = &plane.traces {
        registry.register_collector(Box::new(Spans(Arc::clone(traces))));
    }
    let mut text = String::new();
    prometheus_text::encode(&mut text, &registry).map_err(|error| Fault::internal(&error))?;
    aliases::write(&mut text, &plane.engine.stats());
    Ok(text)
}

/// One counter of a variant.
type Reading = fn(&VariantStats) -> u64;

#[derive(Debug)]
struct Metrics(Arc<Engine>);

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let variants = self.0.stats();
        let status = self.0.status();
        let counters: [(&str, &str, Reading); 3] = [
            ("tidegate_requests", "Requests scored", |variant| variant.requests),
            ("tidegate_rows", "Rows scored", |variant| variant.rows),
            ("tidegate_request_errors", "Requests that failed in the model", |variant| variant.errors),
        ];
        for (name, help, value) in counters {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for variant in &variants {
                metric
                    .encode_family(&labels(variant))?
                    .encode_counter::<NoLabelSet, u64, f64>(&value(variant), None)?;
            }
        }
        let name = "tidegate_score_duration_seconds";
        let mut metric = encoder.encode_descriptor(
            name,
            "Time in the scorer, per request",
            None,
            MetricType::Histogram,
        )?;
        for variant in &variants {
            durations(metric.encode_family(&labels(variant))?, variant)?;
        }
        let totals = [
            (
                "tidegate_predictions_accepted",
                "Rows that entered the ring of the prediction log",
                status.predictions.accepted,
            ),
            ("tidegate_predictions_logged", "Rows written to the prediction log", status.predictions.logged),
            (
                "tidegate_predictions_dropped",
                "Rows that never came to the prediction log",
                status.predictions.dropped,
            ),
            ("tidegate_prediction_log_errors", "Failed writes and syncs", status.predictions.write_errors),
            ("tidegate_shadow_requests_scored", "Requests scored by every shadow", status.shadows.scored),
            (
                "tidegate_shadow_requests_dropped",
                "Requests that found the shadow queue full",
                status.shadows.dropped,
            ),
            ("tidegate_labels_logged", "Labels on the disk", status.labels.logged),
            ("tidegate_labels_failed", "Labels that could not be written", status.labels.failed),
        ];
        for (name, help, value) in totals {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            metric.encode_counter::<NoLabelSet, u64, f64>(&value, None)?;
        }
        let generation = status.generation.cast_signed();
        let failed = i64::from(status.failed.is_some());
        let gauges = [
            ("tidegate_deployment_generation", "The deployment that answers", generation),
            ("tidegate_deployment_failed", "Whether a newer deployment could not be installed", failed),
        ];
        for (name, help, value) in gauges {
            encoder.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)?;
        }
        Ok(())
    }
}

fn labels(variant: &VariantStats) -> [(&'static str, &str); 4] {
    [
        ("endpoint", &variant.endpoint),
        ("model", &variant.model),
        ("version", &variant.version),
        ("role", if variant.shadow { "shadow" } else { "answer" }),
    ]
}

/// Buckets in seconds; the encoder adds them up, and adds the one without a bound.
fn durations(mut metric: MetricEncoder<'_>, variant: &VariantStats) -> fmt::Result {
    let bounds = DURATION_BOUNDS_US.iter().map(|bound| *bound as f64 / 1e6);
    let buckets: Vec<(f64, u64)> = bounds.zip(variant.durations).collect();
    let count = variant.durations.iter().sum();
    metric.encode_histogram::<NoLabelSet>(variant.duration_ns as f64 / 1e9, count, &buckets, None)
}
