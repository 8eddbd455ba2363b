//! SIGTERM and SIGINT ask the server to drain, a second one ends it at once, SIGHUP does nothing; Python's handlers come
//! back afterwards.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyTuple};
use tidegate_server::Stopper;

const NAMES: [&str; 3] = ["SIGTERM", "SIGINT", "SIGHUP"];
/// The exit code of a process that did not wait for its requests.
const CUT: i32 = 1;

/// Handlers in place of Python's own, until [`Handlers::restore`].
pub(crate) struct Handlers<'py> {
    signal: Bound<'py, PyModule>,
    before: Vec<Bound<'py, PyAny>>,
}

impl<'py> Handlers<'py> {
    /// Lets both signals stop the server. Python runs handlers on its main thread, and only there lets them be set.
    pub(crate) fn install(py: Python<'py>, stopper: &Stopper) -> PyResult<Self> {
        let signal = py.import("signal")?;
        let stopper = stopper.clone();
        let asked = AtomicBool::new(false);
        let stop = move |_: &Bound<'_, PyTuple>, _: Option<&Bound<'_, PyDict>>| {
            if asked.swap(true, Ordering::AcqRel) {
                std::process::exit(CUT);
            }
            stopper.stop();
        };
        let handler = PyCFunction::new_closure(py, Some(c"drain"), None, stop)?.into_any();
        let ignore = signal.getattr("SIG_IGN")?;
        let set = |name| {
            let wanted = if name == "SIGHUP" { &ignore } else { &handler };
            signal.call_method1("signal", (signal.getattr(name)?, wanted))
        };
        let before = NAMES.into_iter().map(set).collect::<PyResult<_>>()?;
        Ok(Self { signal, before })
    }

    /// Puts back what was there. A handler that was not set from Python reads as None and stays replaced.
    pub(crate) fn restore(self) -> PyResult<()> {
        for (name, before) in NAMES.into_iter().zip(self.before) {
            if !before.is_none() {
                self.signal.call_method1("signal", (self.signal.getattr(name)?, before))?;
            }
        }
        Ok(())
    }
}
