//! Logarithms of rising factorials, and sums of logarithms.

/// Below it the asymptotic series is not exact to rounding.
const SERIES_FROM: f64 = 16.0;

/// `lnGamma(a + n) - lnGamma(a)` for `a > 0` and `n >= 0`, whole or not, without the cancellation of two log-gammas.
#[must_use]
pub fn ln_rising(a: f64, n: f64) -> f64 {
    let (mut a, mut n, mut product, mut sum) = (a, n, 1.0_f64, 0.0);
    let short = n.fract() == 0.0 && n <= 64.0;
    while n >= 1.0 && (a < SERIES_FROM || short) {
        product *= a;
        a += 1.0;
        n -= 1.0;
        if product > 1e250 {
            sum += product.ln();
            product = 1.0;
        }
    }
    sum += product.ln();
    if n <= 0.0 {
        return sum;
    }
    if a < SERIES_FROM {
        return sum + libm::lgamma(a + n) - libm::lgamma(a);
    }
    sum + (a - 0.5) * (n / a).ln_1p() + n * (a + n).ln() - n + stirling(a + n) - stirling(a)
}

/// What Stirling's formula for lnGamma(x) leaves out (Abramowitz & Stegun 1964, 6.1.41).
fn stirling(x: f64) -> f64 {
    let y = 1.0 / (x * x);
    let tail = 1.0 / 1680.0 - y * (1.0 / 1188.0 - y * 691.0 / 360_360.0);
    (1.0 / 12.0 - y * (1.0 / 360.0 - y * (1.0 / 1260.0 - y * tail))) / x
}

/// The logarithm of the sum of exponentials; negative infinity of nothing.
#[must_use]
pub fn ln_sum_exp(terms: &[f64]) -> f64 {
    let most = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if most.is_infinite() {
        return most;
    }
    most + terms.iter().map(|term| (term - most).exp()).sum::<f64>().ln()
}
