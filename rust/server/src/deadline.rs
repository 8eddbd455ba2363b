//! How long a caller waits: from its headers and parameters, between a default and a limit.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::HeaderMap;
use http::header::HeaderName;

/// The header of gRPC: up to eight digits and a unit.
const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
/// The same thing for REST, in milliseconds.
const TIMEOUT_MS: HeaderName = HeaderName::from_static("tidegate-timeout-ms");

/// What the server says about waiting, and what it could not read about it.
#[derive(Debug)]
pub(crate) struct Waits {
    /// For callers who don't say.
    default: Duration,
    /// However long a caller says.
    longest: Duration,
    /// Timeouts that were passed over because they could not be read.
    malformed: AtomicU64,
}

/// When a caller stops waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline {
    arrived: Instant,
    longest: Duration,
    /// From the headers, if they say.
    asked: Option<Duration>,
    default: Duration,
}

impl Waits {
    pub(crate) const fn new(default: Duration, longest: Duration) -> Self {
        Self { default, longest, malformed: AtomicU64::new(0) }
    }

    /// The deadline of a request that arrived now. A header that can't be read is passed over, and counted.
    pub(crate) fn deadline(&self, headers: &HeaderMap) -> Deadline {
        let grpc = self.read(headers, &GRPC_TIMEOUT, grpc_timeout);
        let rest = self.read(headers, &TIMEOUT_MS, milliseconds);
        let asked = match (grpc, rest) {
            (Some(grpc), Some(rest)) => Some(grpc.min(rest)),
            (one, other) => one.or(other),
        };
        Deadline { arrived: Instant::now(), longest: self.longest, asked, default: self.default }
    }

    /// How many timeouts could not be read.
    pub(crate) fn malformed(&self) -> u64 {
        self.malformed.load(Ordering::Relaxed)
    }

    fn read(
        &self,
        headers: &HeaderMap,
        name: &HeaderName,
        parse: fn(&[u8]) -> Option<Duration>,
    ) -> Option<Duration> {
        let parsed = parse(headers.get(name)?.as_bytes());
        if parsed.is_none() {
            self.malformed.fetch_add(1, Ordering::Relaxed);
        }
        parsed
    }
}

impl Deadline {
    /// That of a further request of the same stream: what was asked for the stream runs on, all else counts from now.
    pub(crate) fn again(&self) -> Self {
        let now = Instant::now();
        let asked = self.asked.map(|asked| asked.saturating_sub(now.saturating_duration_since(self.arrived)));
        Self { arrived: now, asked, ..*self }
    }

    fn at(&self) -> Instant {
        self.arrived + self.asked.unwrap_or(self.default).min(self.longest)
    }

    /// The moment, when the request's parameter `timeout` has its say as well: the sooner one of those that were asked
    /// for. Zero and less say nothing, as with Triton.
    pub(crate) fn within(&self, microseconds: Option<i64>) -> Instant {
        let timeout =
            microseconds.and_then(|timeout| u64::try_from(timeout).ok()).filter(|&timeout| timeout > 0);
        let Some(timeout) = timeout.map(Duration::from_micros) else { return self.at() };
        let asked = self.asked.map_or(timeout, |asked| asked.min(timeout));
        Self { asked: Some(asked), ..*self }.at()
    }
}

/// `TimeoutValue TimeoutUnit` of the gRPC protocol.
fn grpc_timeout(text: &[u8]) -> Option<Duration> {
    let (unit, digits) = text.split_last()?;
    if digits.len() > 8 {
        return None;
    }
    let value = number(digits)?;
    Some(match unit {
        b'H' => Duration::from_hours(value),
        b'M' => Duration::from_mins(value),
        b'S' => Duration::from_secs(value),
        b'm' => Duration::from_millis(value),
        b'u' => Duration::from_micros(value),
        b'n' => Duration::from_nanos(value),
        _ => return None,
    })
}

fn milliseconds(text: &[u8]) -> Option<Duration> {
    number(text).map(Duration::from_millis)
}

/// Decimal digits alone: no sign, no space.
fn number(digits: &[u8]) -> Option<u64> {
    let decimal = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| decimal)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    fn waits() -> Waits {
        Waits::new(Duration::from_secs(1), Duration::from_secs(30))
    }

    fn after(waits: &Waits, headers: &[(HeaderName, &str)]) -> Duration {
        let headers =
            headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()));
        let deadline = waits.deadline(&headers.collect());
        deadline.at() - deadline.arrived
    }

    #[test]
    fn every_unit_of_grpc_is_read() {
        for (text, expected) in [
            ("0n", Duration::ZERO),
            ("1u", Duration::from_micros(1)),
            ("1m", Duration::from_millis(1)),
            ("250m", Duration::from_millis(250)),
            ("7S", Duration::from_secs(7)),
            ("2M", Duration::from_secs(30)),
            ("99999999H", Duration::from_secs(30)),
            ("00000007S", Duration::from_secs(7)),
        ] {
            let waits = waits();
            assert_eq!(after(&waits, &[(GRPC_TIMEOUT, text)]), expected, "{text}");
            assert_eq!(waits.malformed(), 0, "{text}");
        }
        assert_eq!(grpc_timeout(b"99999999H"), Some(Duration::from_hours(99_999_999)));
    }

    #[test]
    fn what_can_t_be_read_is_passed_over_and_counted() {
        for text in ["", "m", "5", "5s", "-1m", "+1m", "1 m", " 1m", "1.5S", "123456789m", "0x1S"] {
            let waits = waits();
            assert_eq!(after(&waits, &[(GRPC_TIMEOUT, text)]), Duration::from_secs(1), "{text}");
            assert_eq!(waits.malformed(), 1, "{text}");
        }
        for text in ["", "5m", "-1", "1e3", "99999999999999999999"] {
            let waits = waits();
            assert_eq!(after(&waits, &[(TIMEOUT_MS, text)]), Duration::from_secs(1), "{text}");
            assert_eq!(waits.malformed(), 1, "{text}");
        }
    }

    #[test]
    fn the_sooner_wish_counts() {
        let waits = waits();
        let both = |grpc: &str, rest: &str| after(&waits, &[(GRPC_TIMEOUT, grpc), (TIMEOUT_MS, rest)]);
        assert_eq!(both("2S", "1500"), Duration::from_millis(1500));
        assert_eq!(both("1S", "1500"), Duration::from_secs(1));
        assert_eq!(after(&waits, &[]), Duration::from_secs(1));
        assert_eq!(after(&waits, &[(TIMEOUT_MS, "18446744073709551615")]), Duration::from_secs(30));

        let deadline = waits.deadline(&HeaderMap::new());
        let within = |timeout| deadline.within(timeout) - deadline.arrived;
        assert_eq!(within(None), Duration::from_secs(1));
        assert_eq!(within(Some(0)), Duration::from_secs(1));
        assert_eq!(within(Some(-5)), Duration::from_secs(1));
        assert_eq!(within(Some(250)), Duration::from_micros(250));
        assert_eq!(within(Some(5_000_000)), Duration::from_secs(5), "the default is not a wish");
        assert_eq!(within(Some(i64::MAX)), Duration::from_secs(30));
    }

    #[test]
    fn a_further_request_of_a_stream_has_what_is_left_of_the_wish() {
        let old = |asked| Deadline {
            arrived: Instant::now().checked_sub(Duration::from_secs(2)).unwrap(),
            longest: Duration::from_secs(30),
            asked,
            default: Duration::from_secs(1),
        };
        let left = |asked: Option<Duration>| {
            let again = old(asked).again();
            again.within(None).saturating_duration_since(again.arrived)
        };
        assert_eq!(left(None), Duration::from_secs(1));
        assert_eq!(left(Some(Duration::from_secs(1))), Duration::ZERO);
        assert!((7..=8).contains(&left(Some(Duration::from_secs(10))).as_secs()));
        assert_eq!(left(Some(Duration::from_hours(1))), Duration::from_secs(30));
    }

    proptest! {
        #[test]
        fn any_text_gives_a_deadline_within_the_limit(text in "[ -~]{0,12}", timeout in any::<i64>()) {
            let waits = waits();
            prop_assert!(after(&waits, &[(GRPC_TIMEOUT, &text), (TIMEOUT_MS, &text)]) <= Duration::from_secs(30));
            let deadline = waits.deadline(&HeaderMap::new());
            prop_assert!(deadline.within(Some(timeout)) - deadline.arrived <= Duration::from_secs(30));
        }
    }
}
