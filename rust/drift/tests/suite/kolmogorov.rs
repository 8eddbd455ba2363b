//! KS from counters against its definition.

use proptest::prelude::*;
use tidegate_drift::{CountsError, FeatureCounts, NumericProfile, Reason, ks};

use crate::support::count;

/// `sup |F_live - F_reference|` over every pooled value and just below it, times `n m`: O(n m).
fn naive(reference: &[f64], live: &[f64]) -> (i128, i128) {
    let share = |sample: &[f64], x: f64, below: bool| {
        sample.iter().filter(|&&v| if below { v < x } else { v <= x }).count() as i128
    };
    let (m, n) = (reference.len() as i128, live.len() as i128);
    let mut sup = (0, 0);
    for &x in reference.iter().chain(live) {
        for below in [true, false] {
            let difference = share(live, x, below) * m - share(reference, x, below) * n;
            sup = (sup.0.max(difference), sup.1.max(-difference));
        }
    }
    sup
}

/// The share of all ways to pick which pooled values are live that give a D at least as large: O(2^(n + m)).
fn enumerated(reference: &[f64], live: &[f64]) -> f64 {
    let pooled = [reference, live].concat();
    let observed = {
        let (plus, minus) = naive(reference, live);
        plus.max(minus)
    };
    let (mut all, mut reached) = (0.0, 0.0);
    for mask in 0_u32..1 << pooled.len() {
        if mask.count_ones() as usize == live.len() {
            let pick = |wanted: bool| -> Vec<f64> {
                let chosen = pooled.iter().enumerate().filter(|(i, _)| (mask >> i & 1 == 1) == wanted);
                chosen.map(|(_, &v)| v).collect()
            };
            let (plus, minus) = naive(&pick(false), &pick(true));
            all += 1.0;
            reached += f64::from(u8::from(plus.max(minus) >= observed));
        }
    }
    reached / all
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (0_i32..12).prop_map(f64::from),
        2 => (0_i32..48).prop_map(|i| f64::from(i) / 4.0),
        1 => -5.0..20.0_f64,
        1 => prop_oneof![Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(-0.0), Just(0.0)],
    ]
}

proptest! {
    #[test]
    fn numerator_is_exact(reference in prop::collection::vec(value(), 1..60), live in prop::collection::vec(value(), 1..60)) {
        let fit = NumericProfile::fit(&reference).unwrap();
        let result = ks(&fit, &count(&fit, &live)).unwrap();
        let (plus, minus) = naive(&reference, &live);
        prop_assert_eq!(result.numerator, plus.max(minus));
        prop_assert_eq!(result.denominator, (reference.len() * live.len()) as i128);
        let over = |numerator: i128| Some(numerator as f64 / result.denominator as f64);
        prop_assert_eq!((result.d_plus, result.d_minus), (over(plus), over(minus)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn exact_p_value_is_the_enumerated_share(
        reference in prop::collection::vec(0_i32..5, 1..6),
        live in prop::collection::vec(0_i32..5, 1..6),
    ) {
        let numbers = |values: Vec<i32>| values.into_iter().map(f64::from).collect::<Vec<_>>();
        let (mut reference, live) = (numbers(reference), numbers(live));
        // Every live value is a point, so that no tie is unknown.
        reference.extend(live.iter().take(3));
        let live: Vec<f64> = live.into_iter().filter(|v| reference.contains(v)).collect();
        let fit = NumericProfile::fit(&reference).unwrap();
        let result = ks(&fit, &count(&fit, &live)).unwrap();
        prop_assert!((result.p_value.unwrap() - enumerated(&reference, &live)).abs() < 1e-12);
    }
}

#[test]
fn asymptotic_beyond_a_million() {
    let reference: Vec<f64> = (0..2000).map(f64::from).collect();
    let live: Vec<f64> = (0..600).map(|i| f64::from(i) * 3.3).collect();
    let fit = NumericProfile::fit(&reference).unwrap();
    let result = ks(&fit, &count(&fit, &live)).unwrap();
    assert!(!result.exact && result.p_value.is_some() && result.reason.is_none());
    let exact = ks(&fit, &count(&fit, &live[..500])).unwrap();
    assert!(exact.exact);
}

#[test]
fn a_tiny_sample_against_a_huge_one_says_so() {
    let reference: Vec<f64> = (0..400_000).map(f64::from).collect();
    let fit = NumericProfile::fit(&reference).unwrap();
    let result = ks(&fit, &count(&fit, &[1.0, 2.0, 3.0])).unwrap();
    assert_eq!(result.reason, Some(Reason::LowN));
    assert!(result.p_value.is_some());
}

#[test]
fn undefined_without_a_side() {
    let fit = NumericProfile::fit(&[1.0, 2.0]).unwrap();
    let result = ks(&fit, &count(&fit, &[f64::NAN])).unwrap();
    assert_eq!((result.d, result.p_value, result.reason), (None, None, Some(Reason::NoLive)));
    let empty = NumericProfile::fit(&[f64::NAN]).unwrap();
    let result = ks(&empty, &count(&empty, &[1.0])).unwrap();
    assert_eq!((result.d, result.reason), (None, Some(Reason::NoReference)));
}

#[test]
fn totals_at_the_limit_do_not_overflow() {
    let fit = NumericProfile::fit(&[1.0, 2.0]).unwrap();
    let counts = FeatureCounts::new(0, vec![1 << 62, 0, 0, 0, 0], 0, 0).unwrap();
    let result = ks(&fit, &counts).unwrap();
    assert_eq!((result.numerator, result.denominator), (1 << 63, 1 << 63));
    assert!(FeatureCounts::new(0, vec![1 << 62, 1], 0, 0).is_err());
}

#[test]
fn refuses_counts_of_another_profile() {
    let fit = NumericProfile::fit(&[1.0, 2.0]).unwrap();
    let counts = FeatureCounts::new(0, vec![1, 2, 3], 0, 0).unwrap();
    assert!(matches!(ks(&fit, &counts), Err(CountsError::CellCount { expected: 5, got: 3, .. })));
}
