//! The scoring process: engine and server, until a signal asks for the end.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use pyo3::prelude::*;
use tidegate_engine::{Engine, EngineError, SystemClock};
use tidegate_onnx::{OnnxError, Runtime};
use tidegate_server::{Report, Server, ServerError, Stop, stop};
use tracing_subscriber::EnvFilter;

use crate::error::{Fault, raise};
use crate::forked;
use crate::loader::ModelLoader;
use crate::settings::Settings;
use crate::signals::Handlers;

/// How long a signal may wait for Python to look.
const SIGNAL_PERIOD: Duration = Duration::from_millis(100);
/// Time for the engine to write when the server could not start.
const FLUSH: Duration = Duration::from_secs(5);

/// Serves until SIGTERM or SIGINT, drains, and gives the exit code.
#[pyfunction]
pub(crate) fn serve(py: Python<'_>, settings: &str) -> PyResult<i32> {
    forked::check(py)?;
    let settings = Settings::parse(settings).map_err(|error| raise(py, &ServeError::Settings(error)))?;
    log_to_stderr();
    let (stopper, stop) = stop();
    let handlers = Handlers::install(py, &stopper)?;
    let (sender, mut ended) = channel();
    let serving = std::thread::Builder::new().name("tidegate".into()).spawn(move || {
        // Nobody listens any more only when this call is over.
        let _ = sender.send(run(settings, stop));
    })?;
    let result = loop {
        let ended = &mut ended;
        match py.detach(move || ended.recv_timeout(SIGNAL_PERIOD)) {
            Ok(result) => break result.map(|_| 0).map_err(|error| raise(py, &error)),
            Err(RecvTimeoutError::Disconnected) => break Err(raise(py, &ServeError::Panicked)),
            Err(RecvTimeoutError::Timeout) => {
                // A handler of somebody else's raised: drain as well.
                if let Err(error) = py.check_signals() {
                    stopper.stop();
                    break Err(error);
                }
            }
        }
    };
    let _ = py.detach(move || serving.join());
    handlers.restore()?;
    result
}

fn run(settings: Settings, stop: Stop) -> Result<Report, ServeError> {
    let runtime = Runtime::load(&settings.library)?;
    let home = settings.engine.home.clone();
    let loader = ModelLoader { runtime: runtime.clone(), kernel: settings.kernel };
    let engine = Engine::start(settings.engine, Arc::new(loader), Arc::new(SystemClock))?;
    // After the engine has the home's lock: the marks of a process that lives are its own.
    if let Err(error) = runtime.mark_runs(&home.join("scoring.marks")) {
        tracing::warn!(%error, "a crash will not be blamed on the model that ran");
    }
    let served = Server::bind(settings.server, Arc::clone(&engine)).and_then(|server| server.run(stop));
    if served.is_err() {
        engine.shutdown(FLUSH);
    }
    let report = served?;
    tracing::info!(cut = report.cut, complete = report.engine.complete, "stopped");
    Ok(report)
}

/// One JSON object a line; `RUST_LOG` chooses what is told.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().json().flatten_event(true).with_env_filter(filter);
    // A second server in this process logs as the first did.
    let _ = log.with_writer(std::io::stderr).try_init();
}

/// Why a scoring process did not start, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// The settings are no JSON object, or hold an unknown or unusable one.
    #[error("settings")]
    Settings(#[source] serde_json::Error),
    /// ONNX Runtime did not load.
    #[error(transparent)]
    Runtime(#[from] OnnxError),
    /// The engine did not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The server did not start.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A fault of ours; the panic is in the log.
    #[error("the serving thread panicked")]
    Panicked,
}

impl Fault for ServeError {
    fn class(&self) -> &'static str {
        match self {
            Self::Settings(_) => "SettingsError",
            Self::Runtime(error) => error.class(),
            Self::Engine(error) => error.class(),
            Self::Server(error) => match error {
                ServerError::PortInUse { .. } => "PortInUseError",
                ServerError::Address { .. }
                | ServerError::Listen { .. }
                | ServerError::Control(_)
                | ServerError::NodeKey
                | ServerError::Tls(_)
                | ServerError::Traces(_)
                | ServerError::AccessLog(_)
                | ServerError::Seconds { .. } => "SettingsError",
                ServerError::Worker { .. } | ServerError::Thread(_) => "InternalError",
            },
            Self::Panicked => "InternalError",
        }
    }
}
