//! Sums of counters: plain integers that add up exactly over threads, machines and time.

use crate::numeric::MAX_ROWS;
use crate::{CountsError, ReferenceProfile};

/// Counts of every feature of a profile, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    features: Vec<FeatureCounts>,
}

/// Counts of one feature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureCounts {
    cells: Vec<u64>,
    /// The sum of the cells.
    present: u64,
    missing: u64,
    nonfinite: u64,
}

impl Counts {
    /// Nothing counted yet, for this profile.
    #[must_use]
    pub fn zero(profile: &ReferenceProfile) -> Self {
        let zero = |cells| FeatureCounts { cells: vec![0; cells], present: 0, missing: 0, nonfinite: 0 };
        Self { features: profile.features().iter().map(|feature| zero(feature.cells())).collect() }
    }

    /// Counts of these features; check them against a profile with [`Self::check`].
    #[must_use]
    pub const fn from_features(features: Vec<FeatureCounts>) -> Self {
        Self { features }
    }

    /// Counts of each feature, in the profile's order.
    #[must_use]
    pub fn features(&self) -> &[FeatureCounts] {
        &self.features
    }

    /// Whether these counts have the shape of the profile.
    ///
    /// # Errors
    /// When the number of features or the cells of a feature differ.
    pub fn check(&self, profile: &ReferenceProfile) -> Result<(), CountsError> {
        let shape: Vec<usize> = profile.features().iter().map(crate::FeatureProfile::cells).collect();
        self.check_shape(&shape)
    }

    /// Adds the other's counts.
    ///
    /// # Errors
    /// When the shapes differ or a sum passes 2^62 rows; nothing changes then.
    pub fn add(&mut self, other: &Self) -> Result<(), CountsError> {
        self.same_shape(other)?;
        for (index, (mine, theirs)) in self.features.iter().zip(&other.features).enumerate() {
            if mine.rows().saturating_add(theirs.rows()) > MAX_ROWS {
                return Err(CountsError::Overflow { index });
            }
        }
        for (mine, theirs) in self.features.iter_mut().zip(&other.features) {
            mine.each(theirs, |a, b| a + b);
        }
        Ok(())
    }

    /// Takes away the other's counts, which must be part of these.
    ///
    /// # Errors
    /// When the shapes differ or the other has more anywhere; nothing changes then.
    pub fn subtract(&mut self, other: &Self) -> Result<(), CountsError> {
        self.same_shape(other)?;
        for (index, (mine, theirs)) in self.features.iter().zip(&other.features).enumerate() {
            if !mine.contains(theirs) {
                return Err(CountsError::Underflow { index });
            }
        }
        for (mine, theirs) in self.features.iter_mut().zip(&other.features) {
            mine.each(theirs, |a, b| a - b);
        }
        Ok(())
    }

    /// Adds 32-bit counts taken from cells: per feature its cells, then missing, then nonfinite. `take` gives the count
    /// at a position of a feature.
    pub(crate) fn take(
        &mut self,
        shape: &[usize],
        mut take: impl FnMut(usize, usize) -> u32,
    ) -> Result<(), CountsError> {
        self.check_shape(shape)?;
        for (index, feature) in self.features.iter().enumerate() {
            let most = (feature.cells.len() as u64 + 1).saturating_mul(u64::from(u32::MAX));
            if feature.rows().saturating_add(most) > MAX_ROWS {
                return Err(CountsError::Overflow { index });
            }
        }
        for (index, feature) in self.features.iter_mut().enumerate() {
            for (position, cell) in feature.cells.iter_mut().enumerate() {
                let count = u64::from(take(index, position));
                *cell += count;
                feature.present += count;
            }
            let cells = feature.cells.len();
            feature.missing += u64::from(take(index, cells));
            feature.nonfinite += u64::from(take(index, cells + 1));
        }
        Ok(())
    }

    fn same_shape(&self, other: &Self) -> Result<(), CountsError> {
        let shape: Vec<usize> = self.features.iter().map(|feature| feature.cells.len()).collect();
        other.check_shape(&shape)
    }

    fn check_shape(&self, shape: &[usize]) -> Result<(), CountsError> {
        if self.features.len() != shape.len() {
            return Err(CountsError::FeatureCount { expected: shape.len(), got: self.features.len() });
        }
        for (index, (feature, &expected)) in self.features.iter().zip(shape).enumerate() {
            if feature.cells.len() != expected {
                return Err(CountsError::CellCount { index, expected, got: feature.cells.len() });
            }
        }
        Ok(())
    }
}

impl FeatureCounts {
    /// Counts per cell, rows without a value, and rows with an infinite one (which are in the cells too).
    ///
    /// # Errors
    /// When they pass 2^62 rows, or more rows are infinite than have a value. The feature is named by `index`.
    pub fn new(index: usize, cells: Vec<u64>, missing: u64, nonfinite: u64) -> Result<Self, CountsError> {
        let present: u128 = cells.iter().map(|&count| u128::from(count)).sum();
        if present + u128::from(missing) > u128::from(MAX_ROWS) || u128::from(nonfinite) > present {
            return Err(CountsError::Overflow { index });
        }
        Ok(Self { cells, present: present as u64, missing, nonfinite })
    }

    /// Counts that fit by construction: 32-bit ones.
    pub(crate) fn from_u32(cells: Vec<u64>, missing: u64, nonfinite: u64) -> Self {
        Self { present: cells.iter().sum(), cells, missing, nonfinite }
    }

    /// Rows per cell: as [`crate::FeatureProfile::cells`] describes them.
    #[must_use]
    pub fn cells(&self) -> &[u64] {
        &self.cells
    }

    /// Rows with a value.
    #[must_use]
    pub const fn present(&self) -> u64 {
        self.present
    }

    /// Rows without a value.
    #[must_use]
    pub const fn missing(&self) -> u64 {
        self.missing
    }

    /// Rows with an infinite value; they are among [`Self::present`].
    #[must_use]
    pub const fn nonfinite(&self) -> u64 {
        self.nonfinite
    }

    /// All rows, with a value or without.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.present + self.missing
    }

    fn contains(&self, other: &Self) -> bool {
        self.missing >= other.missing
            && self.nonfinite >= other.nonfinite
            && self.cells.iter().zip(&other.cells).all(|(mine, theirs)| mine >= theirs)
    }

    fn each(&mut self, other: &Self, combine: impl Fn(u64, u64) -> u64) {
        self.present = combine(self.present, other.present);
        self.missing = combine(self.missing, other.missing);
        self.nonfinite = combine(self.nonfinite, other.nonfinite);
        for (mine, &theirs) in self.cells.iter_mut().zip(&other.cells) {
            *mine = combine(*mine, theirs);
        }
    }
}
