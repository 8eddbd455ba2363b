//! Every golden value of PSI, quantile edges, KS, and the distributions.

use tidegate_drift::{
    FitOptions, NumericProfile, Psi, Side, Smoothing, chi2_isf, chi2_sf, exact_p_value, kolmogorov_isf,
    kolmogorov_sf, ks, psi,
};

use crate::support::{SplitMix64, close, count, counts, floats, golden, list};

fn jeffreys(reference: &[u64], live: &[u64]) -> Psi {
    psi(reference, live, Smoothing::Jeffreys)
}

#[test]
fn binned_psi() {
    let golden = golden();
    let published = &golden["published_recomputed"]["scipy_chi2_contingency_doc"];
    let cases: Vec<_> = list(&golden["binned"]).iter().chain([published]).collect();
    assert!(cases.len() >= 6);
    for case in cases {
        let (reference, live) = (counts(&case["ref"]), counts(&case["live"]));
        let result = jeffreys(&reference, &live);
        close(result.value.unwrap(), case["psi_jeffreys_s0.5"].as_f64().unwrap());
        close(result.bias_corrected.unwrap(), case["psi_bias_corrected"].as_f64().unwrap());
        close(result.statistic.unwrap(), case["psi_test_stat_T"].as_f64().unwrap());
        close(result.p_value.unwrap(), case["psi_p_value"].as_f64().unwrap());
        for (smoothing, key) in [
            (Smoothing::Laplace, "psi_laplace_s1"),
            (Smoothing::Floor(1e-4), "psi_floor_1e-4"),
            (Smoothing::Raw, "psi_raw"),
        ] {
            match (psi(&reference, &live, smoothing).value, case[key].as_f64()) {
                (Some(got), Some(expected)) => close(got, expected),
                (got, expected) => assert_eq!(got, expected, "{key}"),
            }
        }
    }
}

#[test]
fn psi_intervals() {
    let golden = golden();
    for case in list(&golden["psi_ci"]) {
        let result = jeffreys(&counts(&case["ref"]), &counts(&case["live"]));
        let (low, high) = result.ci95.unwrap();
        let expected = floats(&case["ci95"]);
        close(low, expected[0]);
        close(high, expected[1]);
        close(result.bias_corrected.unwrap(), case["psi_bc"].as_f64().unwrap());
    }
    assert_eq!(list(&golden["psi_ci"]).len(), 2);
}

#[test]
fn psi_thresholds() {
    let golden = golden();
    assert_eq!(list(&golden["psi_thresholds"]).len(), 30);
    for case in list(&golden["psi_thresholds"]) {
        let bins = case["bins"].as_u64().unwrap();
        let (n, m) = (case["n"].as_u64().unwrap(), case["m"].as_u64().unwrap());
        let spread =
            |rows: u64| (0..bins).map(|bin| rows / bins + u64::from(bin < rows % bins)).collect::<Vec<_>>();
        let threshold = jeffreys(&spread(m), &spread(n)).threshold(case["alpha"].as_f64().unwrap()).unwrap();
        close(threshold, case["threshold"].as_f64().unwrap());
    }
}

#[test]
fn quantile_edges() {
    let golden = golden();
    assert_eq!(list(&golden["quantile_edges"]).len(), 6);
    for case in list(&golden["quantile_edges"]) {
        let reference = floats(&case["ref"]);
        let bins = case["B"].as_u64().unwrap() as usize;
        let fit =
            NumericProfile::fit_with(&reference, FitOptions { bins: Some(bins), max_points: None }).unwrap();
        if fit.points().len() > 2 * bins {
            assert_eq!(fit.edges(), floats(&case["edges"]));
            assert_eq!(fit.reference_bins(), counts(&case["ref_counts"]));
        } else {
            let expected: Vec<u64> = fit.weights().iter().copied().chain([0]).collect();
            assert_eq!(fit.reference_bins(), expected, "few values: one bin each, and unseen");
        }
    }
}

#[test]
fn end_to_end_edges_and_panes() {
    let golden = golden();
    let case = &golden["end_to_end"];
    let mut stream = SplitMix64(1);
    let reference: Vec<f64> = (0..10_000).map(|_| stream.uniform()).collect();
    let fit = NumericProfile::fit(&reference).unwrap();
    assert_eq!(fit.edges(), floats(&case["edges"]));
    assert_eq!(fit.reference_bins(), counts(&case["ref_counts"]));
    let mut stream = SplitMix64(2);
    let live: Vec<f64> = (0..11_000)
        .map(|row| if row < 10_000 { stream.uniform() } else { 0.93 * stream.uniform() + 0.07 })
        .collect();
    assert_eq!(fit.bins(count(&fit, &live[..1000]).cells()), counts(&case["first_pane_counts"]));
    assert_eq!(fit.bins(count(&fit, &live[10_000..]).cells()), counts(&case["pane11_counts"]));
}

#[test]
fn kolmogorov_smirnov() {
    let golden = golden();
    assert_eq!(list(&golden["ks"]).len(), 5);
    for case in list(&golden["ks"]) {
        let (reference, live) = (floats(&case["ref"]), floats(&case["live"]));
        let fit = NumericProfile::fit(&reference).unwrap();
        let counted = count(&fit, &live);
        let at: Vec<u64> = counted.cells().iter().skip(1).step_by(2).copied().collect();
        let between: Vec<u64> = counted.cells().iter().step_by(2).copied().collect();
        assert_eq!(at, counts(&case["exact_counts"]));
        assert_eq!(between, counts(&case["gap_counts"]));
        let result = ks(&fit, &counted).unwrap();
        assert_eq!(result.numerator, i128::from(case["D_num"].as_u64().unwrap()));
        assert_eq!(result.denominator, i128::from(case["D_den"].as_u64().unwrap()));
        close(result.d.unwrap(), case["D"].as_f64().unwrap());
        close(result.d_plus.unwrap(), case["D_plus"].as_f64().unwrap());
        close(result.d_minus.unwrap(), case["D_minus"].as_f64().unwrap());
        let place = case["argmax"].as_array().map(|place| {
            let side = if place[0] == "at" { Side::At } else { Side::Below };
            (place[1].as_f64().unwrap(), side)
        });
        assert_eq!(result.location.zip(result.side), place);

        let (m, n) = (reference.len() as f64, live.len() as f64);
        let x = (m * n / (m + n)).sqrt() * result.d.unwrap();
        close(x, case["sqrt_ne_D"].as_f64().unwrap());
        close(kolmogorov_sf(x), case["p_asymptotic"].as_f64().unwrap());
        let exact = case["p_exact_ties"].as_f64().unwrap();
        let groups = tie_groups(&[reference.clone(), live.clone()].concat());
        close(exact_p_value(result.numerator, reference.len() as u64, live.len() as u64, groups), exact);
        assert!(
            result.exact && result.p_value.unwrap() >= exact - 1e-12,
            "unknown ties make it larger, never smaller"
        );
    }
}

fn tie_groups(pooled: &[f64]) -> Vec<u64> {
    let mut sorted = pooled.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.chunk_by(|a, b| a == b).map(|group| group.len() as u64).collect()
}

#[test]
fn distributions() {
    let golden = golden();
    for case in list(&golden["kolmogorov_sf"]) {
        close(kolmogorov_sf(case[0].as_f64().unwrap()), case[1].as_f64().unwrap());
    }
    for case in list(&golden["kolmogorov_isf"]) {
        close(kolmogorov_isf(case[0].as_f64().unwrap()), case[1].as_f64().unwrap());
    }
    let cases = list(&golden["special"]["chi2_sf"]);
    assert_eq!(cases.len(), 8);
    for case in cases {
        let (x, degrees) = (case[0].as_f64().unwrap(), case[1].as_f64().unwrap() as u32);
        let expected = case[2].as_f64().unwrap();
        let got = chi2_sf(x, degrees);
        assert!(
            (got / expected - 1.0).abs() < 1e-12,
            "chi2_sf({x}, {degrees}): expected {expected}, got {got}"
        );
        assert!((chi2_isf(got, degrees) / x - 1.0).abs() < 1e-9);
    }
}
