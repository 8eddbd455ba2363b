//! The process's ONNX Runtime.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;

use crate::OnnxError;

/// ONNX Runtime, loaded. Cheap to clone; it stays for the life of the process.
#[derive(Clone, Debug)]
pub struct Runtime {
    pub(crate) environment: Environment,
}

/// ort allows one environment a process, and drops it with its last handle: this one is kept.
static LOADED: Mutex<Option<(PathBuf, Runtime)>> = Mutex::new(None);

impl Runtime {
    /// Loads the shared library at `path`, or gives the one that was loaded from there before.
    ///
    /// # Errors
    /// [`OnnxError::Library`] when it does not load; [`OnnxError::AnotherLibrary`] when the process has loaded
    /// another one.
    pub fn load(path: &Path) -> Result<Self, OnnxError> {
        let failed = |source| OnnxError::Library { path: path.to_owned(), source };
        let real = path.canonicalize().map_err(|error| failed(error.into()))?;
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((loaded, runtime)) = &*loaded {
            return if *loaded == real {
                Ok(runtime.clone())
            } else {
                Err(OnnxError::AnotherLibrary { loaded: loaded.clone(), asked: path.to_owned() })
            };
        }
        let builder = ort::init_from(&real).map_err(|error| failed(error.to_string().into()))?;
        let environment = builder
            .with_name("tidegate")
            .with_telemetry(false)
            .build()
            .map_err(|error| failed(error.into()))?;
        let runtime = Self { environment };
        *loaded = Some((real, runtime.clone()));
        Ok(runtime)
    }
}
