//! The design effect: how much less a row says when rows depend on their neighbours.

/// Panes of the reference below which nothing can be said.
pub const LEAST_PANES: usize = 30;
/// Above it a stream has no alarm: the reference is too short for its rhythm.
pub const LARGEST_DESIGN_EFFECT: f64 = 20.0;

/// From where on it is divided out; below, it is noise.
const NOTABLE: f64 = 1.2;
/// Steps of the power iteration, which gains digits until then even when two eigenvalues are 1 % apart.
const STEPS: usize = 1000;

/// The design effect of a reference cut into `panes` in time order, rows per bin each: the largest eigenvalue of the
/// panes' scaled deviations over what independent rows would show (Marchenko & Pastur 1967), 1 unless above 1.2.
///
/// `None` with fewer than 30 panes that have rows.
#[must_use]
pub fn design_effect(panes: &[Vec<u64>]) -> Option<f64> {
    let panes: Vec<&Vec<u64>> = panes.iter().filter(|pane| pane.iter().any(|&count| count > 0)).collect();
    if panes.len() < LEAST_PANES {
        return None;
    }
    let bins = panes.iter().map(|pane| pane.len()).max().unwrap_or_default();
    let sums = (0..bins).map(|bin| panes.iter().filter_map(|pane| pane.get(bin)).sum::<u64>() as f64);
    let sums: Vec<(usize, f64)> = sums.enumerate().filter(|(_, sum)| *sum > 0.0).collect();
    let total: f64 = sums.iter().map(|(_, sum)| sum).sum();
    let deviations: Vec<Vec<f64>> = panes
        .iter()
        .map(|pane| {
            let rows = pane.iter().sum::<u64>() as f64;
            let deviation = |&(bin, sum): &(usize, f64)| {
                let expected = rows * sum / total;
                (pane.get(bin).copied().unwrap_or_default() as f64 - expected) / expected.sqrt()
            };
            sums.iter().map(deviation).collect()
        })
        .collect();
    let chance = (1.0 + ((sums.len() as f64 - 1.0) / panes.len() as f64).sqrt()).powi(2);
    let effect = largest_eigenvalue(&deviations) / panes.len() as f64 / chance;
    Some(if effect > NOTABLE { effect } else { 1.0 })
}

/// The largest eigenvalue of the sum of the outer products of the rows, by power iteration from the longest row.
fn largest_eigenvalue(rows: &[Vec<f64>]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let longest = rows.iter().max_by(|a, b| dot(a, a).total_cmp(&dot(b, b)));
    let Some(mut vector) = longest.cloned() else { return 0.0 };
    let mut found = 0.0;
    for _ in 0..STEPS {
        let length = dot(&vector, &vector).sqrt();
        if length <= 0.0 {
            return 0.0;
        }
        for value in &mut vector {
            *value /= length;
        }
        let mut next = vec![0.0; vector.len()];
        for row in rows {
            let along = dot(row, &vector);
            for (sum, value) in next.iter_mut().zip(row) {
                *sum += along * value;
            }
        }
        let value = dot(&next, &vector);
        vector = next;
        if (value - found).abs() <= 1e-12 * value {
            return value;
        }
        found = value;
    }
    found
}
