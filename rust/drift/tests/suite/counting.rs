//! Counters and counts: strides, dtypes, merging, draining, taking away.

use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;
use tidegate_drift::{
    CategoricalProfile, Counters, Counts, CountsError, FeatureCounts, FeatureProfile, Kind, NumericProfile,
    ReferenceProfile, Role,
};

use crate::support::profile;

fn two_features() -> ReferenceProfile {
    let numeric = NumericProfile::fit(&[1.0, 2.0, 2.0, 3.5]).unwrap();
    let categorical = CategoricalProfile::fit([b"a"; 25].map(|v| Some(v.as_slice()))).unwrap();
    let feature = |name: &str, kind| FeatureProfile { name: name.to_owned(), role: Role::Input, kind };
    ReferenceProfile::new(vec![
        feature("n", Kind::Numeric(numeric)),
        feature("c", Kind::Categorical(categorical)),
    ])
    .unwrap()
}

fn counted(profile: &ReferenceProfile, numbers: &[f64], strings: &[&[u8]]) -> Counts {
    let counters = Counters::new(profile);
    counters.count(0, numbers, 0, 1).unwrap();
    counters.count_bytes(1, strings.iter().copied(), Some(b"?")).unwrap();
    counters.counts()
}

proptest! {
    #[test]
    fn any_split_gives_the_same_counts(
        numbers in prop::collection::vec(prop_oneof![0.0..5.0_f64, (0_i32..5).prop_map(f64::from), Just(f64::NAN)], 0..200),
        strings in prop::collection::vec(prop_oneof![Just(&b"a"[..]), Just(&b"b"[..]), Just(&b"?"[..])], 0..200),
        shards in prop::collection::vec(0..4_usize, 200),
    ) {
        let profile = two_features();
        let whole = counted(&profile, &numbers, &strings);
        let parts: Vec<Counts> = (0..4).map(|shard| {
            let numbers: Vec<f64> = numbers.iter().zip(&shards).filter(|(_, s)| **s == shard).map(|(v, _)| *v).collect();
            let strings: Vec<&[u8]> = strings.iter().zip(&shards).filter(|(_, s)| **s == shard).map(|(v, _)| *v).collect();
            counted(&profile, &numbers, &strings)
        }).collect();
        let sum = |order: [usize; 4]| {
            let mut sum = Counts::zero(&profile);
            for part in order {
                sum.add(&parts[part]).unwrap();
            }
            sum
        };
        prop_assert_eq!(&sum([0, 1, 2, 3]), &whole);
        prop_assert_eq!(&sum([3, 1, 0, 2]), &whole);
        let mut pair = parts[2].clone();
        pair.add(&parts[3]).unwrap();
        let mut nested = parts[0].clone();
        nested.add(&parts[1]).unwrap();
        nested.add(&pair).unwrap();
        prop_assert_eq!(&nested, &whole);
        let mut rest = whole.clone();
        rest.subtract(&pair).unwrap();
        rest.subtract(&parts[0]).unwrap();
        prop_assert_eq!(&rest, &parts[1]);
    }

    #[test]
    fn a_strided_column_is_that_column(rows in 0..20_usize, width in 1..5_usize, offset in 0..5_usize) {
        let profile = profile(Kind::Numeric(NumericProfile::fit(&[0.0, 3.0, 7.0, 11.0]).unwrap()));
        let values: Vec<f32> = (0..rows * width).map(|i| i as f32).collect();
        let column: Vec<f32> = values.chunks(width).filter_map(|row| row.get(offset % width)).copied().collect();
        let (strided, plain) = (Counters::new(&profile), Counters::new(&profile));
        strided.count(0, &values, offset % width, width).unwrap();
        plain.count(0, &column, 0, 1).unwrap();
        prop_assert_eq!(strided.counts(), plain.counts());
    }
}

#[test]
fn every_dtype_counts_alike() {
    let profile = profile(Kind::Numeric(NumericProfile::fit(&[0.0, 1.0, 5.0]).unwrap()));
    let counters = Counters::new(&profile);
    counters.count(0, &[1_u8], 0, 1).unwrap();
    counters.count(0, &[1_u16], 0, 1).unwrap();
    counters.count(0, &[1_u32], 0, 1).unwrap();
    counters.count(0, &[1_u64], 0, 1).unwrap();
    counters.count(0, &[1_i8], 0, 1).unwrap();
    counters.count(0, &[1_i16], 0, 1).unwrap();
    counters.count(0, &[1_i32], 0, 1).unwrap();
    counters.count(0, &[1_i64], 0, 1).unwrap();
    counters.count(0, &[1_f32], 0, 1).unwrap();
    counters.count(0, &[1_f64], 0, 1).unwrap();
    counters.count(0, &[true, false], 0, 1).unwrap();
    counters.count_f16(0, &[0x3c00, 0x4500, 0x7e00, 0xfc00], 0, 1).unwrap();
    let counts = counters.counts();
    assert_eq!(counts.features()[0].cells(), [1, 1, 0, 12, 0, 1, 0]);
    assert_eq!((counts.features()[0].missing(), counts.features()[0].nonfinite()), (1, 1));
}

#[test]
fn draining_moves_everything_once() {
    let profile = two_features();
    let counters = Counters::new(&profile);
    let mut total = Counts::zero(&profile);
    for _ in 0..3 {
        counters.count(0, &[2.0, f64::NAN, f64::INFINITY], 0, 1).unwrap();
        counters.drain_into(&mut total).unwrap();
    }
    counters.drain_into(&mut total).unwrap();
    assert_eq!(total.features()[0].cells(), [0, 0, 0, 3, 0, 0, 3]);
    assert_eq!((total.features()[0].missing(), total.features()[0].nonfinite()), (3, 3));
    assert_eq!(counters.counts(), Counts::zero(&profile));
}

#[test]
fn a_reader_never_sees_more_than_was_written() {
    let profile = two_features();
    let counters = Counters::new(&profile);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..2000 {
                counters.count(0, &[2.0; 16], 0, 1).unwrap();
            }
            done.store(true, Ordering::Release);
        });
        let mut last = 0;
        while !done.load(Ordering::Acquire) {
            let rows = counters.counts().features()[0].rows();
            assert!((last..=32_000).contains(&rows));
            last = rows;
        }
    });
    assert_eq!(counters.counts().features()[0].rows(), 32_000);
}

#[test]
fn refuses_foreign_or_impossible_sums() {
    let profile = two_features();
    let mut counts = counted(&profile, &[1.0], &[b"a"]);
    let before = counts.clone();
    let single = |cells: Vec<u64>| Counts::from_features(vec![FeatureCounts::new(0, cells, 0, 0).unwrap()]);
    assert!(matches!(
        counts.add(&single(vec![0; 7])),
        Err(CountsError::FeatureCount { expected: 2, got: 1 })
    ));
    assert!(matches!(single(vec![0; 7]).add(&single(vec![0; 8])), Err(CountsError::CellCount { .. })));
    let more = counted(&profile, &[1.0], &[b"a", b"a"]);
    assert!(matches!(counts.subtract(&more), Err(CountsError::Underflow { index: 1 })));
    assert_eq!(counts, before, "a refused subtraction changes nothing");
    let mut full = single(vec![1 << 62]);
    assert!(matches!(full.add(&single(vec![1])), Err(CountsError::Overflow { index: 0 })));
    assert!(counts.check(&profile).is_ok());
    assert!(single(vec![1]).check(&profile).is_err());
}

#[test]
fn memory_is_known_beforehand() {
    assert_eq!(Counters::cell_bytes(&two_features()), 4 * (7 + 2 + 3 + 2));
}
