//! Watching a stream without end: the mean evidence of sixteen trailing windows after each pane.

use crate::Evidence;
use crate::kernel::ln_sum_exp;

/// Lengths of the trailing windows, in panes.
pub const WINDOWS: [usize; 16] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256];
/// From here on the log evidence is worth a look. Empirical: one in a hundred streams without a change reaches it in 1000
/// panes of 1000 rows.
pub const LN_WARN: f64 = 6.0;

/// What the scan says after a pane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Check {
    /// The logarithm of the mean e-value; negative infinity when no window could be judged.
    pub ln_m: f64,
    /// Panes of the window with most evidence: about how long ago the change was. 0 when none could be judged.
    pub window: usize,
}

/// How much a check says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Below [`LN_WARN`].
    None,
    /// Worth a look; no guarantee.
    Warn,
    /// Changed, with the guarantee of [`ln_alarm`].
    Alarm,
}

impl Level {
    /// The level of a check whose log mean evidence is `ln_m`.
    #[must_use]
    pub fn of(ln_m: f64, ln_alarm: f64) -> Self {
        match ln_m {
            _ if ln_m >= ln_alarm => Self::Alarm,
            _ if ln_m >= LN_WARN => Self::Warn,
            _ => Self::None,
        }
    }

    /// `NONE`, `WARN` or `ALARM`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Warn => "WARN",
            Self::Alarm => "ALARM",
        }
    }
}

/// The log evidence at which any false alarm on `streams` streams within `checks` checks has a chance of at most `alpha`:
/// a mean of e-values reaches A with a chance of at most 1/A (Markov), and the chances add up.
#[must_use]
pub fn ln_alarm(streams: usize, checks: u64, alpha: f64) -> f64 {
    (streams as f64 * checks as f64 / alpha).ln()
}

/// One check after each pane, in order; `windows` are the lengths, [`WINDOWS`] by default.
///
/// A window that reaches beyond the first pane, or that [`Evidence::takes`] refuses, counts as no evidence.
#[must_use]
pub fn scan(evidence: &Evidence, panes: &[Vec<u64>], windows: &[usize]) -> Vec<Check> {
    let mut before = vec![vec![0_u64; evidence.bins()]];
    let mut checks = Vec::with_capacity(panes.len());
    for pane in panes {
        let last: &[u64] = before.last().map(Vec::as_slice).unwrap_or_default();
        before.push(last.iter().zip(pane).map(|(sum, count)| sum.saturating_add(*count)).collect());
        checks.push(check(evidence, &before, windows));
    }
    checks
}

/// The check after the last of the running sums.
fn check(evidence: &Evidence, sums: &[Vec<u64>], windows: &[usize]) -> Check {
    let (mut terms, mut longest) = (Vec::with_capacity(windows.len()), (f64::NEG_INFINITY, 0));
    for &window in windows {
        let Some(start) = (sums.len() - 1).checked_sub(window) else { continue };
        let live: Vec<u64> =
            sums[sums.len() - 1].iter().zip(&sums[start]).map(|(end, from)| end - from).collect();
        if evidence.takes(live.iter().fold(0_u64, |sum, count| sum.saturating_add(*count))) {
            let term = evidence.ln_e(&live);
            terms.push(term);
            if term > longest.0 {
                longest = (term, window);
            }
        }
    }
    Check { ln_m: ln_sum_exp(&terms) - (windows.len() as f64).ln(), window: longest.1 }
}
