//! From values to what a numeric profile is made of.

use crate::numeric::NumericParts;
use crate::{Mode, ProfileError};

/// Reference rows from which ten bins are the default, else five.
const ROWS_FOR_TEN_BINS: usize = 10_000;

/// How [`NumericProfile::fit_with`] summarises a reference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FitOptions {
    /// PSI bins; by default 10, or 5 below 10,000 rows. Up to twice as many distinct values are binned one by one.
    pub bins: Option<usize>,
    /// Most reference points to keep, at equal steps of the reference's cumulative share; by default all.
    pub max_points: Option<usize>,
}

/// Distinct points, their counts, and where the bins are.
pub(crate) fn summarise(values: &[f64], options: FitOptions) -> Result<NumericParts, ProfileError> {
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
    Ok(parts)
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
