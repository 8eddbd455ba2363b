//! Evidence and alarms: golden values, the mean of one, what does not matter, and what rows that depend cost.

use proptest::prelude::*;
use tidegate_drift::{
    Evidence, FeatureProfile, Kind, Level, NumericProfile, Role, Urn, WINDOWS, design_effect, ln_alarm,
    ln_rising, ln_sum_exp, scan,
};

use crate::support::{SplitMix64, close, count, counts, floats, golden, list};

#[track_caller]
fn near(got: f64, expected: f64, tolerance: f64) {
    assert!((got - expected).abs() <= tolerance, "expected {expected}, got {got}");
}

#[test]
fn rising_factorials() {
    let golden = golden();
    let cases = list(&golden["special"]["lgamma"]);
    assert_eq!(cases.len(), 7);
    let values: Vec<(f64, f64)> =
        cases.iter().map(|case| (case[0].as_f64().unwrap(), case[1].as_f64().unwrap())).collect();
    for (index, &(low, start)) in values.iter().enumerate() {
        for &(high, end) in &values[index..] {
            close(ln_rising(low, high - low), end - start);
        }
    }
    near(ln_rising(1e7, 1.0), 1e7_f64.ln(), 1e-14);
    assert_eq!(ln_sum_exp(&[]), f64::NEG_INFINITY);
}

#[test]
fn golden_e_values() {
    let golden = golden();
    assert_eq!(list(&golden["e_value"]).len(), 7);
    for case in list(&golden["e_value"]) {
        let urn = if case["urn"] == "gap" { Urn::Gap } else { Urn::Count };
        let evidence = Evidence::new(&counts(&case["ref"]), urn, 1.0).unwrap();
        let live = counts(&case["live"]);
        near(evidence.ln_e(&live), case["ln_e"].as_f64().unwrap(), 1e-10);
        close(evidence.ln_alternative(&live), case["ln_q"].as_f64().unwrap());
        close(evidence.ln_reference(&live), case["ln_u"].as_f64().unwrap());
    }
}

#[test]
fn golden_scan_end_to_end() {
    let golden = golden();
    let case = &golden["end_to_end"];
    let mut stream = SplitMix64(1);
    let reference: Vec<f64> = (0..10_000).map(|_| stream.uniform()).collect();
    let fit = NumericProfile::fit(&reference).unwrap();
    let feature = FeatureProfile { name: "x".into(), role: Role::Input, kind: Kind::Numeric(fit.clone()) };
    assert_eq!(feature.urn(), Urn::Gap);
    let mut stream = SplitMix64(2);
    let live: Vec<f64> = (0..20_000)
        .map(|row| if row < 10_000 { stream.uniform() } else { 0.93 * stream.uniform() + 0.07 })
        .collect();
    let panes: Vec<Vec<u64>> = live.chunks(1000).map(|pane| fit.bins(count(&fit, pane).cells())).collect();
    let windows: Vec<usize> = counts(&case["lens"]).into_iter().map(|length| length as usize).collect();
    let evidence = Evidence::new(&feature.reference_bins(), feature.urn(), 1.0).unwrap();
    let checks = scan(&evidence, &panes, &windows);
    let expected = floats(&case["ln_M"]);
    assert_eq!((checks.len(), expected.len()), (20, 20));
    for (check, expected) in checks.iter().zip(expected) {
        near(check.ln_m, expected, 1e-9);
    }
    let limit = case["lnA"].as_f64().unwrap();
    near(ln_alarm(1, 20, 0.01), limit, 1e-12);
    let first = checks.iter().position(|check| Level::of(check.ln_m, limit) == Level::Alarm).unwrap() + 1;
    assert_eq!(first as u64, case["first_alarm_pane_at_lnA"].as_u64().unwrap());
    assert_eq!(checks[13].window, 4, "it began four panes ago");
}

/// Every sequence of five rows over three bins: both urns are probabilities, so the e-value has mean one.
#[test]
fn the_mean_over_all_sequences_is_one() {
    let evidence = Evidence::new(&[6, 7, 7], Urn::Gap, 1.0).unwrap();
    let (mut reference, mut alternative, mut mean) = (0.0, 0.0, 0.0);
    for sequence in 0..3_usize.pow(5) {
        let mut live = [0; 3];
        (0..5).for_each(|row| live[sequence / 3_usize.pow(row) % 3] += 1);
        let chance = evidence.ln_reference(&live).exp();
        reference += chance;
        alternative += evidence.ln_alternative(&live).exp();
        mean += chance * evidence.ln_e(&live).exp();
    }
    near(reference, 1.0, 1e-12);
    near(alternative, 1.0, 1e-12);
    near(mean, 1.0, 1e-12);
}

/// Two-valued streams: the mean over binomial samples of both sides is at most one, whatever the rate.
#[test]
fn the_mean_of_the_count_urn_is_at_most_one() {
    let (m, n) = (40_u64, 20_u64);
    let ln_choose = |n: u64, k: u64| ln_rising((n - k + 1) as f64, k as f64) - ln_rising(1.0, k as f64);
    let chance = |n: u64, k: u64, p: f64| {
        (ln_choose(n, k) + k as f64 * p.ln() + (n - k) as f64 * (1.0 - p).ln()).exp()
    };
    for rate in [0.001, 0.01, 0.05, 0.2, 0.5] {
        let mut mean = 0.0;
        for r in 0..=m {
            let evidence = Evidence::new(&[r, m - r], Urn::Count, 1.0).unwrap();
            mean += chance(m, r, rate)
                * (0..=n).map(|c| chance(n, c, rate) * evidence.ln_e(&[c, n - c]).exp()).sum::<f64>();
        }
        assert!(mean <= 1.0, "rate {rate}: mean {mean}");
    }
}

#[test]
fn control_limits_of_a_new_category() {
    let limit = ln_alarm(1, 1000, 0.01) + 16_f64.ln();
    for (reference, rows, least) in [(100_000, 1000, 6), (100_000, 10_000, 11), (10_000, 1000, 10)] {
        let evidence = Evidence::new(&[0, reference], Urn::Count, 1.0).unwrap();
        let first = (1..rows).find(|&c| evidence.ln_e(&[c, rows - c]) >= limit);
        assert_eq!(first, Some(least));
    }
}

#[test]
fn a_count_urn_takes_a_quarter_of_its_reference() {
    let evidence = Evidence::new(&[3000, 1000], Urn::Count, 1.0).unwrap();
    assert!(evidence.takes(1000) && !evidence.takes(1001));
    let checks = scan(&evidence, &vec![vec![100, 500]; 3], &WINDOWS);
    assert!(checks.iter().all(|check| check.window == 1));
    let none = scan(&evidence, &[vec![1500, 500]], &WINDOWS)[0];
    assert_eq!((none.ln_m, none.window), (f64::NEG_INFINITY, 0));
}

#[test]
fn what_can_not_be_judged_is_refused() {
    for (reference, urn, effect) in [
        (&[5][..], Urn::Count, 1.0),
        (&[0, 0], Urn::Count, 1.0),
        (&[0, 9], Urn::Gap, 1.0),
        (&[4, 5], Urn::Count, 0.5),
        (&[4, 5], Urn::Count, f64::NAN),
    ] {
        assert!(Evidence::new(reference, urn, effect).is_none());
    }
    assert_eq!(Evidence::new(&[4, 5], Urn::Count, 1.0).unwrap().ln_e(&[0, 0]), 0.0);
}

#[test]
fn a_tied_edge_or_a_category_is_counted() {
    let urn = |values: &[f64]| {
        let kind = Kind::Numeric(NumericProfile::fit(values).unwrap());
        FeatureProfile { name: "x".into(), role: Role::Input, kind }.urn()
    };
    let values: Vec<f64> = (0..1000).map(f64::from).collect();
    assert_eq!(urn(&values), Urn::Gap);
    let tied: Vec<f64> = values.iter().map(|value| (value / 2.0).floor()).collect();
    assert_eq!(urn(&tied), Urn::Count);
    assert_eq!(urn(&[1.0, 2.0, 2.0]), Urn::Count);
}

#[test]
fn rows_that_stay_together_have_a_design_effect() {
    let mut stream = SplitMix64(3);
    let mut panes = |stick: u64| -> Vec<Vec<u64>> {
        (0..60)
            .map(|_| {
                let mut pane = vec![0; 10];
                (0..1000 / stick).for_each(|_| pane[(stream.uniform() * 10.0) as usize] += stick);
                pane
            })
            .collect()
    };
    assert_eq!(design_effect(&panes(1)), Some(1.0));
    let effect = design_effect(&panes(8)).unwrap();
    assert!((5.0..12.0).contains(&effect), "{effect}");
    assert_eq!(design_effect(&panes(1)[..29]), None);
}

proptest! {
    #[test]
    fn evidence_is_finite_and_panes_merge_in_any_order(
        reference in prop::collection::vec(0_u64..1_000_000, 2..12),
        panes in prop::collection::vec(prop::collection::vec(0_u64..1_000_000, 12), 1..8),
        effect in 1.0..20.0_f64,
    ) {
        prop_assume!(reference.iter().sum::<u64>() > 0);
        let evidence = Evidence::new(&reference, Urn::Count, effect).unwrap();
        let sum = |panes: &mut dyn Iterator<Item = &Vec<u64>>| panes.fold(vec![0; reference.len()], |sum, pane| {
            sum.iter().zip(pane).map(|(a, b)| a + b).collect()
        });
        let (forward, backward) = (sum(&mut panes.iter()), sum(&mut panes.iter().rev()));
        let ln_e = evidence.ln_e(&forward);
        prop_assert!(ln_e.is_finite());
        prop_assert_eq!(ln_e.to_bits(), evidence.ln_e(&backward).to_bits());
    }

    #[test]
    fn the_last_check_does_not_depend_on_the_order_within_its_window(
        panes in prop::collection::vec(prop::collection::vec(1_u64..200, 3), 2..6),
    ) {
        let evidence = Evidence::new(&[5000, 3000, 2000], Urn::Gap, 1.0).unwrap();
        let backward: Vec<_> = panes.iter().rev().cloned().collect();
        let last = |panes: &[Vec<u64>]| scan(&evidence, panes, &[panes.len()]).pop().unwrap();
        prop_assert_eq!(last(&panes), last(&backward));
    }
}
