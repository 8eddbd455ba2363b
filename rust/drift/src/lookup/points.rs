//! Numbers to cells; the table that suits the points.

use super::buckets::{Buckets, Placement};
use super::integers::Integers;
use super::keys::{Linear, Sections};

/// Finds the cell of a number among sorted points: `2j` between points `j - 1` and `j`, `2j + 1` equal to point `j`.
#[derive(Debug)]
pub(crate) enum PointTable {
    /// Integers of a small range: one array read.
    Integers(Integers),
    /// Buckets of equal width, for data that is spread out; single-precision points.
    LinearSingle(Buckets<Linear, f32>),
    /// The same with double-precision points.
    LinearDouble(Buckets<Linear, f64>),
    /// Buckets as wide as each fraction of an octave needs, for heavy tails; single-precision points.
    SectionsSingle(Buckets<Sections, f32>),
    /// The same with double-precision points.
    SectionsDouble(Buckets<Sections, f64>),
}

impl PointTable {
    /// The table that is expected to cost least for values distributed as the reference.
    pub(crate) fn new(points: &[f64], weights: &[u64]) -> Self {
        if let Some(integers) = Integers::new(points) {
            return Self::Integers(integers);
        }
        let rows: u128 = weights.iter().map(|&weight| u128::from(weight)).sum();
        let linear = Placement::<Linear>::new(points);
        let crowded = linear.crowded(weights);
        // Sections cost half as much again as equal buckets, a crowded bucket about eight times as much as another.
        if crowded * 16 > rows {
            let sections = Placement::<Sections>::new(points);
            if sections.crowded(weights) < crowded {
                return Self::sections(sections, points);
            }
        }
        Self::linear(linear, points)
    }

    fn linear(placement: Placement<Linear>, points: &[f64]) -> Self {
        match Buckets::single(placement, points) {
            Ok(single) => Self::LinearSingle(single),
            Err(placement) => Self::LinearDouble(Buckets::double(placement, points)),
        }
    }

    fn sections(placement: Placement<Sections>, points: &[f64]) -> Self {
        match Buckets::single(placement, points) {
            Ok(single) => Self::SectionsSingle(single),
            Err(placement) => Self::SectionsDouble(Buckets::double(placement, points)),
        }
    }

    /// The cells of numbers, in order; `None` for NaN.
    #[inline]
    pub(crate) fn each(&self, values: impl Iterator<Item = f64>, mut found: impl FnMut(f64, Option<usize>)) {
        macro_rules! each {
            ($table:expr) => {
                for value in values {
                    found(value, (!value.is_nan()).then(|| $table.cell(value)));
                }
            };
        }
        match self {
            Self::Integers(table) => each!(table),
            Self::LinearSingle(table) => each!(table),
            Self::LinearDouble(table) => each!(table),
            Self::SectionsSingle(table) => each!(table),
            Self::SectionsDouble(table) => each!(table),
        }
    }
}
