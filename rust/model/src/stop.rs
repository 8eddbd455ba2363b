//! How a run is ended from outside: one thread scores, another one learns that nobody waits any more.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

type End = Box<dyn Fn() + Send>;

/// Says that the answer of a run is not wanted any more. One for each run.
#[derive(Default)]
pub struct Stop {
    stopped: AtomicBool,
    /// How the run that is under way is ended.
    end: Mutex<Option<End>>,
}

impl Stop {
    /// Ends the run, now or as soon as it begins. Does not wait for it.
    pub fn stop(&self) {
        let end = self.lock();
        self.stopped.store(true, Ordering::Release);
        if let Some(end) = &*end {
            end();
        }
    }

    /// Whether the answer is not wanted any more.
    #[must_use]
    pub fn stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Calls `run`, which a stop ends by calling `end`: at once when it came before, and never after this has returned.
    /// `end` must not block.
    pub fn during<T>(&self, end: impl Fn() + Send + 'static, run: impl FnOnce() -> T) -> T {
        let mut kept = self.lock();
        if self.stopped() {
            end();
        }
        *kept = Some(Box::new(end));
        drop(kept);
        let _forgotten = Forget(self);
        run()
    }

    fn lock(&self) -> MutexGuard<'_, Option<End>> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stop").field("stopped", &self.stopped()).finish_non_exhaustive()
    }
}

/// Lets go of the way to end a run, also when the run panics.
struct Forget<'a>(&'a Stop);

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        *self.0.lock() = None;
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use std::sync::atomic::AtomicU32;

    use super::*;

    fn counter() -> (Arc<AtomicU32>, impl Fn() + Send + Clone + 'static) {
        let count = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&count);
        (count, move || {
            counted.fetch_add(1, Ordering::Relaxed);
        })
    }

    #[test]
    fn a_stop_before_and_one_meanwhile_end_the_run_and_one_after_it_nothing() {
        let (ended, end) = counter();
        let stop = Stop::default();
        assert_eq!(stop.during(end.clone(), || ended.load(Ordering::Relaxed)), 0);
        stop.stop();
        assert_eq!(ended.load(Ordering::Relaxed), 0, "nothing runs");
        assert_eq!(stop.during(end.clone(), || ended.load(Ordering::Relaxed)), 1);

        let other = Stop::default();
        other.during(end, || {
            std::thread::scope(|scope| scope.spawn(|| other.stop()).join()).unwrap();
            assert!(other.stopped());
        });
        assert_eq!(ended.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_run_that_panics_is_let_go_of() {
        let (ended, end) = counter();
        let stop = Stop::default();
        let panicked = catch_unwind(AssertUnwindSafe(|| stop.during(end, || panic!("the run"))));
        assert!(panicked.is_err());
        stop.stop();
        assert_eq!(ended.load(Ordering::Relaxed), 0);
    }
}
