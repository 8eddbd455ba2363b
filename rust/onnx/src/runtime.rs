//! The process's ONNX Runtime.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;

use crate::OnnxError;
use crate::ffi::marks;

/// ONNX Runtime, loaded. Cheap to clone; it stays for the life of the process.
#[derive(Clone, Debug)]
pub struct Runtime {
    pub(crate) environment: Environment,
}

/// The library that this process has loaded.
struct Library {
    /// As it was asked for first: a confined process can't look at paths any more.
    asked: PathBuf,
    /// Where it lies.
    real: PathBuf,
    runtime: Runtime,
}

/// ort allows one environment a process, and drops it with its last handle: this one is kept.
static LOADED: Mutex<Option<Library>> = Mutex::new(None);

impl Runtime {
    /// Keeps in a new file at `path`, from now on, which model each thread of this process runs, and in which thread a
    /// fatal signal arose: what is left to read when the process has died.
    ///
    /// # Errors
    /// The file can't be made or mapped; then nothing is kept.
    pub fn mark_runs(&self, path: &Path) -> std::io::Result<()> {
        marks::arm(path)
    }

    /// Loads the shared library at `path`, or gives the one that was loaded from there before.
    ///
    /// # Errors
    /// [`OnnxError::Library`] when it does not load; [`OnnxError::AnotherLibrary`] when the process has loaded
    /// another one.
    pub fn load(path: &Path) -> Result<Self, OnnxError> {
        let failed = |source| OnnxError::Library { path: path.to_owned(), source };
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(library) = loaded.as_ref().filter(|library| library.asked == path) {
            return Ok(library.runtime.clone());
        }
        let real = path.canonicalize().map_err(|error| failed(error.into()))?;
        if let Some(library) = &*loaded {
            return if library.real == real {
                Ok(library.runtime.clone())
            } else {
                Err(OnnxError::AnotherLibrary { loaded: library.real.clone(), asked: path.to_owned() })
            };
        }
        let builder = ort::init_from(&real).map_err(|error| failed(error.to_string().into()))?;
        let environment = builder
            .with_name("tidegate")
            .with_telemetry(false)
            .build()
            .map_err(|error| failed(error.into()))?;
        let runtime = Self { environment };
        *loaded = Some(Library { asked: path.to_owned(), real, runtime: runtime.clone() });
        Ok(runtime)
    }
}
