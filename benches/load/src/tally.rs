//! What came out.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

/// Histograms count tenths of a microsecond.
const UNIT: Duration = Duration::from_nanos(100);
const LONGEST: Duration = Duration::from_mins(2);

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ending {
    /// A gRPC or HTTP status.
    Status(u16),
    /// The server reset the stream, with an HTTP/2 error.
    Reset(u32),
    /// Its time was over before it could be sent.
    Expired,
    /// Answered well, but not with what belongs to its message.
    Wrong,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(code) => write!(f, "{code}"),
            Self::Reset(code) => write!(f, "reset {code}"),
            Self::Expired => f.write_str("expired"),
            Self::Wrong => f.write_str("wrong"),
        }
    }
}

/// Counts of endings, and the latencies of those that are good.
pub(crate) struct Tally {
    endings: BTreeMap<Ending, u64>,
    latencies: Histogram<u64>,
    refusals: Histogram<u64>,
    late: u64,
}

impl Tally {
    /// Nothing yet.
    pub(crate) fn new() -> Result<Self, hdrhistogram::CreationError> {
        let empty = || Histogram::new_with_max((LONGEST.as_nanos() / UNIT.as_nanos()) as u64, 3);
        Ok(Self { endings: BTreeMap::new(), latencies: empty()?, refusals: empty()?, late: 0 })
    }

    /// One request that ended `latency` after it was meant to be sent.
    pub(crate) fn add(&mut self, ending: Ending, good: bool, latency: Duration, timeout: Option<Duration>) {
        *self.endings.entry(ending).or_default() += 1;
        let histogram = if good { &mut self.latencies } else { &mut self.refusals };
        histogram.saturating_record((latency.as_nanos() / UNIT.as_nanos()) as u64);
        self.late += u64::from(good && timeout.is_some_and(|timeout| latency > timeout));
    }

    /// Another thread's, added.
    pub(crate) fn merge(&mut self, other: &Self) -> Result<(), hdrhistogram::AdditionError> {
        for (ending, count) in &other.endings {
            *self.endings.entry(*ending).or_default() += count;
        }
        self.late += other.late;
        self.latencies.add(&other.latencies)?;
        self.refusals.add(&other.refusals)
    }

    /// As it is printed.
    pub(crate) fn to_json(&self, elapsed: Duration) -> Value {
        let requests: u64 = self.endings.values().sum();
        let codes: BTreeMap<String, u64> =
            self.endings.iter().map(|(ending, count)| (ending.to_string(), *count)).collect();
        let us = |tenths: u64| tenths as f64 / 10.0;
        let at = |share| us(self.latencies.value_at_quantile(share));
        json!({
            "requests": requests,
            "good": self.latencies.len(),
            "late": self.late,
            "codes": codes,
            "seconds": elapsed.as_secs_f64(),
            "per_second": self.latencies.len() as f64 / elapsed.as_secs_f64(),
            "p50_us": at(0.5),
            "p90_us": at(0.9),
            "p99_us": at(0.99),
            "p999_us": at(0.999),
            "max_us": us(self.latencies.max()),
            "refusal_p50_us": us(self.refusals.value_at_quantile(0.5)),
            "refusal_p99_us": us(self.refusals.value_at_quantile(0.99)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_ones_are_timed_and_all_are_counted() {
        let (mut all, mut other) = (Tally::new().unwrap(), Tally::new().unwrap());
        let timeout = Some(Duration::from_millis(25));
        for ms in 1..=100 {
            all.add(Ending::Status(0), true, Duration::from_millis(ms), timeout);
        }
        other.add(Ending::Status(8), false, Duration::from_millis(2), timeout);
        other.add(Ending::Expired, false, Duration::from_millis(25), timeout);
        all.merge(&other).unwrap();
        let told = all.to_json(Duration::from_secs(2));
        assert_eq!((&told["requests"], &told["good"], &told["late"]), (&json!(102), &json!(100), &json!(75)));
        assert_eq!(told["codes"], json!({"0": 100, "8": 1, "expired": 1}));
        assert_eq!(told["per_second"], json!(50.0));
        let p50 = told["p50_us"].as_f64().unwrap();
        assert!((p50 - 50_000.0).abs() < 100.0, "{p50}");
    }
}
