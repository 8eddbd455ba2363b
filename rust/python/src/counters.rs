//! `Counters`: live values counted against a profile.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use numpy::{PyArray1, ToPyArray};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use tidegate_drift as drift;
use tidegate_drift::{Counts, CountsError, FeatureCounts, FeatureProfile, VariantCounts, counts_ipc};
use tidegate_model::BytesColumn;

use crate::argument::ArgumentError;
use crate::error::raise;
use crate::feature::{position, with_numbers};
use crate::gil::detached;
use crate::profile::ReferenceProfile;
use crate::{arrays, statistics};

/// Counts of live values, feature by feature.
#[pyclass(frozen, module = "tidegate._native")]
pub(crate) struct Counters {
    profile: Arc<drift::ReferenceProfile>,
    state: Mutex<State>,
}

struct State {
    /// What was counted since the last reading.
    fresh: drift::Counters,
    counts: Counts,
}

#[pymethods]
impl Counters {
    #[new]
    fn new(profile: &Bound<'_, ReferenceProfile>) -> Self {
        let profile = Arc::clone(&profile.get().profile);
        let counts = Counts::zero(&profile);
        Self::with(profile, counts)
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
        let profile = Arc::clone(&profile.get().profile);
        let variants = detached(py, || counts_ipc::decode(data))?;
        let mut found = variants.iter().filter(|counts| counts.variant == variant);
        let mut found =
            found.by_ref().filter(|counts| shadow.is_none_or(|shadow| counts.shadow == shadow)).peekable();
        if found.peek().is_none() {
            let found: Vec<_> = variants.iter().map(|counts| counts.variant.as_str()).collect();
            let (variant, found) = (variant.to_owned(), found.join(", "));
            return Err(raise(py, &ArgumentError::UnknownVariant { variant, found }));
        }
        let mut counts = Counts::zero(&profile);
        found
            .try_for_each(|variant| counts.add(&variant.counts(&profile)?))
            .map_err(|error: CountsError| raise(py, &error))?;
        Ok(Self::with(profile, counts))
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
        let counts = self.counts(py)?;
        let encode =
            || counts_ipc::encode(&[VariantCounts::new(variant, version, shadow, &self.profile, &counts)?]);
        Ok(PyBytes::new(py, &detached(py, encode)?))
    }

    /// Counts an array of numbers; NaN is missing.
    #[pyo3(signature = (name, values, role = "input"))]
    fn numeric(&self, py: Python<'_>, name: &str, values: &Bound<'_, PyAny>, role: &str) -> PyResult<()> {
        let index = position(py, &self.profile, name, role)?;
        let data = arrays::numbers(name, values)?;
        detached(py, || {
            let state = self.state();
            with_numbers!(&data, values => state.fresh.count(index, values, 0, 1), Ok(()))
        })
    }

    /// Counts str or bytes; None is missing.
    #[pyo3(signature = (name, values, role = "input"))]
    fn categorical(&self, py: Python<'_>, name: &str, values: &Bound<'_, PyAny>, role: &str) -> PyResult<()> {
        let index = position(py, &self.profile, name, role)?;
        let (mut column, mut missing) = (BytesColumn::with_capacity(0, 0), 0);
        for (at, value) in values.try_iter()?.enumerate() {
            match arrays::text(name, at, &value?)? {
                Some(bytes) => column.push(&bytes),
                None => missing += 1,
            }
        }
        detached(py, || {
            let state = self.state();
            state.fresh.count_bytes(index, column.iter(), None)?;
            // Against itself, so that each is a missing value.
            state.fresh.count_bytes(index, std::iter::repeat_n(&b""[..], missing), Some(b""))
        })
    }

    /// Adds the other's counts.
    fn add(&self, py: Python<'_>, other: &Bound<'_, Self>) -> PyResult<()> {
        self.combine(py, other, Counts::add)
    }

    /// Takes away the other's counts, which must be part of these.
    fn subtract(&self, py: Python<'_>, other: &Bound<'_, Self>) -> PyResult<()> {
        self.combine(py, other, Counts::subtract)
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
        let counts = self.counts(py)?;
        statistics::of(py, &self.profile, &counts, alpha)
    }
}

impl Counters {
    fn with(profile: Arc<drift::ReferenceProfile>, counts: Counts) -> Self {
        let fresh = drift::Counters::new(&profile);
        Self { profile, state: Mutex::new(State { fresh, counts }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state with everything fresh added to the counts.
    fn settled(&self, py: Python<'_>) -> PyResult<MutexGuard<'_, State>> {
        let mut state = self.state();
        let State { fresh, counts } = &mut *state;
        fresh.drain_into(counts).map_err(|error| raise(py, &error))?;
        Ok(state)
    }

    fn counts(&self, py: Python<'_>) -> PyResult<Counts> {
        Ok(self.settled(py)?.counts.clone())
    }

    fn combine(
        &self,
        py: Python<'_>,
        other: &Bound<'_, Self>,
        with: fn(&mut Counts, &Counts) -> Result<(), CountsError>,
    ) -> PyResult<()> {
        // A copy first: the other may be this one.
        let theirs = other.get().counts(py)?;
        with(&mut self.settled(py)?.counts, &theirs).map_err(|error| raise(py, &error))
    }

    fn of<T>(
        &self,
        py: Python<'_>,
        name: &str,
        role: &str,
        read: impl FnOnce(&FeatureProfile, &FeatureCounts) -> T,
    ) -> PyResult<T> {
        let index = position(py, &self.profile, name, role)?;
        let state = self.settled(py)?;
        Ok(read(&self.profile.features()[index], &state.counts.features()[index]))
    }
}
