//! What several tests need: golden values, tolerances, naive recomputations.

use std::path::Path;

use serde_json::Value;
use tidegate_drift::{
    Counters, Counts, FeatureCounts, FeatureProfile, Kind, NumericProfile, ReferenceProfile, Role,
};

/// The golden values that tests of all languages read.
pub(crate) fn golden() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/stats_reference.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

pub(crate) fn floats(value: &Value) -> Vec<f64> {
    list(value).iter().map(|v| v.as_f64().unwrap()).collect()
}

pub(crate) fn counts(value: &Value) -> Vec<u64> {
    list(value).iter().map(|v| v.as_u64().unwrap()).collect()
}

/// Asserts that `got` is within 1e-12 of `expected`, relative to values above 1.
#[track_caller]
pub(crate) fn close(got: f64, expected: f64) {
    assert!((got - expected).abs() <= 1e-12 * expected.abs().max(1.0), "expected {expected}, got {got}");
}

/// A profile with one feature, `x`.
pub(crate) fn profile(kind: Kind) -> ReferenceProfile {
    ReferenceProfile::new(vec![FeatureProfile { name: "x".to_owned(), role: Role::Input, kind }]).unwrap()
}

/// Counts `live` against a numeric profile through the counters.
pub(crate) fn count(numeric: &NumericProfile, live: &[f64]) -> FeatureCounts {
    let profile = profile(Kind::Numeric(numeric.clone()));
    let counters = Counters::new(&profile);
    counters.count(0, live, 0, 1).unwrap();
    let mut counts = Counts::zero(&profile);
    counters.drain_into(&mut counts).unwrap();
    counts.features()[0].clone()
}

/// The cell of a value by definition: how many points are below, and whether one is equal.
pub(crate) fn naive_cell(points: &[f64], value: f64) -> usize {
    let below = points.iter().filter(|&&point| point < value).count();
    2 * below + usize::from(points.contains(&value))
}

/// A deterministic stream of 64-bit numbers (Steele, Lea & Flood 2014).
pub(crate) struct SplitMix64(pub(crate) u64);

impl SplitMix64 {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 * 2_f64.powi(-53)
    }
}
