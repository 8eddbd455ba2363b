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

#[cfg(test)]
mod tests {
    use super::*;

    fn table(points: impl IntoIterator<Item = f64>) -> PointTable {
        let mut points: Vec<f64> = points.into_iter().collect();
        points.sort_by(f64::total_cmp);
        points.dedup();
        PointTable::new(&points, &vec![1; points.len()])
    }

    #[test]
    fn each_kind_of_data_gets_its_table() {
        let steps = || (1..2000).map(|i| f64::from(i) / 2000.0);
        let single = |value: f64| f64::from(value as f32);
        assert!(matches!(table((0..366).map(f64::from)), PointTable::Integers(_)));
        assert!(matches!(table([-1.0, 0.0, 200.0]), PointTable::Integers(_)));
        assert!(matches!(table(steps().map(single)), PointTable::LinearSingle(_)));
        assert!(matches!(table(steps()), PointTable::LinearDouble(_)));
        assert!(matches!(table(steps().map(|u| single((20.0 * u).exp()))), PointTable::SectionsSingle(_)));
        assert!(matches!(
            table(steps().map(|u| (3.0 * (u - 0.5)).tan().powi(3))),
            PointTable::SectionsDouble(_)
        ));
        assert!(matches!(table([0.5]), PointTable::LinearSingle(_)));
        assert!(matches!(table([]), PointTable::LinearSingle(_)));
        assert!(matches!(table([0.0, 1e9]), PointTable::LinearSingle(_)), "too wide for an array");
    }

    #[test]
    fn outliers_do_not_crowd_the_rest() {
        let table = table((0..1000).map(|i| 1.0 + f64::from(i) * 1e-3).chain([1e6]));
        assert!(matches!(table, PointTable::SectionsDouble(_)));
    }
}
