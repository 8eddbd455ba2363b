//! A model that keeps failing is not asked for a while: consecutive errors, or too few successes, open the breaker.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::shared::lock;

/// Errors in a row that open it.
const IN_A_ROW: u32 = 5;
/// Of this many seconds it looks at, one bucket each.
const BUCKETS: usize = 10;
/// Requests that must have come before their share of successes counts.
const SAMPLES: u64 = 20;
/// First time that it stays open, and longest.
const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_mins(1);

/// The breaker of one variant. While nothing fails, asking it costs one relaxed load.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    in_a_row: AtomicU32,
    open: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Where the first bucket begins.
    began: Option<Instant>,
    buckets: [Bucket; BUCKETS],
    /// Successes of the variant when it last failed, and when that was.
    seen: Option<(u64, Instant)>,
    period: Duration,
    until: Option<Instant>,
    /// When the one request was let through that decides.
    trial: Option<Instant>,
    opened: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    second: u64,
    good: u64,
    bad: u64,
}

impl Breaker {
    /// Whether a request may go on. When the time is over, one may, and decides.
    pub(crate) fn admits(&self, now: Instant) -> bool {
        if !self.open.load(Relaxed) {
            return true;
        }
        let mut state = lock(&self.state);
        let waiting = state.until.is_some_and(|until| now < until);
        // A trial that never came to the model must not close the door for ever.
        let tried = state.trial.is_some_and(|trial| now < trial + FIRST);
        if waiting || tried {
            return false;
        }
        state.trial = Some(now);
        true
    }

    /// Whether the time is over and a request may try.
    pub(crate) fn due(&self, now: Instant) -> bool {
        lock(&self.state).until.is_none_or(|until| now >= until)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Relaxed)
    }

    /// How often it opened.
    pub(crate) fn opened(&self) -> u64 {
        lock(&self.state).opened
    }

    /// The model answered.
    pub(crate) fn succeeded(&self) {
        if self.in_a_row.load(Relaxed) == 0 && !self.open.load(Relaxed) {
            return;
        }
        self.in_a_row.store(0, Relaxed);
        let mut state = lock(&self.state);
        if state.trial.take().is_some() {
            *state = State { opened: state.opened, ..State::default() };
            self.open.store(false, Relaxed);
        }
    }

    /// The model failed. `successes` are all that it ever had.
    pub(crate) fn failed(&self, now: Instant, successes: u64) {
        let in_a_row = self.in_a_row.fetch_add(1, Relaxed).saturating_add(1);
        let mut state = lock(&self.state);
        if self.open.load(Relaxed) {
            // What was under way when it opened says nothing new.
            if state.trial.take().is_some() {
                let longer = state.period.saturating_mul(2).min(LONGEST);
                self.open_for(&mut state, now, longer);
            }
            return;
        }
        if in_a_row >= IN_A_ROW || state.count(now, successes) {
            self.open_for(&mut state, now, FIRST);
        }
    }

    fn open_for(&self, state: &mut State, now: Instant, period: Duration) {
        state.period = period;
        state.until = Some(now + period);
        state.trial = None;
        state.opened += 1;
        self.open.store(true, Relaxed);
    }
}

impl State {
    /// Counts a failure; whether fewer than half of the last seconds' requests succeeded. Successes since the last
    /// failure fall into this second's bucket, unless that was longer ago than the buckets reach.
    fn count(&mut self, now: Instant, successes: u64) -> bool {
        let began = *self.began.get_or_insert(now);
        let second = now.saturating_duration_since(began).as_secs();
        let good = match self.seen.replace((successes, now)) {
            Some((before, last)) if now.saturating_duration_since(last).as_secs() < BUCKETS as u64 => {
                successes.saturating_sub(before)
            }
            _ => 0,
        };
        let bucket = &mut self.buckets[second as usize % BUCKETS];
        if bucket.second != second {
            *bucket = Bucket { second, ..Bucket::default() };
        }
        bucket.good += good;
        bucket.bad += 1;
        let recent = self.buckets.iter().filter(|bucket| bucket.second + BUCKETS as u64 > second);
        let (good, bad) = recent.fold((0, 0), |(good, bad), bucket| (good + bucket.good, bad + bucket.bad));
        good + bad >= SAMPLES && good < bad
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn five_errors_in_a_row_open_it_and_one_success_between_does_not() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        for round in 0..10 {
            for _ in 0..4 {
                breaker.failed(now + seconds(20 * round), round);
            }
            breaker.succeeded();
            assert!(breaker.admits(now + seconds(20 * round)), "round {round}");
        }
        for _ in 0..5 {
            assert!(breaker.admits(now + seconds(500)));
            breaker.failed(now + seconds(500), 10);
        }
        assert!(!breaker.admits(now + seconds(500)));
        assert_eq!((breaker.is_open(), breaker.opened()), (true, 1));
    }

    #[test]
    fn after_its_time_one_request_decides() {
        let (breaker, mut now) = (Breaker::default(), Instant::now());
        for _ in 0..5 {
            breaker.failed(now, 0);
        }
        // Each failed trial doubles the time, up to a minute.
        for wait in [5, 10, 20, 40, 60, 60] {
            now += seconds(wait);
            let early = now.checked_sub(Duration::from_nanos(1)).unwrap();
            assert!(!breaker.admits(early), "after less than {wait} s");
            assert!(breaker.admits(now), "after {wait} s");
            assert!(!breaker.admits(now), "one at a time");
            breaker.failed(now, 0);
            assert!(!breaker.admits(now));
        }
        now += seconds(60);
        assert!(breaker.admits(now));
        breaker.succeeded();
        assert!(breaker.admits(now) && breaker.admits(now));
        assert!(!breaker.is_open());
        // From the beginning again.
        for _ in 0..5 {
            breaker.failed(now, 1);
        }
        assert!(!breaker.admits(now + seconds(4)));
        assert!(breaker.admits(now + seconds(5)));
    }

    #[test]
    fn a_trial_that_never_came_back_does_not_close_the_door() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..5 {
            breaker.failed(now, 0);
        }
        assert!(breaker.admits(now + seconds(5)));
        assert!(!breaker.admits(now + seconds(9)));
        assert!(breaker.admits(now + seconds(10)));
    }

    #[test]
    fn fewer_than_half_of_twenty_open_it_though_none_are_in_a_row() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        let mut successes = 0;
        for request in 0_u64.. {
            let at = now + Duration::from_millis(100 * request);
            // Three failures, then a success.
            if request % 4 == 3 {
                successes += 1;
                breaker.succeeded();
            } else {
                breaker.failed(at, successes);
            }
            if breaker.is_open() {
                assert!((19..=21).contains(&request), "{request}");
                return;
            }
            assert!(request < 30);
        }
    }

    #[test]
    fn failures_of_long_ago_are_forgotten() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        for round in 0..20 {
            let at = now + seconds(30 * round);
            for _ in 0..4 {
                breaker.failed(at, round);
            }
            breaker.succeeded();
        }
        assert!(!breaker.is_open());
    }
}
