//! When the next request is due.

use std::time::{Duration, Instant};

use crate::plan::{Arrivals, Plan};

/// What a schedule says of now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// A request is due, since this moment.
    Since(Instant),
    /// The next one is due then.
    At(Instant),
    /// No more.
    Never,
}

/// The requests of one connection.
pub(crate) struct Schedule {
    end: Instant,
    left: u64,
    open: Option<Open>,
}

struct Open {
    next: Instant,
    mean: Duration,
    arrivals: Arrivals,
    random: u64,
}

impl Schedule {
    /// Connection `index`'s share of the plan, from `start`.
    pub(crate) fn new(plan: &Plan, index: usize, start: Instant) -> Self {
        let open = plan.rate.map(|rate| {
            let mean = Duration::from_secs_f64(plan.connections as f64 / rate);
            let offset = mean.mul_f64(index as f64 / plan.connections as f64);
            let random = (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mut open = Open { next: start + offset, mean, arrivals: plan.arrivals, random };
            if plan.arrivals == Arrivals::Poisson {
                open.next = start + open.gap();
            }
            open
        });
        Self { end: start + Duration::from_secs_f64(plan.seconds), left: plan.requests_of(index), open }
    }

    /// Takes the next request if it is due at `now`.
    pub(crate) fn due(&mut self, now: Instant) -> Due {
        if self.left == 0 {
            return Due::Never;
        }
        let found = match &mut self.open {
            None if now < self.end => Due::Since(now),
            // The requests of an open loop that are late are still owed.
            Some(open) if open.next < self.end && open.next <= now => Due::Since(open.step()),
            Some(open) if open.next < self.end => Due::At(open.next),
            _ => Due::Never,
        };
        self.left -= u64::from(matches!(found, Due::Since(_)));
        found
    }
}

impl Open {
    fn step(&mut self) -> Instant {
        let now = self.next;
        self.next = now + self.gap();
        now
    }

    fn gap(&mut self) -> Duration {
        match self.arrivals {
            Arrivals::Fixed => self.mean,
            Arrivals::Poisson => self.mean.mul_f64(-(1.0 - self.uniform()).ln()),
        }
    }

    /// `SplitMix64`, as a number from 0 to below 1.
    fn uniform(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(more: &str) -> Plan {
        let least = r#""address": "a:1", "protocol": "http", "path": "/", "messages": "m", "connections": 2"#;
        Plan::parse(&format!("{{{least}, {more}}}")).unwrap()
    }

    fn all(schedule: &mut Schedule, now: Instant) -> Vec<Instant> {
        let mut found = Vec::new();
        while let Due::Since(moment) = schedule.due(now) {
            found.push(moment);
        }
        found
    }

    #[test]
    fn a_closed_loop_is_always_due_until_its_end() {
        let start = Instant::now();
        let mut schedule = Schedule::new(&plan(r#""seconds": 1, "requests": 3"#), 1, start);
        assert_eq!(schedule.due(start), Due::Since(start));
        assert_eq!(schedule.due(start), Due::Never, "one of three requests is this connection's");
        let mut schedule = Schedule::new(&plan(r#""seconds": 1"#), 1, start);
        assert_eq!(schedule.due(start + Duration::from_secs(1)), Due::Never);
    }

    #[test]
    fn fixed_arrivals_alternate_over_connections() {
        let start = Instant::now();
        let plan = plan(r#""seconds": 1, "rate": 10, "arrivals": "fixed""#);
        let at = |ms| start + Duration::from_millis(ms);
        let mut second = Schedule::new(&plan, 1, start);
        assert_eq!(second.due(start), Due::At(at(100)));
        assert_eq!(all(&mut second, at(550)), [at(100), at(300), at(500)]);
        assert_eq!(all(&mut second, at(9000)), [at(700), at(900)], "late ones are owed, none after the end");
        assert_eq!(second.due(at(9000)), Due::Never);
    }

    #[test]
    fn poisson_arrivals_have_the_rate_and_the_spread() {
        let start = Instant::now();
        let mut schedule = Schedule::new(&plan(r#""seconds": 100, "rate": 400"#), 0, start);
        let moments = all(&mut schedule, start + Duration::from_secs(100));
        assert!((19_000..21_000).contains(&moments.len()), "{}", moments.len());
        let short = moments.windows(2).filter(|pair| pair[1] - pair[0] < Duration::from_millis(5)).count();
        let share = short as f64 / moments.len() as f64;
        assert!((share - 0.632).abs() < 0.02, "1 - 1/e of the gaps are below the mean, here {share}");
    }
}
