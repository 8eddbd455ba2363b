//! `Counters`: live values counted against a profile.

use numpy::{PyArray1, ToPyArray};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use tidegate_drift::{self as drift, Counts, FeatureCounts, FeatureProfile, VariantCounts, counts_ipc};
use tidegate_model::BytesColumn;

use crate::argument::ArgumentError;
use crate::counted::Counted;
use crate::error::raise;
use crate::feature::{position, with_numbers};
use crate::gil::detached;
use crate::profile::ReferenceProfile;
use crate::{arrays, statistics};

/// Counts of live values, feature by feature.
#[pyclass(frozen, module = "tidegate._native")]
pub(crate) struct Counters {
    counted: Counted,
}

#[pymethods]
impl Counters {
    #[new]
    fn new(profile: &Bound<'_, ReferenceProfile>) -> Self {
        Self { counted: Counted::new(&profile.get().profile) }
    }

    /// The counts of a variant, read from the scoring process's Arrow IPC stream.
    #[staticmethod]
    #[pyo3(signature = (profile, data, variant, shadow = None))]
    fn from_ipc(
        py: Python<'_>,
        profile: &Bound<'_, ReferenceProfile>,
        data: &[u8],
        variant: &str,
        shadow: Option<bool>,
    ) -> PyResult<Self> {
        let variants = detached(py, || counts_ipc::decode(data))?;
        let same = |found: &&VariantCounts| {
            found.variant == variant && shadow.is_none_or(|shadow| found.shadow == shadow)
        };
        if !variants.iter().any(|found| same(&found)) {
            let found: Vec<_> = variants.iter().map(|counts| counts.variant.as_str()).collect();
            let (variant, found) = (variant.to_owned(), found.join(", "));
            return Err(raise(py, &ArgumentError::UnknownVariant { variant, found }));
        }
        let counted = Counted::new(&profile.get().profile);
        detached(py, || variants.iter().filter(same).try_for_each(|found| counted.add_variant(found)))?;
        Ok(Self { counted })
    }

    /// These counts as the scoring process writes them: an Arrow IPC stream of one variant.
    #[pyo3(signature = (variant, version, shadow = false))]
    fn to_ipc<'py>(
        &self,
        py: Python<'py>,
        variant: &str,
        version: &str,
        shadow: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let profile = &self.counted.profile;
        let counts = detached(py, || self.counted.counts())?;
        let encode =
            || counts_ipc::encode(&[VariantCounts::new(variant, version, shadow, profile, &counts)?]);
        Ok(PyBytes::new(py, &detached(py, encode)?))
    }

    /// Counts an array of numbers; NaN is missing.
    #[pyo3(signature = (name, values, role = "input"))]
    fn numeric(&self, py: Python<'_>, name: &str, values: &Bound<'_, PyAny>, role: &str) -> PyResult<()> {
        let index = position(py, &self.counted.profile, name, role)?;
        let data = arrays::numbers(name, values)?;
        let count = |fresh: &drift::Counters| with_numbers!(&data, values => fresh.count(index, values, 0, 1), Ok(()));
        detached(py, || self.counted.count(count))
    }

    /// Counts str or bytes; None is missing.
    #[pyo3(signature = (name, values, role = "input"))]
    fn categorical(&self, py: Python<'_>, name: &str, values: &Bound<'_, PyAny>, role: &str) -> PyResult<()> {
        let index = position(py, &self.counted.profile, name, role)?;
        let (mut column, mut missing) = (BytesColumn::with_capacity(0, 0), 0);
        for (at, value) in values.try_iter()?.enumerate() {
            match arrays::text(name, at, &value?)? {
                Some(bytes) => column.push(&bytes),
                None => missing += 1,
            }
        }
        let count = |fresh: &drift::Counters| {
            fresh.count_bytes(index, column.iter(), None)?;
            // Against itself, so that each is a missing value.
            fresh.count_bytes(index, std::iter::repeat_n(&b""[..], missing), Some(b""))
        };
        detached(py, || self.counted.count(count))
    }

    /// Adds the other's counts.
    fn add(&self, py: Python<'_>, other: &Bound<'_, Self>) -> PyResult<()> {
        let other = &other.get().counted;
        let theirs = detached(py, || other.counts())?;
        detached(py, || self.counted.combine(Counts::add, &theirs))
    }

    /// Takes away the other's counts, which must be part of these.
    fn subtract(&self, py: Python<'_>, other: &Bound<'_, Self>) -> PyResult<()> {
        let other = &other.get().counted;
        let theirs = detached(py, || other.counts())?;
        detached(py, || self.counted.combine(Counts::subtract, &theirs))
    }

    /// Rows counted, with a value or without.
    #[pyo3(signature = (name, role = "input"))]
    fn rows(&self, py: Python<'_>, name: &str, role: &str) -> PyResult<u64> {
        self.of(py, name, role, |_, counts| counts.rows())
    }

    /// Rows without a value.
    #[pyo3(signature = (name, role = "input"))]
    fn missing(&self, py: Python<'_>, name: &str, role: &str) -> PyResult<u64> {
        self.of(py, name, role, |_, counts| counts.missing())
    }

    /// Rows with an infinite value.
    #[pyo3(signature = (name, role = "input"))]
    fn nonfinite(&self, py: Python<'_>, name: &str, role: &str) -> PyResult<u64> {
        self.of(py, name, role, |_, counts| counts.nonfinite())
    }

    /// Rows per cell.
    #[pyo3(signature = (name, role = "input"))]
    fn cells<'py>(&self, py: Python<'py>, name: &str, role: &str) -> PyResult<Bound<'py, PyArray1<u64>>> {
        self.of(py, name, role, |_, counts| counts.cells().to_pyarray(py))
    }

    /// Rows per PSI bin: of the reference, and live.
    #[pyo3(signature = (name, role = "input"))]
    #[expect(clippy::type_complexity, reason = "a pair of arrays")]
    fn bins<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        role: &str,
    ) -> PyResult<(Bound<'py, PyArray1<u64>>, Bound<'py, PyArray1<u64>>)> {
        self.of(py, name, role, |feature, counts| {
            (feature.reference_bins().to_pyarray(py), feature.bins(counts.cells()).to_pyarray(py))
        })
    }

    /// PSI and KS of every feature, one dict each.
    #[pyo3(signature = (alpha = 0.05))]
    fn statistics<'py>(&self, py: Python<'py>, alpha: f64) -> PyResult<Bound<'py, PyList>> {
        let counts = detached(py, || self.counted.counts())?;
        statistics::of(py, &self.counted.profile, &counts, alpha)
    }
}

impl Counters {
    fn of<T>(
        &self,
        py: Python<'_>,
        name: &str,
        role: &str,
        read: impl FnOnce(&FeatureProfile, &FeatureCounts) -> T,
    ) -> PyResult<T> {
        let index = position(py, &self.counted.profile, name, role)?;
        let counts = detached(py, || self.counted.counts())?;
        Ok(read(&self.counted.profile.features()[index], &counts.features()[index]))
    }
}
