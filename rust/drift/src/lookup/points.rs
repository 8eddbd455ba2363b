//! Numbers to cells; the table that suits the points.

use super::buckets::{Buckets, Linear, LogKey};
use super::integers::Integers;

/// Finds the cell of a number among sorted points: `2j` between points `j - 1` and `j`, `2j + 1` equal to point `j`.
#[derive(Debug)]
pub(crate) enum PointTable {
    /// Integers of a small range: one array read.
    Integers(Integers),
    /// Buckets of equal width: data that is spread out.
    Linear(Buckets<Linear>),
    /// Buckets over the bits of the float: heavy tails.
    LogKey(Buckets<LogKey>),
}

impl PointTable {
    /// The table that is expected to cost least for values distributed as the reference.
    pub(crate) fn new(points: &[f64], weights: &[u64]) -> Self {
        if let Some(integers) = Integers::new(points) {
            return Self::Integers(integers);
        }
        let linear = Buckets::<Linear>::new(points);
        let log_key = Buckets::<LogKey>::new(points);
        if linear.cost(weights) <= log_key.cost(weights) {
            Self::Linear(linear)
        } else {
            Self::LogKey(log_key)
        }
    }

    /// The cell of a number that is not NaN.
    #[inline]
    pub(crate) fn cell(&self, value: f64) -> usize {
        match self {
            Self::Integers(table) => table.cell(value),
            Self::Linear(table) => table.cell(value),
            Self::LogKey(table) => table.cell(value),
        }
    }
}
