//! Traces: W3C context in, spans out by OTLP. Nothing here waits, so no request does: what can't be queued is counted.

mod context;
mod encode;
mod error;
mod export;
mod sampler;
mod span;
mod target;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use http::{HeaderMap, Request};
use tokio::sync::mpsc::{Sender, channel};
use tokio::sync::{Notify, watch};

use crate::TracesConfig;
use crate::peer::Peer;
pub(crate) use context::{Parent, TraceId};
pub use error::TracesError;
use export::{BATCH, Exporter};
pub(crate) use sampler::Context;
use sampler::Sampler;
use span::Finished;
pub(crate) use span::Span;
use target::Target;

/// Chooses requests and takes their spans.
#[derive(Debug)]
pub(crate) struct Traces {
    sampler: Sampler,
    /// Of the URLs that clients ask: `http` or `https`.
    scheme: &'static str,
    queue: Sender<Finished>,
    pressed: Arc<Notify>,
    counts: Arc<Counts>,
    closing: watch::Sender<Option<Instant>>,
    exporter: Mutex<Option<JoinHandle<()>>>,
}

/// Spans by what became of them.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Taken by the collector.
    pub(crate) exported: AtomicU64,
    /// Never queued, for too many waited.
    pub(crate) queue_full: AtomicU64,
    /// Not sent: the collector was away, too slow, or refused the batch.
    pub(crate) failed: AtomicU64,
    /// Sent, and not taken by the collector.
    pub(crate) rejected: AtomicU64,
}

impl Traces {
    /// Checks the settings and starts the exporter's thread.
    pub(crate) fn start(config: &TracesConfig, scheme: &'static str) -> Result<Arc<Self>, TracesError> {
        if !(0.0..=1.0).contains(&config.sample_ratio) {
            return Err(TracesError::Ratio(config.sample_ratio));
        }
        let target = Target::new(config)?;
        let (queue, waiting) = channel(config.queue_requests.max(1));
        let (closing, closes) = watch::channel(None);
        let (pressed, counts) = (Arc::<Notify>::default(), Arc::<Counts>::default());
        let exporter =
            Exporter::new(config, target, waiting, Arc::clone(&pressed), Arc::clone(&counts), closes)?;
        let thread = std::thread::Builder::new().name("tidegate-traces".into());
        let exporter = thread.spawn(move || exporter.run()).map_err(TracesError::Thread)?;
        let sampler = Sampler::new(config.sample_ratio);
        Ok(Arc::new(Self {
            sampler,
            scheme,
            queue,
            pressed,
            counts,
            closing,
            exporter: Mutex::new(Some(exporter)),
        }))
    }

    /// The trace of a request, from its headers alone.
    pub(crate) fn context(&self, headers: &HeaderMap) -> Context {
        self.sampler.decide(Parent::of(headers))
    }

    /// The span of a request, if its trace is wanted.
    pub(crate) fn span<B>(
        self: &Arc<Self>,
        context: Context,
        request: &Request<B>,
        peer: &Peer,
        is_grpc: bool,
    ) -> Option<Arc<Span>> {
        context.sampled.then(|| Span::server(Arc::clone(self), context, request, peer, is_grpc))
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    fn send(&self, finished: Finished) {
        let spans = finished.spans();
        if self.queue.try_send(finished).is_err() {
            self.counts.queue_full.fetch_add(spans, Ordering::Relaxed);
            return;
        }
        // The exporter sleeps between two batches; waking it for each span would cost more than the span.
        if self.queue.max_capacity() - self.queue.capacity() == BATCH.min(self.queue.max_capacity()) {
            self.pressed.notify_one();
        }
    }

    /// Lets the exporter send what waits until `deadline`, and end.
    pub(crate) fn close(&self, deadline: Instant) {
        self.closing.send_replace(Some(deadline));
    }

    /// Returns when the exporter has ended, which [`Traces::close`] asks for.
    pub(crate) fn join(&self) {
        let exporter = self.exporter.lock().unwrap_or_else(PoisonError::into_inner).take();
        if exporter.is_some_and(|exporter| exporter.join().is_err()) {
            tracing::error!("the exporter of traces ended in a panic");
        }
    }
}
