//! Numeric profiles: cells, bins, and values that tend to be forgotten.

use proptest::prelude::*;
use tidegate_drift::{FitOptions, Kind, Mode, NumericProfile, ProfileError, ks};

use crate::support::{SplitMix64, count, naive_cell, profile};

fn fit(values: &[f64]) -> NumericProfile {
    NumericProfile::fit(values).unwrap()
}

/// Values around which lookups go wrong first.
fn probes(points: &[f64]) -> Vec<f64> {
    let around = points.iter().flat_map(|&p| [p, p.next_up(), p.next_down(), -p, p + 0.5, p * 2.0]);
    let special = [
        0.0,
        -0.0,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MAX,
        f64::MIN,
        f64::MIN_POSITIVE,
        5e-324,
        1e18,
        -1e18,
    ];
    around.chain(special).filter(|value| !value.is_nan()).collect()
}

#[track_caller]
fn assert_cells(reference: &[f64]) {
    let fit = fit(reference);
    for value in probes(fit.points()) {
        assert_eq!(
            fit.cell(value),
            Some(naive_cell(fit.points(), value)),
            "cell of {value:?} of {reference:?}"
        );
    }
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        (-30_i32..30).prop_map(f64::from),
        (-1000_i32..1000).prop_map(|i| f64::from(i) / 8.0),
        -1e6..1e6_f64,
        any::<f64>().prop_filter("not NaN", |value| !value.is_nan()),
        Just(0.0),
        Just(-0.0),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
    ]
}

proptest! {
    #[test]
    fn cells_by_definition(reference in prop::collection::vec(number(), 1..200), live in prop::collection::vec(number(), 1..50)) {
        assert_cells(&reference);
        let fit = fit(&reference);
        for value in live {
            prop_assert_eq!(fit.cell(value), Some(naive_cell(fit.points(), value)));
        }
    }

    #[test]
    fn cells_of_integers(reference in prop::collection::vec(-40_i64..40, 1..60), live in prop::collection::vec(number(), 1..50)) {
        let reference: Vec<f64> = reference.into_iter().map(|i| i as f64).collect();
        assert_cells(&reference);
        let fit = fit(&reference);
        for value in live {
            prop_assert_eq!(fit.cell(value), Some(naive_cell(fit.points(), value)));
        }
    }

    #[test]
    fn a_reference_counted_against_itself_is_its_own_bins(reference in prop::collection::vec(number(), 1..300)) {
        let fit = fit(&reference);
        let counted = count(&fit, &reference);
        prop_assert_eq!(fit.bins(counted.cells()), fit.reference_bins());
        prop_assert_eq!(fit.rows(), reference.len() as u64);
        prop_assert_eq!(fit.nonfinite(), counted.nonfinite());
    }

    #[test]
    fn a_grid_keeps_edges_and_bins_and_bounds_the_difference(seed in any::<u64>(), ties in 1_u32..200, shift in 0.0..0.3_f64) {
        let mut stream = SplitMix64(seed);
        let scale = f64::from(ties) * 10.0;
        let mut draw = |rows: usize, shift: f64| -> Vec<f64> {
            (0..rows).map(|_| ((stream.uniform() + stream.uniform() + shift) * scale).floor()).collect()
        };
        let (reference, live) = (draw(2000, 0.0), draw(300, shift));
        let full = fit(&reference);
        let grid = NumericProfile::fit_with(&reference, FitOptions { bins: None, max_points: Some(40) }).unwrap();
        prop_assert!(grid.points().len() <= 40 && grid.rows() == full.rows());
        prop_assert_eq!(grid.edges(), full.edges());
        prop_assert_eq!(grid.reference_bins(), full.reference_bins());
        let (on_grid, on_full) = (ks(&grid, &count(&grid, &live)).unwrap(), ks(&full, &count(&full, &live)).unwrap());
        prop_assert!(on_grid.numerator <= on_full.numerator);
        prop_assert!(on_full.d.unwrap() <= on_grid.upper.unwrap() + 1e-15);
        prop_assert_eq!(on_full.d, on_full.upper);
        prop_assert_eq!(grid.bins(count(&grid, &live).cells()), full.bins(count(&full, &live).cells()));
    }
}

#[test]
fn every_table_finds_the_same_cells() {
    let mut stream = SplitMix64(3);
    let uniform: Vec<f64> = (0..3000).map(|_| stream.uniform()).collect();
    let heavy: Vec<f64> = uniform.iter().map(|u| (std::f64::consts::PI * (u - 0.5)).tan()).collect();
    let singles: Vec<f64> = uniform.iter().map(|&u| f64::from(u as f32)).collect();
    let dense: Vec<f64> = uniform.iter().map(|u| 1.0 + u * 1e-13).chain([1e300, -1e300]).collect();
    let integers: Vec<f64> = (0..500).map(|i| f64::from(i * i % 997)).collect();
    let wide: Vec<f64> = vec![f64::MIN, -1.5, 0.0, 2.5, f64::MAX];
    for reference in [uniform, heavy, singles, dense, integers, wide] {
        assert_cells(&reference);
    }
}

#[test]
fn negative_zero_is_zero() {
    let reference = fit(&[-0.0, 0.0, 1.0]);
    assert_eq!(reference.points(), [0.0, 1.0]);
    assert_eq!(reference.weights(), [2, 1]);
    assert!(reference.points()[0].is_sign_positive());
    assert_eq!(reference.cell(-0.0), reference.cell(0.0));
}

#[test]
fn nan_is_missing_and_infinities_are_values() {
    let reference = fit(&[f64::NAN, f64::NEG_INFINITY, 1.0, 2.5, f64::INFINITY, f64::INFINITY]);
    assert_eq!((reference.missing(), reference.nonfinite(), reference.rows()), (1, 3, 5));
    assert_eq!(reference.points(), [f64::NEG_INFINITY, 1.0, 2.5, f64::INFINITY]);
    assert_eq!(reference.cell(f64::NAN), None);
    let counted = count(&reference, &[f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 2.0]);
    assert_eq!(counted.cells(), [0, 1, 0, 0, 1, 0, 0, 1, 0]);
    assert_eq!((counted.missing(), counted.nonfinite(), counted.present(), counted.rows()), (1, 2, 3, 4));
}

#[test]
fn infinities_fall_into_the_outer_bins() {
    let values: Vec<f64> =
        (0..1000).map(f64::from).chain([f64::NEG_INFINITY; 300]).chain([f64::INFINITY; 300]).collect();
    let reference = fit(&values);
    assert!(reference.edges().iter().all(|edge| edge.is_finite()));
    let bins = reference.bins(count(&reference, &[f64::NEG_INFINITY, f64::INFINITY, -1e300, 1e300]).cells());
    assert_eq!((bins[0], bins[bins.len() - 1]), (2, 2));
    assert_eq!(reference.reference_bins().iter().sum::<u64>(), 1600);
}

#[test]
fn a_constant_has_two_bins() {
    let reference = fit(&[7.0; 50]);
    assert_eq!((reference.mode(), reference.points()), (Mode::Discrete, &[7.0][..]));
    assert_eq!(reference.reference_bins(), [50, 0]);
    assert_eq!(reference.bins(count(&reference, &[7.0, 7.0, 6.0, 8.0]).cells()), [2, 2]);
}

#[test]
fn few_integers_are_binned_one_by_one_and_many_by_quantiles() {
    let few: Vec<f64> = (0..100).map(|i| f64::from(i % 7)).collect();
    assert_eq!(fit(&few).mode(), Mode::Discrete);
    assert_eq!(fit(&few).bins(count(&fit(&few), &[3.0, 3.5, 9.0]).cells()), [0, 0, 0, 1, 0, 0, 0, 2]);
    let many: Vec<f64> = (0..1000).map(|i| f64::from(i % 24)).collect();
    assert_eq!(fit(&many).mode(), Mode::Quantile);
    assert_eq!(fit(&many).edges().len(), 4);
    let large: Vec<f64> = (0..10_000).map(f64::from).collect();
    assert_eq!(fit(&large).edges().len(), 9);
}

#[test]
fn bins_are_closed_on_the_right() {
    let values: Vec<f64> = (1..=100).map(|i| f64::from(i) / 4.0).collect();
    let reference = fit(&values);
    let edge = reference.edges()[0];
    assert_eq!(reference.bins(count(&reference, &[edge, edge.next_up()]).cells())[..2], [1, 1]);
}

#[test]
fn a_reference_without_any_value_still_counts_missing() {
    let reference = fit(&[f64::NAN, f64::NAN]);
    assert_eq!((reference.rows(), reference.missing(), reference.cells()), (0, 2, 1));
    let counted = count(&reference, &[1.0, f64::NAN]);
    assert_eq!((counted.cells(), counted.missing()), (&[1][..], 1));
}

#[test]
fn refuses_what_cannot_be_summarised() {
    assert!(matches!(NumericProfile::fit(&[]), Err(ProfileError::NoRows)));
    let fit = |bins, max_points| NumericProfile::fit_with(&[1.0, 2.0], FitOptions { bins, max_points });
    assert!(matches!(fit(Some(1), None), Err(ProfileError::Bins { got: 1 })));
    assert!(matches!(fit(Some(10), Some(19)), Err(ProfileError::GridTooSmall { expected: 20, got: 19 })));
}

#[test]
fn cells_fit_the_profile() {
    let reference = fit(&[1.0, 2.0]);
    assert_eq!(profile(Kind::Numeric(reference.clone())).features()[0].cells(), reference.cells());
}
