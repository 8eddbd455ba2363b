//! Looking for the next request for a moment before a thread goes to sleep: to be woken costs more than to look.

use std::cell::Cell;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// How long one thread goes on looking after its last answer.
#[derive(Debug)]
pub(crate) struct Spin {
    time: Duration,
    /// When it stops.
    until: Cell<Option<Instant>>,
    begin: Notify,
}

impl Spin {
    /// For `time` after each answer; zero is never.
    pub(crate) fn new(time: Duration) -> Self {
        Self { time, until: Cell::new(None), begin: Notify::new() }
    }

    /// Says that an answer is made.
    pub(crate) fn answered(&self) {
        if self.time.is_zero() {
            return;
        }
        if self.until.replace(Some(Instant::now() + self.time)).is_none() {
            self.begin.notify_one();
        }
    }

    /// Keeps the thread's event loop from sleeping. Between two looks whoever else waits for the core has its turn.
    pub(crate) async fn run(&self) {
        loop {
            self.begin.notified().await;
            let mut seen = None;
            while let Some(until) = self.until.get() {
                if seen.replace(until) == Some(until) {
                    if Instant::now() >= until {
                        self.until.set(None);
                        break;
                    }
                    std::thread::yield_now();
                }
                tokio::task::yield_now().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;
    use tokio::task::{LocalSet, yield_now};

    /// Whether it is still looking after two turns of a thread that had nothing else to do.
    async fn spins(time: Duration) -> bool {
        let spin = Rc::new(Spin::new(time));
        let spinning = Rc::clone(&spin);
        let task = tokio::task::spawn_local(async move { spinning.run().await });
        spin.answered();
        yield_now().await;
        yield_now().await;
        task.abort();
        spin.until.get().is_some()
    }

    #[tokio::test]
    async fn looks_after_an_answer_until_its_time_is_over() {
        let local = LocalSet::new();
        local.run_until(async { assert!(spins(Duration::from_hours(1)).await) }).await;
        local.run_until(async { assert!(!spins(Duration::ZERO).await, "never") }).await;
        let ended = async {
            let spin = Rc::new(Spin::new(Duration::from_nanos(1)));
            let spinning = Rc::clone(&spin);
            tokio::task::spawn_local(async move { spinning.run().await });
            for _ in 0..3 {
                spin.answered();
                while spin.until.get().is_some() {
                    yield_now().await;
                }
            }
        };
        local.run_until(ended).await;
    }
}
