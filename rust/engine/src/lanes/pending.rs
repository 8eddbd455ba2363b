//! A request that waits for a lane: its caller's side is a future, and dropping it takes the request back.

use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::shared::lock;
use crate::snapshot::{Endpoint, Variant};
use crate::{EngineError, ScoreResponse};

type Scored = Result<ScoreResponse, EngineError>;

/// In the queue.
const WAITING: u8 = 0;
/// A lane has it.
const RUNNING: u8 = 1;
/// Nobody wants the answer; a lane that has not begun must not.
const GONE: u8 = 2;

/// What a request became: answered at once, or waiting for a lane.
#[derive(Debug)]
pub enum Submitted {
    /// The answer.
    Done(Scored),
    /// The answer comes later.
    Queued(Pending),
}

impl Submitted {
    /// The answer, for callers who may block their thread.
    ///
    /// # Errors
    /// What scoring said.
    pub fn wait(self) -> Scored {
        match self {
            Self::Done(scored) => scored,
            Self::Queued(pending) => pending.wait(),
        }
    }
}

/// The caller's side of a request in a queue. Dropped before a lane begins, it takes the request out.
#[derive(Debug)]
pub struct Pending(Arc<Slot>);

/// What the caller and the lane share of one request.
#[derive(Debug)]
pub(crate) struct Slot {
    stage: AtomicU8,
    answer: Mutex<Answer>,
    answered: Condvar,
    endpoint: Arc<Endpoint>,
    variant: Arc<Variant>,
}

#[derive(Debug, Default)]
struct Answer {
    scored: Option<Scored>,
    closed: bool,
    waker: Option<Waker>,
}

impl Pending {
    pub(crate) fn new(slot: &Arc<Slot>) -> Self {
        Self(Arc::clone(slot))
    }

    /// The caller's deadline has passed: takes the request back and says so. A run that has begun goes on for nobody.
    #[must_use]
    pub fn expire(self) -> EngineError {
        self.0.expire();
        self.0.expired()
    }

    fn wait(self) -> Scored {
        let answer = lock(&self.0.answer);
        let waited = self.0.answered.wait_while(answer, |answer| answer.scored.is_none());
        let scored = waited.unwrap_or_else(PoisonError::into_inner).scored.take();
        scored.unwrap_or(Err(EngineError::Stopped))
    }
}

impl Future for Pending {
    type Output = Scored;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Scored> {
        let mut answer = lock(&self.0.answer);
        if let Some(scored) = answer.scored.take() {
            return Poll::Ready(scored);
        }
        match &mut answer.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if self.0.leave() == WAITING {
            self.0.variant.line.tally.cancelled.one();
        }
    }
}

impl Slot {
    pub(crate) fn new(endpoint: &Arc<Endpoint>, variant: &Arc<Variant>) -> Arc<Self> {
        Arc::new(Self {
            stage: AtomicU8::new(WAITING),
            answer: Mutex::default(),
            answered: Condvar::new(),
            endpoint: Arc::clone(endpoint),
            variant: Arc::clone(variant),
        })
    }

    /// A lane takes the request, unless nobody waits for it.
    pub(crate) fn begin(&self) -> bool {
        self.stage.compare_exchange(WAITING, RUNNING, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Whether nobody waits for the answer.
    pub(crate) fn gone(&self) -> bool {
        self.stage.load(Ordering::Acquire) == GONE
    }

    /// The caller's deadline has passed; counted once, whoever sees it first.
    pub(crate) fn expire(&self) {
        let tally = &self.variant.line.tally;
        match self.leave() {
            WAITING => tally.expired.one(),
            RUNNING => tally.late.one(),
            _ => {}
        }
    }

    /// The caller goes; the stage at which its request was.
    fn leave(&self) -> u8 {
        let before = self.stage.swap(GONE, Ordering::AcqRel);
        if before == WAITING {
            self.variant.line.leave();
        }
        before
    }

    /// Gives the answer to the caller; a second one is dropped.
    pub(crate) fn answer(&self, scored: Scored) {
        let mut answer = lock(&self.answer);
        if std::mem::replace(&mut answer.closed, true) {
            return;
        }
        answer.scored = Some(scored);
        let waker = answer.waker.take();
        drop(answer);
        self.answered.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn names(&self) -> (String, String) {
        (self.endpoint.name.clone(), self.variant.version.to_string())
    }

    pub(crate) fn expired(&self) -> EngineError {
        let (endpoint, version) = self.names();
        EngineError::Expired { endpoint, version }
    }

    pub(crate) fn overloaded(&self) -> EngineError {
        let (endpoint, version) = self.names();
        EngineError::Overloaded { endpoint, version }
    }

    pub(crate) fn quarantined(&self) -> EngineError {
        let (endpoint, version) = self.names();
        EngineError::Quarantined { endpoint, version }
    }

    pub(crate) fn panicked(&self) -> EngineError {
        let (endpoint, version) = self.names();
        EngineError::Panicked { endpoint, version }
    }
}
