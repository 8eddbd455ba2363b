//! Metrics of traces: spans by what became of them, where traces are on.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use crate::traces::Traces;

#[derive(Debug)]
pub(super) struct Spans(pub(super) Arc<Traces>);

impl Collector for Spans {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let counts = self.0.counts();
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let name = "tidegate_trace_spans_exported";
        let mut metric =
            encoder.encode_descriptor(name, "Spans that the collector took", None, MetricType::Counter)?;
        metric.encode_counter::<NoLabelSet, u64, f64>(&read(&counts.exported), None)?;
        let name = "tidegate_trace_spans_dropped";
        let mut metric =
            encoder.encode_descriptor(name, "Spans that were lost", None, MetricType::Counter)?;
        let reasons =
            [("queue_full", &counts.queue_full), ("failed", &counts.failed), ("rejected", &counts.rejected)];
        for (reason, count) in reasons {
            let labels = [("reason", reason)];
            metric.encode_family(&labels)?.encode_counter::<NoLabelSet, u64, f64>(&read(count), None)?;
        }
        Ok(())
    }
}
