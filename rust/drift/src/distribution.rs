//! Survival functions of the chi-square and the Kolmogorov distribution, and their inverses.

use std::f64::consts::{PI, TAU};

/// P(chi-square with `degrees` degrees of freedom >= x). NaN when `degrees` is 0 or x is NaN.
///
/// A finite sum, exact to rounding (Abramowitz & Stegun 1964, 26.4.4 and 26.4.5).
#[must_use]
pub fn chi2_sf(x: f64, degrees: u32) -> f64 {
    if degrees == 0 || x.is_nan() {
        return f64::NAN;
    }
    if x <= 0.0 {
        return 1.0;
    }
    let half = x / 2.0;
    // Even degrees: exp(-h) * (1 + h + h^2/2! + ...). Odd: erfc(sqrt h) + exp(-h) * (h^(1/2)/G(3/2) + h^(3/2)/G(5/2) + ...).
    let (head, mut power, mut log_term) = if degrees.is_multiple_of(2) {
        (0.0, 0.0, -half)
    } else {
        (libm::erfc(half.sqrt()), 0.5, half.ln() / 2.0 - libm::lgamma(1.5) - half)
    };
    let mut sum = head;
    for _ in 0..degrees / 2 {
        sum += log_term.exp();
        power += 1.0;
        log_term += (half / power).ln();
    }
    sum.min(1.0)
}

/// The x at which [`chi2_sf`] is `alpha`. NaN when `degrees` is 0 or `alpha` is not within (0, 1).
#[must_use]
pub fn chi2_isf(alpha: f64, degrees: u32) -> f64 {
    if degrees == 0 {
        return f64::NAN;
    }
    invert(alpha, |x| chi2_sf(x, degrees))
}

/// P(sqrt(n) D >= x) in the limit (Kolmogorov 1933); the theta form below 0.3, where the series is slow.
#[must_use]
pub fn kolmogorov_sf(x: f64) -> f64 {
    if x.is_nan() {
        return f64::NAN;
    }
    if x <= 0.0 {
        return 1.0;
    }
    if x < 0.3 {
        let term = |j: f64| (-(2.0 * j - 1.0).powi(2) * PI * PI / (8.0 * x * x)).exp();
        return 1.0 - TAU.sqrt() / x * (term(1.0) + term(2.0) + term(3.0));
    }
    let (mut sum, mut sign) = (0.0, 1.0);
    for j in 1..=100 {
        let term = (-2.0 * f64::from(j * j) * x * x).exp();
        sum += sign * term;
        sign = -sign;
        if term < f64::MIN_POSITIVE {
            break;
        }
    }
    (2.0 * sum).clamp(0.0, 1.0)
}

/// The x at which [`kolmogorov_sf`] is `alpha`. NaN when `alpha` is not within (0, 1).
#[must_use]
pub fn kolmogorov_isf(alpha: f64) -> f64 {
    invert(alpha, kolmogorov_sf)
}

/// Bisects a falling survival function to the last bit.
fn invert(alpha: f64, survival: impl Fn(f64) -> f64) -> f64 {
    if !(alpha > 0.0 && alpha < 1.0) {
        return f64::NAN;
    }
    let (mut low, mut high) = (0.0, 1.0);
    while survival(high) > alpha {
        low = high;
        high *= 2.0;
    }
    loop {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            return high;
        }
        if survival(middle) > alpha {
            low = middle;
        } else {
            high = middle;
        }
    }
}
