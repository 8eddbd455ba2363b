//! The two-sample Kolmogorov-Smirnov statistic, exact from counters.

use crate::{CountsError, FeatureCounts, NumericProfile, Reason, kolmogorov_sf};

/// Largest `n * m` for the exact p-value, whose cost is that product.
const EXACT: u128 = 1_000_000;

/// On which side of a point the largest difference stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// At the point.
    At,
    /// Just below it.
    Below,
}

/// `D = sup |F_live - F_reference|` and its parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Ks {
    /// `D * denominator`, an integer.
    pub numerator: i128,
    /// Reference rows times live rows.
    pub denominator: i128,
    /// D; `None` when undefined, see `reason`.
    pub d: Option<f64>,
    /// Largest amount by which the live distribution function is above.
    pub d_plus: Option<f64>,
    /// Largest amount by which it is below.
    pub d_minus: Option<f64>,
    /// No more than this is D against the full reference: D itself unless points were left out of the profile.
    pub upper: Option<f64>,
    /// The reference point of the largest difference; `None` when there is none.
    pub location: Option<f64>,
    /// On which side of it.
    pub side: Option<Side>,
    /// Chance of a D as large when nothing drifted.
    pub p_value: Option<f64>,
    /// Whether `p_value` is exact (up to ties between live values, which make it larger) or asymptotic.
    pub exact: bool,
    /// Why something is undefined or unreliable.
    pub reason: Option<Reason>,
}

/// KS of a numeric feature's counts against its reference.
///
/// # Errors
/// When the counts have another number of cells than the profile.
pub fn ks(profile: &NumericProfile, counts: &FeatureCounts) -> Result<Ks, CountsError> {
    let (expected, got) = (profile.cells(), counts.cells().len());
    if expected != got {
        return Err(CountsError::CellCount { index: 0, expected, got });
    }
    let (m, n) = (profile.rows(), counts.present());
    let denominator = i128::from(m) * i128::from(n);
    let reason = match (m, n) {
        (0, _) => Some(Reason::NoReference),
        (_, 0) => Some(Reason::NoLive),
        _ => None,
    };
    let sup = supremum(profile, counts.cells(), m, n);
    let defined = |numerator: i128| reason.is_none().then(|| numerator as f64 / denominator as f64);
    let numerator = sup.plus.max(sup.minus);
    let mut ks = Ks {
        numerator,
        denominator,
        d: defined(numerator),
        d_plus: defined(sup.plus),
        d_minus: defined(sup.minus),
        upper: defined(sup.upper),
        location: sup.location.map(|(point, _)| profile.points()[point]),
        side: sup.location.map(|(_, side)| side),
        p_value: None,
        exact: false,
        reason,
    };
    if let Some(d) = ks.d {
        ks.exact = denominator as u128 <= EXACT;
        ks.p_value = Some(if ks.exact {
            exact_p_value(numerator, m, n, tie_groups(profile, counts.cells()))
        } else {
            let (m, n) = (m as f64, n as f64);
            kolmogorov_sf((m * n / (m + n)).sqrt() * d)
        });
        if !ks.exact && m.min(n) < 4 {
            ks.reason = Some(Reason::LowN);
        }
    }
    Ok(ks)
}

struct Supremum {
    plus: i128,
    minus: i128,
    upper: i128,
    location: Option<(usize, Side)>,
}

impl Supremum {
    fn see(&mut self, difference: i128, point: usize, side: Side) {
        if difference.abs() > self.plus.max(self.minus) {
            self.location = Some((point, side));
            self.upper = self.upper.max(difference.abs());
        }
        self.plus = self.plus.max(difference);
        self.minus = self.minus.max(-difference);
    }
}

/// Walks both distribution functions: the supremum stands at a point or just below one (STATISTICS 2.1).
///
/// A grid also bounds it from above (2.3): within a gap the difference grows by at most the reference rows or the live
/// rows inside, whichever is less.
fn supremum(profile: &NumericProfile, cells: &[u64], m: u64, n: u64) -> Supremum {
    let (m, n) = (i128::from(m), i128::from(n));
    let (mut live, mut reference, mut last) = (0_i128, 0_i128, 0_i128);
    let mut sup = Supremum { plus: 0, minus: 0, upper: 0, location: None };
    for (point, (&weight, &gap)) in profile.weights().iter().zip(profile.gaps()).enumerate() {
        live += i128::from(cells[2 * point]);
        reference += i128::from(gap);
        let below = live * m - reference * n;
        sup.see(below, point, Side::Below);
        if gap > 0 {
            let (inside, lives) = (i128::from(gap) * n, i128::from(cells[2 * point]) * m);
            sup.upper =
                sup.upper.max((below + inside).min(last + lives)).max((inside - last).min(lives - below));
        }
        live += i128::from(cells[2 * point + 1]);
        reference += i128::from(weight);
        last = live * m - reference * n;
        sup.see(last, point, Side::At);
    }
    sup
}

/// Sizes of the groups of equal pooled values. Values between points count as distinct, which errs to a larger p-value.
fn tie_groups(profile: &NumericProfile, cells: &[u64]) -> impl Iterator<Item = u64> {
    let gaps = profile.gaps().iter().zip(cells.iter().step_by(2)).map(|(reference, live)| reference + live);
    let ties = profile
        .weights()
        .iter()
        .zip(cells.iter().skip(1).step_by(2))
        .map(|(reference, live)| reference + live);
    let ties = ties.map(Some).chain([None]);
    gaps.zip(ties).flat_map(|(gap, tie)| std::iter::repeat_n(1, gap as usize).chain(tie))
}

/// P(D >= numerator / (n m)) given the pooled values: the share of arrangements whose path reaches the boundary at the
/// end of a group of ties (Schroeer & Trenkler 1995). `groups` are the sizes of the groups, ascending by value, `m + n`
/// altogether. Costs O(n (n + m)) time and O(n) memory.
#[must_use]
pub fn exact_p_value(numerator: i128, m: u64, n: u64, groups: impl IntoIterator<Item = u64>) -> f64 {
    if numerator <= 0 {
        return 1.0;
    }
    let (total, rows, live) = (m + n, m as f64, n as f64);
    // paths[i]: probability that i of the first s pooled values are live and the boundary was not reached yet.
    let mut paths = vec![0.0; n as usize + 1];
    paths[0] = 1.0;
    let mut reached = 0.0_f64;
    let mut s = 0_u64;
    for group in groups {
        for step in 0..group {
            s += 1;
            if s > total {
                return reached.min(1.0);
            }
            let left = (total - s + 1) as f64;
            let low = s.saturating_sub(m);
            for i in (low..=n.min(s)).rev() {
                let at = i as usize;
                let reference = if s > i { paths[at] * (rows - (s - i) as f64 + 1.0) / left } else { 0.0 };
                let taken = if i > 0 { paths[at - 1] * (live - i as f64 + 1.0) / left } else { 0.0 };
                paths[at] = reference + taken;
            }
            if low > 0 {
                paths[low as usize - 1] = 0.0;
            }
            if step + 1 == group {
                for i in low..=n.min(s) {
                    let difference = i128::from(i) * i128::from(m) - i128::from(s - i) * i128::from(n);
                    if difference.abs() >= numerator {
                        reached += std::mem::take(&mut paths[i as usize]);
                    }
                }
            }
        }
    }
    reached.min(1.0)
}
