//! The population stability index: its value, its noise, and how large it is.

use crate::{Reason, chi2_isf, chi2_sf};

/// The normal quantile of a two-sided 95 % interval.
const Z95: f64 = 1.959_963_984_540_054_3;

/// How empty bins are kept out of the logarithm.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Smoothing {
    /// 1/2 added to each bin that is not empty on both sides (Jeffreys prior). The default.
    #[default]
    Jeffreys,
    /// 1 added to each; for comparison with other tools.
    Laplace,
    /// Shares cut at this value from below, not renormalised; for comparison with other tools.
    Floor(f64),
    /// None; undefined when a bin is empty on one side. For comparison with other tools.
    Raw,
}

/// The size of a drift, by the bias-corrected PSI. A label, never an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Magnitude {
    /// Below 0.02.
    Negligible,
    /// From 0.02.
    Small,
    /// From 0.1.
    Moderate,
    /// From 0.25.
    Major,
}

impl Magnitude {
    /// The label of a bias-corrected PSI.
    #[must_use]
    pub fn of(psi: f64) -> Self {
        match psi {
            _ if psi >= 0.25 => Self::Major,
            _ if psi >= 0.1 => Self::Moderate,
            _ if psi >= 0.02 => Self::Small,
            _ => Self::Negligible,
        }
    }

    /// `negligible`, `small`, `moderate` or `major`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Negligible => "negligible",
            Self::Small => "small",
            Self::Moderate => "moderate",
            Self::Major => "major",
        }
    }
}

/// PSI of live counts against reference counts, in nats.
#[derive(Clone, Debug, PartialEq)]
pub struct Psi {
    /// The index; `None` when undefined, see `reason`.
    pub value: Option<f64>,
    /// The index less what chance alone gives; may be negative.
    pub bias_corrected: Option<f64>,
    /// The index over `1/n + 1/m`: chi-square with `bins - 1` degrees of freedom when nothing drifted (Yurdakul 2018).
    pub statistic: Option<f64>,
    /// Chance of a statistic as large when nothing drifted.
    pub p_value: Option<f64>,
    /// 95 % interval around the bias-corrected value (delta method); good away from 0, the lower end may be negative.
    pub ci95: Option<(f64, f64)>,
    /// Bins that are not empty on both sides.
    pub bins: usize,
    /// Reference rows.
    pub reference_rows: u64,
    /// Live rows.
    pub live_rows: u64,
    /// Why something is undefined or unreliable.
    pub reason: Option<Reason>,
}

impl Psi {
    /// The PSI that chance alone exceeds with probability `alpha` at these sizes; `None` without two bins and both sides.
    #[must_use]
    pub fn threshold(&self, alpha: f64) -> Option<f64> {
        self.p_value?;
        Some(chi2_isf(alpha, self.degrees()) * noise(self.reference_rows, self.live_rows))
    }

    /// How large the drift is.
    #[must_use]
    pub fn magnitude(&self) -> Option<Magnitude> {
        self.bias_corrected.map(Magnitude::of)
    }

    fn degrees(&self) -> u32 {
        self.bins.saturating_sub(1) as u32
    }
}

/// PSI of `live` against `reference`, counts per bin of equal length (a longer one's tail is ignored).
///
/// Symmetric, at least 0 (Jeffreys 1946). Bins empty on both sides are dropped.
#[must_use]
pub fn psi(reference: &[u64], live: &[u64], smoothing: Smoothing) -> Psi {
    let pairs: Vec<(u64, u64)> =
        reference.iter().copied().zip(live.iter().copied()).filter(|&(r, c)| r > 0 || c > 0).collect();
    let reference_rows = pairs.iter().fold(0_u64, |sum, pair| sum.saturating_add(pair.0));
    let live_rows = pairs.iter().fold(0_u64, |sum, pair| sum.saturating_add(pair.1));
    let mut psi = Psi {
        value: None,
        bias_corrected: None,
        statistic: None,
        p_value: None,
        ci95: None,
        bins: pairs.len(),
        reference_rows,
        live_rows,
        reason: undefined(reference_rows, live_rows, &pairs, smoothing),
    };
    match psi.reason {
        Some(Reason::NoLive | Reason::NoReference | Reason::EmptyBin) => return psi,
        Some(Reason::OneBin) => {
            psi.value = Some(0.0);
            psi.bias_corrected = Some(0.0);
            return psi;
        }
        Some(Reason::LowN) | None => {}
    }
    let shares = shares(&pairs, reference_rows as f64, live_rows as f64, smoothing);
    let value: f64 = shares.iter().map(|(p, q)| (p - q) * (p / q).ln()).sum();
    let noise = noise(reference_rows, live_rows);
    let bias_corrected = value - f64::from(psi.degrees()) * noise;
    let spread = Z95 * variance(&shares, reference_rows as f64, live_rows as f64).sqrt();
    psi.value = Some(value);
    psi.bias_corrected = Some(bias_corrected);
    psi.statistic = Some(value / noise);
    psi.p_value = Some(chi2_sf(value / noise, psi.degrees()));
    psi.ci95 = Some((bias_corrected - spread, bias_corrected + spread));
    psi
}

fn undefined(m: u64, n: u64, pairs: &[(u64, u64)], smoothing: Smoothing) -> Option<Reason> {
    let least = pairs.iter().map(|pair| pair.0).min().unwrap_or_default();
    match () {
        () if m == 0 => Some(Reason::NoReference),
        () if n == 0 => Some(Reason::NoLive),
        () if pairs.len() < 2 => Some(Reason::OneBin),
        () if smoothing == Smoothing::Raw && pairs.iter().any(|&(r, c)| r == 0 || c == 0) => {
            Some(Reason::EmptyBin)
        }
        () if u128::from(n) * u128::from(least) < u128::from(m) => Some(Reason::LowN),
        () => None,
    }
}

fn shares(pairs: &[(u64, u64)], m: f64, n: f64, smoothing: Smoothing) -> Vec<(f64, f64)> {
    let added = match smoothing {
        Smoothing::Jeffreys => 0.5,
        Smoothing::Laplace => 1.0,
        Smoothing::Floor(_) | Smoothing::Raw => 0.0,
    };
    let least = if let Smoothing::Floor(least) = smoothing { least } else { 0.0 };
    let total = added * pairs.len() as f64;
    let share = |count: u64, rows: f64| ((count as f64 + added) / (rows + total)).max(least);
    pairs.iter().map(|&(r, c)| (share(r, m), share(c, n))).collect()
}

/// `1/n + 1/m`, the scale of PSI when nothing drifted.
fn noise(m: u64, n: u64) -> f64 {
    1.0 / n as f64 + 1.0 / m as f64
}

/// Delta-method variance of PSI at shares (p, q) from m and n rows.
fn variance(shares: &[(f64, f64)], m: f64, n: f64) -> f64 {
    let part = |weight: fn(&(f64, f64)) -> f64, slope: fn(&(f64, f64)) -> f64, rows: f64| {
        let mean: f64 = shares.iter().map(|s| weight(s) * slope(s)).sum();
        let square: f64 = shares.iter().map(|s| weight(s) * slope(s).powi(2)).sum();
        (square - mean * mean).max(0.0) / rows
    };
    part(|s| s.1, |(p, q)| (q / p).ln() + 1.0 - p / q, n)
        + part(|s| s.0, |(p, q)| (p / q).ln() + 1.0 - q / p, m)
}
