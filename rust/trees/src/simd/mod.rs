//! The fast path of machines with AVX2: walks without bounds checks, and `QuickScorer` with rows in vector lanes.
#![expect(unsafe_code, reason = "audited here and nowhere else in this crate")]

#[cfg(target_arch = "x86_64")]
mod lanes;
mod unchecked;

#[cfg(target_arch = "x86_64")]
pub(crate) use lanes::{LANES, Lanes};
pub(crate) use unchecked::sum;
