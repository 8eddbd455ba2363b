//! Half precision to single precision, exactly.

/// The value of IEEE 754 binary16 bits.
pub(crate) fn to_f32(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    let exponent = u32::from(bits >> 10) & 0x1f;
    let fraction = u32::from(bits) & 0x3ff;
    match exponent {
        // Zero and subnormal numbers: fraction x 2^-24, exact in single precision.
        0 => {
            let magnitude = fraction as f32 * 2.0_f32.powi(-24);
            f32::from_bits(sign | magnitude.to_bits())
        }
        0x1f => f32::from_bits(sign | 0x7f80_0000 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}

#[cfg(test)]
mod tests {
    use super::to_f32;

    #[test]
    #[expect(clippy::float_cmp, reason = "the conversion is exact")]
    fn every_finite_number_is_sign_times_fraction_times_power() {
        for bits in 0..=u16::MAX {
            let exponent = i32::from(bits >> 10 & 0x1f);
            let fraction = f64::from(bits & 0x3ff);
            let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
            let value = f64::from(to_f32(bits));
            match exponent {
                0x1f if fraction == 0.0 => assert_eq!(value, sign * f64::INFINITY),
                0x1f => assert!(value.is_nan()),
                0 => assert_eq!(value, sign * fraction * 2.0_f64.powi(-24)),
                _ => assert_eq!(value, sign * (1.0 + fraction / 1024.0) * 2.0_f64.powi(exponent - 15)),
            }
            assert_eq!(value.is_sign_negative(), sign < 0.0);
        }
    }
}
