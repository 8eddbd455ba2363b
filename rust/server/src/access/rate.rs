//! How often somebody may ask: the generic cell rate algorithm (ITU-T I.371), by the library.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZero;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock};
use governor::state::keyed::HashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{NotUntil, Quota, RateLimiter};

/// What a limit says of itself when it refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Requests at once.
    pub(crate) limit: u32,
    /// Seconds after which the next one is taken.
    pub(crate) reset: u64,
}

impl Refusal {
    fn of(refused: &NotUntil<<MonotonicClock as Clock>::Instant>) -> Self {
        let wait = refused.wait_time_from(MonotonicClock.now());
        let started = u64::from(wait.subsec_nanos() > 0);
        Self { limit: refused.quota().burst_size().get(), reset: wait.as_secs() + started }
    }
}

/// The limit of one principal.
#[derive(Debug)]
pub(crate) struct Rate(RateLimiter<NotKeyed, InMemoryState, MonotonicClock>);

impl Rate {
    /// `None` where `per_second` is 0: no limit.
    pub(crate) fn new(per_second: f64, burst: u32) -> Option<Self> {
        let period = Duration::try_from_secs_f64(1.0 / per_second).ok()?;
        let burst = NonZero::new(burst).unwrap_or(NonZero::<u32>::MIN);
        let quota = Quota::with_period(period)?.allow_burst(burst);
        Some(Self(RateLimiter::direct_with_clock(quota, MonotonicClock)))
    }

    pub(crate) fn take(&self) -> Result<(), Refusal> {
        self.0.check().map_err(|refused| Refusal::of(&refused))
    }
}

/// Failed attempts that an address may make in a minute.
const FAILURES: NonZero<u32> = NonZero::new(10).unwrap();
/// Addresses that are remembered; more than that share one limit.
const ADDRESSES: usize = 10_000;
/// Failures between two looks for addresses that can be forgotten.
const LOOK: u32 = 1024;
/// The part of an IPv6 address that one owner has.
const PREFIX: u128 = !0 << 64;

/// The failed attempts of each address. Good keys are not counted, so nobody can lock out a neighbour.
#[derive(Debug)]
pub(crate) struct Failures {
    limits: RateLimiter<IpAddr, HashMapStateStore<IpAddr>, MonotonicClock>,
    seen: AtomicU32,
}

impl Failures {
    pub(crate) fn new() -> Self {
        let limits = RateLimiter::hashmap_with_clock(Quota::per_minute(FAILURES), MonotonicClock);
        Self { limits, seen: AtomicU32::new(0) }
    }

    pub(crate) fn take(&self, address: IpAddr) -> Result<(), Refusal> {
        if self.seen.fetch_add(1, Ordering::Relaxed) % LOOK == LOOK - 1 {
            self.limits.retain_recent();
        }
        let address = match address {
            _ if self.limits.len() >= ADDRESSES => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(address) => IpAddr::V4(address),
                None => IpAddr::V6((u128::from(address) & PREFIX).into()),
            },
            IpAddr::V4(_) => address,
        };
        self.limits.check_key(&address).map_err(|refused| Refusal::of(&refused))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_taken_and_then_the_rate() {
        assert!(Rate::new(0.0, 1).is_none());
        let rate = Rate::new(0.001, 3).unwrap();
        for _ in 0..3 {
            rate.take().unwrap();
        }
        let refused = rate.take().unwrap_err();
        assert_eq!(refused.limit, 3);
        assert!((990..=1000).contains(&refused.reset), "{refused:?}");
    }

    #[test]
    fn each_address_has_ten_failures() {
        let failures = Failures::new();
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        for _ in 0..10 {
            failures.take(address("2001:db8::1")).unwrap();
        }
        // The neighbour in the same network is the same owner; the mapped address is another.
        assert_eq!(failures.take(address("2001:db8::2")).unwrap_err().limit, 10);
        failures.take(address("::ffff:192.0.2.1")).unwrap();
        for _ in 0..9 {
            failures.take(address("192.0.2.1")).unwrap();
        }
        assert!((1..=7).contains(&failures.take(address("192.0.2.1")).unwrap_err().reset));
    }

    #[test]
    fn there_is_an_end_to_the_addresses() {
        let failures = Failures::new();
        for number in 0..20_000_u32 {
            let _ = failures.take(IpAddr::V4(number.into()));
        }
        assert!(failures.limits.len() <= ADDRESSES + 1);
        assert!(failures.take(IpAddr::V4(30_000.into())).is_err());
    }
}
