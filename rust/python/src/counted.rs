//! Counts that grow: fresh ones from arrays, added up when they are read.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate_drift::{Counters, Counts, CountsError, ReferenceProfile, VariantCounts};

/// Counts of live values against a profile, shared by threads.
pub(crate) struct Counted {
    pub(crate) profile: Arc<ReferenceProfile>,
    state: Mutex<State>,
}

struct State {
    /// What was counted since the last reading.
    fresh: Counters,
    counts: Counts,
}

impl Counted {
    /// Nothing counted yet.
    pub(crate) fn new(profile: &Arc<ReferenceProfile>) -> Self {
        let state = State { fresh: Counters::new(profile), counts: Counts::zero(profile) };
        Self { profile: Arc::clone(profile), state: Mutex::new(state) }
    }

    /// Counts values; `count` says which.
    pub(crate) fn count(
        &self,
        count: impl FnOnce(&Counters) -> Result<(), CountsError>,
    ) -> Result<(), CountsError> {
        count(&self.lock().fresh)
    }

    /// All that was counted.
    pub(crate) fn counts(&self) -> Result<Counts, CountsError> {
        Ok(self.settled()?.counts.clone())
    }

    /// Adds counts, or takes them away.
    pub(crate) fn combine(
        &self,
        with: fn(&mut Counts, &Counts) -> Result<(), CountsError>,
        other: &Counts,
    ) -> Result<(), CountsError> {
        with(&mut self.settled()?.counts, other)
    }

    /// Adds the counts of a variant, whichever profile they were read with.
    pub(crate) fn add_variant(&self, variant: &VariantCounts) -> Result<(), CountsError> {
        self.combine(Counts::add, &variant.counts(&self.profile)?)
    }

    fn settled(&self) -> Result<MutexGuard<'_, State>, CountsError> {
        let mut state = self.lock();
        let State { fresh, counts } = &mut *state;
        fresh.drain_into(counts)?;
        Ok(state)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
