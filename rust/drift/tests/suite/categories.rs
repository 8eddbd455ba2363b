//! Categorical profiles: own, rare, unseen and missing.

use tidegate_drift::{
    CategoricalProfile, Counters, Counts, CountsError, Kind, NumericProfile, ProfileError, Reason, Smoothing,
    psi,
};

use crate::support::profile;

fn fit(values: &[(&str, usize)], missing: usize) -> CategoricalProfile {
    let present = values.iter().flat_map(|&(value, rows)| std::iter::repeat_n(Some(value.as_bytes()), rows));
    CategoricalProfile::fit(present.chain(std::iter::repeat_n(None, missing))).unwrap()
}

fn names(values: &[Box<[u8]>]) -> Vec<&str> {
    values.iter().map(|value| std::str::from_utf8(value).unwrap()).collect()
}

#[test]
fn twenty_rows_earn_a_bin() {
    let fit = fit(&[("a", 20), ("b", 19), ("c", 30), ("", 20), ("d", 1)], 4);
    assert_eq!(names(fit.categories()), ["c", "", "a"]);
    assert_eq!(fit.counts(), [30, 20, 20]);
    assert_eq!(names(fit.rare()), ["b", "d"]);
    assert_eq!((fit.rare_count(), fit.missing(), fit.rows(), fit.cells()), (20, 4, 90, 5));
    assert_eq!(fit.reference_bins(), [30, 20, 20, 20, 0]);
    assert_eq!(["c", "", "a", "b", "d", "e", "A"].map(|v| fit.cell(v.as_bytes())), [0, 1, 2, 3, 3, 4, 4]);
}

#[test]
fn at_most_two_hundred_bins() {
    let values: Vec<String> = (0..300).map(|i| format!("{i:03}")).collect();
    let counted: Vec<(&str, usize)> = values.iter().enumerate().map(|(i, v)| (v.as_str(), 20 + i)).collect();
    let fit = fit(&counted, 0);
    assert_eq!((fit.categories().len(), fit.rare().len(), fit.cells()), (200, 100, 202));
    assert_eq!(names(fit.categories())[0], "299");
    assert_eq!(fit.rare_count(), (0..100).map(|i| 20 + i).sum::<u64>());
}

#[test]
fn counts_rare_unseen_and_missing_apart() {
    let profile = profile(Kind::Categorical(fit(&[("a", 50), ("b", 30), ("c", 2)], 0)));
    let counters = Counters::new(&profile);
    let live: [&[u8]; 8] = [b"a", b"c", b"x", b"\xff", b"NA", b"", b"b", b"a"];
    counters.count_bytes(0, live, Some(b"NA")).unwrap();
    let counts = counters.counts();
    assert_eq!(counts.features()[0].cells(), [2, 1, 1, 3]);
    assert_eq!((counts.features()[0].missing(), counts.features()[0].rows()), (1, 8));
    counters.count_bytes(0, [b"NA".as_slice()], None).unwrap();
    assert_eq!(counters.counts().features()[0].cells(), [2, 1, 1, 4]);
}

#[test]
fn unseen_category_has_a_finite_psi() {
    let fit = fit(&[("a", 5000), ("b", 3000), ("c", 2000)], 0);
    let result = psi(&fit.reference_bins(), &[450, 300, 200, 0, 50], Smoothing::Jeffreys);
    assert_eq!((result.bins, result.reason), (4, Some(Reason::LowN)));
    assert!(result.value.unwrap().is_finite());
}

#[test]
fn kinds_do_not_mix() {
    let categorical = profile(Kind::Categorical(fit(&[("a", 50)], 0)));
    let error = Counters::new(&categorical).count(0, &[1.0_f32], 0, 1).unwrap_err();
    assert_eq!(error.to_string(), "feature `x` is categorical, values were numeric");
    let numeric = profile(Kind::Numeric(NumericProfile::fit(&[1.0]).unwrap()));
    let error = Counters::new(&numeric).count_bytes(0, [b"a".as_slice()], None).unwrap_err();
    assert_eq!(error.to_string(), "feature `x` is numeric, values were categorical");
    let counters = Counters::new(&numeric);
    assert!(matches!(
        counters.count(1, &[1.0], 0, 1),
        Err(CountsError::NoSuchFeature { index: 1, features: 1 })
    ));
    assert!(matches!(counters.count(0, &[1.0], 0, 0), Err(CountsError::Stride)));
    assert_eq!(counters.counts(), Counts::zero(&numeric));
}

#[test]
fn only_missing_values_are_a_reference_too() {
    let fit = CategoricalProfile::fit([None, None]).unwrap();
    assert_eq!((fit.rows(), fit.missing(), fit.cells()), (0, 2, 2));
    assert!(matches!(CategoricalProfile::fit([]), Err(ProfileError::NoRows)));
}
