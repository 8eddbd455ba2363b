//! The reference of an ordered feature: its distinct values and how often each occurs.

use std::sync::Arc;

use crate::ProfileError;
use crate::fit::{FitOptions, summarise};
use crate::lookup::PointTable;

/// Most rows that a profile or counts may hold, so that products of two totals are exact in `i128`.
pub(crate) const MAX_ROWS: u64 = 1 << 62;

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
        Self::from_parts(summarise(values, options)?)
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
