//! The extension module `tidegate._native`: convert, release the GIL, call, map the error.

mod alarms;
mod argument;
mod arrays;
mod builder;
mod counted;
mod counters;
mod error;
mod feature;
mod forked;
mod gil;
mod loader;
mod local;
mod offline;
mod prediction;
mod profile;
mod recovery;
mod scorer;
mod serve;
mod settings;
mod signals;
mod statistics;
mod traffic;

/// Tidegate's native half; `_native.pyi` documents it.
#[pyo3::pymodule]
mod _native {
    #[pymodule_export]
    use crate::alarms::{alarm_level, design_effect, ln_alarm, scan};
    #[pymodule_export]
    use crate::builder::ProfileBuilder;
    #[pymodule_export]
    use crate::counters::Counters;
    #[pymodule_export]
    use crate::local::Engine;
    #[pymodule_export]
    use crate::offline::OfflineScorer;
    #[pymodule_export]
    use crate::prediction::Prediction;
    #[pymodule_export]
    use crate::profile::ReferenceProfile;
    #[pymodule_export]
    use crate::recovery::recover;
    #[pymodule_export]
    use crate::scorer::{Scorer, endless_loop};
    #[pymodule_export]
    use crate::serve::serve;
    #[pymodule_export]
    use crate::statistics::psi;
    #[pymodule_export]
    use crate::traffic::{assign, ranges, reassign};
}
