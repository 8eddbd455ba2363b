//! Whose turn it is: lines with requests take turns by the lane time that their runs cost (deficit round robin,
//! Shreedhar and Varghese 1996).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_model::Stop;

use super::line::{Line, MOST_ROWS};
use super::queue::{Job, Shed, Taken};
use crate::shared::lock;

/// Nanoseconds of lane that a line may use before the next one has its turn.
pub(super) const QUANTUM: i64 = 2_000_000;

/// What a lane is to do next.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) line: Arc<Line>,
    pub(crate) run: Vec<Job>,
    /// Ends the run.
    pub(crate) stop: Arc<Stop>,
}

/// What the turns give.
#[derive(Debug)]
pub(super) enum Picked {
    /// A run.
    Work(Work),
    /// Nothing yet: the deployment wants some requests to wait for more.
    Later(Duration),
    /// No line has requests that may run.
    Nothing,
}

/// Lines with requests, in the order of their turns.
#[derive(Debug, Default)]
pub(super) struct Turns(VecDeque<Arc<Line>>);

impl Turns {
    /// A line has requests.
    pub(super) fn add(&mut self, line: &Arc<Line>) {
        if !self.0.iter().any(|other| Arc::ptr_eq(other, line)) {
            self.0.push_back(Arc::clone(line));
        }
    }

    /// Takes the next run by turns; what can't be answered is told so on the way.
    /// `left` hears of requests that left a queue without a run: of which line, how many, and how many of them because
    /// nobody waited any more.
    pub(super) fn pick(
        &mut self,
        lanes: usize,
        now: Instant,
        stopping: bool,
        left: impl Fn(&Line, usize, usize),
    ) -> Picked {
        let mut later: Option<Duration> = None;
        let mut held = 0;
        while held < self.0.len() {
            let alone = self.0.len() == 1;
            let Some(line) = self.0.front().map(Arc::clone) else { break };
            let mut queue = lock(&line.queue);
            if queue.len() == 0 {
                queue.credit = queue.credit.min(0);
                drop(queue);
                self.0.pop_front();
                continue;
            }
            if queue.credit <= 0 && !alone {
                queue.credit += QUANTUM;
                if queue.credit <= 0 {
                    drop(queue);
                    self.0.rotate_left(1);
                    continue;
                }
            }
            let rows = line.batch();
            if let Some(rest) = rest(&line, queue.oldest(), rows, now).filter(|_| !stopping) {
                later = Some(later.map_or(rest, |later| later.min(rest)));
                held += 1;
                drop(queue);
                self.0.rotate_left(1);
                continue;
            }
            let Taken { run, shed, gone } = queue.take(now, rows);
            left(&line, gone + shed.len(), gone);
            line.show(queue.len(), queue.bound(lanes));
            if run.is_empty() {
                drop(queue);
                tell(&line, shed);
                continue;
            }
            queue.running += 1;
            queue.credit -= nanoseconds(queue.run_time());
            let spent = queue.credit <= 0;
            if alone {
                queue.credit = 0;
            }
            drop(queue);
            if spent {
                self.0.rotate_left(1);
            }
            tell(&line, shed);
            return Picked::Work(Work { line, run, stop: Arc::default() });
        }
        later.map_or(Picked::Nothing, Picked::Later)
    }
}

/// How long the oldest request still waits for others, where the deployment says so.
fn rest(line: &Line, oldest: Option<(Instant, usize)>, rows: usize, now: Instant) -> Option<Duration> {
    let delay = line.delay();
    let (oldest, waiting) = oldest.filter(|_| !delay.is_zero())?;
    let rest = (oldest + delay).saturating_duration_since(now);
    (waiting < rows.min(MOST_ROWS) && !rest.is_zero()).then_some(rest)
}

fn tell(line: &Line, shed: Vec<(Job, Shed)>) {
    for (job, why) in shed {
        let error = match why {
            Shed::Expired => {
                line.tally.expired.one();
                job.slot.expired()
            }
            Shed::Overloaded => {
                line.tally.rejected.one();
                job.slot.overloaded()
            }
        };
        job.slot.answer(Err(error));
    }
}

/// As the turns are reckoned.
pub(super) fn nanoseconds(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}
