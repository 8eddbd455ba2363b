//! The shadow thread: scores what was answered once more, with shadows and with variants that mirror.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::time::{Duration, Instant};

use crate::log::{Record, Request, RowRole};
use crate::ring::Popper;
use crate::scoring;
use crate::shared::Shared;

/// What the shadow thread is asked for, besides scoring.
pub(crate) enum Command {
    /// Answer when everything queued before is scored.
    Flush(Sender<()>),
    /// Score until the deadline, answer how many requests were cut, end.
    Stop(Instant, Sender<u64>),
}

/// Longest sleep; a wake-up ends it sooner.
const IDLE: Duration = Duration::from_millis(250);
/// Requests scored between two looks at the commands.
const STRETCH: usize = 64;

/// The thread's own state.
pub(crate) struct Shadow {
    pub(crate) shared: Arc<Shared>,
    pub(crate) requests: Popper<Arc<Request>>,
    pub(crate) commands: Receiver<Command>,
}

impl Shadow {
    /// Runs until stopped.
    pub(crate) fn run(self) {
        self.requests.attach();
        loop {
            // Commands before the queue, so that a flush covers every request that was queued before it.
            match self.commands.try_recv() {
                Ok(Command::Flush(flushed)) => {
                    self.score_up_to(self.shared.config.shadow_queue.max(1));
                    let _ = flushed.send(());
                }
                Ok(Command::Stop(deadline, stopped)) => {
                    let _ = stopped.send(self.finish(deadline));
                    return;
                }
                Err(TryRecvError::Disconnected) => return,
                Err(TryRecvError::Empty) => {
                    if self.score_up_to(STRETCH) == 0 {
                        std::thread::park_timeout(IDLE);
                    }
                }
            }
        }
    }

    fn score_up_to(&self, limit: usize) -> usize {
        let scored = std::iter::from_fn(|| self.requests.pop()).take(limit).map(|job| self.score(job));
        scored.count()
    }

    fn finish(&self, deadline: Instant) -> u64 {
        while let Some(job) = self.requests.pop() {
            if Instant::now() >= deadline {
                let cut = 1 + std::iter::from_fn(|| self.requests.pop()).count() as u64;
                self.shared.totals.shadows_dropped.fetch_add(cut, Relaxed);
                return cut;
            }
            self.score(job);
        }
        0
    }

    fn score(&self, (request, bytes): (Arc<Request>, usize)) {
        if catch_unwind(AssertUnwindSafe(|| self.score_each(&request))).is_err() {
            tracing::error!(endpoint = %request.endpoint.name, "scoring a shadow panicked");
        }
        self.requests.release(bytes);
        self.shared.totals.shadows_scored.fetch_add(1, Relaxed);
    }

    fn score_each(&self, request: &Arc<Request>) {
        let endpoint = &request.endpoint;
        let others = endpoint.routing.watchers.iter().filter(|&&index| index != request.variant);
        for variant in others.filter_map(|&index| endpoint.variants.get(index)) {
            let (role, scored) = if variant.shadow {
                let (thread, began) = (self.shared.shadow_thread(), Instant::now());
                let scored =
                    scoring::score(thread, request, variant, None, began, self.shared.config.output_limit);
                (RowRole::Shadow, scored.map(|scored| scored.outputs))
            } else {
                // Its meters and drift counters are of what it answers.
                (
                    RowRole::Mirror,
                    scoring::run_whole(
                        endpoint,
                        variant,
                        &request.batch,
                        self.shared.config.output_limit,
                        None,
                        || Ok(()),
                    ),
                )
            };
            match scored {
                Ok(outputs) => self.shared.log(Record {
                    request: Arc::clone(request),
                    variant: Arc::clone(variant),
                    role,
                    outputs: Arc::new(outputs),
                }),
                // Counted by the variant's meter; a line per request would drown the log.
                Err(error) => tracing::debug!(%error, "a shadow failed"),
            }
        }
    }
}
