//! Reference profiles, counters, PSI and KS. Pure: no I/O, no clock, no randomness.
//!
//! A [`ReferenceProfile`] says what the training data looked like, feature by feature. [`Counters`] count live values
//! against it, one increment a value, by a single writer. [`Counts`] are their sums: plain integers that add up over
//! threads, machines and time. [`psi`] and [`ks`] are pure functions of a feature and its counts.

mod categorical;
mod counters;
mod counts;
mod distribution;
mod error;
mod feature;
mod ipc;
mod ks;
mod lookup;
mod numeric;
mod profile;
mod psi;
mod reason;
mod value;

pub use categorical::CategoricalProfile;
pub use counters::Counters;
pub use counts::{Counts, FeatureCounts};
pub use distribution::{chi2_isf, chi2_sf, kolmogorov_isf, kolmogorov_sf};
pub use error::{CountsError, ProfileError};
pub use feature::{FeatureProfile, Kind, Role};
pub use ipc::counts::{self as counts_ipc, VariantCounts};
pub use ks::{Ks, Side, exact_p_value, ks};
pub use numeric::{FitOptions, Mode, NumericProfile};
pub use profile::ReferenceProfile;
pub use psi::{Magnitude, Psi, Smoothing, psi};
pub use reason::Reason;
pub use value::Value;
