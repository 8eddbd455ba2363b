//! The lanes: a few threads for all models, who take turns by the time that they cost.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tidegate_model::Stop;

use super::line::Line;
use super::pending::Slot;
use super::queue::Job;
use super::turns::{Picked, QUANTUM, Turns, Work, nanoseconds};
use crate::EngineError;
use crate::shared::lock;
use crate::status::LanesStatus;

/// What a line may owe at most, in the same: one endless run must not be paid off for ever.
const DEBT: i64 = -50 * QUANTUM;
/// However long a caller without a deadline would wait.
const MOST_PATIENCE: Duration = Duration::from_secs(30);
/// Time for a run to end that was told to.
const GRACE: Duration = Duration::from_millis(50);
/// A run is never given up before this.
const PATIENCE: Duration = Duration::from_millis(100);
/// Nor before it took so many times what runs take.
const TIMES: u32 = 8;
/// Threads that may be stuck at once and are replaced.
const MOST_REPLACED: usize = 8;

/// Requests on lanes, queued or running, and the threads that score them.
#[derive(Debug)]
pub(crate) struct Pool {
    lanes: usize,
    limit: usize,
    state: Mutex<State>,
    /// Something can be scored, or it is time to end.
    work: Condvar,
    /// A run began where none was, or it is time to end: for the watch.
    began: Condvar,
    /// A lane ended.
    ended: Condvar,
    in_flight: AtomicUsize,
}

#[derive(Debug)]
struct State {
    turns: Turns,
    seats: Vec<Seat>,
    /// Threads that work.
    live: usize,
    /// Threads that hang in a kernel.
    stuck: usize,
    stopping: bool,
}

/// One lane; the thread on it changes when one hangs.
#[derive(Debug, Default)]
struct Seat {
    /// Counts the threads that sat here.
    holder: u64,
    /// Whether a thread sits here.
    taken: bool,
    run: Option<Running>,
}

#[derive(Debug)]
struct Running {
    line: Arc<Line>,
    slots: Vec<Arc<Slot>>,
    stop: Arc<Stop>,
    /// When the last of its callers stops waiting: then it is told to end.
    wanted: Instant,
    /// When it is given up, should it not have ended.
    until: Instant,
}

/// A thread's right to a lane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket {
    pub(crate) lane: usize,
    holder: u64,
}

impl Pool {
    pub(crate) fn new(lanes: usize, limit: usize) -> Self {
        let lanes = lanes.max(1);
        let state = State {
            turns: Turns::default(),
            seats: (0..lanes).map(|_| Seat::default()).collect(),
            live: 0,
            stuck: 0,
            stopping: false,
        };
        Self {
            lanes,
            limit,
            state: Mutex::new(state),
            work: Condvar::new(),
            began: Condvar::new(),
            ended: Condvar::new(),
            in_flight: AtomicUsize::new(0),
        }
    }

    /// Queues a request; the error says why it has no place.
    pub(crate) fn submit(&self, job: Job) -> Result<(), EngineError> {
        let line = Arc::clone(&job.variant.line);
        let slot = Arc::clone(&job.slot);
        let now = job.queued;
        let mut state = lock(&self.state);
        if state.stopping {
            return Err(EngineError::Stopped);
        }
        let mut queue = lock(&line.queue);
        if queue.len() >= queue.bound(self.lanes) && line.gone.load(Relaxed) > 0 {
            let swept = queue.sweep();
            self.leave(&line, swept, swept);
        }
        let fits = self.in_flight.load(Relaxed) < self.limit;
        let refused = if fits { queue.push(job, now, self.lanes) } else { Some(job) };
        line.show(queue.len(), queue.bound(self.lanes));
        drop(queue);
        let Some(refused) = refused else {
            self.in_flight.fetch_add(1, Relaxed);
            state.turns.add(&line);
            drop(state);
            self.work.notify_one();
            return Ok(());
        };
        line.tally.rejected.one();
        drop(state);
        if Arc::ptr_eq(&refused.slot, &slot) {
            return Err(slot.overloaded());
        }
        // One of the batch class made room.
        if !refused.slot.begin() {
            line.gone.fetch_sub(1, Relaxed);
        }
        refused.slot.answer(Err(refused.slot.overloaded()));
        Ok(())
    }

    /// A thread takes the seat of a lane, if it is free.
    pub(crate) fn sit(&self, lane: usize) -> Option<Ticket> {
        let mut state = lock(&self.state);
        let stopping = state.stopping;
        let seat = state.seats.get_mut(lane).filter(|seat| !seat.taken && !stopping)?;
        seat.taken = true;
        seat.holder += 1;
        let ticket = Ticket { lane, holder: seat.holder };
        state.live += 1;
        Some(ticket)
    }

    /// Waits for work; `None` when it is time to end.
    pub(crate) fn next(&self, ticket: Ticket, now: impl Fn() -> Instant) -> Option<Work> {
        let mut state = lock(&self.state);
        loop {
            let at = now();
            let stopping = state.stopping;
            let left = |line: &Line, requests, gone| self.leave(line, requests, gone);
            match state.turns.pick(self.lanes, at, stopping, left) {
                Picked::Work(work) => {
                    let wanted = work.run.iter().map(|job| job.deadline.unwrap_or(at + MOST_PATIENCE)).max();
                    let wanted = wanted.unwrap_or(at);
                    let until = Self::until(&work, at, wanted);
                    let slots = work.run.iter().map(|job| Arc::clone(&job.slot)).collect();
                    let seat = state.seats.get_mut(ticket.lane)?;
                    let (line, stop) = (Arc::clone(&work.line), Arc::clone(&work.stop));
                    seat.run = Some(Running { line, slots, stop, wanted, until });
                    drop(state);
                    self.began.notify_all();
                    return Some(work);
                }
                Picked::Nothing if state.stopping => {
                    if let Some(seat) = state.seats.get_mut(ticket.lane) {
                        seat.taken = false;
                    }
                    state.live -= 1;
                    drop(state);
                    self.ended.notify_all();
                    return None;
                }
                Picked::Nothing => {
                    state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                Picked::Later(rest) => {
                    let waited = self.work.wait_timeout(state, rest);
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    /// A run ended. Whether anybody still waits for it: a lane that was given up has nothing to say.
    pub(crate) fn finish(&self, ticket: Ticket, line: &Line, requests: usize, took: Duration) -> bool {
        let mut state = lock(&self.state);
        let held = state
            .seats
            .get(ticket.lane)
            .is_some_and(|seat| seat.holder == ticket.holder && seat.run.is_some());
        let mut queue = lock(&line.queue);
        if !held {
            queue.stuck = queue.stuck.saturating_sub(1);
            drop(queue);
            state.stuck = state.stuck.saturating_sub(1);
            return false;
        }
        let run = state.seats.get_mut(ticket.lane).and_then(|seat| seat.run.take());
        let cut = run.is_some_and(|run| run.stop.stopped());
        let expected = nanoseconds(queue.run_time());
        queue.credit = (queue.credit + expected - nanoseconds(took)).max(DEBT);
        queue.running = queue.running.saturating_sub(1);
        // One endless row says nothing about those that come after it.
        if line.bounded() || !cut {
            queue.ran(took, requests);
        }
        line.show(queue.len(), queue.bound(self.lanes));
        drop(queue);
        drop(state);
        self.in_flight.fetch_sub(requests, Relaxed);
        true
    }

    /// Tells the runs that nobody waits for any more to end, and their last callers that it was too late.
    pub(crate) fn stop_unwanted(&self, now: Instant) {
        let mut told: Vec<Arc<Slot>> = Vec::new();
        let mut state = lock(&self.state);
        for run in state.seats.iter_mut().filter_map(|seat| seat.run.as_mut()) {
            let late = run.wanted <= now;
            if run.stop.stopped() || !(late || run.slots.iter().all(|slot| slot.gone())) {
                continue;
            }
            run.line.tally.stopped.one();
            // Counted before the run can end and its callers hear of it.
            run.slots.iter().for_each(|slot| slot.expire());
            run.stop.stop();
            // However late this thread was woken, the run has its time to notice.
            run.until = run.until.max(now + GRACE);
            told.extend(run.slots.iter().map(Arc::clone));
        }
        drop(state);
        for slot in told {
            slot.answer(Err(slot.expired()));
        }
    }

    /// Gives up the runs that should have ended: their callers are told, their lanes are free for other threads. Returns
    /// the lanes that need one.
    pub(crate) fn give_up(&self, now: Instant) -> Vec<usize> {
        let mut told: Vec<(Arc<Slot>, bool)> = Vec::new();
        let mut free = Vec::new();
        let mut state = lock(&self.state);
        for lane in 0..state.seats.len() {
            let Some(seat) = state.seats.get_mut(lane) else { continue };
            let Some(run) = seat.run.take_if(|run| run.until <= now) else { continue };
            seat.taken = false;
            seat.holder += 1;
            state.live -= 1;
            state.stuck += 1;
            if state.stuck <= MOST_REPLACED {
                free.push(lane);
            }
            self.in_flight.fetch_sub(run.slots.len(), Relaxed);
            told.extend(run.slots.into_iter().map(|slot| (slot, false)));
            let mut queue = lock(&run.line.queue);
            queue.running = queue.running.saturating_sub(1);
            queue.stuck += 1;
            if run.line.stuck(queue.stuck) {
                let left = queue.drain();
                self.leave(&run.line, left.len(), left.iter().filter(|job| !job.slot.begin()).count());
                told.extend(left.into_iter().map(|job| (job.slot, true)));
            }
            run.line.show(queue.len(), queue.bound(self.lanes));
        }
        drop(state);
        for (slot, waiting) in told {
            slot.answer(Err(if waiting { slot.quarantined() } else { slot.expired() }));
        }
        free
    }

    /// Waits until a run may have to be given up; `false` when it is time to end.
    pub(crate) fn watch(&self, now: Instant) -> bool {
        let state = lock(&self.state);
        if state.stopping {
            return false;
        }
        let next = |run: &Running| if run.stop.stopped() { run.until } else { run.wanted.min(run.until) };
        let soonest = state.seats.iter().filter_map(|seat| seat.run.as_ref()).map(next).min();
        match soonest {
            // A run that begins meanwhile has its patience as well.
            Some(until) => {
                let rest = until.saturating_duration_since(now).clamp(Duration::from_millis(1), PATIENCE / 2);
                drop(self.ended.wait_timeout(state, rest));
            }
            None => drop(self.began.wait(state)),
        }
        true
    }

    /// Ends the lanes when what waits is scored; whether all of them ended in time.
    pub(crate) fn stop(&self, time: Duration) -> bool {
        let mut state = lock(&self.state);
        state.stopping = true;
        self.work.notify_all();
        self.began.notify_all();
        self.ended.notify_all();
        let waited = self.ended.wait_timeout_while(state, time, |state| state.live > 0);
        waited.unwrap_or_else(PoisonError::into_inner).0.live == 0
    }

    /// A lane's thread could not be started.
    pub(crate) fn lose(&self, ticket: Ticket) {
        let mut state = lock(&self.state);
        if let Some(seat) = state.seats.get_mut(ticket.lane) {
            seat.taken = false;
        }
        state.live -= 1;
    }

    pub(crate) fn status(&self) -> LanesStatus {
        let state = lock(&self.state);
        LanesStatus {
            lanes: self.lanes,
            free: state.seats.iter().filter(|seat| seat.taken && seat.run.is_none()).count(),
            stuck: state.stuck,
            in_flight: self.in_flight.load(Relaxed),
        }
    }

    /// Whether a request waits or runs.
    pub(crate) fn busy(&self) -> bool {
        self.in_flight.load(Relaxed) > 0
    }

    fn until(work: &Work, now: Instant, wanted: Instant) -> Instant {
        let usual = lock(&work.line.queue).run_time() * TIMES;
        (wanted + GRACE).max(now + usual.max(PATIENCE))
    }

    /// Requests left the queue without a run, `gone` of them because nobody waited.
    fn leave(&self, line: &Line, requests: usize, gone: usize) {
        self.in_flight.fetch_sub(requests, Relaxed);
        line.gone.fetch_sub(gone, Relaxed);
    }
}
