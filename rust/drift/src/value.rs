//! Numbers that can be counted.

/// A number as the scorer receives it; counted as an `f64`, NaN meaning missing.
pub trait Value: Copy {
    /// The number as an `f64`; integers past 2^53 round to the nearest.
    fn to_f64(self) -> f64;
}

macro_rules! value {
    ($($from:ty),*) => {$(
        impl Value for $from {
            #[inline]
            #[allow(clippy::cast_lossless, reason = "one body for lossless and rounding types")]
            fn to_f64(self) -> f64 {
                self as f64
            }
        }
    )*};
}

value!(f32, f64, i8, i16, i32, i64, u8, u16, u32, u64);

impl Value for bool {
    #[inline]
    fn to_f64(self) -> f64 {
        f64::from(u8::from(self))
    }
}
