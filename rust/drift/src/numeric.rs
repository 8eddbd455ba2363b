//! The reference of an ordered feature: its distinct values and how often each occurs.

use std::sync::Arc;

use crate::ProfileError;
use crate::lookup::PointTable;

/// Most rows that a profile or counts may hold, so that products of two totals are exact in `i128`.
pub(crate) const MAX_ROWS: u64 = 1 << 62;
/// Reference rows from which ten bins are the default, else five.
const ROWS_FOR_TEN_BINS: usize = 10_000;

/// How a numeric feature is binned for PSI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Few distinct values: one bin each, and one for every other live value.
    Discrete,
    /// Right-closed bins between quantiles of the reference.
    Quantile,
}

impl Mode {
    /// `discrete` or `quantile`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Discrete => "discrete",
            Self::Quantile => "quantile",
        }
    }

    /// The mode of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Discrete, Self::Quantile].into_iter().find(|mode| mode.name() == name)
    }
}

/// How [`NumericProfile::fit_with`] summarises a reference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FitOptions {
    /// PSI bins; by default 10, or 5 below 10,000 rows. Up to twice as many distinct values are binned one by one.
    pub bins: Option<usize>,
    /// Most reference points to keep, at equal steps of the reference's cumulative share; by default all.
    pub max_points: Option<usize>,
}

/// Distinct reference values, ascending, with exact counts at and between them.
///
/// NaN is missing; infinities are ordered values and counted as nonfinite too; -0.0 equals 0.0.
#[derive(Clone, Debug)]
pub struct NumericProfile {
    points: Vec<f64>,
    weights: Vec<u64>,
    gaps: Vec<u64>,
    edges: Vec<f64>,
    mode: Mode,
    missing: u64,
    nonfinite: u64,
    table: Arc<PointTable>,
}

/// What a [`NumericProfile`] is made of, before it is checked.
pub(crate) struct NumericParts {
    pub(crate) points: Vec<f64>,
    pub(crate) weights: Vec<u64>,
    pub(crate) gaps: Vec<u64>,
    pub(crate) edges: Vec<f64>,
    pub(crate) mode: Mode,
    pub(crate) missing: u64,
    pub(crate) nonfinite: u64,
}

impl NumericProfile {
    /// The full profile of `values` with the default bins.
    ///
    /// # Errors
    /// When there is no value at all.
    pub fn fit(values: &[f64]) -> Result<Self, ProfileError> {
        Self::fit_with(values, FitOptions::default())
    }

    /// The profile of `values`, which must have been cast to the dtype that the scorer receives.
    ///
    /// # Errors
    /// When there is no value at all, or the options ask for too few bins or points.
    pub fn fit_with(values: &[f64], options: FitOptions) -> Result<Self, ProfileError> {
        let mut sorted: Vec<f64> = values.iter().filter(|v| !v.is_nan()).map(|v| v + 0.0).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let bins = options.bins.unwrap_or(if sorted.len() < ROWS_FOR_TEN_BINS { 5 } else { 10 });
        if !(2..=1000).contains(&bins) {
            return Err(ProfileError::Bins { got: bins });
        }
        let (points, weights) = distinct(&sorted);
        let discrete = points.len() <= 2 * bins;
        let mut parts = NumericParts {
            gaps: vec![0; points.len() + 1],
            edges: if discrete { Vec::new() } else { quantile_edges(&sorted, bins) },
            mode: if discrete { Mode::Discrete } else { Mode::Quantile },
            missing: (values.len() - sorted.len()) as u64,
            nonfinite: sorted.iter().filter(|v| v.is_infinite()).count() as u64,
            points,
            weights,
        };
        if let Some(max_points) = options.max_points {
            if max_points < 2 * bins {
                return Err(ProfileError::GridTooSmall { expected: 2 * bins, got: max_points });
            }
            parts = thin(parts, max_points);
        }
        Self::from_parts(parts)
    }

    /// A profile from its parts.
    ///
    /// # Errors
    /// When they contradict each other.
    pub(crate) fn from_parts(parts: NumericParts) -> Result<Self, ProfileError> {
        check(&parts).map_err(|problem| ProfileError::Format { problem: problem.to_owned() })?;
        let NumericParts { points, weights, gaps, edges, mode, missing, nonfinite } = parts;
        let rows: u128 = weights.iter().chain(&gaps).chain([&missing]).map(|&count| u128::from(count)).sum();
        if rows == 0 {
            return Err(ProfileError::NoRows);
        }
        if rows > u128::from(MAX_ROWS) {
            return Err(ProfileError::TooManyRows);
        }
        let table = Arc::new(PointTable::new(&points, &weights));
        Ok(Self { points, weights, gaps, edges, mode, missing, nonfinite, table })
    }

    /// Reference points, strictly ascending.
    #[must_use]
    pub fn points(&self) -> &[f64] {
        &self.points
    }

    /// Reference rows equal to each point.
    #[must_use]
    pub fn weights(&self) -> &[u64] {
        &self.weights
    }

    /// Reference rows before, between and after the points, one more than points; all 0 unless points were left out.
    #[must_use]
    pub fn gaps(&self) -> &[u64] {
        &self.gaps
    }

    /// Finite PSI edges, each one of the points; none in discrete mode.
    #[must_use]
    pub fn edges(&self) -> &[f64] {
        &self.edges
    }

    /// How the feature is binned.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Reference rows without a value.
    #[must_use]
    pub const fn missing(&self) -> u64 {
        self.missing
    }

    /// Reference rows with an infinite value; they are among [`Self::rows`].
    #[must_use]
    pub const fn nonfinite(&self) -> u64 {
        self.nonfinite
    }

    /// Reference rows with a value.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.weights.iter().chain(&self.gaps).sum()
    }

    /// Cells: `2U + 1` for `U` points; `2j` counts live values between points `j - 1` and `j`, `2j + 1` those equal to `j`.
    #[must_use]
    pub fn cells(&self) -> usize {
        2 * self.points.len() + 1
    }

    /// The cell of a value, or `None` for NaN.
    #[must_use]
    pub fn cell(&self, value: f64) -> Option<usize> {
        let mut cell = None;
        self.table.each(std::iter::once(value), |_, found| cell = found);
        cell
    }

    /// Reference rows per PSI bin; in discrete mode the last is the unseen bin, which has none.
    #[must_use]
    pub fn reference_bins(&self) -> Vec<u64> {
        self.sum_bins(&self.gaps, &self.weights)
    }

    /// Sums cells to PSI bins. Exact, because every edge is a point.
    #[must_use]
    pub fn bins(&self, cells: &[u64]) -> Vec<u64> {
        let between: Vec<u64> = cells.iter().step_by(2).copied().collect();
        let at: Vec<u64> = cells.iter().skip(1).step_by(2).copied().collect();
        self.sum_bins(&between, &at)
    }

    /// Bins of counts between and at the points.
    fn sum_bins(&self, between: &[u64], at: &[u64]) -> Vec<u64> {
        if self.mode == Mode::Discrete {
            return at.iter().copied().chain([between.iter().sum()]).collect();
        }
        let sum = |counts: &[u64], from: usize, to: usize| {
            counts.get(from..to).unwrap_or_default().iter().sum::<u64>()
        };
        let mut bins = Vec::with_capacity(self.edges.len() + 1);
        let mut start = 0;
        for edge in &self.edges {
            let end = self.points.partition_point(|point| point < edge) + 1;
            bins.push(sum(between, start, end) + sum(at, start, end));
            start = end;
        }
        bins.push(sum(between, start, between.len()) + sum(at, start, at.len()));
        bins
    }

    pub(crate) const fn table(&self) -> &Arc<PointTable> {
        &self.table
    }
}

impl PartialEq for NumericProfile {
    fn eq(&self, other: &Self) -> bool {
        self.points == other.points
            && self.weights == other.weights
            && self.gaps == other.gaps
            && self.edges == other.edges
            && self.mode == other.mode
            && self.missing == other.missing
            && self.nonfinite == other.nonfinite
    }
}

/// Distinct values and their multiplicities.
#[expect(clippy::float_cmp, reason = "distinct means distinct")]
fn distinct(sorted: &[f64]) -> (Vec<f64>, Vec<u64>) {
    sorted.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as u64)).unzip()
}

/// Type-1 quantiles at `j / bins`, duplicates and an edge at the maximum dropped, finite ones kept.
fn quantile_edges(sorted: &[f64], bins: usize) -> Vec<f64> {
    let rows = sorted.len() as u128;
    let mut edges: Vec<f64> = (1..bins as u128)
        .map(|j| (j * rows).div_ceil(bins as u128) as usize)
        .filter_map(|rank| sorted.get(rank.saturating_sub(1)).copied())
        .filter(|edge| edge.is_finite())
        .collect();
    edges.dedup();
    if edges.last() == sorted.last() {
        edges.pop();
    }
    edges
}

/// Keeps the ends, the edges and the points nearest to equal steps of the cumulative share; the rows of the others go to gaps.
fn thin(parts: NumericParts, max_points: usize) -> NumericParts {
    let count = parts.points.len();
    if count <= max_points {
        return parts;
    }
    let mut keep = vec![false; count];
    keep[0] = true;
    keep[count - 1] = true;
    for edge in &parts.edges {
        keep[parts.points.partition_point(|point| point < edge)] = true;
    }
    let total: u64 = parts.weights.iter().sum();
    let steps = (max_points - keep.iter().filter(|kept| **kept).count()) as u128;
    let (mut below, mut step) = (0_u128, 1_u128);
    for (point, &weight) in parts.weights.iter().enumerate() {
        below += u128::from(weight);
        if step <= steps && below * (steps + 1) >= step * u128::from(total) {
            keep[point] = true;
            step = below * (steps + 1) / u128::from(total) + 1;
        }
    }
    let (mut points, mut weights, mut gaps) = (Vec::new(), Vec::new(), vec![0]);
    for (point, kept) in keep.into_iter().enumerate() {
        if kept {
            points.push(parts.points[point]);
            weights.push(parts.weights[point]);
            gaps.push(0);
        } else if let Some(gap) = gaps.last_mut() {
            *gap += parts.weights[point];
        }
    }
    NumericParts { points, weights, gaps, ..parts }
}

/// What must hold for any profile, however it was made.
fn check(parts: &NumericParts) -> Result<(), &'static str> {
    let NumericParts { points, weights, gaps, edges, mode, nonfinite, .. } = parts;
    if weights.len() != points.len() || gaps.len() != points.len() + 1 {
        return Err("points, weights and gaps: expected as many weights as points and one gap more");
    }
    if points.iter().any(|point| point.is_nan()) || !points.is_sorted_by(|a, b| a < b) {
        return Err("points: expected strictly ascending numbers");
    }
    if weights.contains(&0) {
        return Err("weights: expected at least 1 for each point");
    }
    let infinite = points.iter().zip(weights).filter(|(point, _)| point.is_infinite());
    if infinite.map(|(_, &weight)| u128::from(weight)).sum::<u128>() != u128::from(*nonfinite) {
        return Err("nonfinite: expected the rows of the infinite points");
    }
    if gaps[0] > 0 || gaps[gaps.len() - 1] > 0 {
        return Err("gaps: expected no reference row below the first or above the last point");
    }
    if !edges.is_sorted_by(|a, b| a < b) || edges.iter().any(|edge| !edge.is_finite()) {
        return Err("edges: expected strictly ascending finite numbers");
    }
    if edges.iter().any(|edge| points.binary_search_by(|point| point.total_cmp(&(edge + 0.0))).is_err()) {
        return Err("edges: expected each to be one of the points");
    }
    match mode {
        Mode::Discrete if !edges.is_empty() => Err("edges: expected none in discrete mode"),
        Mode::Discrete if gaps.iter().any(|&gap| gap > 0) => Err("gaps: expected none in discrete mode"),
        Mode::Discrete | Mode::Quantile => Ok(()),
    }
}
