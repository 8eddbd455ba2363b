//! Integer points of a small range: the cell of each integer stands in an array.

/// Widest range of integers that gets an array, whatever the number of points.
const MIN_RANGE: f64 = 256.0;
/// Widest range for each point.
const RANGE_PER_POINT: f64 = 8.0;

/// Cells of the integers from one below the first point to one above the last.
#[derive(Debug)]
pub(crate) struct Integers {
    first: i64,
    cells: Box<[u32]>,
}

impl Integers {
    /// The table, or `None` when a point is not an integer or the range is too wide.
    pub(crate) fn new(points: &[f64]) -> Option<Self> {
        let (&low, &high) = points.first().zip(points.last())?;
        let whole = |point: &f64| point.fract() == 0.0 && point.abs() < 2_f64.powi(52);
        let widest = MIN_RANGE.max(RANGE_PER_POINT * points.len() as f64);
        if high - low >= widest || !points.iter().all(whole) {
            return None;
        }
        let first = low as i64 - 1;
        let mut cells = Vec::with_capacity((high - low) as usize + 3);
        for (index, &point) in points.iter().enumerate() {
            cells.resize((point as i64 - first) as usize, 2 * index as u32);
            cells.push(2 * index as u32 + 1);
        }
        cells.push(2 * points.len() as u32);
        Some(Self { first, cells: cells.into() })
    }

    /// The cell of a number that is not NaN: its integer's, or the gap above it.
    #[inline]
    pub(crate) fn cell(&self, value: f64) -> usize {
        let truncated = value as i64;
        let floor = truncated.saturating_sub(i64::from(truncated as f64 > value));
        let offset = floor.saturating_sub(self.first).max(0) as usize;
        let cell = self.cells[offset.min(self.cells.len() - 1)] as usize;
        if value > floor as f64 { (cell + 1) & !1 } else { cell }
    }
}
