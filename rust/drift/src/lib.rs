//! Reference profiles, counters, PSI, KS and drift alarms. Pure: no I/O, no clock, no randomness.
//!
//! A [`ReferenceProfile`] says what the training data looked like, feature by feature. [`Counters`] count live values
//! against it, one increment a value, by a single writer. [`Counts`] are their sums: plain integers that add up over
//! threads, machines and time. [`psi`] and [`ks`] are pure functions of a feature and its counts;
//! [`scan`] watches a stream of them pane by pane, with a bound on false alarms.
//!
//! ```
//! use tidegate_drift::{Counters, FeatureProfile, Kind, NumericProfile, ReferenceProfile, Role, Smoothing, ks, psi};
//!
//! let training: Vec<f64> = (0..1000).map(|i| f64::from(i) / 1000.0).collect();
//! let numeric = NumericProfile::fit(&training)?;
//! let feature = FeatureProfile { name: "distance".into(), role: Role::Input, kind: Kind::Numeric(numeric.clone()) };
//! let profile = ReferenceProfile::new(vec![feature])?;
//!
//! let counters = Counters::new(&profile);
//! counters.count(0, &[0.9_f32, 0.95, 0.99, f32::NAN], 0, 1)?;
//!
//! let counts = counters.counts();
//! let counts = &counts.features()[0];
//! assert_eq!((counts.present(), counts.missing()), (3, 1));
//! assert!(ks(&numeric, counts)?.d > Some(0.89));
//! let drift = psi(&numeric.reference_bins(), &numeric.bins(counts.cells()), Smoothing::Jeffreys);
//! assert_eq!((drift.bins, drift.live_rows), (5, 3));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod categorical;
mod counters;
mod counts;
mod design;
mod distribution;
mod error;
mod evidence;
mod feature;
mod fit;
mod ipc;
mod kernel;
mod ks;
mod lookup;
mod numeric;
mod profile;
mod psi;
mod reason;
mod scan;
mod value;

pub use categorical::CategoricalProfile;
pub use counters::Counters;
pub use counts::{Counts, FeatureCounts};
pub use design::{LARGEST_DESIGN_EFFECT, LEAST_PANES, design_effect};
pub use distribution::{chi2_isf, chi2_sf, kolmogorov_isf, kolmogorov_sf};
pub use error::{CountsError, ProfileError};
pub use evidence::{Evidence, Urn};
pub use feature::{FeatureProfile, Kind, Role};
pub use fit::FitOptions;
pub use ipc::counts::{self as counts_ipc, VariantCounts};
pub use kernel::{ln_rising, ln_sum_exp};
pub use ks::{Ks, Side, exact_p_value, ks};
pub use numeric::{Mode, NumericProfile};
pub use profile::ReferenceProfile;
pub use psi::{Magnitude, Psi, Smoothing, psi};
pub use reason::Reason;
pub use scan::{Check, LN_WARN, Level, WINDOWS, ln_alarm, scan};
pub use value::Value;
