//! A whole server in this process, on ports of its own.

use std::sync::Arc;
use std::thread::JoinHandle;

use tidegate_engine::{Clock, Engine, EngineConfig, SystemClock};
use tidegate_server::{Addresses, Report, Server, ServerConfig, Stopper, stop};

use super::http;
use super::scorer::{FakeLoader, Gate};

pub(crate) struct Running {
    pub(crate) addresses: Addresses,
    pub(crate) engine: Arc<Engine>,
    pub(crate) gate: Gate,
    pub(crate) stopper: Stopper,
    thread: Option<JoinHandle<Report>>,
}

impl Running {
    /// Starts a server with two threads and waits until it is ready.
    pub(crate) async fn start(home: &std::path::Path, change: impl FnOnce(&mut ServerConfig)) -> Self {
        Self::start_with(home, change, |_| {}).await
    }

    /// The same, with settings of the engine.
    pub(crate) async fn start_with(
        home: &std::path::Path,
        change: impl FnOnce(&mut ServerConfig),
        change_engine: impl FnOnce(&mut EngineConfig),
    ) -> Self {
        Self::start_whole(home, change, change_engine, Arc::new(SystemClock)).await
    }

    /// The same, with a clock of the test's.
    pub(crate) async fn start_at(home: &std::path::Path, clock: Arc<dyn Clock>) -> Self {
        Self::start_whole(home, |_| {}, |_| {}, clock).await
    }

    async fn start_whole(
        home: &std::path::Path,
        change: impl FnOnce(&mut ServerConfig),
        change_engine: impl FnOnce(&mut EngineConfig),
        clock: Arc<dyn Clock>,
    ) -> Self {
        let mut config = ServerConfig::new(home);
        config.listen = "127.0.0.1:0".into();
        config.admin = "127.0.0.1:0".into();
        config.threads = 2;
        change(&mut config);
        let (loader, gate) = FakeLoader::new();
        let mut settings = EngineConfig::new(home, config.workers());
        change_engine(&mut settings);
        let engine = Engine::start(settings, loader, clock).unwrap();
        let server = Server::bind(config, Arc::clone(&engine)).unwrap();
        let addresses = server.addresses();
        let (stopper, stop) = stop();
        let thread = Some(std::thread::spawn(move || server.run(stop).unwrap()));
        let running = Self { addresses, engine, gate, stopper, thread };
        while http::get(running.addresses.admin, "/v2/health/ready").await.status != 200 {
            tokio::task::yield_now().await;
        }
        running
    }

    /// Stops the server and waits for its end.
    pub(crate) fn end(mut self) -> Report {
        self.stopper.stop();
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stopper.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Why a server with such settings does not start.
pub(crate) fn refusal(home: &std::path::Path, change: impl FnOnce(&mut ServerConfig)) -> String {
    let mut config = ServerConfig::new(home);
    config.listen = "127.0.0.1:0".into();
    config.admin = "127.0.0.1:0".into();
    config.threads = 1;
    change(&mut config);
    let (loader, _) = FakeLoader::new();
    let engine = Engine::start(EngineConfig::new(home, 1), loader, Arc::new(SystemClock)).unwrap();
    let refused = Server::bind(config, Arc::clone(&engine)).unwrap_err().to_string();
    engine.shutdown(std::time::Duration::from_secs(5));
    refused
}
