//! Counting live values: one increment a value, one writer, any number of readers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use half::f16;

use crate::lookup::{CategoryTable, PointTable};
use crate::{Counts, CountsError, FeatureCounts, Kind, ReferenceProfile, Value};

/// Counters of every feature of a profile.
///
/// One thread writes, with plain loads and stores and no read-modify-write; others may read at any time. A writer must
/// be quiet while [`Self::drain_into`] runs. A cell holds up to 2^32 - 1 between two drains and wraps after that.
#[derive(Debug)]
pub struct Counters {
    features: Vec<FeatureCounters>,
}

#[derive(Debug)]
struct FeatureCounters {
    name: String,
    table: Table,
    /// The feature's cells, then missing, then nonfinite.
    cells: Box<[AtomicU32]>,
}

#[derive(Debug)]
enum Table {
    Numeric(Arc<PointTable>),
    Categorical(Arc<CategoryTable>),
}

impl Counters {
    /// Counters of the profile's features, all zero.
    #[must_use]
    pub fn new(profile: &ReferenceProfile) -> Self {
        let features = profile.features().iter().map(|feature| {
            let table = match &feature.kind {
                Kind::Numeric(numeric) => Table::Numeric(Arc::clone(numeric.table())),
                Kind::Categorical(categorical) => Table::Categorical(Arc::clone(categorical.table())),
            };
            let cells = (0..feature.cells() + 2).map(|_| AtomicU32::new(0)).collect();
            FeatureCounters { name: feature.name.clone(), table, cells }
        });
        Self { features: features.collect() }
    }

    /// Bytes of all cells of one `Counters` of this profile; computed without making one.
    #[must_use]
    pub fn cell_bytes(profile: &ReferenceProfile) -> usize {
        profile.features().iter().map(|feature| (feature.cells() + 2) * size_of::<AtomicU32>()).sum()
    }

    /// Counts `values[offset]`, `values[offset + stride]`, … for a numeric feature: one column of a row-major tensor.
    ///
    /// # Errors
    /// When there is no such feature, it is categorical, or the stride is 0.
    pub fn count<T: Value>(
        &self,
        feature: usize,
        values: &[T],
        offset: usize,
        stride: usize,
    ) -> Result<(), CountsError> {
        self.count_column(feature, values, offset, stride, Value::to_f64)
    }

    /// Counts half-precision numbers, given as their bits, as [`Self::count`] does.
    ///
    /// # Errors
    /// As [`Self::count`].
    pub fn count_f16(
        &self,
        feature: usize,
        bits: &[u16],
        offset: usize,
        stride: usize,
    ) -> Result<(), CountsError> {
        self.count_column(feature, bits, offset, stride, |bits| f16::from_bits(bits).to_f64())
    }

    /// Counts strings for a categorical feature; a string equal to `missing` is a missing value.
    ///
    /// # Errors
    /// When there is no such feature or it is numeric.
    pub fn count_bytes<'a>(
        &self,
        feature: usize,
        values: impl IntoIterator<Item = &'a [u8]>,
        missing: Option<&[u8]>,
    ) -> Result<(), CountsError> {
        let counters = self.feature(feature)?;
        let Table::Categorical(table) = &counters.table else {
            return Err(counters.kind_error("categorical"));
        };
        for value in values {
            let cell = if Some(value) == missing { counters.missing() } else { table.cell(value) };
            counters.increment(cell);
        }
        Ok(())
    }

    /// Adds everything counted to `counts` and sets the cells to zero. The writer must be quiet.
    ///
    /// # Errors
    /// When `counts` belong to another profile or are close to 2^62 rows; nothing is added or zeroed then.
    pub fn drain_into(&self, counts: &mut Counts) -> Result<(), CountsError> {
        let shape: Vec<usize> = self.features.iter().map(FeatureCounters::missing).collect();
        counts.take(&shape, |feature, position| {
            let cell = &self.features[feature].cells[position];
            let count = cell.load(Relaxed);
            if count > 0 {
                cell.store(0, Relaxed);
            }
            count
        })
    }

    /// What is counted now. May be read while the writer counts.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts::from_features(self.features.iter().map(FeatureCounters::counts).collect())
    }

    #[inline]
    fn count_column<T: Copy>(
        &self,
        feature: usize,
        values: &[T],
        offset: usize,
        stride: usize,
        number: impl Fn(T) -> f64,
    ) -> Result<(), CountsError> {
        if stride == 0 {
            return Err(CountsError::Stride);
        }
        let counters = self.feature(feature)?;
        let Table::Numeric(table) = &counters.table else {
            return Err(counters.kind_error("numeric"));
        };
        let column = values.get(offset..).unwrap_or_default().iter().step_by(stride);
        table.each(column.map(|&value| number(value)), |value, cell| counters.count_number(value, cell));
        Ok(())
    }

    fn feature(&self, index: usize) -> Result<&FeatureCounters, CountsError> {
        self.features.get(index).ok_or(CountsError::NoSuchFeature { index, features: self.features.len() })
    }
}

impl FeatureCounters {
    #[inline]
    fn count_number(&self, value: f64, cell: Option<usize>) {
        self.increment(cell.unwrap_or(self.missing()));
        if value.is_infinite() {
            self.increment(self.missing() + 1);
        }
    }

    #[inline]
    fn increment(&self, cell: usize) {
        if let Some(cell) = self.cells.get(cell) {
            cell.store(cell.load(Relaxed).wrapping_add(1), Relaxed);
        }
    }

    /// Position of the missing count, which is also the number of the feature's own cells.
    fn missing(&self) -> usize {
        self.cells.len() - 2
    }

    fn counts(&self) -> FeatureCounts {
        let mut cells: Vec<u64> = self.cells.iter().map(|cell| u64::from(cell.load(Relaxed))).collect();
        let nonfinite = cells.pop().unwrap_or_default();
        let missing = cells.pop().unwrap_or_default();
        FeatureCounts::from_u32(cells, missing, nonfinite)
    }

    #[cold]
    fn kind_error(&self, got: &'static str) -> CountsError {
        let expected = match self.table {
            Table::Numeric(_) => "numeric",
            Table::Categorical(_) => "categorical",
        };
        CountsError::Kind { feature: self.name.clone(), expected, got }
    }
}
