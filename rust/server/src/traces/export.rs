//! The exporter's thread: what waits goes to the collector in batches, again for a while, and is counted when it can't.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::Receiver;
use tokio::sync::{Notify, watch};

use super::encode;
use super::span::Finished;
use super::target::{Failed, Target};
use super::{Counts, TracesError};
use crate::TracesConfig;

/// Requests of one batch.
pub(super) const BATCH: usize = 512;
/// Pauses between tries, the first and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

pub(super) struct Exporter {
    runtime: Runtime,
    sending: Sending,
    waiting: Receiver<Finished>,
    pressed: Arc<Notify>,
    interval: Duration,
    closing: watch::Receiver<Option<Instant>>,
}

struct Sending {
    target: Target,
    resource: Resource,
    timeout: Duration,
    counts: Arc<Counts>,
    /// Whether the last batch was lost; only the first loss is told.
    lost: bool,
}

impl Exporter {
    pub(super) fn new(
        config: &TracesConfig,
        target: Target,
        waiting: Receiver<Finished>,
        pressed: Arc<Notify>,
        counts: Arc<Counts>,
        closing: watch::Receiver<Option<Instant>>,
    ) -> Result<Self, TracesError> {
        let timeout = Duration::try_from_secs_f64(config.timeout_seconds).ok().filter(|time| !time.is_zero());
        let timeout = timeout.ok_or(TracesError::Timeout(config.timeout_seconds))?;
        let runtime = Builder::new_current_thread().enable_all().build().map_err(TracesError::Thread)?;
        let resource = encode::resource(&config.service_name);
        let interval = Duration::from_millis(config.interval_milliseconds.max(1));
        let sending = Sending { target, resource, timeout, counts, lost: false };
        Ok(Self { runtime, sending, waiting, pressed, interval, closing })
    }

    /// Exports until [`super::Traces::close`], or until nobody can send any more.
    pub(super) fn run(self) {
        let Self { runtime, mut sending, mut waiting, pressed, interval, mut closing } = self;
        runtime.block_on(async {
            loop {
                let open = tokio::select! {
                    () = tokio::time::sleep(interval) => true,
                    () = pressed.notified() => true,
                    // The sender is gone, or said that this is the end.
                    _ = closing.changed() => false,
                };
                let open = open && closing.borrow().is_none();
                while let Some(batch) = next(&mut waiting) {
                    sending.send(batch, closing.clone()).await;
                }
                if !open {
                    return;
                }
            }
        });
    }
}

/// What waits, up to a batch.
fn next(waiting: &mut Receiver<Finished>) -> Option<Vec<Finished>> {
    let first = waiting.try_recv().ok()?;
    let mut batch = vec![first];
    while batch.len() < BATCH
        && let Ok(finished) = waiting.try_recv()
    {
        batch.push(finished);
    }
    Some(batch)
}

impl Sending {
    async fn send(&mut self, batch: Vec<Finished>, closing: watch::Receiver<Option<Instant>>) {
        let spans: u64 = batch.iter().map(Finished::spans).sum();
        let message = Bytes::from(encode::request(&self.resource, batch).encode_to_vec());
        let mut last = "the collector did not answer in time".to_owned();
        let taken = tokio::select! {
            taken = tokio::time::timeout(self.timeout, self.post(message, &mut last)) => taken.unwrap_or(None),
            () = end(closing) => None,
        };
        let counts = &self.counts;
        if let Some(rejected) = taken {
            counts.rejected.fetch_add(rejected.min(spans), Ordering::Relaxed);
            counts.exported.fetch_add(spans.saturating_sub(rejected), Ordering::Relaxed);
        } else {
            counts.failed.fetch_add(spans, Ordering::Relaxed);
            if !self.lost {
                tracing::warn!(spans, error = last, "spans are lost until the collector takes them again");
            }
        }
        self.lost = taken.is_none();
    }

    /// Posts until the collector takes the batch or refuses it for good (`None`).
    async fn post(&self, message: Bytes, last: &mut String) -> Option<u64> {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.target.post(message.clone()).await {
                Ok(rejected) => return Some(rejected),
                Err(Failed::Never(why)) => {
                    *last = why;
                    return None;
                }
                Err(Failed::Later(at_least, why)) => {
                    *last = why;
                    // Collectors are asked again by many processes; not by all at once.
                    let jittered = pause.mul_f64(rand::random_range(0.5..1.0));
                    tokio::time::sleep(jittered.max(at_least)).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }
}

/// Returns at the deadline of the end.
async fn end(mut closing: watch::Receiver<Option<Instant>>) {
    let deadline = closing.wait_for(Option::is_some).await.ok().and_then(|deadline| *deadline);
    if let Some(deadline) = deadline {
        tokio::time::sleep_until(deadline.into()).await;
    }
}
