//! What a value of an Arrow column becomes as an element: never anything but the same number, rounded once.

use half::f16;

/// An element type that numbers are laid into.
pub(super) trait Number: Copy + Default {
    /// What null stands for, where it stands for anything.
    const MISSING: Option<Self> = None;

    /// The same number; rounded in a floating type, `None` where an integer type has no room for it.
    fn of_signed(value: i64) -> Option<Self>;

    /// The same number; rounded in a floating type, `None` where an integer type has no room for it.
    fn of_unsigned(value: u64) -> Option<Self>;

    /// The number rounded; `None` in an integer type, or where a finite one is out of range.
    fn of_float(value: f64) -> Option<Self>;
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl Number for $type {
            fn of_signed(value: i64) -> Option<Self> {
                value.try_into().ok()
            }

            fn of_unsigned(value: u64) -> Option<Self> {
                value.try_into().ok()
            }

            fn of_float(_: f64) -> Option<Self> {
                None
            }
        }
    )*};
}

integers!(i8, i16, i32, i64, u8, u16, u32, u64);

impl Number for f64 {
    const MISSING: Option<Self> = Some(Self::NAN);

    fn of_signed(value: i64) -> Option<Self> {
        Some(value as Self)
    }

    fn of_unsigned(value: u64) -> Option<Self> {
        Some(value as Self)
    }

    fn of_float(value: f64) -> Option<Self> {
        Some(value)
    }
}

impl Number for f32 {
    const MISSING: Option<Self> = Some(Self::NAN);

    fn of_signed(value: i64) -> Option<Self> {
        Some(value as Self)
    }

    fn of_unsigned(value: u64) -> Option<Self> {
        Some(value as Self)
    }

    fn of_float(value: f64) -> Option<Self> {
        let rounded = value as Self;
        (rounded.is_finite() || !value.is_finite()).then_some(rounded)
    }
}

impl Number for f16 {
    const MISSING: Option<Self> = Some(Self::NAN);

    /// An integer with more digits than a double holds is far out of range, so that it is rounded once.
    fn of_signed(value: i64) -> Option<Self> {
        Self::of_float(value as f64)
    }

    fn of_unsigned(value: u64) -> Option<Self> {
        Self::of_float(value as f64)
    }

    fn of_float(value: f64) -> Option<Self> {
        let rounded = Self::from_f64(value);
        (rounded.is_finite() || !value.is_finite()).then_some(rounded)
    }
}
