//! Nanoseconds to count rows of 28 features against references of 256, 1,024 and 10,000 points, and what a plain binary
//! search over the same points costs in the same run.
//!
//! `cargo bench -p tidegate-drift --bench count`

#![allow(clippy::expect_used, missing_docs, reason = "a bench that cannot start should stop")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tidegate_drift::{
    CategoricalProfile, Counters, Counts, FeatureProfile, Kind, NumericProfile, ReferenceProfile, Role,
    Smoothing, ks, psi,
};

const FEATURES: usize = 28;
const ROWS: usize = 1024;

/// A deterministic stream of uniforms (`SplitMix64`, Steele, Lea & Flood 2014).
struct Uniform(u64);

impl Uniform {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 * 2_f64.powi(-53)
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.next()).ln()).sqrt() * (std::f64::consts::TAU * self.next()).cos()
    }
}

#[derive(Clone, Copy)]
enum Shape {
    Normal,
    Lognormal,
    Cauchy,
    Mixed,
}

impl Shape {
    const ALL: [(&'static str, Self); 4] = [
        ("normal", Self::Normal),
        ("lognormal", Self::Lognormal),
        ("cauchy", Self::Cauchy),
        ("mixed", Self::Mixed),
    ];

    /// A value of feature `feature`, as the scorer receives it.
    fn draw(self, feature: usize, uniform: &mut Uniform) -> f32 {
        let value = match self {
            Self::Normal => uniform.normal(),
            Self::Lognormal => (2.0 * uniform.normal()).exp(),
            Self::Cauchy => (std::f64::consts::PI * (uniform.next() - 0.5)).tan(),
            Self::Mixed => match feature % 4 {
                0 => uniform.normal(),
                1 => (2.0 * uniform.normal()).exp(),
                2 => (uniform.next() * 365.0).floor(),
                _ => (uniform.next() * 5.0).floor(),
            },
        };
        value as f32
    }
}

struct Case {
    profile: ReferenceProfile,
    rows: Vec<f32>,
    points: Vec<Vec<f64>>,
}

fn case(shape: Shape, points: usize) -> Case {
    let mut uniform = Uniform(7);
    let features: Vec<FeatureProfile> = (0..FEATURES)
        .map(|feature| {
            let values: Vec<f64> =
                (0..points).map(|_| f64::from(shape.draw(feature, &mut uniform))).collect();
            let kind = Kind::Numeric(NumericProfile::fit(&values).expect("values"));
            FeatureProfile { name: feature.to_string(), role: Role::Input, kind }
        })
        .collect();
    let points = features.iter().map(|feature| match &feature.kind {
        Kind::Numeric(numeric) => numeric.points().to_vec(),
        Kind::Categorical(_) => Vec::new(),
    });
    let points = points.collect();
    let rows = (0..ROWS * FEATURES).map(|i| shape.draw(i % FEATURES, &mut uniform)).collect();
    Case { profile: ReferenceProfile::new(features).expect("distinct names"), rows, points }
}

fn count(criterion: &mut Criterion) {
    for (name, shape) in Shape::ALL {
        let mut group = criterion.benchmark_group(format!("count_{name}"));
        group.throughput(Throughput::Elements(ROWS as u64));
        for points in [256, 1024, 10_000] {
            let case = case(shape, points);
            let counters = Counters::new(&case.profile);
            group.bench_function(BenchmarkId::new("row", points), |bencher| {
                bencher.iter(|| {
                    for row in black_box(&case.rows).chunks_exact(FEATURES) {
                        for feature in 0..FEATURES {
                            counters.count(feature, row, feature, FEATURES).expect("numeric");
                        }
                    }
                });
            });
            group.bench_function(BenchmarkId::new("batch", points), |bencher| {
                bencher.iter(|| {
                    for feature in 0..FEATURES {
                        counters.count(feature, black_box(&case.rows), feature, FEATURES).expect("numeric");
                    }
                });
            });
            group.bench_function(BenchmarkId::new("binary_search_row", points), |bencher| {
                let mut cells: Vec<Vec<u32>> =
                    case.points.iter().map(|points| vec![0; 2 * points.len() + 1]).collect();
                bencher.iter(|| {
                    for row in black_box(&case.rows).chunks_exact(FEATURES) {
                        for ((value, points), cells) in row.iter().zip(&case.points).zip(&mut cells) {
                            let value = f64::from(*value);
                            let cell = match points.binary_search_by(|point| point.total_cmp(&value)) {
                                Ok(index) => 2 * index + 1,
                                Err(index) => 2 * index,
                            };
                            cells[cell] += 1;
                        }
                    }
                });
            });
        }
        group.finish();
    }
}

fn categories(criterion: &mut Criterion) {
    let airports: Vec<String> = (0..300).map(|i| format!("{:03X}", i * 37 % 4096)).collect();
    let reference = (0..20_000).map(|i| Some(airports[i % 190 + i / 10_000].as_bytes()));
    let kind = Kind::Categorical(CategoricalProfile::fit(reference).expect("values"));
    let feature = FeatureProfile { name: "origin".to_owned(), role: Role::Input, kind };
    let counters = Counters::new(&ReferenceProfile::new(vec![feature]).expect("one name"));
    let mut uniform = Uniform(9);
    let live: Vec<&[u8]> =
        (0..ROWS).map(|_| airports[(uniform.next() * 300.0) as usize].as_bytes()).collect();
    let mut group = criterion.benchmark_group("count_categories");
    group.throughput(Throughput::Elements(ROWS as u64));
    group.bench_function("column", |bencher| {
        bencher.iter(|| {
            counters.count_bytes(0, black_box(&live).iter().copied(), Some(b"")).expect("categorical");
        });
    });
    group.finish();
}

fn read(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read_28_features");
    for points in [256, 1024, 10_000] {
        let case = case(Shape::Normal, points);
        let counters = Counters::new(&case.profile);
        for feature in 0..FEATURES {
            counters.count(feature, &case.rows, feature, FEATURES).expect("numeric");
        }
        let counts = counters.counts();
        group.bench_function(BenchmarkId::new("drain", points), |bencher| {
            let mut total = Counts::zero(&case.profile);
            bencher.iter(|| counters.drain_into(black_box(&mut total)).expect("same profile"));
        });
        group.bench_function(BenchmarkId::new("psi_and_ks", points), |bencher| {
            bencher.iter(|| {
                for (feature, counts) in case.profile.features().iter().zip(counts.features()) {
                    black_box(psi(
                        &feature.reference_bins(),
                        &feature.bins(counts.cells()),
                        Smoothing::Jeffreys,
                    ));
                    if let Kind::Numeric(numeric) = &feature.kind {
                        black_box(ks(numeric, counts).expect("same profile"));
                    }
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, count, categories, read);
criterion_main!(benches);
