//! `Engine`: a home's deployment scored in this process, with routing, drift and the prediction log on.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, TryLockError};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};
use tidegate_engine::{self as live, Endpoint, EngineError, HeadersMet, ScoreRequest, SystemClock, Worker};
use tidegate_model::{Batch, BatchBuilder, Contract};
use tidegate_onnx::Runtime;
use tidegate_server::restore;

use crate::argument::ArgumentError;
use crate::arrays;
use crate::error::raise;
use crate::forked;
use crate::gil::detached;
use crate::loader::ModelLoader;
use crate::prediction::Prediction;
use crate::serve::ServeError;
use crate::settings::Settings;

/// Time to write what is accepted when an engine is closed.
const FLUSH: Duration = Duration::from_secs(10);
/// The engine whose models take about a microsecond a row.
const FAST: &str = "trees";
/// Rows that such a model scores in less time than others would need to get the GIL and give it back.
const FEW_ROWS: usize = 16;

/// The engine of a home, in this process.
#[pyclass(frozen, subclass, module = "tidegate._native")]
pub(crate) struct Engine {
    open: RwLock<Option<Open>>,
    home: PathBuf,
    principal: Arc<str>,
}

struct Open {
    // Before the engine: a worker gives its place back.
    workers: Box<[Mutex<Worker>]>,
    engine: Arc<live::Engine>,
}

#[pymethods]
impl Engine {
    #[new]
    fn new(py: Python<'_>, settings: &str) -> PyResult<Self> {
        forked::check(py)?;
        let settings = Settings::parse(settings).map_err(|error| raise(py, &ServeError::Settings(error)))?;
        let home = settings.server.home.clone();
        let open = detached(py, || Open::new(settings))?;
        Ok(Self { open: RwLock::new(Some(open)), home, principal: "local".into() })
    }

    /// Scores a batch.
    #[pyo3(signature = (endpoint, inputs, *, routing_key=None, version=None, event_time=None, id=None, headers=None))]
    #[expect(clippy::too_many_arguments, reason = "what a request may say besides its rows")]
    fn score(
        &self,
        py: Python<'_>,
        endpoint: &str,
        inputs: &Bound<'_, PyDict>,
        routing_key: Option<Key>,
        version: Option<String>,
        event_time: Option<i64>,
        id: Option<String>,
        headers: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Prediction> {
        forked::check(py)?;
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let open = open.as_ref().ok_or_else(|| raise(py, &EngineError::Stopped))?;
        let endpoint = open.endpoint(endpoint).map_err(|error| raise(py, &error))?;
        let batch = batch(&endpoint.contract, inputs)?;
        let request = ScoreRequest {
            routing_key: routing_key.map(Key::into_bytes),
            headers: headers.map_or(Ok(HeadersMet::default()), |headers| met(&endpoint, headers))?,
            pin_allowed: true,
            client_id: id,
            version,
            event_time,
            ..ScoreRequest::new(batch, Arc::clone(&self.principal))
        };
        let few = request.batch.rows <= FEW_ROWS;
        let scored = if few && endpoint.variants.iter().all(|variant| variant.loaded.runs_on == FAST) {
            open.submit(&endpoint, request).wait()
        } else {
            py.detach(|| open.submit(&endpoint, request).wait())
        };
        let response = scored.map_err(|error| raise(py, &error))?;
        Ok(Prediction { response, endpoint })
    }

    /// The contract of an endpoint, as JSON.
    fn contract(&self, py: Python<'_>, endpoint: &str) -> PyResult<String> {
        let endpoint = self.with(py, |open| open.endpoint(endpoint))?;
        Ok(serde_json::to_string(&endpoint.contract).unwrap_or_default())
    }

    /// What the engine is doing, as JSON.
    fn status(&self, py: Python<'_>) -> PyResult<String> {
        let status = self.with(py, |open| Ok(open.engine.status()))?;
        Ok(serde_json::to_string(&status).unwrap_or_default())
    }

    /// The drift counters of an endpoint (Arrow IPC).
    fn counts<'py>(&self, py: Python<'py>, endpoint: &str) -> PyResult<Bound<'py, PyBytes>> {
        self.with(py, |open| open.engine.counts_ipc(endpoint)).map(|bytes| PyBytes::new(py, &bytes))
    }

    /// Installs the newest deployment of the home, if it is newer; the generation that answers then.
    fn refresh(&self, py: Python<'_>) -> PyResult<u64> {
        self.with(py, |open| {
            restore(&self.home, &open.engine);
            Ok(open.engine.deployment().generation)
        })
    }

    /// Returns when everything scored so far is logged.
    fn flush(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, |open| open.engine.flush())
    }

    /// Writes what is accepted and gives the home back; whether all of it was written.
    fn close(&self, py: Python<'_>) -> PyResult<bool> {
        forked::check(py)?;
        Ok(py.detach(|| {
            let taken = self.open.write().unwrap_or_else(PoisonError::into_inner).take();
            taken.is_none_or(|open| {
                drop(open.workers);
                open.engine.shutdown(FLUSH).complete
            })
        }))
    }
}

impl Engine {
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(&Open) -> Result<T, EngineError> + Send,
    ) -> PyResult<T> {
        forked::check(py)?;
        detached(py, || {
            let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
            call(open.as_ref().ok_or(EngineError::Stopped)?)
        })
    }
}

impl Open {
    fn new(settings: Settings) -> Result<Self, ServeError> {
        let (home, workers) = (settings.server.home, settings.engine.workers);
        let loader = ModelLoader { runtime: Runtime::load(&settings.library)?, kernel: settings.kernel };
        let engine = live::Engine::start(settings.engine, Arc::new(loader), Arc::new(SystemClock))?;
        restore(&home, &engine);
        let workers = (0..workers).map(|index| engine.worker(index).map(Mutex::new));
        Ok(Self { workers: workers.collect::<Result<_, _>>()?, engine })
    }

    fn endpoint(&self, name: &str) -> Result<Arc<Endpoint>, EngineError> {
        let deployment = self.engine.deployment();
        deployment.endpoint(name).cloned().ok_or_else(|| EngineError::UnknownEndpoint {
            name: name.to_owned(),
            known: deployment.endpoints().iter().map(|endpoint| endpoint.name.clone()).collect(),
        })
    }

    fn submit(&self, endpoint: &Arc<Endpoint>, request: ScoreRequest) -> live::Submitted {
        self.worker().submit(endpoint, request)
    }

    /// A worker that nobody uses; the first one's when all are in use. Who holds one never waits for the GIL.
    fn worker(&self) -> MutexGuard<'_, Worker> {
        for worker in &self.workers {
            match worker.try_lock() {
                Ok(worker) => return worker,
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        self.workers[0].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A routing key: text, bytes, or an integer in its decimal form.
#[derive(FromPyObject)]
enum Key {
    Text(String),
    Bytes(Vec<u8>),
    Integer(i128),
}

impl Key {
    fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.into_bytes(),
            Self::Bytes(bytes) => bytes,
            Self::Integer(number) => number.to_string().into_bytes(),
        }
    }
}

/// The arrays of a request as a checked batch.
pub(crate) fn batch(contract: &Contract, inputs: &Bound<'_, PyDict>) -> PyResult<Batch> {
    let py = inputs.py();
    let mut builder = BatchBuilder::new(contract);
    for (position, (name, value)) in inputs.iter().enumerate() {
        let name = name.cast::<PyString>()?.to_str()?;
        let tensor = arrays::tensor(name, &value)?;
        builder.add(position, name, &tensor.shape, tensor.data).map_err(|error| raise(py, &error))?;
    }
    builder.finish().map_err(|error| raise(py, &error))
}

fn met(endpoint: &Endpoint, headers: &Bound<'_, PyDict>) -> PyResult<HeadersMet> {
    let read = |(name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>)| -> PyResult<(String, Vec<u8>)> {
        let name = name.cast::<PyString>()?.to_str()?.to_ascii_lowercase();
        let value = arrays::text(&name, 0, &value)?;
        value
            .map(|value| (name.clone(), value))
            .ok_or_else(|| raise(headers.py(), &ArgumentError::Missing { name: name.clone(), index: 0 }))
    };
    let given = headers.iter().map(read).collect::<PyResult<Vec<_>>>()?;
    Ok(endpoint.met(|name| given.iter().find(|(found, _)| found == name).map(|(_, value)| &value[..])))
}
