//! Why a statistic is undefined or weak.

use std::fmt;

/// A code that stands beside every undefined or unreliable result, so that no NaN or 0 is ever silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No live value was counted.
    NoLive,
    /// The reference has no value that is present.
    NoReference,
    /// Fewer than two bins hold anything; PSI is 0 and says nothing.
    OneBin,
    /// The value stands, its p-value is unreliable: a bin expects less than one live row.
    LowN,
    /// A bin is empty on one side and smoothing is off.
    EmptyBin,
}

impl Reason {
    /// The code as reports show it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoLive => "NO_LIVE",
            Self::NoReference => "NO_REFERENCE",
            Self::OneBin => "ONE_BIN",
            Self::LowN => "LOW_N",
            Self::EmptyBin => "EMPTY_BIN",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
