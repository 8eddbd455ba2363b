//! Numbers to cells.

/// Finds the cell of a number among sorted points.
#[derive(Debug)]
pub(crate) struct PointTable {
    points: Box<[f64]>,
}

impl PointTable {
    pub(crate) fn new(points: &[f64]) -> Self {
        Self { points: points.into() }
    }

    /// The cell of a number that is not NaN.
    #[inline]
    pub(crate) fn cell(&self, value: f64) -> usize {
        let index = self.points.partition_point(|&point| point < value);
        2 * index + usize::from(self.points.get(index).is_some_and(|&point| point == value))
    }
}
