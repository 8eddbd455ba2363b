//! The reference of an unordered feature: its dictionary of categories.

use std::collections::HashMap;
use std::sync::Arc;

use crate::ProfileError;
use crate::lookup::CategoryTable;
use crate::numeric::MAX_ROWS;

/// Rows below which a category has no bin of its own.
const MIN_ROWS: u64 = 20;
/// Most own bins; the rest of the categories are rare.
const MAX_CATEGORIES: usize = 200;

/// Own categories with their counts, the rare ones pooled. Bytes compare exactly; the empty string is a category.
#[derive(Clone, Debug)]
pub struct CategoricalProfile {
    categories: Vec<Box<[u8]>>,
    counts: Vec<u64>,
    rare: Vec<Box<[u8]>>,
    rare_count: u64,
    missing: u64,
    table: Arc<CategoryTable>,
}

impl CategoricalProfile {
    /// The dictionary of `values`, `None` being missing. Categories of at least 20 rows get their own bin, at most 200
    /// of them, the most frequent first (ties in byte order); the others are remembered as rare.
    ///
    /// # Errors
    /// When there is no value at all.
    pub fn fit<'a>(values: impl IntoIterator<Item = Option<&'a [u8]>>) -> Result<Self, ProfileError> {
        let mut missing = 0;
        let mut tally: HashMap<&[u8], u64> = HashMap::new();
        for value in values {
            match value {
                Some(value) => *tally.entry(value).or_default() += 1,
                None => missing += 1,
            }
        }
        let mut tally: Vec<(&[u8], u64)> = tally.into_iter().collect();
        tally.sort_unstable_by(|(a, n), (b, m)| m.cmp(n).then(a.cmp(b)));
        let own = tally.iter().take(MAX_CATEGORIES).take_while(|(_, count)| *count >= MIN_ROWS).count();
        let rare_count = tally[own..].iter().map(|(_, count)| count).sum();
        let mut rare: Vec<Box<[u8]>> = tally[own..].iter().map(|&(value, _)| value.into()).collect();
        rare.sort_unstable();
        let (categories, counts) = tally[..own].iter().map(|&(value, count)| (value.into(), count)).unzip();
        Self::from_parts(categories, counts, rare, rare_count, missing)
    }

    /// A profile from its parts, as [`Self::fit`] would make them.
    ///
    /// # Errors
    /// When lengths differ, a category stands twice or has no row, or the rare categories have fewer rows than members.
    pub(crate) fn from_parts(
        categories: Vec<Box<[u8]>>,
        counts: Vec<u64>,
        rare: Vec<Box<[u8]>>,
        rare_count: u64,
        missing: u64,
    ) -> Result<Self, ProfileError> {
        let problem = |problem: &str| Err(ProfileError::Format { problem: problem.to_owned() });
        if categories.len() != counts.len() {
            return problem("categories and counts: expected equal lengths");
        }
        if counts.contains(&0) || rare_count < rare.len() as u64 || (rare.is_empty() && rare_count > 0) {
            return problem("counts: expected at least 1 for each category");
        }
        let rows = counts.iter().chain([&rare_count, &missing]).map(|&count| u128::from(count)).sum::<u128>();
        if rows == 0 {
            return Err(ProfileError::NoRows);
        }
        if rows > u128::from(MAX_ROWS) {
            return Err(ProfileError::TooManyRows);
        }
        let Some(table) = CategoryTable::new(&categories, &rare) else {
            return problem("categories: expected each only once");
        };
        Ok(Self { categories, counts, rare, rare_count, missing, table: Arc::new(table) })
    }

    /// Categories with a bin of their own, the most frequent first.
    #[must_use]
    pub fn categories(&self) -> &[Box<[u8]>] {
        &self.categories
    }

    /// Reference rows of each own category.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Categories without a bin of their own, in byte order.
    #[must_use]
    pub fn rare(&self) -> &[Box<[u8]>] {
        &self.rare
    }

    /// Reference rows of all rare categories together.
    #[must_use]
    pub const fn rare_count(&self) -> u64 {
        self.rare_count
    }

    /// Reference rows without a value.
    #[must_use]
    pub const fn missing(&self) -> u64 {
        self.missing
    }

    /// Reference rows with a value.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.counts.iter().sum::<u64>() + self.rare_count
    }

    /// Cells: own categories, then rare, then unseen.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.categories.len() + 2
    }

    /// Reference rows per bin, which are the cells; the unseen bin has none.
    #[must_use]
    pub fn reference_bins(&self) -> Vec<u64> {
        self.counts.iter().copied().chain([self.rare_count, 0]).collect()
    }

    /// The cell of a value: its category, else the rare cell, else the unseen one.
    #[must_use]
    pub fn cell(&self, value: &[u8]) -> usize {
        self.table.cell(value)
    }

    pub(crate) const fn table(&self) -> &Arc<CategoryTable> {
        &self.table
    }
}

impl PartialEq for CategoricalProfile {
    fn eq(&self, other: &Self) -> bool {
        self.categories == other.categories
            && self.counts == other.counts
            && self.rare == other.rare
            && self.rare_count == other.rare_count
            && self.missing == other.missing
    }
}
