//! The evidence of one window: an e-value for "these rows do not come from the urn that the reference was drawn from".

use crate::kernel::{ln_rising, ln_sum_exp};

/// Sizes of PSI that the alternative is tuned to: small, moderate, major.
const SIZES: [f64; 3] = [0.005, 0.05, 0.5];

/// How the reference fills the urn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urn {
    /// Bins between order statistics of continuous values, each edge once in the reference (Wilks 1942).
    Gap,
    /// Everything else: categories, discrete values, tied edges, two-valued streams.
    Count,
}

impl Urn {
    /// `gap` or `count`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gap => "gap",
            Self::Count => "count",
        }
    }

    /// The urn of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Gap, Self::Count].into_iter().find(|urn| urn.name() == name)
    }
}

/// A stream's reference, ready to judge windows of live counts.
///
/// The e-value is the chance of the live counts under urns whose composition wanders, over that under the reference's
/// urn (Dirichlet-multinomial mixtures). Its mean is at most 1 while nothing changes, for any distribution and size.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    urn: Urn,
    rows: u64,
    balls: Vec<f64>,
    total: f64,
    base: Vec<f64>,
    design_effect: f64,
}

impl Evidence {
    /// The evidence against `reference`, rows per bin; counts weigh 1 over `design_effect`, which is 1 for rows that do
    /// not depend on each other.
    ///
    /// `None` with fewer than two bins, without a row, with an empty bin in a gap urn, or with a design effect that is
    /// no number from 1 up.
    #[must_use]
    pub fn new(reference: &[u64], urn: Urn, design_effect: f64) -> Option<Self> {
        let rows = reference.iter().fold(0_u64, |sum, count| sum.saturating_add(*count));
        let empty = urn == Urn::Gap && reference.contains(&0);
        if reference.len() < 2 || rows == 0 || empty || !(design_effect >= 1.0 && design_effect.is_finite()) {
            return None;
        }
        let (bins, m) = (reference.len() as f64, rows as f64);
        let mut balls: Vec<f64> = reference.iter().map(|&count| count as f64).collect();
        let base = match urn {
            Urn::Gap => {
                if let Some(last) = balls.last_mut() {
                    *last += 1.0;
                }
                balls.iter().map(|count| count / (m + 1.0)).collect()
            }
            Urn::Count => {
                let base = balls.iter().map(|count| (count + 0.5) / (m + bins / 2.0)).collect();
                for count in &mut balls {
                    *count += 1.0;
                }
                base
            }
        };
        for count in &mut balls {
            *count /= design_effect;
        }
        Some(Self { urn, rows, balls, total: (m + 1.0) / design_effect, base, design_effect })
    }

    /// Bins of the stream.
    #[must_use]
    pub const fn bins(&self) -> usize {
        self.balls.len()
    }

    /// Whether a window of `rows` can be judged: a count urn takes at most a quarter of the reference.
    #[must_use]
    pub const fn takes(&self, rows: u64) -> bool {
        matches!(self.urn, Urn::Gap) || rows <= self.rows / 4
    }

    /// The logarithm of the e-value of live rows per bin; 0 without a row.
    #[must_use]
    pub fn ln_e(&self, live: &[u64]) -> f64 {
        self.ln_alternative(live) - self.ln_reference(live)
    }

    /// The log probability of a sequence with these counts when the urn's composition wanders.
    #[must_use]
    pub fn ln_alternative(&self, live: &[u64]) -> f64 {
        let spread = (self.bins() - 1) as f64;
        let terms = SIZES.map(|size| {
            let weight = spread / size;
            self.ln_sequence(live, |bin| weight * self.base[bin], weight)
        });
        ln_sum_exp(&terms) - (SIZES.len() as f64).ln()
    }

    /// The log probability of a sequence with these counts out of the reference's urn.
    #[must_use]
    pub fn ln_reference(&self, live: &[u64]) -> f64 {
        self.ln_sequence(live, |bin| self.balls[bin], self.total)
    }

    fn ln_sequence(&self, live: &[u64], start: impl Fn(usize) -> f64, total: f64) -> f64 {
        let live = live.iter().take(self.bins());
        let rows = live.clone().map(|&count| count as f64).sum::<f64>() / self.design_effect;
        let each = live.enumerate().filter(|(_, count)| **count > 0);
        let each = each.map(|(bin, &count)| ln_rising(start(bin), count as f64 / self.design_effect));
        each.sum::<f64>() - ln_rising(total, rows)
    }
}
