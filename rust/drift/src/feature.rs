//! One feature of a reference profile.

use crate::{CategoricalProfile, Mode, NumericProfile, Urn};

/// Where a feature's values come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// A column that the model reads.
    Input,
    /// The score that the model gives.
    Score,
}

impl Role {
    /// `input` or `score`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Score => "score",
        }
    }

    /// The role of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Input, Self::Score].into_iter().find(|role| role.name() == name)
    }
}

/// What the reference says about a feature.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Ordered values.
    Numeric(NumericProfile),
    /// Unordered values.
    Categorical(CategoricalProfile),
}

impl Kind {
    /// `numeric` or `categorical`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Numeric(_) => "numeric",
            Self::Categorical(_) => "categorical",
        }
    }
}

/// One feature: its name, its role and its reference.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureProfile {
    /// Name of the column or of the score.
    pub name: String,
    /// Where its values come from.
    pub role: Role,
    /// What the reference says.
    pub kind: Kind,
}

impl FeatureProfile {
    /// Cells that live values are counted in: `2U + 1` for `U` reference points, or `k + 2` for `k` own categories
    /// (then rare, then unseen).
    #[must_use]
    pub fn cells(&self) -> usize {
        match &self.kind {
            Kind::Numeric(numeric) => numeric.cells(),
            Kind::Categorical(categorical) => categorical.cells(),
        }
    }

    /// Reference rows with a value.
    #[must_use]
    pub fn reference_rows(&self) -> u64 {
        match &self.kind {
            Kind::Numeric(numeric) => numeric.rows(),
            Kind::Categorical(categorical) => categorical.rows(),
        }
    }

    /// Reference rows without a value.
    #[must_use]
    pub const fn reference_missing(&self) -> u64 {
        match &self.kind {
            Kind::Numeric(numeric) => numeric.missing(),
            Kind::Categorical(categorical) => categorical.missing(),
        }
    }

    /// Reference rows per PSI bin.
    #[must_use]
    pub fn reference_bins(&self) -> Vec<u64> {
        match &self.kind {
            Kind::Numeric(numeric) => numeric.reference_bins(),
            Kind::Categorical(categorical) => categorical.reference_bins(),
        }
    }

    /// Live rows per PSI bin, summed from this feature's cells; as many as [`Self::reference_bins`].
    #[must_use]
    pub fn bins(&self, cells: &[u64]) -> Vec<u64> {
        match &self.kind {
            Kind::Numeric(numeric) => numeric.bins(cells),
            Kind::Categorical(_) => cells.to_vec(),
        }
    }

    /// The urn that judges its values: gaps for quantile bins whose every edge is one reference row's value, else counts.
    #[must_use]
    pub fn urn(&self) -> Urn {
        let Kind::Numeric(numeric) = &self.kind else { return Urn::Count };
        let alone = |edge: &f64| {
            let point = numeric.points().partition_point(|point| point < edge);
            numeric.weights().get(point) == Some(&1)
        };
        let gaps = numeric.mode() == Mode::Quantile && numeric.edges().iter().all(alone);
        if gaps && !numeric.reference_bins().contains(&0) { Urn::Gap } else { Urn::Count }
    }
}
